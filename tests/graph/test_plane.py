"""The plane from workflow to picture: every rule plays there, and points lie where they should."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

from bench.laws import Part, density, diffusion, flow
from graph import fusion
from graph.compile import compile_workflow
from graph.controls import Controls
from graph.ensemble import assemble
from graph.events import Performance, Progress, Result
from graph.interfaces import FusionRule
from graph.levels import CLEAN
from graph.library import Library
from graph.loop import play
from graph.machine import Machine
from graph.named import named
from graph.plan import Plan
from graph.plane import PLANE
from graph.plotting import NAMED, grid
from graph.preview import Watch
from graph.registry import choices
from graph.runtime import Runtime
from graph.sweeps import MAX_BATCH
from nodes import catalogue
from tests.graph.documents import Nodes, document

RULES: dict[str, Any] = choices(fusion, FusionRule)
CPU = Machine(torch.device("cpu"), torch.float32)
WIRES = (
    "one.score > fuse.scores",
    "two.score > fuse.scores",
    "ground.score > fuse.background",
    "fuse.score > picture.score",
    "sampler.sampling > picture.sampling",
)
ONE = {"x": -1.0, "y": 0.5, "wide": 0.5, "high": 1.4}
TWO = {"x": 0.5, "y": 2.0, "wide": 1.4, "high": 0.6}
GROUND = {"x": 0.5, "y": 0.5, "wide": 1.4, "high": 1.4}


@pytest.fixture
def library(tmp_path: Any) -> Library:
    return Library(tmp_path / "models", tmp_path / "assets")


def planned(
    library: Library, rule: str, *wires: str, faders: tuple[float, float] = (1.0, 1.0), **more: Any
) -> Plan:
    """Two experts over a third by a rule, sampled in a way that is right for it."""
    method = "euler_maruyama" if RULES[rule].diffusing else "heun"
    nodes: Nodes = {
        "one": ("plane_expert", {"heaps": [ONE], "reliability": faders[0]}),
        "two": ("plane_expert", {"heaps": [TWO], "reliability": faders[1]}),
        "ground": ("plane_expert", {"heaps": [GROUND]}),
        "fuse": ("fuse", {"rule": {"name": rule}}),
        "amount": ("sweep", {"start": 0.0, "stop": 1.0, "count": 2}),
        "sampler": ("sampler", {"method": {"name": method}, "steps": 8, **more}),
        "picture": ("picture", {}),
    }
    compiled = compile_workflow(document(nodes, (*WIRES, *wires)), catalogue(), library)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def sampled(library: Library, plan: Plan) -> torch.Tensor:
    """The points of a plan, [n, 2]."""
    cast = assemble(plan, Runtime(library, CPU))
    *_, last = play(cast.tracks, Controls(plan.controls), threading.Event(), Watch(0, {}))
    assert isinstance(last, tuple)
    return last[1]


def result(library: Library, plan: Plan, **more: Any) -> Result:
    *_, last = Runtime(library, CPU).run(plan, **more)
    assert isinstance(last, Result), last
    return last


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_plays_in_the_plane(library: Library, rule: str) -> None:
    plan = planned(library, rule)
    events = list(Runtime(library, CPU).run(plan, previews=float("inf")))
    *steps, last = events
    assert isinstance(last, Result), last
    (picture,) = last.pictures
    assert picture.size == PLANE.size
    shown = [each.preview[0] for each in steps if isinstance(each, Progress) and each.preview]
    assert len(shown) == 8
    assert shown[-1].tobytes() == picture.tobytes()  # the last preview is the picture
    assert len({each.tobytes() for each in shown}) == 8


@pytest.mark.parametrize(
    ("method", "steps", "law"), [("heun", 40, flow), ("euler_maruyama", 160, diffusion)]
)
def test_points_follow_the_law_of_their_sampler(
    library: Library, method: str, steps: int, law: Any
) -> None:
    schedule = {"name": "karras"}
    how = {"method": {"name": method}, "steps": steps, "schedule": schedule, "count": 2}
    points = sampled(library, planned(library, "product", faders=(0.8, 0.6), **how))
    assert points.shape == (2 * PLANE.points, 2)
    for axis, (place, spread) in enumerate((("x", "wide"), ("y", "high"))):
        known = zip((0.8, 0.6, 1 - 1.4), (ONE, TWO, GROUND), strict=True)
        should = law([Part(k, each[place], each[spread] ** 2) for k, each in known], 80.0)
        found = points[:, axis].double()
        error = 4 * should.variance**0.5 / len(points) ** 0.5 + 0.02
        assert found.mean().item() == pytest.approx(should.mean, abs=error)
        assert found.std().item() == pytest.approx(should.variance**0.5, abs=error)


def test_each_point_is_a_sample_of_its_own(library: Library) -> None:
    few, more = (sampled(library, planned(library, "perp_neg", count=n)) for n in (1, 2))
    assert torch.equal(more[: PLANE.points], few)
    assert len(torch.unique(more, dim=0)) == 2 * PLANE.points


def test_a_sweep_is_a_row_of_planes_from_one_draw(library: Library) -> None:
    swept = planned(library, "product", "amount.reliability > one.reliability")
    points = sampled(library, swept).split(PLANE.points)
    full = sampled(library, planned(library, "product"))
    none = sampled(library, planned(library, "product", faders=(0.0, 1.0)))
    assert torch.allclose(points[0], none, atol=1e-4)
    assert torch.allclose(points[1], full, atol=1e-4)
    pictures = [np.asarray(each) for each in result(library, swept).pictures]
    alone = np.asarray(result(library, planned(library, "product")).pictures[0])
    assert (pictures[1] != alone).mean() < 1e-3
    assert (pictures[0] != alone).mean() > 0.1


def test_a_fader_that_is_moved_moves_points_and_density(library: Library) -> None:
    plan = planned(library, "product")
    still = result(library, plan)
    opening = still.record.moves
    moved = Performance((*opening, (3, "one.reliability", 0.2)))
    led = result(library, plan, performance=moved)
    assert led.record == moved
    before, after = (np.asarray(each.pictures[0], dtype=int) for each in (still, led))
    violet = np.array(NAMED) - 60
    assert (np.abs(before - after).sum(-1) > 30).mean() > 0.02
    assert all(((each - violet)[..., 2] > 0).any() for each in (before, after))


def test_what_is_named_is_the_product_or_the_mixture(library: Library) -> None:
    points = grid(80, 4.0)
    cast = assemble(planned(library, "product"), Runtime(library, CPU))
    voices = (*cast.tracks[0].score.inputs, cast.tracks[0].score.background)  # type: ignore[union-attr]
    logs = [
        each.expert.log_density(points, CLEAN, each.condition.spread(len(points)))[:, None]  # type: ignore[union-attr, index]
        for each in voices
    ]
    weights = (0.8, 0.6)
    found = named(RULES["product"](), CLEAN, logs[:2], weights, logs[2])
    assert found is not None
    mass = (found - found.max()).exp()
    mass = mass / mass.sum()
    for axis, (place, spread) in enumerate((("x", "wide"), ("y", "high"))):
        known = zip((*weights, -0.4), (ONE, TWO, GROUND), strict=True)
        law = density([Part(k, each[place], each[spread] ** 2) for k, each in known])
        mean = (mass[:, 0] * points[:, axis]).sum()
        assert mean.item() == pytest.approx(law.mean, abs=0.02)
    either = named(RULES["superdiff_or"](), CLEAN, logs[:2], (0.3, 0.7), None)
    expected = (0.3 * logs[0].exp() + 0.7 * logs[1].exp()).log()
    assert either is not None and torch.allclose(either, expected)
    for rule in (
        RULES["superdiff_or"](guidance=2.0),
        RULES["perp_neg"](),
        RULES["superdiff_and"](),
    ):
        assert named(rule, CLEAN, logs[:2], weights, logs[2]) is None


def test_a_batch_of_planes_is_bounded(library: Library) -> None:
    nodes: Nodes = {
        "one": ("plane_expert", {}),
        "amount": ("sweep", {"count": 25}),
        "sampler": ("sampler", {"count": 64}),
        "picture": ("picture", {}),
    }
    wires = ("one.score > picture.score", "amount.reliability > one.reliability", WIRES[-1])
    compiled = compile_workflow(document(nodes, wires), catalogue(), library)
    assert compiled.plan is None and MAX_BATCH < 25 * 64
    assert compiled.diagnostics[0].code == "R007"
