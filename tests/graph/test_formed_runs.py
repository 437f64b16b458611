"""Forms of guidance over real checkpoints, from workflow to picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graph.forms
from graph.compile import compile_workflow
from graph.controls import Controls
from graph.ensemble import assemble
from graph.events import Failure, Progress
from graph.interfaces import GuidanceForm
from graph.library import Library
from graph.plan import Plan
from graph.registry import choices
from graph.runtime import Runtime
from graph.scores import Merge
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.test_modulated_runs import CPU, pixels, result

NAMES = [*choices(graph.forms, GuidanceForm)]
each_name = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A class expert and a text expert of one small latent space."""
    card = {"condition": "class", "labels": ["sea at night", "sea by day"]}
    folders.dit(tmp_path / "models" / "playground" / "class", card=card)
    folders.pixart(tmp_path / "models" / "playground" / "text")
    return Library(tmp_path / "models", tmp_path / "assets")


def plan_of(library: Library, *wires: str, **more: tuple[str, dict[str, Any]]) -> Plan:
    """Two experts, to be wired as asked."""
    nodes: Nodes = {
        "scene": ("label", {"name": "sea by day"}),
        "words": ("text", {"text": "a red boat"}),
        "class": ("class_expert", {"guidance": 6.0}),
        "text": ("text_expert", {"guidance": 4.0}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 4, "count": 2, "method": {"name": "ddim"}}),
        "picture": ("picture", {}),
        **more,
    }
    always = (
        "scene.class > class.class",
        "words.text > text.text",
        "class.score > fuse.scores",
        "text.score > fuse.scores",
        "sampler.sampling > picture.sampling",
    )
    compiled = compile_workflow(document(nodes, (*always, *wires)), catalogue(), library)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def formed(library: Library, name: str, **settings: Any) -> Plan:
    return plan_of(
        library,
        *("fuse.score > form.score", "form.score > picture.score"),
        form=("guidance_form", {"form": {"name": name}, **settings}),
    )


@each_name
def test_every_form_is_heard_live_and_replayed(name: str, library: Library) -> None:
    runtime = Runtime(library, CPU)
    plain = pixels(result(runtime.run(plan_of(library, "fuse.score > picture.score"))))
    plan = formed(library, name)
    done = result(runtime.run(plan))
    assert not np.array_equal(pixels(done), plain)
    assert sorted(done.meters.share) == ["class", "text"]
    assert sum(done.meters.share.values()) == pytest.approx(1.0, abs=1e-5)
    mailbox = Controls(plan.controls)
    events = []
    for event in runtime.run(plan, mailbox):
        events.append(event)
        if isinstance(event, Progress) and event.step == 1:
            mailbox.set("form.reliability", 0.5)
    moved = result(iter(events))
    assert not np.array_equal(pixels(moved), pixels(done))
    again = result(runtime.run(plan, Controls(plan.controls, moved.record)))
    assert np.array_equal(pixels(again), pixels(moved))


@each_name
def test_a_silent_form_leaves_the_picture_to_the_bit(name: str, library: Library) -> None:
    runtime = Runtime(library, CPU)
    plain = pixels(result(runtime.run(plan_of(library, "fuse.score > picture.score"))))
    silent = result(runtime.run(formed(library, name, reliability=0.0)))
    assert np.array_equal(pixels(silent), plain)


@each_name
def test_an_expert_with_its_form_is_fused_with_another(name: str, library: Library) -> None:
    plan = plan_of(
        library,
        "class.score > form.score",
        "form.score > whole.scores",
        "text.score > whole.scores",
        "whole.score > picture.score",
        form=("guidance_form", {"form": {"name": name}}),
        whole=("fuse", {}),
    )
    done = result(Runtime(library, CPU).run(plan))
    assert sorted(done.meters.share) == ["form", "text"]
    assert np.isfinite(pixels(done)).all()


def test_forms_stand_around_the_fusion_in_the_order_of_their_wires(library: Library) -> None:
    plan = plan_of(
        library,
        *("fuse.score > first.score", "first.score > second.score"),
        "second.score > picture.score",
        first=("guidance_form", {"form": {"name": "apg"}}),
        second=("guidance_form", {"form": {"name": "rescale"}}),
    )
    score = assemble(plan, Runtime(library, CPU)).tracks[0].score
    assert isinstance(score, Merge)
    assert [(each.node, each.form.name) for each in score.forms] == [
        ("first", "apg"),
        ("second", "rescale"),
    ]


def test_what_has_no_background_has_no_guidance_to_form(library: Library) -> None:
    nodes: Nodes = {
        "grey": ("gaussian_expert", {}),
        "form": ("guidance_form", {}),
        "picture": ("picture", {}),
    }
    plan = compile_workflow(
        document(nodes, ("grey.score > form.score", "form.score > picture.score")),
        catalogue(),
        library,
    ).plan
    assert plan is not None
    (failure,) = Runtime(library, CPU).run(plan)
    assert isinstance(failure, Failure)
    assert [(each.code, each.node) for each in failure.diagnostics] == [("F023", "form")]
