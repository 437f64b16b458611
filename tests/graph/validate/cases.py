"""Workflows with one fault each, by what is wrong with them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from graph.drawing import WorkflowNode
from graph.workflow import Workflow
from tests.graph.documents import TEXT_AND_CLASS, WIRES, Nodes, changed, document

GAUSSIANS: Nodes = {
    "one": ("gaussian_expert", {}),
    "two": ("gaussian_expert", {}),
    "fuse": ("fuse", {}),
    "picture": ("picture", {}),
}
GAUSSIAN_WIRES = (
    "one.score > fuse.scores",
    "two.score > fuse.scores",
    "fuse.score > picture.score",
)
MASKED: Nodes = {
    "mask": ("mask", {}),
    "mask_expert": ("mask_expert", {}),
    "picture": ("picture", {}),
}
MASKED_WIRES = ("mask.mask > mask_expert.mask", "mask_expert.score > picture.score")
ABSENT = "1" * 64


def with_settings(**settings: dict[str, Any]) -> Workflow:
    """The plain workflow with some settings replaced."""
    return document(changed(**settings))


def gaussians(**settings: dict[str, Any]) -> Workflow:
    """Two analytic experts in one fusion."""
    return document(changed(GAUSSIANS, **settings), GAUSSIAN_WIRES)


CORRECTED = (*GAUSSIAN_WIRES, "sampler.sampling > picture.sampling")


def corrections(
    name: str, method: str = "dpmpp_2m", count: int = 1, fuse: Mapping[str, Any] = {}
) -> Nodes:
    """Two analytic experts, a sampler with a corrector, and a sweep and a map that may be wired."""
    sampler = {"corrector": {"name": name}, "method": {"name": method}, "count": count}
    half = {"reliability": 0.5}
    return {
        **changed(GAUSSIANS, one=half, two=half, fuse=dict(fuse)),
        "sampler": ("sampler", sampler),
        "turn": ("sweep", {"count": 2}),
        "place": ("map", {}),
    }


def corrected(name: str, *wires: str, **settings: Any) -> Workflow:
    """A fusion of two analytic experts with a corrector."""
    return document(corrections(name, **settings), (*CORRECTED, *wires))


def crowd(count: int) -> Workflow:
    """Many experts in a fusion that takes their conflicts away."""
    names = [f"voice{number}" for number in range(count)]
    nodes: Nodes = {
        **{name: ("gaussian_expert", {"reliability": 1 / count}) for name in names},
        "fuse": ("fuse", {"rule": {"name": "conflict_averse"}}),
        "picture": ("picture", {}),
    }
    scores = tuple(f"{name}.score > fuse.scores" for name in names)
    return document(nodes, (*scores, "fuse.score > picture.score"))


def wired(*more: str, without: str = "") -> Workflow:
    """The plain workflow with some wires more, or one less."""
    return document(wires=(*(wire for wire in WIRES if wire != without), *more))


def formed(score: str = "fuse.score", **settings: dict[str, Any]) -> Workflow:
    """The plain workflow with a form of guidance before the picture."""
    nodes: Nodes = {**TEXT_AND_CLASS, "form": ("guidance_form", {})}
    kept = [wire for wire in WIRES if wire != "fuse.score > picture.score"]
    wires = (*kept, f"{score} > form.score", "form.score > picture.score")
    return document(changed(nodes, **settings), wires)


def masked(picture: str, **assets: str) -> Workflow:
    """A mask expert with this picture, and files that come with the workflow."""
    nodes = changed(MASKED, mask={"picture": picture})
    return document(nodes, MASKED_WIRES, assets={name[1:]: text for name, text in assets.items()})


def twice() -> Workflow:
    """Two nodes of one id."""
    plain = document()
    return plain.model_copy(update={"nodes": (*plain.nodes, plain.nodes[0])})


def newer_node() -> Workflow:
    """A node of a version that is not known yet."""
    plain = document()
    newer = WorkflowNode(id="fuse", type="fuse", version=9, settings={"rule": "telepathy"})
    nodes = tuple(newer if node.id == "fuse" else node for node in plain.nodes)
    return plain.model_copy(update={"nodes": nodes})


def many_outputs() -> Workflow:
    """More pictures than are sampled together."""
    more = {f"picture{i}": ("picture", {}) for i in range(9)}
    wires = tuple(f"fuse.score > {name}.score" for name in more)
    return document({**TEXT_AND_CLASS, **more}, (*WIRES, *wires))


def swept(count: int, axes: int, **sampler: Any) -> Workflow:
    """Several sweeps on one expert."""
    sweeps = {f"sweep{i}": ("sweep", {"count": count}) for i in range(axes)}
    wires = tuple(f"{name}.reliability > text_expert.reliability" for name in sweeps)
    return document({**changed(sampler=sampler), **sweeps}, (*WIRES, *wires))


def plane(
    *wires: str, heaps: Sequence[Mapping[str, Any]] | None = None, **sampler: Any
) -> Workflow:
    """Two experts of the plane, one of them with these heaps, and a map beside them."""
    heaped = {} if heaps is None else {"heaps": list(heaps)}
    nodes: Nodes = {
        "one": ("plane_expert", {"reliability": 0.5, **heaped}),
        "two": ("plane_expert", {"reliability": 0.5}),
        "place": ("map", {}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", sampler),
        "picture": ("picture", {}),
    }
    plain = ("one.score > fuse.scores", "two.score > fuse.scores", "fuse.score > picture.score")
    return document(nodes, (*plain, "sampler.sampling > picture.sampling", *wires))


def encoded(data: bytes) -> str:
    """A file as a workflow carries it."""
    return base64.b64encode(data).decode()


CASES: Mapping[str, Workflow] = {
    "several nodes of one id": twice(),
    "a wire from nowhere": wired("txt.text > text_expert.text"),
    "a wire between two that are not there": wired("a.b > c.d"),
    "a loop": wired("fuse.score > fuse.scores"),
    "a loop of two": document(
        {**TEXT_AND_CLASS, "again": ("fuse", {})},
        (*WIRES, "fuse.score > again.scores", "again.score > fuse.background"),
    ),
    "an unknown type": document({**TEXT_AND_CLASS, "fuse": ("fuze", {})}),
    "an unknown type that nothing needs": document({**TEXT_AND_CLASS, "x": ("telepathy", {})}),
    "a node of a newer version": newer_node(),
    "a document of a newer version": document(chorale=4),
    "a wire of the wrong kind": wired("text.text > fuse.background"),
    "a wire of the wrong kind beside the right port": wired("sampler.sampling > picture.score"),
    "an input that is not there": wired("text_expert.score > fuse.skores"),
    "an output that is not there": wired("text_expert.scor > fuse.scores"),
    "an output of a node without any": wired("picture.picture > fuse.scores"),
    "an input without a wire": wired(without=WIRES[0]),
    "two wires on a single input": wired("text_expert.score > picture.score"),
    "a wire drawn twice": wired(WIRES[2]),
    "no output": document({"text": ("text", {})}, ()),
    "nothing at all": document({}, ()),
    "too many outputs": many_outputs(),
    "an unknown setting": with_settings(text_expert={"relibility": 1.0}),
    "an unknown setting of a choice": with_settings(fuse={"rule": {"name": "mean", "warmth": 2}}),
    "text for a number": with_settings(text_expert={"reliability": "loud"}),
    "a number for text": with_settings(text={"text": 5}),
    "half a step": with_settings(sampler={"steps": 2.5}),
    "too many steps": with_settings(sampler={"steps": 500}),
    "a negative weight": with_settings(text_expert={"reliability": -0.5}),
    "no number": with_settings(text_expert={"guidance": float("nan")}),
    "a huge number": with_settings(sampler={"seed": 10**30}),
    "a choice that is none": with_settings(sampler={"method": {"name": "hoin"}}),
    "a choice without a name": with_settings(sampler={"method": {}}),
    "a sentence too long": with_settings(text={"text": "a " * 300}),
    "a curve of nothing": document(
        {**TEXT_AND_CLASS, "curve": ("curve", {"points": []})},
        (*WIRES, "curve.reliability > text_expert.reliability"),
    ),
    "a picture that is no hash": masked("../../etc/passwd"),
    "a range of noise that is none": with_settings(
        text_expert={"from_noise": 0.2, "to_noise": 0.4}
    ),
    "no picture": masked(""),
    "a picture that is missing": masked(ABSENT),
    "an embedded file of another content": masked(ABSENT, **{"_" + ABSENT: encoded(b"x")}),
    "an embedded file that is no base64": masked(ABSENT, **{"_" + ABSENT: "?"}),
    "an embedded file without a hash": masked("", _name="AAAA"),
    "a model that is missing": with_settings(text_expert={"model": "playground/txt"}),
    "a model of another condition": with_settings(text_expert={"model": "playground/mask"}),
    "a model by a path": with_settings(text_expert={"model": "../../secrets"}),
    "words that are not known": with_settings(text={"text": "A red salboat by Vermeer, 4k"}),
    "a class that is not there": with_settings(scene={"name": "sea at nite"}),
    "experts of two spaces": document(
        {**changed(), "odd": ("gaussian_expert", {"shape": [12, 16, 16]})},
        (*WIRES, "odd.score > fuse.background"),
    ),
    "weights that do not fit": gaussians(),
    "weights that fit": gaussians(one={"reliability": 0.6}, two={"reliability": 0.4}),
    "a NOT in a mean": with_settings(
        fuse={"rule": {"name": "mean"}}, class_expert={"guidance": -2.0, "reliability": 0.5}
    ),
    "a NOT in a product": with_settings(class_expert={"guidance": -2.0}),
    "a NOT that is not heard": with_settings(
        fuse={"rule": {"name": "mean"}}, class_expert={"guidance": -2.0, "muted": True}
    ),
    "more experts than a rule merges": crowd(8),
    "one or the other without noise": with_settings(fuse={"rule": {"name": "superdiff_or"}}),
    "one or the other with too little noise": with_settings(
        fuse={"rule": {"name": "superdiff_or"}}, sampler={"method": {"name": "ddim", "eta": 0.5}}
    ),
    "one or the other": with_settings(
        fuse={"rule": {"name": "superdiff_or"}}, sampler={"method": {"name": "ddim", "eta": 1.0}}
    ),
    "one or the other, fused again": document(
        {**changed(fuse={"rule": {"name": "superdiff_or"}}), "whole": ("fuse", {})},
        (
            *(wire for wire in WIRES if wire != "fuse.score > picture.score"),
            "fuse.score > whole.scores",
            "whole.score > picture.score",
        ),
    ),
    "both at once without noise": with_settings(fuse={"rule": {"name": "superdiff_and"}}),
    "turns with boundaries for another number": with_settings(
        fuse={"rule": {"name": "switch", "boundaries": [0.7, 0.3]}}
    ),
    "turns whose boundaries rise": with_settings(
        fuse={"rule": {"name": "switch", "boundaries": [0.3, 0.7]}}
    ),
    "turns": with_settings(fuse={"rule": {"name": "switch"}}),
    "an expert with two turns": document(
        {**changed(fuse={"rule": {"name": "switch"}}), "inner": ("fuse", {})},
        (*WIRES[:-1], "text_expert.score > inner.scores", "inner.score > fuse.scores", WIRES[-1]),
    ),
    "a form around an average": formed(fuse={"rule": {"name": "mean"}}),
    "CFG++ by a sampler that looks ahead": formed(
        form={"form": {"name": "cfg_pp"}}, sampler={"method": {"name": "heun"}}
    ),
    "CFG++ by a sampler of one look": formed(
        form={"form": {"name": "cfg_pp"}}, sampler={"method": {"name": "ddim"}}
    ),
    "CFG++ of a strong expert": formed(
        "text_expert.score",
        form={"form": {"name": "cfg_pp"}},
        sampler={"method": {"name": "ddim"}},
    ),
    "particles that are corrected": corrected("fkc", method="euler_maruyama", count=16),
    "particles without noise": corrected("fkc", method="heun", count=16),
    "too few particles": corrected("fkc", method="euler_ancestral", count=4),
    "particles of a swept weight": corrected(
        "fkc", "turn.reliability > one.reliability", method="euler_maruyama", count=16
    ),
    "a density that is swept": corrected("mala", "turn.reliability > one.reliability"),
    "a density over a map": corrected("mala", "place.reliability > two.reliability"),
    "a density that a network does not know": with_settings(
        sampler={"corrector": {"name": "mala"}}
    ),
    "Langevin with networks": with_settings(sampler={"corrector": {"name": "ula"}}),
    "a corrector of no product": corrected("mala", fuse={"rule": {"name": "perp_neg"}}),
    "a corrector of a fusion of fusions": document(
        {**corrections("mala"), "whole": ("fuse", {})},
        (
            *(wire for wire in CORRECTED if wire != "fuse.score > picture.score"),
            "fuse.score > whole.scores",
            "whole.score > picture.score",
        ),
    ),
    "a corrector that leaves a path": corrected(
        "ula", method="euler_maruyama", fuse={"rule": {"name": "superdiff_or"}}
    ),
    "a plane that is wide": plane(wide=2),
    "a plane over a map": plane("place.reliability > one.reliability"),
    "particles of a plane": plane(corrector={"name": "fkc"}, method={"name": "euler_maruyama"}),
    "heaps that are none": plane(heaps=[{"x": 9, "wide": 0, "colour": "red"}]),
    "no heaps": plane(heaps=[]),
    "heaps without end": plane(heaps=[{}] * 9),
    "a plane beside a picture": document(
        {**changed(), "odd": ("plane_expert", {})}, (*WIRES, "odd.score > fuse.background")
    ),
    "silence": with_settings(text_expert={"muted": True}, class_expert={"reliability": 0.0}),
    "a sweep too large": swept(7, 3),
    "pictures too large": document(
        {
            **changed(text_expert={"model": "large/text"}, class_expert={"model": "large/class"}),
            "sweep": ("sweep", {"count": 25}),
            "sampler": ("sampler", {"count": 3}),
        },
        (*WIRES, "sweep.reliability > text_expert.reliability"),
    ),
}
