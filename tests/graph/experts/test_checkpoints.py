"""A checkpoint's single-expert run is what diffusers' own pipeline samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    DiTPipeline,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    PixArtSigmaPipeline,
)
from PIL import Image

from graph.errors import ChoraleError
from graph.levels import PURE_NOISE, NoiseLevel
from graph.samplers.ddim import Ddim
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.schedules.discrete import Discrete
from graph.schedules.flow import Flow
from tests.graph.experts import folders
from tests.graph.experts.alone import GUIDANCE, STEPS, expert, sample

SHAPE = (folders.CHANNELS, folders.SIDE, folders.SIDE)
COSINE = Discrete(curve="squaredcos_cap_v2", spacing="trailing")
DPM = {"algorithm_type": "dpmsolver++", "solver_order": 2, "final_sigmas_type": "zero"}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("solver", ["ddim", "dpmpp_2m"])
def test_a_guided_sentence_is_sampled_as_pixart_sigma_pipeline_does(
    tmp_path: Path, solver: str
) -> None:
    folder = folders.pixart(tmp_path / "text")
    pipeline = PixArtSigmaPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    if solver == "dpmpp_2m":
        pipeline.scheduler = DPMSolverMultistepScheduler.from_config(
            pipeline.scheduler.config, **DPM
        )
    noise = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(5))
    theirs = pipeline(
        "a red house at night",
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=noise.clone(),
        height=32,
        width=32,
        use_resolution_binning=False,
        clean_caption=False,
        output_type="latent",
    ).images
    sampler = Ddim() if solver == "ddim" else Dpmpp2M()
    ours = sample(expert(folder), "a red house at night", noise, sampler, COSINE.levels(STEPS))
    # The pipeline starts at its own first level with unit noise, this state with its own sigma.
    assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max()


def test_a_flow_expert_is_sampled_as_diffusers_flow_scheduler_does(tmp_path: Path) -> None:
    folder = folders.pixart(tmp_path / "flow")
    FlowMatchEulerDiscreteScheduler(shift=2.0).save_pretrained(folder / "scheduler")
    # The pipeline class cannot drive this scheduler, so its own parts are driven here by hand.
    scheduler = FlowMatchEulerDiscreteScheduler(shift=2.0)
    scheduler.set_timesteps(STEPS)
    parts = PixArtSigmaPipeline.from_pretrained(folder, scheduler=folders.scheduler())
    words, present, null, null_present = parts.encode_prompt(
        "a blue boat", True, max_sequence_length=12
    )
    noise = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(5))
    x = noise.clone()
    with torch.inference_mode():
        for time in scheduler.timesteps:
            answer = parts.transformer(
                torch.cat([x, x]),
                encoder_hidden_states=torch.cat([null, words]),
                encoder_attention_mask=torch.cat([null_present, present]),
                timestep=time.expand(2),
                added_cond_kwargs={"resolution": None, "aspect_ratio": None},
                return_dict=False,
            )[0]
            guided = answer[:1] + GUIDANCE * (answer[1:] - answer[:1])
            x = scheduler.step(guided, time, x, return_dict=False)[0]
    ours = sample(expert(folder), "a blue boat", noise, Ddim(), Flow(shift=2.0).levels(STEPS))
    assert (ours - x).abs().max() <= 1e-4 * x.abs().max()


def test_a_guided_class_is_sampled_as_dit_pipeline_does(tmp_path: Path) -> None:
    folder = folders.dit(tmp_path / "class")
    pipeline = DiTPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        [1],
        guidance_scale=GUIDANCE,
        num_inference_steps=STEPS,
        generator=torch.Generator().manual_seed(5),
        output_type="np",
    ).images[0]
    noise = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(5))
    who = expert(folder)
    ours = sample(who, "night", noise, Ddim(), COSINE.levels(STEPS))
    assert who.codec is not None
    (picture,) = who.codec.decode(ours)
    assert np.abs(np.asarray(picture) / 255.0 - theirs).max() <= 1e-3 + 0.5 / 255


@pytest.mark.parametrize(
    ("family", "kind"), [("dit", "mask"), ("dit", "sketch"), ("pixart", "text+mask+sketch")]
)
def test_concatenated_pictures_reach_the_network_and_their_absence_is_zero(
    tmp_path: Path, family: str, kind: str
) -> None:
    make = folders.dit if family == "dit" else folders.pixart
    pictures = kind.count("mask") + kind.count("sketch")
    who = expert(make(tmp_path / "spatial", pictures=pictures, card={"condition": kind}))
    drawn = Image.fromarray(np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1)))
    value = drawn if family == "dit" else {"text": "a boat", "mask": drawn, "sketch": drawn}
    x = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    asked, null = who.encode(value), who.encode(None)
    level = NoiseLevel.from_noise(0.5)
    with torch.inference_mode():
        together = who.denoise(x, level, [asked, null])
        apart = torch.cat([who.denoise(x[:1], level, [asked]), who.denoise(x[1:], level, [null])])
        unasked = who.denoise(x[:1], level, [null])
    assert torch.allclose(together, apart, atol=1e-5)
    assert (together[0] - unasked[0]).abs().max() > 1e-3


def test_every_expert_is_finite_at_pure_noise(tmp_path: Path) -> None:
    for who in (expert(folders.pixart(tmp_path / "a")), expert(folders.dit(tmp_path / "b"))):
        x = torch.randn(1, *SHAPE)
        assert torch.isfinite(who.denoise(x, PURE_NOISE, [who.encode(None)])).all()


def test_an_unknown_class_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ChoraleError, match=r"M008 .*'dusk'.*day, night"):
        expert(folders.dit(tmp_path / "class")).encode("dusk")
