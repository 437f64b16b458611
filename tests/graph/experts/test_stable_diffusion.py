"""Stable Diffusion is sampled as its pipeline does, and is asked in the machine's precision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
)

from graph.errors import ChoraleError
from graph.levels import NoiseLevel
from graph.library import Library
from graph.machine import Machine
from graph.samplers.ddim import Ddim
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.samplers.euler import Euler
from graph.schedules.discrete import Discrete
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU, GUIDANCE, STEPS, expert, sample

SHAPE = (folders.CHANNELS, folders.SIDE, folders.SIDE)
SENTENCE = "a red boat"
V: dict[str, Any] = {"prediction_type": "v_prediction"}
ZERO: dict[str, Any] = {**V, "rescale_betas_zero_snr": True}
SAMPLERS: dict[str, tuple[Any, dict[str, Any], Any, dict[str, Any]]] = {
    "ddim": (
        DDIMScheduler,
        {"timestep_spacing": "trailing", "set_alpha_to_one": True},
        Ddim(),
        {"spacing": "trailing"},
    ),
    "euler": (EulerDiscreteScheduler, {}, Euler(), {"spacing": "leading", "steps_offset": 1}),
    # "trailing" begins at the last trained time, which of a zero terminal SNR the solver moves
    "dpmpp_2m": (
        DPMSolverMultistepScheduler,
        {"final_sigmas_type": "zero"},
        Dpmpp2M(),
        {"spacing": "leading", "steps_offset": 1, "skip_last": True},
    ),
}


def unit_noise(shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize("convention", [{}, V, ZERO], ids=["eps", "v", "v-zero-snr"])
def test_a_guided_sentence_is_sampled_as_stable_diffusion_pipeline_does(
    tmp_path: Path, solver: str, convention: dict[str, Any]
) -> None:
    scheduler, changes, sampler, levels = SAMPLERS[solver]
    folder = folders.stable_diffusion(tmp_path / "sd", **convention)
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    theirs, unasked = (
        pipeline(
            sentence,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            latents=unit_noise(),
            output_type="latent",
        ).images
        for sentence in (SENTENCE, "")
    )
    schedule = Discrete(**levels, zero_snr="rescale_betas_zero_snr" in convention)
    ours = sample(expert(folder), SENTENCE, unit_noise(), sampler, schedule.levels(STEPS))
    assert (ours - theirs).abs().max() <= 1e-4
    assert (theirs - unasked).abs().max() >= 5e-3


def test_the_folder_alone_says_what_it_is(tmp_path: Path) -> None:
    folders.stable_diffusion(tmp_path / "mine" / "sd", **V)
    model = Library(tmp_path, tmp_path / "assets").model("mine/sd")
    assert (model.card.condition, model.prediction) == ("text", "v_prediction")
    assert model.canvas == (32, 32)


def test_long_sentences_are_cut_as_the_pipeline_cuts_them(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    long = "a red boat under a very high cliff at the sea"
    words, null = pipeline.encode_prompt(long, "cpu", 1, True)
    who = expert(folder)
    assert torch.allclose(who.encode(long), words[0], atol=1e-6)
    assert torch.allclose(who.encode(None), null[0], atol=1e-6)
    assert (words - null).abs().max() > 0.1


def test_vocabulary_and_merges_of_older_folders_are_read_alike(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    new = expert(folder).encode(SENTENCE)
    file = folder / "tokenizer" / "tokenizer.json"
    pieces = json.loads(file.read_text())["model"]
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(pieces["vocab"]))
    merges = "".join(f"{' '.join(pair)}\n" for pair in pieces["merges"])
    (folder / "tokenizer" / "merges.txt").write_text(f"#version: 0.2\n{merges}")
    file.unlink()
    assert torch.equal(expert(folder).encode(SENTENCE), new)


def test_the_network_is_called_in_the_precision_of_the_machine(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd", **V)
    x, level = unit_noise(), NoiseLevel.from_noise(0.5)
    half = expert(folder, Machine(torch.device("cpu"), torch.bfloat16))
    full = expert(folder)
    assert half.encode(SENTENCE).dtype == torch.bfloat16
    rough = half.denoise(x, level, [half.encode(SENTENCE)])
    exact = full.denoise(x, level, [full.encode(SENTENCE)])
    assert rough.dtype == torch.float32
    assert 1e-5 < (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_a_folder_of_half_precision_variants_loads(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd", **V)
    whole = expert(folder).encode(SENTENCE)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float16)
    pipeline.save_pretrained(tmp_path / "half", variant="fp16")
    half = expert(tmp_path / "half")
    assert half.encode(SENTENCE).dtype == torch.float32
    assert 0.0 < (half.encode(SENTENCE) - whole).abs().max() < 0.05
    assert torch.isfinite(half.denoise(unit_noise(), NoiseLevel.from_noise(0.5), [whole])).all()


def test_a_plain_file_goes_before_its_variant(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    plain = Library(tmp_path, tmp_path / "assets").model("sd").space.id
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    file.with_name("diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another")
    assert Library(tmp_path, tmp_path / "assets").model("sd").space.id == plain
    expert(folder)


def test_a_safety_checker_that_was_not_copied_is_not_missed(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (folder / "model_index.json").write_text(json.dumps(index))
    expert(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"in_channels": 9}, "expected in_channels 4, got 9"),
        ({"time_cond_proj_dim": 8}, "expected time_cond_proj_dim none, got 8"),
        ({"num_class_embeds": 3}, "expected num_class_embeds none, got 3"),
    ],
)
def test_a_unet_with_other_inputs_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd", unet=changes)
    with pytest.raises(ChoraleError, match=f"M023 The UNet of 'sd' .* {said}"):
        expert(folder)


def test_pipelines_of_no_family_are_named_with_those_that_load(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name"] = "StableDiffusionUpscalePipeline"
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(
        ChoraleError, match=r"M006 'sd' is a StableDiffusionUpscalePipeline.*StableDiffusionPipel"
    ):
        expert(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rescale_betas_zero_snr": True}, "prediction 'epsilon' at the pure noise"),
        ({"_class_name": "EDMEulerScheduler"}, "the continuous levels of EDM"),
        ({"timestep_type": "continuous"}, "the continuous levels of EDM"),
        ({"trained_betas": [0.1, 0.2]}, "betas of its own"),
        ({"beta_schedule": "sigmoid"}, "prediction 'epsilon' and betas 'sigmoid'"),
        ({"prediction_type": "noise"}, "prediction 'noise' and betas 'scaled_linear'"),
    ],
)
def test_conventions_that_would_be_read_wrongly_are_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(ChoraleError, match=f"M007 .* with {said}"):
        expert(folder)


def test_every_state_of_a_batch_gets_its_own_sentence(tmp_path: Path) -> None:
    who = expert(folders.stable_diffusion(tmp_path / "sd", **V), CPU)
    x = torch.cat([unit_noise(), -unit_noise()])
    level = NoiseLevel.from_noise(0.7)
    asked = [who.encode(SENTENCE), who.encode(None)]
    together = who.denoise(x, level, asked)
    apart = torch.cat([who.denoise(x[i : i + 1], level, asked[i : i + 1]) for i in (0, 1)])
    assert torch.allclose(together, apart, atol=1e-5)
    assert (who.denoise(x, level, asked[::-1]) - together).abs().max() > 1e-3
