"""Workflows with one fault each in a reroute, a bypassed node or a subgraph."""

from __future__ import annotations

from typing import Any

from graph.workflow import Workflow

Document = dict[str, Any]


def node(name: str, kind: str, **more: Any) -> Document:
    """A node; a subgraph's definition is `of`."""
    settings = {"settings": {"of": more.pop("of")}} if "of" in more else {}
    return {"id": name, "type": kind, **settings, **more}


def wire(text: str) -> Document:
    """A wire from `node.port > node.port`."""
    origin, target = text.split(" > ")
    return {"from": origin, "to": target}


def drawing(nodes: list[Document], *wires: str, **more: Any) -> Document:
    """Nodes and wires, at the top or in a subgraph."""
    return {"nodes": nodes, "wires": [wire(text) for text in wires], **more}


def inlet(name: str, target: str) -> Document:
    """An input of a subgraph."""
    return {"name": name, "label": name, "to": target}


def outlet(name: str, origin: str) -> Document:
    """An output of a subgraph."""
    return {"name": name, "label": name, "from": origin}


VOICES = drawing(
    [node("text_expert", "text_expert")],
    inputs=[inlet("sentence", "text_expert.text")],
    outputs=[outlet("score", "text_expert.score")],
    title="Voices",
)
TOP = [node("text", "text"), node("voices", "subgraph", of="voices"), node("picture", "picture")]
WIRES = ("text.text > voices.sentence", "voices.score > picture.score")


def nested(
    nodes: list[Document] | None = None, wires: tuple[str, ...] = WIRES, **subgraphs: Document
) -> Workflow:
    """A sentence, a subgraph with its expert, and a picture."""
    known = {"voices": VOICES, **subgraphs}
    return Workflow.model_validate(drawing(nodes or TOP, *wires, subgraphs=known))


def chained(count: int) -> Workflow:
    """Subgraphs within each other."""
    inner = {
        f"level{i}": drawing(
            [node("next", "subgraph", of=f"level{i + 1}" if i + 1 < count else "voices")],
            inputs=[inlet("sentence", "next.sentence")],
            outputs=[outlet("score", "next.score")],
        )
        for i in range(count)
    }
    return nested([TOP[0], node("voices", "subgraph", of="level0"), TOP[2]], **inner)


def bomb() -> Workflow:
    """Eight subgraphs, each with ten of the next: a hundred million nodes."""
    levels = {
        f"level{i}": drawing([node(f"n{j}", "subgraph", of=f"level{i + 1}") for j in range(10)])
        for i in range(7)
    }
    last = drawing([node(f"n{j}", "text") for j in range(10)])
    more = [*TOP, node("bomb", "subgraph", of="level0")]
    return nested(more, **levels, level7=last)


def looped() -> Workflow:
    """Two reroutes that feed each other, beside an expert that hears them."""
    bends = [node("one", "reroute"), node("two", "reroute", title="Bend")]
    wires = ("one.out > two.in", "two.out > one.in", "two.out > voices.sentence", WIRES[1])
    return nested([*TOP, *bends], wires)


def changed_voices(**more: Any) -> Document:
    """The subgraph with something replaced."""
    return {**VOICES, **more}


def self_containing() -> Workflow:
    """A subgraph within itself, by way of another."""
    again = [*VOICES["nodes"], node("again", "subgraph", of="choir", title="Again")]
    choir = drawing([node("inner", "subgraph", of="voices")])
    return nested(voices=changed_voices(nodes=again), choir=choir)


