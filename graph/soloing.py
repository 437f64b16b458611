"""Soloing: among which nodes of a plan a solo silences the others, known without torch."""

from __future__ import annotations

from collections.abc import Iterator

from graph.plan import Operation, Plan

KINDS = (("modulate",), ("guide",), ("adapt", "tune"), ("form",))
"""Operations beside experts that have a fader, apart by kind."""
BENDING = ("modulate", "guide")
"""Operations that change what one score estimates, by a model on the lead device."""


def groups(plan: Plan) -> dict[str, list[int]]:
    """The groups, by number, in which each node with a fader is: a solo silences others of its own.

    Every track has one of each kind, and one for the experts of backgrounds that are fusions. A
    node that is in none, such as an expert that is nothing but a background, has no weight, so
    that no switch silences it.
    """
    found: dict[str, list[int]] = {}
    kinds = [kind for operation in plan.operations for kind in _kinds(plan, operation)]
    for number, kind in enumerate(kinds):
        for node in dict.fromkeys(each.node for each in kind):
            found.setdefault(node, []).append(number)
    deaf = {each.node: list[int]() for each in plan.operations if each.op == "denoise"}
    return deaf | found


def _kinds(plan: Plan, decode: Operation) -> Iterator[tuple[Operation, ...]]:
    """What has a fader in the track of this operation, apart by kind; nothing for any other."""
    if decode.op != "decode":
        return
    (sample,) = _made_of(plan, decode)
    _, score = _made_of(plan, sample)
    plays = tuple(_weighed(plan, score))
    behind = [each for ground in _grounds(plan, score) for each in _weighed(plan, ground)]
    yield tuple(each for each in behind if each not in plays)
    yield plays
    for kind in KINDS:
        yield tuple(each for each in plan.below(score) if each.op in kind)


def _grounds(plan: Plan, score: Operation) -> Iterator[Operation]:
    """Backgrounds that are more than an expert, whose own experts are weighed."""
    for each in plan.below(score):
        if each.op == "fuse" and dict(each.settings).get("background"):
            ground = _made_of(plan, each)[-1]
            if _bare(plan, ground).op != "denoise":
                yield ground


def _weighed(plan: Plan, score: Operation) -> Iterator[Operation]:
    """The experts whose weights are looked at: none of a background, of an anchor those fused."""
    if score.op == "denoise":
        yield score
    elif score.op == "fuse":
        inputs = _made_of(plan, score)
        for each in inputs[:-1] if dict(score.settings).get("background") else inputs:
            yield from _weighed(plan, each)
    else:
        inner, *anchors = _made_of(plan, score)
        for anchor in anchors:
            if _bare(plan, anchor).op != "denoise":
                yield from _weighed(plan, anchor)
        yield from _weighed(plan, inner)


def _bare(plan: Plan, score: Operation) -> Operation:
    """The score without what bends it."""
    return _bare(plan, _made_of(plan, score)[0]) if score.op in BENDING else score


def _made_of(plan: Plan, operation: Operation) -> tuple[Operation, ...]:
    return tuple(plan.operations[ref.number] for ref in operation.inputs)
