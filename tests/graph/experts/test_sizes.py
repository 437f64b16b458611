"""Pictures of another size than the experts' own are sampled as diffusers' pipelines do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    FluxPipeline,
    LatentConsistencyModelPipeline,
    PixArtAlphaPipeline,
    PixArtSigmaPipeline,
    SanaPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor

from graph.library import Library
from graph.randomness import generator
from tests.graph.adapters import making
from tests.graph.adapters.workflows import GUIDANCE, STEPS, compiled, sampled
from tests.graph.experts import folders
from tests.graph.experts.test_flux import OwnTimes

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning:diffusers"
)
SENTENCE = "a red boat"
DISCRETE: Mapping[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "ddim": (
        DDIMScheduler,
        {"timestep_spacing": "trailing", "set_alpha_to_one": True},
        {"method": {"name": "ddim"}, "schedule": {"name": "discrete", "spacing": "trailing"}},
    ),
    "euler": (
        EulerDiscreteScheduler,
        {},
        {
            "method": {"name": "euler"},
            "schedule": {"name": "discrete", "spacing": "leading", "steps_offset": 1},
        },
    ),
}
COSINE = {"name": "discrete", "curve": "squaredcos_cap_v2", "spacing": "trailing"}
SOLVED: Mapping[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {}, {"method": {"name": "ddim"}, "schedule": COSINE}),
    "dpmpp_2m": (
        DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "solver_order": 2, "final_sigmas_type": "zero"},
        {"method": {"name": "dpmpp_2m"}, "schedule": COSINE},
    ),
}
SHIFTED = {"name": "flow", "shift": 3.0}
FLOW: Mapping[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "euler": (
        FlowMatchEulerDiscreteScheduler,
        {"shift": 3.0},
        {"method": {"name": "euler"}, "schedule": SHIFTED},
    ),
    "heun": (
        FlowMatchHeunDiscreteScheduler,
        {"shift": 3.0},
        {"method": {"name": "heun"}, "schedule": SHIFTED},
    ),
}
FLUX_PLACES = (32, 36)
MU = 0.5 + (math.prod(FLUX_PLACES) / 4 - 256) * (1.15 - 0.5) / (4096 - 256)
PACKED: Mapping[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "euler": (
        FlowMatchEulerDiscreteScheduler,
        {"use_dynamic_shifting": True},
        {
            "method": {"name": "euler"},
            "schedule": {"name": "flow", "shift": math.exp(MU), "ending": "even"},
        },
    ),
    "heun": (OwnTimes, {"shift": 3.0}, {"method": {"name": "heun"}, "schedule": SHIFTED}),
}
DISTILLED: Mapping[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    name: (
        None,
        {},
        {"method": {"name": name}, "schedule": {"name": "discrete", "spacing": "distilled"}},
    )
    for name in ("consistency", "ddim")
}
REDRAWN = {"consistency": DISTILLED["consistency"]}
SEED = 3


@dataclass(frozen=True)
class Case:
    """A family at so many latent places (rows, columns), of `scale` pixels each."""

    make: Callable[[Path], Path]
    pipeline: Any
    places: tuple[int, int]
    solvers: Mapping[str, tuple[Any, dict[str, Any], dict[str, Any]]]
    asked: Mapping[str, Any]
    scale: int = 8
    steps: int = STEPS
    guidance: float = GUIDANCE


def alpha(folder: Path) -> Path:
    """PixArt-α of 1024 pixels, which is told the size of its picture."""
    told = {"sample_size": 128, "use_additional_conditions": True}
    width = {"attention_head_dim": 12, "cross_attention_dim": 24}
    return folders.pixart(folder, family=PixArtAlphaPipeline, network={**told, **width})


UNBINNED = {"guidance_scale": GUIDANCE, "use_resolution_binning": False, "clean_caption": False}
PLAIN = {"guidance_scale": GUIDANCE}
CASES = {
    # odd places: a UNet halves them, and they are not doubled to as many
    "sd": Case(folders.stable_diffusion, StableDiffusionPipeline, (5, 7), DISCRETE, PLAIN),
    "sdxl": Case(folders.stable_diffusion_xl, StableDiffusionXLPipeline, (7, 3), DISCRETE, PLAIN),
    "lcm": Case(
        folders.latent_consistency,
        LatentConsistencyModelPipeline,
        (6, 3),
        REDRAWN,
        {"guidance_scale": 8.5},
        steps=4,
        guidance=1.0,
    ),
    # where there is one step alone, every sampler ends at its answer
    "lcm_once": Case(
        folders.latent_consistency,
        LatentConsistencyModelPipeline,
        (6, 3),
        DISTILLED,
        {"guidance_scale": 8.5},
        steps=1,
        guidance=1.0,
    ),
    "sd3": Case(folders.stable_diffusion_3, StableDiffusion3Pipeline, (6, 10), FLOW, PLAIN),
    "flux": Case(
        folders.flux,
        FluxPipeline,
        FLUX_PLACES,
        PACKED,
        {"negative_prompt": "", "true_cfg_scale": GUIDANCE},
        steps=4,
    ),
    "pixart": Case(folders.pixart, PixArtSigmaPipeline, (6, 10), SOLVED, UNBINNED),
    "alpha": Case(alpha, PixArtAlphaPipeline, (32, 38), SOLVED, UNBINNED, steps=4),
    "sana": Case(folders.sana, SanaPipeline, (8, 16), FLOW, UNBINNED, scale=4),
}


def noise(rows: int, columns: int) -> Tensor:
    shape = (1, folders.CHANNELS, rows, columns)
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def theirs(case: Case, folder: Path, solver: str, sentence: str) -> Tensor:
    """The latents of a pipeline of diffusers, told height and width, which draws as a run does."""
    pipeline = case.pipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    scheduler, changes, _ = case.solvers[solver]
    if scheduler is not None:
        told = pipeline.scheduler.config if case.solvers in (DISCRETE, SOLVED) else {}
        pipeline.scheduler = scheduler.from_config(told, **changes)
    rows, columns = case.places
    height, width = case.scale * rows, case.scale * columns
    start = noise(rows, columns)
    packs = case.pipeline is FluxPipeline
    found = pipeline(
        sentence,
        num_inference_steps=case.steps,
        latents=pipeline._pack_latents(start, *start.shape) if packs else start,
        height=height,
        width=width,
        generator=generator(SEED, 0, 0, "sampler"),
        output_type="latent",
        **case.asked,
    ).images
    return pipeline._unpack_latents(found, height, width, 8) if packs else found


def sized(case: Case, solver: str) -> dict[str, Any]:
    """The sampler's settings."""
    rows, columns = case.places
    size = {"width": case.scale * columns, "height": case.scale * rows}
    return {"steps": case.steps, "seed": SEED, **size, **case.solvers[solver][2]}


