"""What an exported file samples is what the engine samples, for every member of every family."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graph import forms, fusion, samplers, schedules
from graph.events import Performance
from graph.interfaces import FusionRule, GuidanceForm, NoiseSchedule, Sampler
from graph.library import Library
from graph.registry import choices
from tests.graph.documents import Nodes
from tests.graph.experts import folders
from tests.graph.export.exported import agree, planned

PALETTE = [{"name": "sky", "colour": [116, 176, 224]}, {"name": "sea", "colour": [20, 40, 120]}]
DIFFUSING = {"superdiff_and", "superdiff_or"}
WIRES = (
    "text.text > words.text",
    "scene.class > scenery.class",
    "words.score > fuse.scores",
    "scenery.score > fuse.scores",
    "fuse.score > picture.score",
    "sampler.sampling > picture.sampling",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Experts of one latent space: a sentence, a class, a mask, a sketch and nothing."""
    root = tmp_path_factory.mktemp("library")
    models = root / "models" / "tiny"
    folders.pixart(models / "text")
    folders.dit(models / "class")
    folders.dit(models / "mask", pictures=1, card={"condition": "mask", "palette": PALETTE})
    folders.dit(models / "sketch", pictures=1, card={"condition": "sketch"}, beta_schedule="linear")
    folders.dit(models / "none", card={"condition": "none"}, prediction_type="sample")
    return Library(root / "models", root / "assets")


def stored(library: Library, picture: Image.Image) -> str:
    """The name of a picture in the store."""
    file = io.BytesIO()
    picture.save(file, "png")
    return library.assets.put(file.getvalue())


def painted() -> Image.Image:
    """Sky over sea, larger than any canvas here."""
    picture = Image.new("RGB", (70, 50), (116, 176, 224))
    picture.paste((20, 40, 120), (0, 30, 70, 50))
    return picture


def pair(**changes: Any) -> Nodes:
    """A sentence and a class, fused; `changes` are settings by node."""
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "text": ("text", {"text": "A red boat"}),
        "scene": ("label", {"name": "night"}),
        "words": ("text_expert", {"model": "tiny/text", "guidance": 2.0}),
        "scenery": ("class_expert", {"model": "tiny/class", "guidance": 1.5}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"seed": 5, "count": 2, "steps": 5}),
        "picture": ("picture", {}),
    }
    return {
        name: (kind, {**own, **changes.get(name, {})}) for name, (kind, own) in settings.items()
    }


@pytest.mark.parametrize("name", sorted(choices(samplers, Sampler)))
def test_every_sampler(library: Library, tmp_path: Path, name: str) -> None:
    agree(library, tmp_path, planned(library, pair(sampler={"method": {"name": name}}), WIRES))


@pytest.mark.parametrize("name", sorted(choices(schedules, NoiseSchedule)))
def test_every_schedule(library: Library, tmp_path: Path, name: str) -> None:
    agree(library, tmp_path, planned(library, pair(sampler={"schedule": {"name": name}}), WIRES))


@pytest.mark.parametrize("name", sorted(choices(fusion, FusionRule)))
def test_every_rule(library: Library, tmp_path: Path, name: str) -> None:
    method = {"name": "ddim", "eta": 1.0 if name in DIFFUSING else 0.4}
    nodes = pair(fuse={"rule": {"name": name}}, sampler={"method": method})
    agree(library, tmp_path, planned(library, nodes, WIRES))


@pytest.mark.parametrize("name", sorted(choices(forms, GuidanceForm)))
def test_every_form(library: Library, tmp_path: Path, name: str) -> None:
    nodes = {**pair(), "form": ("guidance_form", {"form": {"name": name}, "reliability": 0.7})}
    nodes["sampler"][1]["method"] = {"name": "euler"}
    wires = ("fuse.score > form.score", "form.score > picture.score")
    agree(library, tmp_path, planned(library, nodes, (*WIRES[:4], *wires, WIRES[5])))
