"""ControlNets of SD 3 and Flux are heard as diffusers' pipelines hear them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    FluxControlNetModel,
    FluxControlNetPipeline,
    SD3ControlNetModel,
    StableDiffusion3ControlNetPipeline,
)
from torch import Tensor

from graph.checkpoints import load_adapter
from graph.interfaces import Asking, Heard, Tuning
from graph.levels import NoiseLevel
from graph.library import Library
from graph.lora import read_lora
from graph.runtime import Runtime
from graph.samplers.euler import Euler
from graph.samplers.heun import Heun
from graph.schedules.flow import Flow
from graph.telling import told as summed
from graph.twins import Tuned, deltas_of
from tests.graph.adapters import making
from tests.graph.adapters.distilled import loud
from tests.graph.adapters.workflows import GUIDANCE, compiled, sampled
from tests.graph.experts import folders, loras
from tests.graph.experts import test_flux as flux
from tests.graph.experts import test_stable_diffusion_3 as sd3
from tests.graph.experts.alone import CPU, STEPS, expert

pytestmark = pytest.mark.filterwarnings(
    "ignore:`FluxPosEmbed` is deprecated:FutureWarning:diffusers"
)
SENTENCE = "a red boat"
FLOW = {
    "euler": {
        "steps": STEPS,
        "method": {"name": "euler"},
        "schedule": {"name": "flow", "shift": 3.0},
    },
    "heun": {
        "steps": STEPS,
        "method": {"name": "heun"},
        "schedule": {"name": "flow", "shift": 3.0},
    },
}
TAUGHT = {
    "by InstantX": {},
    "with the sentence": {"force_zeros_for_pooled_projection": False},
    "of three blocks": {"num_layers": 3},
    "of 8 billion": {
        "force_zeros_for_pooled_projection": False,
        "joint_attention_dim": None,
        "use_pos_embed": False,
    },
}
"""How ControlNets of SD 3 were taught, by the settings that say so."""


def library_of(tmp_path: Path, make: Any) -> Library:
    library = Library(tmp_path / "models", tmp_path / "assets")
    making.certain(make(library.folder / "base"))
    return library


def theirs_of_sd3(
    library: Library, names: Sequence[str], solver: str, loud: Sequence[float]
) -> Any:
    """What the pipeline samples with ControlNets that are so loud."""
    nets = [SD3ControlNetModel.from_pretrained(library.folder / name) for name in names]
    pipeline: Any = StableDiffusion3ControlNetPipeline.from_pretrained(
        library.folder / "base", controlnet=nets if len(nets) > 1 else nets[0]
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = sd3.SAMPLERS[solver][0](shift=3.0)
    photos = [making.picture(number) for number in range(len(nets))]
    return pipeline(
        "a red boat",
        control_image=photos if len(nets) > 1 else photos[0],
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        controlnet_conditioning_scale=list(loud) if len(nets) > 1 else loud[0],
        height=8 * folders.SIDE,
        width=8 * folders.SIDE,
        latents=sd3.unit_noise(),
        output_type="latent",
    ).images


def told(names: Sequence[str], loud: Sequence[float]) -> dict[str, dict[str, Any]]:
    return {
        f"net{number}": {"model": name, "photo": making.picture(number), "reliability": scale}
        for number, (name, scale) in enumerate(zip(names, loud, strict=True))
    }


@pytest.mark.parametrize("solver", FLOW)
@pytest.mark.parametrize("taught", TAUGHT)
def test_that_of_sd3_is_heard_as_the_pipeline_hears_it(
    tmp_path: Path, taught: str, solver: str
) -> None:
    library = library_of(tmp_path, partial(folders.stable_diffusion_3, layers=4))
    making.sd3_controlnet(library.folder / "net", library.folder / "base", **TAUGHT[taught])
    found = compiled(library, told(["net"], [0.8]), FLOW[solver])
    ours = sampled(library, found, sd3.unit_noise())
    theirs = theirs_of_sd3(library, ["net"], solver, [0.8])
    assert (ours - theirs).abs().max() <= 1e-4
    assert (theirs_of_sd3(library, ["net"], solver, [0.0]) - theirs).abs().max() >= 1e-2


@pytest.mark.parametrize("solver", FLOW)
def test_several_of_sd3_are_heard_as_the_pipeline_hears_them(tmp_path: Path, solver: str) -> None:
    library = library_of(tmp_path, partial(folders.stable_diffusion_3, layers=4))
    names, loud = ["one", "two"], [0.5, 1.5]
    for seed, name in enumerate(names):
        making.sd3_controlnet(library.folder / name, library.folder / "base", seed=seed)
    found = compiled(library, told(names, loud), FLOW[solver])
    ours = sampled(library, found, sd3.unit_noise())
    assert (ours - theirs_of_sd3(library, names, solver, loud)).abs().max() <= 1e-4


def test_of_several_each_may_have_blocks_as_many_as_it_likes(tmp_path: Path) -> None:
    """What they tell is added block by block of the base: silence leaves the other alone."""
    library = library_of(tmp_path, partial(folders.stable_diffusion_3, layers=4))
    for count, name in enumerate(("one", "two"), 1):
        making.sd3_controlnet(
            library.folder / name, library.folder / "base", seed=count, num_layers=count
        )
    both = compiled(library, told(["one", "two"], [1.0, 1.0]), FLOW["euler"])
    alone = compiled(library, told(["one"], [1.0]), FLOW["euler"])
    quiet = sampled(library, both, sd3.unit_noise(), net1__muted=True)
    assert quiet.equal(sampled(library, alone, sd3.unit_noise()))
    assert (sampled(library, both, sd3.unit_noise()) - quiet).abs().max() > 1e-2


def test_a_base_that_goes_takes_the_latents_that_it_made(tmp_path: Path) -> None:
    library = library_of(tmp_path, folders.stable_diffusion_3)
    making.sd3_controlnet(library.folder / "net", library.folder / "base")
    runtime, plan = Runtime(library, CPU), compiled(library, told(["net"], [1.0])).plan
    assert plan is not None
    runtime.prepare(plan)
    shown = [key for key in runtime._encoded if key.startswith("net on cpu|base|")]
    assert shown
    folders.autoencoder(12, shift_factor=0.3).save_pretrained(library.folder / "base" / "vae")
    runtime.expert("base")
    assert not any(key in runtime._encoded for key in shown)


def test_a_map_says_at_which_tokens_it_is_heard(tmp_path: Path) -> None:
    """In squares of two by two places: here on the left of them alone, by 1.5."""
    library = library_of(tmp_path, folders.stable_diffusion_3)
    making.sd3_controlnet(library.folder / "net", library.folder / "base")
    net, state = load_adapter(library.companion("net"), CPU), torch.ones(1, folders.CHANNELS, 4, 4)
    added = {"pooled_projections": torch.ones(1, 20)}
    argument = "block_controlnet_hidden_states"
    asking = Asking(state, torch.tensor([500.0]), torch.ones(1, 3, 24), added, {argument: 1})
    hint, left = torch.randn(folders.CHANNELS, 4, 4), torch.zeros(1, 1, 4, 4)
    left[..., :2] = 1.5
    (whole,), (part,) = (
        summed(asking, [Heard(net, [hint], weight)])[argument] for weight in (loud(1.0), left)
    )
    whole, part = (each.unflatten(1, (2, 2)) for each in (whole, part))
    assert torch.allclose(part[:, :, 0], 1.5 * whole[:, :, 0])
    assert whole[:, :, 1].abs().min() > 0.0
    assert not part[:, :, 1].any()


XLABS = {"conditioning_embedding_channels": 4, "num_single_layers": 0, "patch_size": 2}


@pytest.mark.parametrize("solver", ["euler", "heun"])
@pytest.mark.parametrize(
    "changes",
    [
        {"num_layers": 2, "num_single_layers": 3},
        {"num_layers": 2, "num_single_layers": 0},
        {"num_layers": 1, "num_single_layers": 1, "guidance_embeds": False},
        {"num_layers": 2, **XLABS},
    ],
    ids=["both kinds", "one kind", "told no guidance", "XLabs"],
)
def test_that_of_flux_is_heard_as_the_pipeline_hears_it(
    tmp_path: Path, changes: dict[str, Any], solver: str
) -> None:
    library = library_of(tmp_path, partial(folders.flux, layers=(3, 4)))
    making.flux_controlnet(library.folder / "net", library.folder / "base", **changes)
    pipeline: Any = FluxControlNetPipeline.from_pretrained(
        library.folder / "base",
        controlnet=FluxControlNetModel.from_pretrained(library.folder / "net"),
    )
    pipeline.set_progress_bar_config(disable=True)
    sampler, schedule = Euler(), Flow(shift=math.exp(flux.MU), ending="even")
    if solver == "heun":
        pipeline.scheduler = flux.OwnTimes(shift=3.0)
        sampler, schedule = Heun(), Flow(shift=3.0)
    sides = 8 * flux.COLUMNS, 8 * flux.ROWS
    photo = making.picture().resize(sides)

    def run(scale: float) -> Tensor:
        packed = pipeline(
            SENTENCE,
            control_image=photo,
            controlnet_conditioning_scale=scale,
            guidance_scale=3.5,
            num_inference_steps=STEPS,
            latents=pipeline._pack_latents(flux.unit_noise(), 1, *flux.SHAPE),
            height=sides[1],
            width=sides[0],
            output_type="latent",
        ).images
        return pipeline._unpack_latents(packed, sides[1], sides[0], 8)

    who: Any = expert(library.folder / "base")
    net = load_adapter(library.companion("net"), CPU)
    heard = Heard(net, [net.encode(photo, sides, who.codec)], loud(0.8))
    asked = [who.encode(SENTENCE)]

    def clean(x: Tensor, level: NoiseLevel) -> Tensor:
        return who.denoise(x, level, asked, [heard])

    levels = schedule.levels(STEPS)
    with torch.inference_mode():
        *_, last = sampler(clean, flux.unit_noise(), levels, lambda: torch.empty(0))
    assert (last.x - run(0.8)).abs().max() <= 1e-4
    assert (run(0.8) - run(0.0)).abs().max() >= 1e-2


def test_those_of_a_transformer_fit_their_own_base_alone(tmp_path: Path) -> None:
    library = library_of(tmp_path, folders.stable_diffusion_3)
    folders.stable_diffusion(library.folder / "sd")
    folders.flux(library.folder / "flux")
    making.sd3_controlnet(library.folder / "net", library.folder / "base")
    making.flux_controlnet(library.folder / "other", library.folder / "flux")
    making.controlnet(library.folder / "of-unet", library.folder / "sd")
    for model, name in (
        ("base", "other"),
        ("base", "of-unet"),
        ("flux", "net"),
        ("flux", "of-unet"),
        ("sd", "net"),
        ("sd", "other"),
    ):
        (error,) = compiled(library, told([name], [1.0]), model=model).diagnostics
        assert (error.code, error.port) == ("M036", "adapters")
        assert f"'{name}' was made for another base than '{model}'" in error.message
    assert compiled(library, told(["other"], [1.0]), model="flux").plan is not None


@pytest.mark.parametrize(
    ("make", "changes", "said"),
    [
        (making.sd3_controlnet, {"extra_conditioning_channels": 1}, "shown a mask beside"),
        (making.flux_controlnet, {"num_mode": 6}, "a union of ControlNets"),
    ],
    ids=["inpainting", "union"],
)
def test_what_asks_for_more_than_a_picture_is_named(
    tmp_path: Path, make: Any, changes: dict[str, Any], said: str
) -> None:
    base = folders.flux if make is making.flux_controlnet else folders.stable_diffusion_3
    library = library_of(tmp_path, base)
    make(library.folder / "net", library.folder / "base", **changes)
    (error,) = compiled(library, told(["net"], [1.0])).diagnostics
    assert (error.code, error.node) == ("M038", "net0")
    assert said in error.message


def test_a_lora_is_heard_beside_one(tmp_path: Path) -> None:
    """What tunes the transformer leaves what it is told."""
    library = library_of(tmp_path, folders.stable_diffusion_3)
    making.sd3_controlnet(library.folder / "net", library.folder / "base")
    who: Any = expert(library.folder / "base")
    file = loras.peft(tmp_path / "a.safetensors", {"transformer": who._transformer}, 1)
    tuned = Tuned(who, {"a": deltas_of(read_lora("a", file), "base", who)})
    net = load_adapter(library.companion("net"), CPU)
    shown = Heard(net, [net.encode(making.picture(), (32, 32), who.codec)], loud(0.8))
    asked, level = [who.encode(SENTENCE)], NoiseLevel.from_noise(0.6)
    both, without = (
        tuned.denoise(sd3.unit_noise(), level, asked, [shown, Heard(Tuning("a"), (), loud(scale))])
        for scale in (0.7, 0.0)
    )
    assert torch.equal(without, who.denoise(sd3.unit_noise(), level, asked, [shown]))
    alone = tuned.denoise(sd3.unit_noise(), level, asked, [Heard(Tuning("a"), (), loud(0.7))])
    assert min((both - each).abs().max() for each in (without, alone)) > 1e-2
