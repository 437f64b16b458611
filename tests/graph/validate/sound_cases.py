"""Workflows whose files are of the wrong kind: a sound for a picture, a picture for a sound."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from graph.workflow import Workflow
from tests.graph.documents import Nodes, document
from tests.graph.recordings import ramp
from tests.graph.test_sounds import png
from tests.graph.validate.cases import MASKED, MASKED_WIRES, changed


def with_file(data: bytes, nodes: Nodes, wires: tuple[str, ...], **named: str) -> Workflow:
    """A workflow that carries a file, which these settings name."""
    name = hashlib.sha256(data).hexdigest()
    settings = {node: {setting: name} for node, setting in named.items()}
    files = {name: base64.b64encode(data).decode()}
    return document(changed(nodes, **settings), wires, assets=files)


SOUNDING: Nodes = {
    "sound": ("audio", {}),
    "follow": ("loudness", {}),
    "one": ("gaussian_expert", {}),
    "picture": ("picture", {}),
}
SOUNDING_WIRES = (
    "sound.audio > follow.audio",
    "follow.reliability > one.reliability",
    "one.score > picture.score",
)
SOUND_CASES: Mapping[str, Workflow] = {
    "a sound for a mask": with_file(ramp(0.1), MASKED, MASKED_WIRES, mask="picture"),
    "a picture for a sound": with_file(png(), SOUNDING, SOUNDING_WIRES, sound="file"),
    "a sound that is cut short": with_file(ramp()[:999], SOUNDING, SOUNDING_WIRES, sound="file"),
}
