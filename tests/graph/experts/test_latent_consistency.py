"""Latent consistency models are sampled as their pipeline does, in a few steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import LatentConsistencyModelPipeline, LCMScheduler

from graph.errors import ChoraleError
from graph.experts.latent_consistency import sinusoids
from graph.levels import NoiseLevel
from graph.library import Library
from graph.samplers.consistency import Consistency
from graph.samplers.ddim import Ddim
from graph.schedules.discrete import Discrete
from tests.graph.experts import folders
from tests.graph.experts.alone import expert

SENTENCE = "a red boat"
SCHEDULE = Discrete(spacing="distilled")


def unit_noise() -> torch.Tensor:
    shape = (1, folders.CHANNELS, folders.SIDE, folders.SIDE)
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("steps", [1, 4, 7])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_sentence_is_sampled_as_the_pipeline_does(
    tmp_path: Path, steps: int, prediction: str
) -> None:
    folder = folders.latent_consistency(tmp_path / "lcm", prediction_type=prediction)
    pipeline = LatentConsistencyModelPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    theirs, unasked = (
        pipeline(
            sentence,
            num_inference_steps=steps,
            latents=unit_noise(),
            generator=torch.Generator().manual_seed(1),
            output_type="latent",
        ).images
        for sentence in (SENTENCE, "")
    )
    who, generator = expert(folder), torch.Generator().manual_seed(1)
    asked = [who.encode(SENTENCE)]

    def end(x: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
        return who.denoise(x, level, asked)

    def draw() -> torch.Tensor:
        return torch.randn(unit_noise().shape, generator=generator)

    with torch.inference_mode():
        *_, last = Consistency()(end, unit_noise(), SCHEDULE.levels(steps), draw)
    assert (last.x - theirs).abs().max() <= 1e-4
    assert (theirs - unasked).abs().max() >= 5e-3


def test_one_step_of_another_sampler_ends_at_the_same_picture(tmp_path: Path) -> None:
    """The answer is the end of the path, whoever walks it: DDIM's last step lands there too."""
    who = expert(folders.latent_consistency(tmp_path / "lcm"))
    asked = [who.encode(SENTENCE)]

    def end(x: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
        return who.denoise(x, level, asked)

    levels = SCHEDULE.levels(1)
    with torch.inference_mode():
        ends = [
            [*walk(end, unit_noise(), levels, unit_noise)][-1].x for walk in (Consistency(), Ddim())
        ]
    assert torch.allclose(*ends, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 8, 25, 50])
def test_the_visited_times_are_those_of_diffusers(steps: int) -> None:
    theirs = LCMScheduler()
    theirs.set_timesteps(steps)
    assert list(SCHEDULE.times(steps)) == theirs.timesteps.tolist()


def test_more_steps_than_there_are_times_are_refused() -> None:
    with pytest.raises(ChoraleError, match=r"S001 .* 51 steps"):
        SCHEDULE.levels(51)


def test_a_model_of_fewer_times_than_were_distilled_is_refused() -> None:
    with pytest.raises(ChoraleError, match=r"S001 .* 1 steps on the 40 times"):
        Discrete(spacing="distilled", trained_times=40).levels(1)


@pytest.mark.parametrize("size", [8, 9, 256])
def test_the_guidance_is_told_as_the_pipeline_tells_it(size: int) -> None:
    theirs = LatentConsistencyModelPipeline.get_guidance_scale_embedding(
        None,  # it looks at nothing of its pipeline
        torch.tensor([7.5]),
        embedding_dim=size,
    )
    assert torch.allclose(sinusoids(7.5, size), theirs, atol=1e-6)


def test_where_the_noise_ends_the_state_is_the_answer(tmp_path: Path) -> None:
    who = expert(folders.latent_consistency(tmp_path / "lcm"))
    x = unit_noise()
    near = who.denoise(x, SCHEDULE.levels(1)[-1], [who.encode(SENTENCE)])
    assert torch.equal(near, x)


def test_a_unet_that_is_told_no_guidance_is_refused(tmp_path: Path) -> None:
    folder = folders.latent_consistency(tmp_path / "lcm")
    file = folder / "unet" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "time_cond_proj_dim": None}))
    with pytest.raises(ChoraleError, match=r"M023 .*expected time_cond_proj_dim a size, got none"):
        Library(tmp_path, tmp_path / "assets").model("lcm")
