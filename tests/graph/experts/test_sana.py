"""Sana is sampled as its pipeline does, and its sentences are read as the pipeline reads them."""

from __future__ import annotations

import json
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchHeunDiscreteScheduler,
    SanaPipeline,
)
from PIL import Image

from graph.errors import ChoraleError
from graph.experts.sana import Sana
from graph.interfaces import Sampler
from graph.levels import NoiseLevel
from graph.library import Library
from graph.machine import Machine
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.samplers.euler import Euler
from graph.samplers.heun import Heun
from graph.schedules.flow import Flow
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU, GUIDANCE, expert, sample

STEPS = 9
SAID = signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default
SHAPE = (folders.CHANNELS, folders.SIDE, folders.SIDE)
SENTENCE = " A Red boat at night"


class OwnTimes(DPMSolverMultistepScheduler):
    """The solver at its own times: it would round them down to whole ones."""

    def set_timesteps(self, *args: Any, **more: Any) -> None:
        super().set_timesteps(*args, **more)
        self.timesteps = self.sigmas[:-1] * self.config.num_train_timesteps


def solver(shift: float) -> OwnTimes:
    """The scheduler of Sana."""
    return OwnTimes(
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=shift,
        algorithm_type="dpmsolver++",
        solver_order=2,
    )


def unit_noise() -> torch.Tensor:
    return torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(5))


def run(pipeline: Any, sentence: str) -> torch.Tensor:
    return pipeline(
        sentence,
        guidance_scale=GUIDANCE,
        num_inference_steps=STEPS,
        latents=unit_noise(),
        use_resolution_binning=False,
        height=32,
        width=32,
        output_type="latent",
    ).images


def opened(folder: Path) -> Any:
    pipeline = SanaPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize(
    ("made", "sampler", "schedule"),
    [
        (None, Euler(), Flow(shift=3.0)),
        (FlowMatchHeunDiscreteScheduler(shift=3.0), Heun(), Flow(shift=3.0)),
        (solver(1.0), Dpmpp2M(), Flow(ending="solver")),
        (solver(3.0), Dpmpp2M(), Flow(shift=3.0, ending="solver")),
    ],
    ids=["euler", "heun", "dpmpp_2m", "dpmpp_2m-shifted"],
)
def test_a_guided_sentence_is_sampled_as_sana_pipeline_does(
    tmp_path: Path, made: Any, sampler: Sampler, schedule: Flow
) -> None:
    folder = folders.sana(tmp_path / "sana")
    pipeline = opened(folder)
    pipeline.scheduler = made or pipeline.scheduler
    theirs, unasked = run(pipeline, SENTENCE), run(pipeline, "")
    levels = schedule.levels(STEPS)
    # the state of diffusers begins as noise alone, that of the solver a little below it too
    begun = unit_noise() * (levels[0].alpha + levels[0].sigma)
    ours = sample(expert(folder), SENTENCE, begun, sampler, levels)
    assert (ours - theirs).abs().max() <= 1e-4
    assert (theirs - unasked).abs().max() >= 5e-3


@pytest.mark.parametrize("sentence", [SENTENCE, "a red boat " * 90])
def test_sentences_are_read_behind_the_instruction_of_the_pipeline(
    tmp_path: Path, sentence: str
) -> None:
    folder = folders.sana(tmp_path / "sana")
    pipeline, who = opened(folder), expert(folder)
    with torch.inference_mode():
        words, present, null, absent = pipeline.encode_prompt(
            sentence, True, device="cpu", complex_human_instruction=SAID
        )
    asked, unasked = who.encode(sentence), who.encode(None)
    assert torch.allclose(asked.words, words[0], atol=1e-6)
    assert torch.equal(asked.present, present[0])
    assert torch.allclose(unasked.words, null[0], atol=1e-6)
    assert torch.equal(unasked.present, absent[0])
    assert len(asked.words) == 300
    assert (who.encode("").words - unasked.words).abs().max() > 1e-3


def test_the_folder_alone_says_what_it_is(tmp_path: Path) -> None:
    folders.sana(tmp_path / "sana", DPMSolverMultistepScheduler(**solver(3.0).config))
    model = Library(tmp_path, tmp_path / "assets").model("sana")
    assert (model.card.condition, model.prediction) == ("text", "flow_prediction")
    assert (model.space.shape, model.space.scale, model.canvas) == (SHAPE, 4, (16, 16))


def test_its_autoencoder_is_read_and_written_as_it_is(tmp_path: Path) -> None:
    folder = folders.sana(tmp_path / "sana")
    pipeline, codec = opened(folder), expert(folder).codec
    assert codec is not None
    picture = Image.linear_gradient("L").resize((16, 16)).convert("RGB")
    pixels = pipeline.image_processor.preprocess(picture)
    with torch.inference_mode():
        latents = pipeline.vae.encode(pixels).latent * pipeline.vae.config.scaling_factor
        decoded = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
        assert torch.allclose(codec.encode([picture]), latents, atol=1e-6)
        assert torch.allclose(codec.pixels(latents), decoded, atol=1e-5)
    assert codec.factor == 4


def test_a_learned_variance_rides_behind(tmp_path: Path) -> None:
    who = expert(folders.sana(tmp_path / "sana", out_channels=2 * folders.CHANNELS))
    found = who.denoise(unit_noise(), NoiseLevel.from_noise(0.5), [who.encode(SENTENCE)])
    assert found.shape == unit_noise().shape


def test_a_transformer_that_is_told_its_guidance_is_refused(tmp_path: Path) -> None:
    folder = folders.sana(tmp_path / "sana")
    file = folder / "transformer" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "guidance_embeds": True}))
    with pytest.raises(ChoraleError, match=r"M023 The transformer of 'sana' .*guidance_embeds"):
        Library(tmp_path, tmp_path / "assets").model("sana")


def test_the_network_is_called_in_the_precision_of_the_machine(tmp_path: Path) -> None:
    folder = folders.sana(tmp_path / "sana")
    x, level = unit_noise(), NoiseLevel.from_noise(0.5)
    half = expert(folder, Machine(torch.device("cpu"), torch.bfloat16))
    full = expert(folder, CPU)
    rough = half.denoise(x, level, [half.encode(SENTENCE)])
    exact = full.denoise(x, level, [full.encode(SENTENCE)])
    assert rough.dtype == torch.float32
    assert 1e-5 < (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_a_twin_lacks_a_block(tmp_path: Path) -> None:
    who = expert(folders.sana(tmp_path / "sana"))
    x, level = unit_noise(), NoiseLevel.from_noise(0.5)
    asked = [who.encode(SENTENCE)]
    weak = who.without((1,)).denoise(x, level, asked)
    assert (weak - who.denoise(x, level, asked)).abs().max() > 1e-3


def test_what_leaves_float16_is_read_and_painted_in_a_wider_type(tmp_path: Path) -> None:
    who = expert(folders.sana(tmp_path / "sana"), Machine(torch.device("cpu"), torch.float16))
    assert isinstance(who, Sana)
    assert who.encode(SENTENCE).words.dtype == torch.float16
    assert who._reader[1].dtype == torch.bfloat16
    assert who.codec is not None
    assert who.codec.colours([Image.new("RGB", (16, 16))]).dtype == torch.float32
