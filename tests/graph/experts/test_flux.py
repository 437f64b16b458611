"""Flux is sampled as its pipeline does, with distilled guidance and without."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchHeunDiscreteScheduler, FluxPipeline

from graph.interfaces import Sampler
from graph.levels import PURE_NOISE, NoiseLevel
from graph.library import Library
from graph.machine import Machine
from graph.samplers.euler import Euler
from graph.samplers.heun import Heun
from graph.schedules.flow import Flow
from tests.graph.experts import folders
from tests.graph.experts.alone import GUIDANCE, STEPS, expert, sample

ROWS, COLUMNS = 8, 12
SHAPE = (folders.CHANNELS, ROWS, COLUMNS)
SENTENCE = "a red house at night"
MU = 0.5 + (ROWS * COLUMNS / 4 - 256) * (1.15 - 0.5) / (4096 - 256)


class OwnTimes(FlowMatchHeunDiscreteScheduler):
    """Heun of diffusers on its own times: the pipeline would give it those of its Euler."""

    def set_timesteps(  # pyright: ignore[reportIncompatibleMethodOverride] - as the pipeline asks
        self, device: Any, sigmas: Any, mu: float
    ) -> None:
        super().set_timesteps(len(sigmas), device)


def unit_noise() -> torch.Tensor:
    return torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(5))


def run(pipeline: Any, sentence: str) -> torch.Tensor:
    packed = pipeline(
        sentence,
        negative_prompt="",
        true_cfg_scale=GUIDANCE,
        num_inference_steps=STEPS,
        latents=pipeline._pack_latents(unit_noise(), 1, *SHAPE),
        height=8 * ROWS,
        width=8 * COLUMNS,
        output_type="latent",
    ).images
    return pipeline._unpack_latents(packed, 8 * ROWS, 8 * COLUMNS, 8)


@pytest.mark.parametrize(
    ("sampler", "schedule"),
    [(Euler(), Flow(shift=math.exp(MU), ending="even")), (Heun(), Flow(shift=3.0))],
    ids=["euler", "heun"],
)
@pytest.mark.parametrize("guidance", [True, False], ids=["dev", "schnell"])
def test_a_guided_sentence_is_sampled_as_flux_pipeline_does(
    tmp_path: Path, sampler: Sampler, schedule: Flow, guidance: bool
) -> None:
    folder = folders.flux(tmp_path / "flux", guidance=guidance)
    pipeline = FluxPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    if isinstance(sampler, Heun):
        pipeline.scheduler = OwnTimes(shift=3.0)
    theirs, unasked = run(pipeline, SENTENCE), run(pipeline, "")
    ours = sample(expert(folder), SENTENCE, unit_noise(), sampler, schedule.levels(STEPS))
    assert (ours - theirs).abs().max() <= 1e-4
    assert (theirs - unasked).abs().max() >= 5e-3


def test_the_folder_alone_says_what_it_is(tmp_path: Path) -> None:
    folders.flux(tmp_path / "flux")
    model = Library(tmp_path, tmp_path / "assets").model("flux")
    assert (model.card.condition, model.prediction) == ("text", "flow_prediction")
    assert model.canvas == (1024, 1024)


def test_the_network_is_called_in_the_precision_of_the_machine(tmp_path: Path) -> None:
    # the scale of distilled guidance is itself rounded, so a network without it is asked
    folder = folders.flux(tmp_path / "flux", guidance=False)
    x, level = unit_noise(), NoiseLevel.from_noise(0.5)
    half = expert(folder, Machine(torch.device("cpu"), torch.bfloat16))
    full = expert(folder)
    rough = half.denoise(x, level, [half.encode(SENTENCE)])
    exact = full.denoise(x, level, [full.encode(SENTENCE)])
    assert rough.dtype == torch.float32
    assert 1e-5 < (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_every_state_of_a_batch_gets_its_own_sentence(tmp_path: Path) -> None:
    who = expert(folders.flux(tmp_path / "flux"))
    x = torch.cat([unit_noise(), -unit_noise()])
    asked = [who.encode(SENTENCE), who.encode(None)]
    together = who.denoise(x, PURE_NOISE, asked)
    apart = torch.cat([who.denoise(x[i : i + 1], PURE_NOISE, asked[i : i + 1]) for i in (0, 1)])
    assert torch.allclose(together, apart, atol=1e-5)
    assert (who.denoise(x, PURE_NOISE, asked[::-1]) - together).abs().max() > 1e-3
