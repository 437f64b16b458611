"""Pipelines: what cannot be loaded is said while the workflow is checked, by files alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graph.companions import ALIKE, IP_ADAPTERS
from graph.compile import compile_workflow
from graph.folders import read_json
from graph.library import Library
from graph.pipelines import ADAPTABLE, PIPELINES, SIZED
from nodes import catalogue
from tests.graph.documents import document
from tests.graph.fakes import playground, write_json

NAME = "playground/text"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return playground(tmp_path)


def change(path: Path, **changes: Any) -> None:
    write_json(path, {**read_json("it", path), **changes})


def said(library: Library) -> list[str]:
    """What is said of the text expert while two experts are wired."""
    compiled = compile_workflow(document(), catalogue(), library)
    assert compiled.plan is None
    return [str(each) for each in compiled.diagnostics if each.node == "text_expert"]


def test_those_that_take_adapters_or_sizes_are_the_families_that_do() -> None:
    script = (
        "from graph import adapters, experts;"
        "from graph.interfaces import Adaptable, Adapter, Checkpoint, Expert;"
        "from graph.registry import choices;"
        "found = choices(experts, Expert).values();"
        "print(sorted(p for f in found if issubclass(f, Adaptable) for p in f.pipelines));"
        "mine = [f for f in found if issubclass(f, Checkpoint) and f.sized];"
        "print(sorted(p for f in mine for p in f.pipelines));"
        "print(sorted(n for f in choices(adapters, Adapter).values() for n in f.networks))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    pipelines, sized, networks = done.stdout.splitlines()[-3:]
    assert pipelines == str(sorted(ADAPTABLE))
    assert sized == str(sorted(SIZED))
    assert networks == str(sorted((*ALIKE, *IP_ADAPTERS)))


def test_the_list_is_what_the_families_load() -> None:
    """In a process of its own: the families load torch."""
    script = (
        "from graph import experts; from graph.interfaces import Checkpoint, Expert;"
        "from graph.registry import choices;"
        "print([p for f in choices(experts, Expert).values() if issubclass(f, Checkpoint)"
        " for p in f.pipelines])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert sorted(json.loads(shown.replace("'", '"'))) == list(PIPELINES)


def test_a_pipeline_of_no_family_is_named_while_wiring(library: Library) -> None:
    change(library.folder / NAME / "model_index.json", _class_name="StableDiffusionUpscalePipeline")
    (found,) = said(library)
    assert found.startswith(f"M006 '{NAME}' is a StableDiffusionUpscalePipeline")
    assert "StableDiffusionXLPipeline" in found


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rescale_betas_zero_snr": True, "prediction_type": None}, "zero terminal SNR"),
        ({"_class_name": "EDMEulerScheduler"}, "the continuous levels of EDM"),
        ({"timestep_type": "continuous"}, "the continuous levels of EDM"),
        ({"trained_betas": [0.1, 0.2]}, "betas of its own"),
        ({"beta_schedule": ["sigmoid"]}, "prediction 'v_prediction' and betas '['sigmoid']'"),
        ({"prediction_type": "noise"}, "prediction 'noise' and betas 'linear'"),
    ],
)
def test_a_convention_that_would_be_read_wrongly_is_named_while_wiring(
    library: Library, changes: dict[str, Any], why: str
) -> None:
    change(library.folder / NAME / "scheduler/scheduler_config.json", **changes)
    (found,) = said(library)
    assert found.startswith("M007 ")
    assert f"of '{NAME}' with" in found
    assert why in found


def test_a_scheduler_without_a_file_is_named_while_wiring(library: Library) -> None:
    (library.folder / NAME / "scheduler/scheduler_config.json").unlink()
    (found,) = said(library)
    assert found.startswith(f"M005 'scheduler/scheduler_config.json' of '{NAME}'")


@pytest.mark.parametrize(
    ("pipeline", "changes", "why"),
    [
        ("StableDiffusionPipeline", {"in_channels": 9}, "in_channels 12, got 9"),
        ("StableDiffusionPipeline", {"time_cond_proj_dim": 8}, "time_cond_proj_dim none, got 8"),
        ("StableDiffusionXLPipeline", {}, "addition_embed_type text_time, got none"),
    ],
)
def test_a_network_of_other_inputs_is_named_while_wiring(
    library: Library, pipeline: str, changes: dict[str, Any], why: str
) -> None:
    folder = library.folder / NAME
    (folder / "transformer").rename(folder / "unet")
    index = read_json(NAME, folder / "model_index.json")
    index["unet"] = index.pop("transformer")
    write_json(folder / "model_index.json", {**index, "_class_name": pipeline})
    change(folder / "unet/config.json", **changes)
    (found,) = said(library)
    assert found.startswith(f"M023 The UNet of '{NAME}' takes other inputs")
    assert why in found


def test_what_cannot_be_loaded_is_not_offered(library: Library) -> None:
    change(library.folder / NAME / "model_index.json", _class_name="ShapEPipeline")
    assert NAME not in [each.name for each in library.models()]
    assert [each.code for each in library.problems()] == ["M006"]
