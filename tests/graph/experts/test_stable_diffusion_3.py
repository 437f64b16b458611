"""SD 3 is sampled as its pipeline does, with its third text encoder and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    StableDiffusion3Pipeline,
)

from graph.levels import PURE_NOISE, NoiseLevel
from graph.library import Library
from graph.machine import Machine
from graph.samplers.euler import Euler
from graph.samplers.heun import Heun
from graph.schedules.flow import Flow
from tests.graph.experts import folders
from tests.graph.experts.alone import GUIDANCE, STEPS, expert, sample

SHAPE = (folders.CHANNELS, folders.SIDE, folders.SIDE)
SENTENCE = "a red house at night"
SAMPLERS: dict[str, tuple[Any, Any]] = {
    "euler": (FlowMatchEulerDiscreteScheduler, Euler()),
    "heun": (FlowMatchHeunDiscreteScheduler, Heun()),
}


def unit_noise() -> torch.Tensor:
    return torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(5))


def run(pipeline: Any, sentence: str, kind: str) -> Any:
    return pipeline(
        sentence,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=unit_noise(),
        output_type=kind,
    ).images


@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize("reads_t5", [True, False], ids=["t5", "no-t5"])
def test_a_guided_sentence_is_sampled_as_stable_diffusion_3_pipeline_does(
    tmp_path: Path, solver: str, reads_t5: bool
) -> None:
    scheduler, sampler = SAMPLERS[solver]
    folder = folders.stable_diffusion_3(tmp_path / "sd3", reads_t5=reads_t5)
    absent = {} if reads_t5 else {"text_encoder_3": None, "tokenizer_3": None}
    pipeline = StableDiffusion3Pipeline.from_pretrained(folder, **absent)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler(shift=3.0)
    theirs, unasked = (run(pipeline, sentence, "latent") for sentence in (SENTENCE, ""))
    who = expert(folder)
    ours = sample(who, SENTENCE, unit_noise(), sampler, Flow(shift=3.0).levels(STEPS))
    assert (ours - theirs).abs().max() <= 1e-4
    assert (theirs - unasked).abs().max() >= 5e-3
    assert who.codec is not None
    (picture,) = who.codec.decode(ours)
    pixels = run(pipeline, SENTENCE, "np")[0]
    assert np.abs(np.asarray(picture) / 255.0 - pixels).max() <= 1e-3 + 0.5 / 255


def test_the_folder_alone_says_what_it_is(tmp_path: Path) -> None:
    folders.stable_diffusion_3(tmp_path / "sd3")
    model = Library(tmp_path, tmp_path / "assets").model("sd3")
    assert (model.card.condition, model.prediction) == ("text", "flow_prediction")
    assert model.canvas == (32, 32)


def test_t5_is_heard(tmp_path: Path) -> None:
    """CLIP's tokenizers here know letters, T5's knows words: it alone hears no difference."""
    who: Any = expert(folders.stable_diffusion_3(tmp_path / "sd3"))
    one, other = who.encode("a boat"), who.encode("a house")
    assert one.words.shape == (16 + 256, 24)
    assert (one.words[16:] - other.words[16:]).abs().max() > 0.05
    unknown = who.encode("a shed"), who.encode("a pier")
    assert torch.equal(unknown[0].words[16:], unknown[1].words[16:])


def test_the_network_is_called_in_the_precision_of_the_machine(tmp_path: Path) -> None:
    folder = folders.stable_diffusion_3(tmp_path / "sd3")
    x, level = unit_noise(), NoiseLevel.from_noise(0.5)
    half = expert(folder, Machine(torch.device("cpu"), torch.bfloat16))
    full = expert(folder)
    rough = half.denoise(x, level, [half.encode(SENTENCE)])
    exact = full.denoise(x, level, [full.encode(SENTENCE)])
    assert rough.dtype == torch.float32
    assert 1e-5 < (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_every_state_of_a_batch_gets_its_own_sentence(tmp_path: Path) -> None:
    who = expert(folders.stable_diffusion_3(tmp_path / "sd3"))
    x = torch.cat([unit_noise(), -unit_noise()])
    asked = [who.encode(SENTENCE), who.encode(None)]
    together = who.denoise(x, PURE_NOISE, asked)
    apart = torch.cat([who.denoise(x[i : i + 1], PURE_NOISE, asked[i : i + 1]) for i in (0, 1)])
    assert torch.allclose(together, apart, atol=1e-5)
    assert (who.denoise(x, PURE_NOISE, asked[::-1]) - together).abs().max() > 1e-3
