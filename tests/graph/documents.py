"""Short ways to write workflows in tests."""

from __future__ import annotations

from typing import Any

from graph.workflow import Workflow

Nodes = dict[str, tuple[str, dict[str, Any]]]

TEXT_AND_CLASS: Nodes = {
    "text": ("text", {"text": "a red sailboat"}),
    "scene": ("label", {"name": "sea at night"}),
    "text_expert": ("text_expert", {}),
    "class_expert": ("class_expert", {}),
    "fuse": ("fuse", {}),
    "sampler": ("sampler", {"seed": 3, "count": 2}),
    "picture": ("picture", {}),
}
WIRES = (
    "text.text > text_expert.text",
    "scene.class > class_expert.class",
    "text_expert.score > fuse.scores",
    "class_expert.score > fuse.scores",
    "fuse.score > picture.score",
    "sampler.sampling > picture.sampling",
)


def document(
    nodes: Nodes = TEXT_AND_CLASS, wires: tuple[str, ...] = WIRES, **more: Any
) -> Workflow:
    """A workflow from `id: (type, settings)` and `node.port > node.port`."""
    ends = [wire.split(" > ") for wire in wires]
    content = {
        "nodes": [
            {"id": name, "type": kind, "settings": settings}
            for name, (kind, settings) in nodes.items()
        ],
        "wires": [{"from": origin, "to": target} for origin, target in ends],
        **more,
    }
    return Workflow.model_validate(content)


def changed(nodes: Nodes = TEXT_AND_CLASS, /, **settings: dict[str, Any]) -> Nodes:
    """The nodes with some settings of some of them replaced."""
    return {name: (kind, {**old, **settings.get(name, {})}) for name, (kind, old) in nodes.items()}
