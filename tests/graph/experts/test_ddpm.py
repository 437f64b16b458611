"""Experts of pixels: sampled as diffusers' own pipelines do, with no autoencoder between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMPipeline, DDPMScheduler

from graph.compile import compile_workflow
from graph.errors import ChoraleError
from graph.events import Progress, Result
from graph.levels import PURE_NOISE, NoiseLevel
from graph.library import Library
from graph.runtime import Runtime
from graph.samplers.ddim import Ddim
from graph.schedules.discrete import Discrete
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU, STEPS, expert, sample

LINEAR = Discrete(curve="linear", beta_start=1e-4, beta_end=0.02, spacing="trailing")


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_it_is_sampled_as_ddim_pipeline_does(tmp_path: Path, prediction: str) -> None:
    said = {"clip_sample": False, "prediction_type": prediction, "timestep_spacing": "trailing"}
    folder = folders.pixels(tmp_path / "pixels", family=DDIMPipeline, **said)
    pipeline = DDIMPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        num_inference_steps=STEPS, generator=torch.Generator().manual_seed(5), output_type="np"
    ).images[0]
    noise = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(5))
    ours = sample(expert(folder), None, noise, Ddim(), LINEAR.levels(STEPS))[0]
    seen = (ours * 0.5 + 0.5).clamp(0, 1).movedim(0, -1).numpy()
    assert seen.std() > 0.05
    # The pipeline starts at its own first level with unit noise, this state with its own sigma.
    assert np.abs(seen - theirs).max() < 2e-3


def test_a_clean_picture_is_clipped_where_the_file_says_so(tmp_path: Path) -> None:
    """D is the x0 of DDPMScheduler's own step, at every time."""
    folder = folders.pixels(tmp_path / "pixels", clip_sample=True, clip_sample_range=0.8)
    who, scheduler = expert(folder), DDPMScheduler.from_pretrained(folder / "scheduler")
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    for time in (0, 300, 999):
        square = scheduler.alphas_cumprod[time].double().item()
        level = NoiseLevel(square**0.5, (1 - square) ** 0.5)
        with torch.inference_mode():
            clean = who.denoise(x, level, [None, None])
            answer = who._unet(x, time).sample
        expected = scheduler.step(answer, time, x).pred_original_sample
        assert torch.allclose(clean, expected, atol=1e-3)
        assert clean.abs().max() <= 0.8
    loose = expert(folders.pixels(tmp_path / "loose", clip_sample=False))
    assert loose.denoise(x, PURE_NOISE, [None, None]).abs().max() > 1


@pytest.mark.parametrize("channels", [3, 1])
def test_a_workflow_paints_with_it_and_shows_it_forming(tmp_path: Path, channels: int) -> None:
    folders.pixels(tmp_path / "models" / "mine" / "pixels", channels=channels)
    library = Library(tmp_path / "models", tmp_path / "assets")
    assert str(library.model("mine/pixels").space) == f"pixels ({channels}×16×16)"
    nodes: Nodes = {
        "prior": ("unconditional_expert", {"model": "mine/pixels"}),
        "sampler": ("sampler", {"steps": 3}),
        "picture": ("picture", {}),
    }
    wires = ("prior.score > picture.score", "sampler.sampling > picture.sampling")
    found = compile_workflow(document(nodes, wires), catalogue(), library)
    assert found.diagnostics == ()
    assert found.plan is not None
    *events, last = Runtime(library, CPU).run(found.plan, previews=float("inf"))
    assert isinstance(last, Result), last
    assert last.pictures[0].size == (16, 16)
    assert np.asarray(last.pictures[0]).std() > 1.0
    previews = [each.preview for each in events if isinstance(each, Progress) and each.preview]
    assert previews[-1][0].size == (16, 16)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"num_class_embeds": 10}, "expected num_class_embeds none, got 10"),
        ({"class_embed_type": "timestep"}, "expected class_embed_type none, got timestep"),
    ],
)
def test_a_network_that_is_given_more_is_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    folder = folders.pixels(tmp_path / "pixels", network=changes)
    with pytest.raises(ChoraleError, match=f"M023 .*{why}.*asked with nothing"):
        expert(folder)


def test_a_clipping_that_is_no_number_is_named(tmp_path: Path) -> None:
    folder = folders.pixels(tmp_path / "pixels", clip_sample_range="far")
    with pytest.raises(ChoraleError, match="M013 The files of 'pixels' cannot be loaded"):
        expert(folder)
