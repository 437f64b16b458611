"""The runtime: what it keeps between runs, how it fails, that a run can be stopped and replayed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from graph.compile import compile_workflow
from graph.controls import Controls
from graph.events import Event, Failure, Progress, Result, Stopped
from graph.experts.dit import DiT
from graph.experts.pixart import PixArt
from graph.library import Library
from graph.machine import Machine
from graph.plan import Plan
from graph.runtime import Runtime
from graph.workflow import Workflow
from nodes import catalogue
from tests.graph.documents import document
from tests.graph.experts import folders

CPU = Machine(torch.device("cpu"), torch.float32)
STEPS = 4


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A text and a class expert of one small latent space."""
    folders.pixart(tmp_path / "models" / "playground" / "text")
    card = {"condition": "class", "labels": ["sea at night", "sea by day"]}
    folders.dit(tmp_path / "models" / "playground" / "class", card=card)
    return Library(tmp_path / "models", tmp_path / "assets")


def plan_of(library: Library, workflow: Workflow) -> Plan:
    """The plan, which must be free of errors."""
    compiled = compile_workflow(workflow, catalogue(), library)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


@pytest.fixture
def plan(library: Library) -> Plan:
    """A sentence and a class, fused, two samples."""
    workflow = document().with_settings("sampler", steps=STEPS)
    return plan_of(library, workflow)


def result(events: Iterator[Event]) -> Result:
    """The last event, which must be a result."""
    last = list(events)[-1]
    assert isinstance(last, Result), last
    return last


def test_two_families_with_two_conventions_play_in_one_loop(library: Library, plan: Plan) -> None:
    done = result(Runtime(library, CPU).run(plan))
    assert [picture.size for picture in done.pictures] == [(32, 32)] * 2
    assert done.meters is not None
    assert set(done.meters.share) == {"text_expert", "class_expert"}
    assert done.meters.map["text_expert"].shape == (2, 4, 4)


def test_moving_a_fader_loads_and_encodes_nothing(
    library: Library, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[Any] = []
    for family in (PixArt, DiT):
        original = family.encode

        def encode(self: Any, value: Any, original: Any = original) -> Any:
            encoded.append(value)
            return original(self, value)

        monkeypatch.setattr(family, "encode", encode)
    runtime = Runtime(library, CPU)
    first = result(runtime.run(plan))
    assert sorted(map(str, encoded)) == ["None", "None", "a red sailboat", "sea at night"]
    controls = Controls(plan.controls)
    controls.set("text_expert.reliability", 0.25)
    second = result(runtime.run(plan, controls))
    assert len(encoded) == 4
    assert first.pictures[0].tobytes() != second.pictures[0].tobytes()


def test_a_folder_that_was_trained_on_is_loaded_again(library: Library, plan: Plan) -> None:
    runtime = Runtime(library, CPU)
    before = result(runtime.run(plan))
    weights = library.folder / "playground/text/text_encoder/model.safetensors"
    save_file({name: 1.5 * part for name, part in load_file(weights).items()}, weights)
    network = library.folder / "playground/text/transformer/diffusion_pytorch_model.safetensors"
    trained = {name: part + 0.01 for name, part in load_file(network).items()}
    save_file(trained, network)
    after = result(runtime.run(plan))
    fresh = result(Runtime(library, CPU).run(plan))
    assert np.array_equal(np.asarray(after.pictures[0]), np.asarray(fresh.pictures[0]))
    assert not np.array_equal(np.asarray(after.pictures[0]), np.asarray(before.pictures[0]))


def test_a_performance_is_replayed_bit_by_bit(library: Library, plan: Plan) -> None:
    runtime, controls = Runtime(library, CPU), Controls(plan.controls)
    last = None
    for last in runtime.run(plan, controls):
        if isinstance(last, Progress) and last.step == 2:
            controls.set("class_expert.muted", True)
    assert isinstance(last, Result)
    again = result(Runtime(library, CPU).run(plan, performance=last.record))
    assert [p.tobytes() for p in again.pictures] == [p.tobytes() for p in last.pictures]
    untouched = result(runtime.run(plan))
    assert untouched.pictures[0].tobytes() != last.pictures[0].tobytes()


def test_stop_is_heard_at_the_next_step(library: Library, plan: Plan) -> None:
    stop = threading.Event()
    seen: list[Event] = []
    for event in Runtime(library, CPU).run(plan, stop=stop):
        seen.append(event)
        stop.set()
    assert [type(event) for event in seen] == [Progress, Stopped]


def test_previews_are_drawn_only_for_those_who_look(library: Library, plan: Plan) -> None:
    runtime = Runtime(library, CPU)
    blind = [event for event in runtime.run(plan) if isinstance(event, Progress)]
    seen = [e for e in runtime.run(plan, previews=float("inf")) if isinstance(e, Progress)]
    assert all(event.preview is None and event.meters is None for event in blind)
    assert all(event.meters is not None for event in seen)


def test_a_missing_stored_picture_ends_in_its_diagnostic(library: Library, plan: Plan) -> None:
    folders.dit(library.folder / "playground" / "mask", pictures=1, card={"condition": "mask"})
    nodes = {
        "mask": ("mask", {"picture": "a" * 64}),
        "mask_expert": ("mask_expert", {}),
        "picture": ("picture", {}),
    }
    wires = ("mask.mask > mask_expert.mask", "mask_expert.score > picture.score")
    compiled = compile_workflow(document(nodes, wires), catalogue(), library)
    assert compiled.plan is None
    first = next(each for each in compiled.diagnostics if each.severity == "error")
    assert first.code.startswith("A")


def test_weights_that_are_no_numbers_end_the_run_with_a_sentence(
    library: Library, plan: Plan
) -> None:
    path = library.folder / "playground" / "text" / "transformer"
    (file,) = path.glob("*.safetensors")
    weights = load_file(file)
    save_file({name: torch.full_like(w, np.nan) for name, w in weights.items()}, file)
    (last,) = Runtime(library, CPU).run(plan)
    assert isinstance(last, Failure)
    (said,) = last.diagnostics
    assert (said.code, said.node) == ("R010", "text_expert")
    assert "'playground/text' answered not-a-number at noise 1.00" in said.message


def test_truncated_weights_end_the_run_with_a_sentence(library: Library, plan: Plan) -> None:
    path = library.folder / "playground" / "text" / "transformer"
    (file,) = path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    last = list(Runtime(library, CPU).run(plan))[-1]
    assert isinstance(last, Failure)
    assert last.diagnostics[0].code == "M013"
    assert "playground/text" in last.diagnostics[0].message
