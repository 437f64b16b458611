"""SDXL is sampled as its pipeline does, whatever its null is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionXLPipeline

from graph.errors import ChoraleError
from graph.levels import NoiseLevel
from graph.machine import Machine
from graph.samplers.ddim import Ddim
from graph.samplers.euler import Euler
from graph.schedules.discrete import Discrete
from tests.graph.experts import folders
from tests.graph.experts.alone import GUIDANCE, STEPS, expert, sample

SHAPE = (folders.CHANNELS, *folders.XL_SIDES)
# longer than the encoders read, so that both cut it
SENTENCE = "a red boat under a very high cliff at the sea"
V: dict[str, Any] = {"prediction_type": "v_prediction"}
SAMPLERS: dict[str, tuple[Any, dict[str, Any], Any, dict[str, Any]]] = {
    "ddim": (
        DDIMScheduler,
        {"timestep_spacing": "trailing", "set_alpha_to_one": True},
        Ddim(),
        {"spacing": "trailing"},
    ),
    "euler": (EulerDiscreteScheduler, {}, Euler(), {"spacing": "leading", "steps_offset": 1}),
}


def unit_noise() -> torch.Tensor:
    return torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(5))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize(("zeros", "convention"), [(True, {}), (False, V)], ids=["eps", "v"])
def test_a_guided_sentence_is_sampled_as_stable_diffusion_xl_pipeline_does(
    tmp_path: Path, solver: str, zeros: bool, convention: dict[str, Any]
) -> None:
    scheduler, changes, sampler, levels = SAMPLERS[solver]
    folder = folders.stable_diffusion_xl(tmp_path / "xl", zeros=zeros, **convention)
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    height, width = (8 * side for side in folders.XL_SIDES)
    theirs, unasked = (
        pipeline(
            sentence,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            latents=unit_noise(),
            height=height,
            width=width,
            output_type="latent",
        ).images
        for sentence in (SENTENCE, "")
    )
    who = expert(folder)
    assert who.canvas == (width, height)
    ours = sample(who, SENTENCE, unit_noise(), sampler, Discrete(**levels).levels(STEPS))
    assert (ours - theirs).abs().max() <= 1e-4
    assert (theirs - unasked).abs().max() >= 5e-3


@pytest.mark.parametrize("zeros", [True, False])
def test_no_condition_is_zeros_where_the_folder_says_so(tmp_path: Path, zeros: bool) -> None:
    who: Any = expert(folders.stable_diffusion_xl(tmp_path / "xl", zeros=zeros))
    null, empty = who.encode(None), who.encode("")
    assert torch.equal(null.words, empty.words) is not zeros
    assert torch.equal(null.pooled, empty.pooled) is not zeros
    assert bool((null.words == 0.0).all()) is zeros
    assert bool((null.pooled == 0.0).all()) is zeros


def test_the_network_is_called_in_the_precision_of_the_machine(tmp_path: Path) -> None:
    folder = folders.stable_diffusion_xl(tmp_path / "xl", **V)
    x, level = unit_noise(), NoiseLevel.from_noise(0.5)
    half = expert(folder, Machine(torch.device("cpu"), torch.bfloat16))
    full = expert(folder)
    rough = half.denoise(x, level, [half.encode(SENTENCE)])
    exact = full.denoise(x, level, [full.encode(SENTENCE)])
    assert rough.dtype == torch.float32
    assert 1e-5 < (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_every_state_of_a_batch_gets_its_own_sentence(tmp_path: Path) -> None:
    who = expert(folders.stable_diffusion_xl(tmp_path / "xl", **V))
    x = torch.cat([unit_noise(), -unit_noise()])
    level = NoiseLevel.from_noise(0.7)
    asked = [who.encode(SENTENCE), who.encode(None)]
    together = who.denoise(x, level, asked)
    apart = torch.cat([who.denoise(x[i : i + 1], level, asked[i : i + 1]) for i in (0, 1)])
    assert torch.allclose(together, apart, atol=1e-5)
    assert (who.denoise(x, level, asked[::-1]) - together).abs().max() > 1e-3


def test_a_unet_without_sizes_is_no_xl(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    index = folder / "model_index.json"
    index.write_text(
        index.read_text().replace("StableDiffusionPipeline", "StableDiffusionXLPipeline")
    )
    with pytest.raises(ChoraleError, match=r"M023 .*addition_embed_type text_time, got none"):
        expert(folder)
