"""A run that starts from a picture is sampled as the image-to-image pipelines of diffusers do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    FluxImg2ImgPipeline,
    LatentConsistencyModelImg2ImgPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLImg2ImgPipeline,
)
from PIL import Image
from torch import Tensor

from graph.experts.flux import DISTILLED_GUIDANCE
from graph.library import Library
from graph.player import Player
from graph.randomness import Foreseen
from tests.graph.adapters import making
from tests.graph.adapters.workflows import GUIDANCE, SENTENCE, compiled, player_of, stored
from tests.graph.documents import Nodes
from tests.graph.experts import folders
from tests.graph.experts.test_flux import OwnTimes

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning:diffusers"
)
STEPS = 8
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
    "dpmpp_2m": (
        DPMSolverMultistepScheduler,
        {"final_sigmas_type": "zero"},
        {
            "method": {"name": "dpmpp_2m"},
            "schedule": {
                "name": "discrete",
                "spacing": "leading",
                "steps_offset": 1,
                "skip_last": True,
            },
        },
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
    "consistency": (
        None,
        {},
        {
            "method": {"name": "consistency"},
            "schedule": {"name": "discrete", "spacing": "distilled"},
        },
    )
}
DOUBLED = {0.3: 0.65, 0.75: 0.85, 1.0: 1.0}
"""Told sigmas, as Flux tells them, a pipeline takes the two calls of a step of Heun for steps."""
PLAIN = {"guidance_scale": GUIDANCE}


@dataclass(frozen=True)
class Case:
    """A family with its image-to-image pipeline, at so many latent places (rows, columns)."""

    make: Callable[[Path], Path]
    pipeline: Any
    places: tuple[int, int]
    solvers: Mapping[str, tuple[Any, dict[str, Any], dict[str, Any]]]
    asked: Mapping[str, Any]
    steps: int = STEPS
    guidance: float = GUIDANCE


CASES = {
    "sd": Case(folders.stable_diffusion, StableDiffusionImg2ImgPipeline, (4, 4), DISCRETE, PLAIN),
    "sdxl": Case(
        folders.stable_diffusion_xl, StableDiffusionXLImg2ImgPipeline, (4, 6), DISCRETE, PLAIN
    ),
    "sd3": Case(
        folders.stable_diffusion_3,
        StableDiffusion3Img2ImgPipeline,
        (6, 10),
        FLOW,
        {**PLAIN, "height": 48, "width": 80},
    ),
    "flux": Case(
        folders.flux,
        FluxImg2ImgPipeline,
        FLUX_PLACES,
        PACKED,
        {
            "negative_prompt": "",
            "true_cfg_scale": GUIDANCE,
            "guidance_scale": DISTILLED_GUIDANCE,
            "height": 8 * FLUX_PLACES[0],
            "width": 8 * FLUX_PLACES[1],
        },
    ),
    "lcm": Case(
        folders.latent_consistency,
        LatentConsistencyModelImg2ImgPipeline,
        (4, 4),
        DISTILLED,
        {"guidance_scale": 8.5},
        steps=4,
        guidance=1.0,
    ),
}


def certain(autoencoder: Any) -> None:
    """Leave it sure of what it encodes: the pipelines draw from about the mean."""
    last = autoencoder.quant_conv or autoencoder.encoder.conv_out
    with torch.no_grad():
        last.weight[folders.CHANNELS :] = 0.0
        last.bias[folders.CHANNELS :] = -30.0


def theirs(
    case: Case, folder: Path, solver: str, picture: Image.Image, strength: float, sentence: str
) -> tuple[Tensor, Callable[[], Tensor]]:
    """The latents of a pipeline of diffusers, and what draws noise as it did."""
    pipeline = case.pipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    certain(pipeline.vae)
    scheduler, changes, _ = case.solvers[solver]
    if scheduler is not None:
        told = pipeline.scheduler.config if case.solvers is DISCRETE else {}
        pipeline.scheduler = scheduler.from_config(told, **changes)
    found = pipeline(
        sentence,
        image=picture,
        strength=DOUBLED[strength] if scheduler is OwnTimes else strength,
        num_inference_steps=case.steps,
        generator=torch.Generator().manual_seed(5),
        output_type="latent",
        **case.asked,
    ).images
    if case.pipeline is FluxImg2ImgPipeline:
        found = pipeline._unpack_latents(found, *(8 * side for side in case.places), 8)
    generator = torch.Generator().manual_seed(5)
    shape = (1, folders.CHANNELS, *case.places)
    torch.randn(shape, generator=generator)  # of the encoding
    return found, lambda: torch.randn(shape, generator=generator)


def started(
    library: Library,
    picture: Image.Image,
    sampler: dict[str, Any],
    draw: Callable[[], Tensor],
    where: Image.Image | None = None,
) -> Player:
    """The track of a workflow that starts from a picture, under the noise that is drawn."""
    beside: Nodes = {"start": ("photo", {"picture": stored(library, picture)})}
    more = ["start.photo > sampler.start"]
    if where is not None:
        beside["place"] = ("region", {"picture": stored(library, where)})
        more.append("place.region > sampler.where")
    found = compiled(library, {}, sampler, more=more, beside=beside)
    player = player_of(library, found)
    own = player._draws("noise")()
    player.x = player.x + player.track.levels[0].sigma * (draw() - own)
    player._fresh = Foreseen(draw)
    return player


def played(player: Player, guidance: float) -> Tensor:
    """What it ends with."""
    faders = {"reliability": 1.0, "guidance": guidance, "muted": False, "solo": False}
    values: dict[str, Any] = {f"expert.{name}": value for name, value in faders.items()}
    with torch.inference_mode():
        for number in range(len(player.track.levels) - 1):
            player.advance(number, values)
    return player.x


@pytest.mark.parametrize("strength", [0.3, 0.75, 1.0])
@pytest.mark.parametrize(
    ("name", "solver"), [(name, solver) for name, case in CASES.items() for solver in case.solvers]
)
def test_a_picture_is_changed_as_the_pipeline_does(
    tmp_path: Path, name: str, solver: str, strength: float
) -> None:
    case = CASES[name]
    folder = case.make(tmp_path / "models" / "base")
    library = Library(tmp_path / "models", tmp_path / "assets")
    rows, columns = case.places
    picture = making.picture(1).resize((8 * columns, 8 * rows))
    wanted, draw = theirs(case, folder, solver, picture, strength, SENTENCE)
    unasked, _ = theirs(case, folder, solver, picture, strength, "")
    size = {"width": 8 * columns, "height": 8 * rows}
    told = {"steps": case.steps, "strength": strength, **size, **case.solvers[solver][2]}
    ours = played(started(library, picture, told, draw), case.guidance)
    assert (ours - wanted).abs().max() <= 1e-4
    assert (wanted - unasked).abs().max() >= 1e-3


@pytest.mark.parametrize("strength", [0.4, 0.75])
@pytest.mark.parametrize("solver", DISCRETE)
def test_a_region_is_painted_anew_as_the_pipeline_does(
    tmp_path: Path, solver: str, strength: float
) -> None:
    """By the UNet that knows no regions: the pipeline puts the picture back after every step."""
    case = Case(
        folders.stable_diffusion,
        StableDiffusionInpaintPipeline,
        (4, 4),
        DISCRETE,
        {**PLAIN, "mask_image": halves(), "height": 32, "width": 32},
    )
    folder = case.make(tmp_path / "models" / "base")
    library = Library(tmp_path / "models", tmp_path / "assets")
    picture = making.picture(1).resize((32, 32))
    wanted, draw = theirs(case, folder, solver, picture, strength, SENTENCE)
    told = {"steps": STEPS, "strength": strength, **DISCRETE[solver][2]}
    player = started(library, picture, told, draw, halves())
    ours = played(player, GUIDANCE)
    assert (ours - wanted).abs().max() <= 1e-4
    assert player.track.start is not None
    kept = (ours - player.track.start).abs().amax((0, 1))
    assert kept[:, :2].max() <= 1e-5
    assert kept[:, 2:].min() >= 1e-3


def halves() -> Image.Image:
    """White on the right."""
    region = Image.new("L", (32, 32))
    region.paste(255, (16, 0, 32, 32))
    return region
