"""Workflows with a bridge between latent spaces, sound and faulty."""

from __future__ import annotations

from typing import Any

from graph.workflow import Workflow
from tests.graph.documents import TEXT_AND_CLASS, Nodes, changed, document

BRIDGED: Nodes = {
    **changed(class_expert={"model": "large/class"}),
    "bridge": ("bridge", {}),
}
ACROSS = (
    "text.text > text_expert.text",
    "scene.class > class_expert.class",
    "text_expert.score > bridge.anchor",
    "class_expert.score > bridge.score",
    "text_expert.score > fuse.scores",
    "bridge.score > fuse.scores",
    "fuse.score > picture.score",
    "sampler.sampling > picture.sampling",
)


def bridged(*without: str, more: tuple[str, ...] = (), **settings: dict[str, Any]) -> Workflow:
    """A large class expert beyond a bridge, beside the text expert; less some wires."""
    wires = tuple(wire for wire in ACROSS if wire not in without)
    return document(changed(BRIDGED, **settings), (*wires, *more))


def gaussians(**foreign: Any) -> Workflow:
    """Two analytic experts with a bridge between them."""
    nodes: Nodes = {
        "one": ("gaussian_expert", {}),
        "two": ("gaussian_expert", foreign),
        "bridge": ("bridge", {}),
        "picture": ("picture", {}),
    }
    wires = ("one.score > bridge.anchor", "two.score > bridge.score")
    return document(nodes, (*wires, "bridge.score > picture.score"))


BRIDGE_CASES: dict[str, Workflow] = {
    "a bridge between two spaces": bridged(),
    "a bridge within one space": bridged(class_expert={"model": "playground/class"}),
    "a bridge without an anchor": bridged("text_expert.score > bridge.anchor"),
    "a bridge without anything abroad": bridged("class_expert.score > bridge.score"),
    "a bridge that is passed by": bridged(more=("class_expert.score > fuse.scores",)),
    "a bridge from what is no picture": gaussians(shape=[4, 8, 8]),
    "a bridge from the plane": document(
        {
            "one": ("gaussian_expert", {}),
            "two": ("plane_expert", {}),
            "bridge": ("bridge", {}),
            "picture": ("picture", {}),
        },
        ("one.score > bridge.anchor", "two.score > bridge.score", "bridge.score > picture.score"),
    ),
    "a bridge between pictures of two forms": gaussians(shape=[3, 16, 32]),
    "a bridge between pictures of two sizes": gaussians(shape=[3, 32, 32]),
    "densities beyond a bridge": document(
        {
            **changed(BRIDGED, sampler={"method": {"name": "euler_maruyama"}}),
            "far": ("fuse", {"rule": {"name": "superdiff_or"}}),
        },
        (
            *(wire for wire in ACROSS if wire != "class_expert.score > bridge.score"),
            "class_expert.score > far.scores",
            "far.score > bridge.score",
        ),
    ),
    "an anchor in another turn": document(
        {**BRIDGED, **changed(TEXT_AND_CLASS, fuse={"rule": {"name": "switch"}})}
        | {"class_expert": BRIDGED["class_expert"]},
        ACROSS,
    ),
}