BEND = node("bend", "reroute")
NESTED_CASES: dict[str, Workflow] = {
    "nothing wrong within a subgraph": nested(),
    "words that an expert within does not know": nested(
        [node("text", "text", settings={"text": "a salboat"}), *TOP[1:]]
    ),
    "a setting within": nested(
        voices=changed_voices(
            nodes=[node("text_expert", "text_expert", settings={"reliability": 9})]
        )
    ),
    "an input of a subgraph without a wire": nested(wires=WIRES[1:]),
    "an input that a subgraph does not have": nested(
        wires=("text.text > voices.sentense", WIRES[1])
    ),
    "an output that a subgraph does not have": nested(
        wires=(WIRES[0], "voices.skore > picture.score")
    ),
    "an input that leads nowhere": nested(
        voices=changed_voices(inputs=[inlet("sentence", "txt_expert.text")])
    ),
    "an input to a port that is not there": nested(
        voices=changed_voices(inputs=[inlet("sentence", "text_expert.txt")])
    ),
    "the wrong kind into a subgraph": nested(
        [*TOP, node("mask", "label")], ("mask.class > voices.sentence", WIRES[1])
    ),
    "a subgraph that is not there": nested(
        [TOP[0], node("voices", "subgraph", of="voises"), TOP[2]]
    ),
    "a subgraph of nothing": nested([TOP[0], node("voices", "subgraph", title="Mine"), TOP[2]]),
    "a subgraph by a number": nested([TOP[0], node("voices", "subgraph", of=5), TOP[2]]),
    "a subgraph of a newer version": nested(
        [TOP[0], node("voices", "subgraph", of="voices", version=2), TOP[2]]
    ),
    "a subgraph that is missing and not needed": nested(
        [*TOP, node("idle", "subgraph", of="nowhere")]
    ),
    "a subgraph within itself": self_containing(),
    "subgraphs eight deep": chained(7),
    "subgraphs nine deep": chained(8),
    "a bomb": bomb(),
    "several nodes of one id within": nested(
        voices=changed_voices(nodes=[*VOICES["nodes"], *VOICES["nodes"]])
    ),
    "a wire from nowhere within": nested(
        voices=changed_voices(wires=[wire("curv.reliability > text_expert.reliability")])
    ),
    "a loop within": nested(
        voices=drawing(
            [*VOICES["nodes"], node("fuse", "fuse"), node("mix", "fuse", title="Mix")],
            "text_expert.score > fuse.scores",
            "fuse.score > mix.scores",
            "mix.score > fuse.scores",
            inputs=VOICES["inputs"],
            outputs=[outlet("score", "mix.score")],
        )
    ),
    "a loop of reroutes": looped(),
    "a reroute without a wire": nested([*TOP, BEND], ("bend.out > voices.sentence", WIRES[1])),
    "two wires into a reroute": nested(
        [*TOP, BEND, node("more", "text")],
        ("text.text > bend.in", "more.text > bend.in", "bend.out > voices.sentence", WIRES[1]),
    ),
    "two wires into a reroute that nothing needs": nested(
        [*TOP, BEND, node("more", "text"), node("idle", "text_expert")],
        (*WIRES, "text.text > bend.in", "more.text > bend.in", "bend.out > idle.text"),
    ),
    "a reroute with a port of another name": nested(
        [*TOP, BEND], ("text.text > bend.inn", "bend.out > voices.sentence", WIRES[1])
    ),
    "a reroute with a setting": nested(
        [*TOP, node("bend", "reroute", settings={"bend": 3})],
        ("text.text > bend.in", "bend.out > voices.sentence", WIRES[1]),
    ),
    "the wrong kind through a reroute": nested(
        [*TOP, BEND, node("mask", "mask")],
        ("mask.mask > bend.in", "bend.out > voices.sentence", WIRES[1]),
    ),
    "a bypassed expert that was needed": nested(
        voices=changed_voices(nodes=[node("text_expert", "text_expert", bypass=True)])
    ),
    "a bypassed sentence": nested([node("text", "text", bypass=True), *TOP[1:]]),
    "a bypassed picture": nested([*TOP[:2], node("picture", "picture", bypass=True)]),
    "a bypassed node of an unknown type": nested([*TOP, node("x", "telepathy", bypass=True)]),
    "a bypassed subgraph": nested(
        [TOP[0], node("voices", "subgraph", of="voices", bypass=True), TOP[2]]
    ),
}