@pytest.mark.parametrize(
    ("name", "solver"), [(name, solver) for name, case in CASES.items() for solver in case.solvers]
)
def test_another_size_is_sampled_as_the_pipeline_does(
    tmp_path: Path, name: str, solver: str
) -> None:
    case = CASES[name]
    folder = case.make(tmp_path / "models" / "base")
    library = Library(tmp_path / "models", tmp_path / "assets")
    wanted, unasked = (theirs(case, folder, solver, sentence) for sentence in (SENTENCE, ""))
    found = compiled(library, {}, sized(case, solver))
    ours = sampled(library, found, noise(*case.places), expert__guidance=case.guidance)
    # as at their own size, those of PixArt are held to their largest value
    bound = 1e-4 * (float(wanted.abs().max()) if case.solvers is SOLVED else 1.0)
    assert (ours - wanted).abs().max() <= bound
    assert (wanted - unasked).abs().max() >= 5e-3


@pytest.mark.parametrize("solver", DISCRETE)
def test_adapters_are_shown_their_pictures_at_the_size_that_is_painted(
    tmp_path: Path, solver: str
) -> None:
    """A ControlNet and an IP-Adapter of one expert."""
    rows, columns = places = (5, 7)
    size = 8 * columns, 8 * rows
    models = tmp_path / "models"
    folders.stable_diffusion(models / "base")
    making.controlnet(models / "net", models / "base")
    making.ip_adapter(models / "ip", models / "base")
    pipeline: Any = StableDiffusionControlNetPipeline.from_pretrained(
        models / "base", controlnet=ControlNetModel.from_pretrained(models / "net")
    )
    pipeline.set_progress_bar_config(disable=True)
    scheduler, changes, sampler = DISCRETE[solver]
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    pipeline.load_ip_adapter(
        str(models / "ip"), subfolder="", weight_name="ip-adapter_tiny.safetensors"
    )
    map_of = making.picture(1).resize(size)

    def run(net: float, ip: float) -> Tensor:
        pipeline.set_ip_adapter_scale(ip)
        return pipeline(
            SENTENCE,
            image=map_of,
            ip_adapter_image=making.picture(2),
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            controlnet_conditioning_scale=net,
            latents=noise(*places),
            output_type="latent",
        ).images

    wanted = run(0.8, 0.5)
    assert min((wanted - run(*each)).abs().max() for each in ((0.0, 0.5), (0.8, 0.0))) >= 5e-3
    told = {
        "net": {"model": "net", "photo": map_of, "reliability": 0.8},
        "ip": {"model": "ip", "photo": making.picture(2), "reliability": 0.5},
    }
    library = Library(models, tmp_path / "assets")
    asked = {"steps": STEPS, "width": size[0], "height": size[1], **sampler}
    ours = sampled(library, compiled(library, told, asked), noise(*places))
    assert (ours - wanted).abs().max() <= 1e-4
