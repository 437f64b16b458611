"""Sweeps: the batch runs through every combination of the axes, each with the same samples."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import ChoraleError
from graph.plan import Plan, PlanBuilder, Sweep
from graph.sweeps import MAX_BATCH, expand

VALUES = st.lists(st.floats(0, 4), min_size=2, max_size=4).map(tuple)


def plan(weights: list[tuple[Sweep, ...]], samples: int) -> Plan:
    builder = PlanBuilder()
    scores = [
        builder.add(f"expert{i}", "denoise", expert=str(i), weight=weight)
        for i, weight in enumerate(weights)
    ]
    fused = builder.add("fuse", "fuse", *scores)
    noise = builder.add("picture", "noise", samples=tuple(range(samples)))
    builder.add("picture", "decode", builder.add("picture", "sample", noise, fused))
    return builder.build()


def weights_of(expanded: Plan) -> list[Any]:
    return [each["weight"] for each in expanded.operations if each.op == "denoise"]


def samples_of(expanded: Plan) -> Any:
    return next(each["samples"] for each in expanded.operations if each.op == "noise")


@given(first=VALUES, second=VALUES, samples=st.integers(1, 3))
def test_every_cell_has_every_sample_once(
    first: tuple[float, ...], second: tuple[float, ...], samples: int
) -> None:
    axes = Sweep("a", first), Sweep("b", second)
    expanded = expand(plan([(axes[0],), (axes[1],)], samples))
    (one,), (two,) = weights_of(expanded)
    batch = list(zip(one.values, two.values, samples_of(expanded), strict=True))
    cells = product(first, second)
    assert batch == [(a, b, sample) for a, b in cells for sample in range(samples)]


def test_the_same_sweep_wired_twice_is_one_axis() -> None:
    sweep = Sweep("a", (0.0, 1.0, 2.0))
    (one,), (two,) = weights_of(expand(plan([(sweep,), (sweep,)], 2)))
    assert one == two == Sweep("a", (0.0, 0.0, 1.0, 1.0, 2.0, 2.0))


def test_two_sweeps_of_the_same_values_are_two_axes() -> None:
    values = (0.0, 1.0)
    (one,), (two,) = weights_of(expand(plan([(Sweep("a", values),), (Sweep("b", values),)], 1)))
    assert one.values == (0.0, 0.0, 1.0, 1.0)
    assert two.values == (0.0, 1.0, 0.0, 1.0)


def test_a_plan_without_sweeps_is_left_alone() -> None:
    plain = plan([(), ()], 2)
    assert expand(plain) is plain


def test_tracks_have_batches_of_their_own() -> None:
    builder = PlanBuilder()
    sweep = Sweep("a", (0.0, 1.0))
    shared = builder.add("one", "denoise", weight=(1.0,))
    swept = builder.add("two", "denoise", weight=(sweep,))
    for node, scores in (("x", (shared,)), ("y", (shared, swept))):
        noise = builder.add(node, "noise", samples=(0, 1))
        fused = builder.add(node, "fuse", *scores)
        builder.add(node, "decode", builder.add(node, "sample", noise, fused))
    expanded = expand(builder.build())
    samples = {each.node: each["samples"] for each in expanded.operations if each.op == "noise"}
    assert samples == {"x": (0, 1), "y": (0, 1, 0, 1)}
    assert sum(each.op == "denoise" for each in expanded.operations) == 2


def test_a_batch_too_large_is_refused_before_it_is_made() -> None:
    axes = tuple(Sweep(str(i), tuple(map(float, range(25)))) for i in range(40))
    with pytest.raises(ChoraleError, match="R007"):
        expand(plan([axes], 1))
    fitting = Sweep("a", tuple(map(float, range(MAX_BATCH // 2))))
    assert len(samples_of(expand(plan([(fitting,)], 2)))) == MAX_BATCH
