"""ControlNets are heard as diffusers' pipelines hear them, and cost nothing silent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionXLControlNetPipeline,
)
from PIL import Image
from torch import Tensor

from graph.adapters.controlnet import ControlNet
from graph.interfaces import Heard
from graph.library import Library
from tests.graph.adapters import distilled, making
from tests.graph.adapters.workflows import (
    GUIDANCE,
    SAMPLERS,
    SENTENCE,
    STEPS,
    compiled,
    player_of,
    sampled,
    stored,
)
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU, expert

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning:diffusers"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A checkpoint, and two ControlNets made from it."""
    models = tmp_path_factory.mktemp("library") / "models"
    folders.stable_diffusion(models / "base")
    making.controlnet(models / "depth", models / "base")
    making.controlnet(models / "lines", models / "base", seed=31)
    return Library(models, models.parent / "assets")


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(5))


def pipeline_of(library: Library, names: list[str], solver: str, family: Any = None) -> Any:
    nets = [ControlNetModel.from_pretrained(library.folder / name) for name in names]
    made = (family or StableDiffusionControlNetPipeline).from_pretrained(
        library.folder / "base", controlnet=nets if len(nets) > 1 else nets[0]
    )
    made.set_progress_bar_config(disable=True)
    scheduler, changes, _ = SAMPLERS[solver]
    made.scheduler = scheduler.from_config(made.scheduler.config, **changes)
    return made


@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize("span", [(1.0, 0.0), (0.75, 0.25)], ids=["whole", "part"])
def test_one_is_heard_as_the_pipeline_hears_it(
    library: Library, solver: str, span: tuple[float, float]
) -> None:
    pipeline = pipeline_of(library, ["depth"], solver)
    shape = (folders.CHANNELS, folders.SIDE, folders.SIDE)
    net = {"model": "depth", "photo": making.picture(), "reliability": 0.8}
    found = compiled(library, {"net": net}, SAMPLERS[solver][2])
    player = player_of(library, found)
    levels = [level.noise for level in player.track.levels]
    first, last = (round(STEPS * (1.0 - each)) for each in span)

    def run(sentence: str, scale: float) -> torch.Tensor:
        return pipeline(
            sentence,
            image=making.picture(),
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            controlnet_conditioning_scale=scale,
            control_guidance_start=first / STEPS,
            control_guidance_end=last / STEPS,
            latents=noise(*shape),
            output_type="latent",
        ).images

    # the middle between two levels lies where neither counts it
    high = 1.0 if first == 0 else (levels[first - 1] + levels[first]) / 2
    low = 0.0 if last == STEPS else (levels[last - 1] + levels[last]) / 2
    net |= {"from_noise": high, "to_noise": low}
    found = compiled(library, {"net": net}, SAMPLERS[solver][2])
    ours = sampled(library, found, noise(*shape))
    theirs = run(SENTENCE, 0.8)
    assert (ours - theirs).abs().max() <= 1e-4
    assert (theirs - run(SENTENCE, 0.0)).abs().max() >= 5e-3
    assert (theirs - run("", 0.8)).abs().max() >= 5e-3


@pytest.mark.parametrize("solver", SAMPLERS)
def test_several_are_heard_as_the_pipeline_hears_them(library: Library, solver: str) -> None:
    pipeline = pipeline_of(library, ["depth", "lines"], solver)
    shape = (folders.CHANNELS, folders.SIDE, folders.SIDE)
    theirs = pipeline(
        SENTENCE,
        image=[making.picture(1), making.picture(2)],
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        controlnet_conditioning_scale=[0.5, 1.5],
        latents=noise(*shape),
        output_type="latent",
    ).images
    found = compiled(
        library,
        {
            "one": {"model": "depth", "photo": making.picture(1), "reliability": 0.5},
            "two": {"model": "lines", "photo": making.picture(2), "reliability": 1.5},
        },
        SAMPLERS[solver][2],
    )
    assert (sampled(library, found, noise(*shape)) - theirs).abs().max() <= 1e-4


@pytest.mark.parametrize("solver", SAMPLERS)
def test_that_of_sdxl_is_told_sizes_too(tmp_path: Path, solver: str) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    folders.stable_diffusion_xl(library.folder / "base")
    making.controlnet(library.folder / "depth", library.folder / "base")
    pipeline = pipeline_of(library, ["depth"], solver, StableDiffusionXLControlNetPipeline)
    height, width = folders.XL_SIDES
    shown = making.picture().resize((8 * width, 8 * height))
    theirs = pipeline(
        SENTENCE,
        image=shown,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        controlnet_conditioning_scale=0.7,
        height=8 * height,
        width=8 * width,
        latents=noise(folders.CHANNELS, height, width),
        output_type="latent",
    ).images
    told = {"net": {"model": "depth", "photo": shown, "reliability": 0.7}}
    found = compiled(library, told, SAMPLERS[solver][2])
    ours = sampled(library, found, noise(folders.CHANNELS, height, width))
    assert (ours - theirs).abs().max() <= 1e-4


@pytest.mark.parametrize("steps", [1, 4])
def test_a_distilled_expert_hears_one_of_its_undistilled_base(tmp_path: Path, steps: int) -> None:
    """As people do: a ControlNet is told nothing of the guidance that was distilled."""
    library = Library(tmp_path / "models", tmp_path / "assets")
    base = folders.stable_diffusion(tmp_path / "undistilled")
    folders.latent_consistency(library.folder / "base")
    making.controlnet(library.folder / "depth", base)
    pipeline = StableDiffusionControlNetPipeline.from_pretrained(
        library.folder / "base",
        controlnet=ControlNetModel.from_pretrained(library.folder / "depth"),
    )
    start = noise(folders.CHANNELS, folders.SIDE, folders.SIDE)
    found = distilled.theirs(
        pipeline, start, steps, image=making.picture(), controlnet_conditioning_scale=0.8
    )
    who = expert(library.folder / "base")
    net = ControlNet.load(library.companion("depth"), CPU)
    heard = Heard(net, [net.encode(making.picture(), (32, 32))], distilled.loud(0.8))
    ours = distilled.ours(who, who.encode(SENTENCE), start, steps, [heard])
    assert (ours - found).abs().max() <= 1e-4


def test_a_map_says_where_it_is_heard(library: Library) -> None:
    """Its residuals count by the map in their own sizes: here on the left alone, by 1.5."""
    half = torch.zeros(8 * folders.SIDE, 8 * folders.SIDE, dtype=torch.uint8)
    half[:, : 4 * folders.SIDE] = 255
    where = ("map", {"picture": stored(library, Image.fromarray(half.numpy())), "white": 1.5})
    told = {"net": {"model": "depth", "photo": making.picture(1), "in_null": False}}
    wire = "map.reliability > net.reliability"
    found = compiled(library, told, beside={"map": where}, more=[wire])
    player = player_of(library, found)
    assert found.plan is not None
    values = {each.name: each.default for each in found.plan.controls}
    hand = ByHand(pipeline_of(library, ["depth", "lines"], "ddim"), lambda part: left(part, 1.5))
    with torch.inference_mode():
        ground, there, _ = hand.null_and_told(player.x, 999)
        step = player.advance(0, values)
    expected = ground + GUIDANCE * (there - ground)
    assert (step.denoised - expected).abs().max() <= 1e-4 * expected.abs().max()


def left(part: torch.Tensor, loud: float) -> torch.Tensor:
    """The left half of a residual, so loud."""
    found = loud * part
    found[..., part.shape[-1] // 2 :] = 0.0
    return found


def test_a_silent_one_leaves_every_bit_and_asks_nobody(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = sampled(library, compiled(library, {}))
    told = {"net": {"model": "depth", "photo": making.picture()}}
    loud = sampled(library, compiled(library, told))
    assert (loud - bare).abs().max() > 1e-2

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a silent adapter was asked")

    monkeypatch.setattr(ControlNetModel, "forward", refuse)
    for faders in ({"net__reliability": 0.0}, {"net__muted": True}):
        assert sampled(library, compiled(library, told), **faders).equal(bare)


def test_a_soloed_one_silences_the_others_and_no_expert(library: Library) -> None:
    two = {
        "one": {"model": "depth", "photo": making.picture(1)},
        "two": {"model": "lines", "photo": making.picture(2)},
    }
    alone = sampled(library, compiled(library, {"one": two["one"]}))
    soloed = sampled(library, compiled(library, two), one__solo=True)
    assert soloed.equal(alone)


def pooling(library: Library) -> None:
    """A ControlNet called `pooled`, as that for shuffled pictures is."""
    making.controlnet(library.folder / "pooled", library.folder / "base")
    config = library.folder / "pooled" / "config.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps(settings | {"global_pool_conditions": True}))


@pytest.mark.parametrize("solver", SAMPLERS)
def test_one_that_pools_is_heard_under_the_sentence_alone(library: Library, solver: str) -> None:
    """As diffusers hears one for shuffled pictures, always in guess mode."""
    pooling(library)
    start = noise(folders.CHANNELS, folders.SIDE, folders.SIDE)
    theirs = pipeline_of(library, ["pooled"], solver)(
        SENTENCE,
        image=making.picture(),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=start.clone(),
        output_type="latent",
    ).images
    told = {"net": {"model": "pooled", "photo": making.picture(), "in_null": False}}
    found = compiled(library, told, SAMPLERS[solver][2])
    assert found.diagnostics == ()
    assert (sampled(library, found, start) - theirs).abs().max() <= 1e-4


def test_the_null_is_said_not_to_know_one_that_pools(library: Library) -> None:
    pooling(library)
    told = {"net": {"model": "pooled", "photo": making.picture()}}
    (warned,) = compiled(library, told).diagnostics
    assert (warned.code, warned.severity, warned.node) == ("M045", "warning", "net")


class ByHand:
    """Clean estimates of a checkpoint with ControlNets, from diffusers' own networks alone."""

    def __init__(self, pipeline: Any, loud: Callable[[Tensor], Tensor] = torch.clone) -> None:
        self.pipeline, self.loud = pipeline, loud
        self.asked, self.null = pipeline.encode_prompt(SENTENCE, "cpu", 1, True)

    def null_and_told(self, x: torch.Tensor, time: int) -> list[torch.Tensor]:
        """D under nothing, and under the sentence with each ControlNet and its own picture."""
        square = self.pipeline.scheduler.alphas_cumprod[time]
        found = [self.pipeline.unet(x, time, encoder_hidden_states=self.null)[0]]
        for number, net in enumerate(self.pipeline.controlnet.nets):
            shown = self.pipeline.control_image_processor.preprocess(making.picture(1 + number))
            down, mid = net(x, time, self.asked, shown, return_dict=False)
            answer = self.pipeline.unet(
                x,
                time,
                encoder_hidden_states=self.asked,
                down_block_additional_residuals=[self.loud(part) for part in down],
                mid_block_additional_residual=self.loud(mid),
            )
            found.append(answer[0])
        return [(x - (1.0 - square).sqrt() * each) / square.sqrt() for each in found]


def test_depth_and_lines_are_two_experts_of_one_base(library: Library) -> None:
    """D = N + Σ w·(D(c, map) − N), N without any map."""
    told = {
        "one": {"model": "depth", "photo": making.picture(1), "in_null": False},
        "two": {"model": "lines", "photo": making.picture(2), "in_null": False},
    }
    found = compiled(library, told, experts={"depth": ["one"], "lines": ["two"]})
    player = player_of(library, found)
    assert found.plan is not None
    values = {each.name: each.default for each in found.plan.controls}
    hand = ByHand(pipeline_of(library, ["depth", "lines"], "ddim"))
    with torch.inference_mode():
        for number in range(STEPS):
            ground, depth, lines = hand.null_and_told(player.x, 999 - number * 1000 // STEPS)
            terms = [GUIDANCE * (each - ground) for each in (depth, lines)]
            expected = ground + terms[0] + terms[1]
            step = player.advance(number, values)
            assert (step.denoised - expected).abs().max() <= 1e-4 * expected.abs().max()
            assert (depth - lines).abs().max() > 1e-3


def test_experts_that_hear_the_same_adapter_are_asked_in_one_pass(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    forward = ControlNetModel.forward

    def counted(self: Any, sample: torch.Tensor, *args: Any, **more: Any) -> Any:
        calls.append(len(sample))
        return forward(self, sample, *args, **more)

    monkeypatch.setattr(ControlNetModel, "forward", counted)
    told = {
        "one": {"model": "depth", "photo": making.picture(1), "in_null": False},
        "two": {"model": "depth", "photo": making.picture(2), "in_null": False},
    }
    found = compiled(library, told, experts={"a": ["one"], "b": ["two"]})
    sampled(library, found, two__reliability=0.5)
    assert calls == [2] * STEPS


@pytest.mark.parametrize(
    ("setting", "other"),
    [
        ("in_channels", 16),
        ("block_out_channels", [8, 32]),
        ("layers_per_block", 2),
        ("cross_attention_dim", 12),
        ("addition_embed_type", "text_time"),
    ],
)
def test_one_for_another_base_is_refused_with_the_setting(
    library: Library, setting: str, other: Any
) -> None:
    """Another latent space is seen by its channels."""
    making.controlnet(library.folder / "other", library.folder / "base", **{setting: other})
    told = {"net": {"model": "other", "photo": making.picture()}}
    (error,) = compiled(library, told).diagnostics
    assert (error.code, error.port) == ("M036", "adapters")
    assert f"{setting} is " in error.message
    assert error.message.endswith(f"expected {other}.")


def test_pickled_weights_are_not_opened(library: Library) -> None:
    folder = making.controlnet(library.folder / "pickled", library.folder / "base")
    (folder / "diffusion_pytorch_model.safetensors").rename(folder / "diffusion_pytorch_model.bin")
    told = {"net": {"model": "pickled", "photo": making.picture()}}
    (error,) = compiled(library, told).diagnostics
    assert error.code == "M004"


def test_an_expert_that_takes_none_says_so(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    folders.stable_diffusion(library.folder / "base")
    folders.pixart(library.folder / "pixart")
    making.controlnet(library.folder / "depth", library.folder / "base")
    told = {"net": {"model": "depth", "photo": making.picture()}}
    (error,) = compiled(library, told, model="pixart").diagnostics
    assert (error.code, error.port) == ("M039", "adapters")


def test_what_is_no_adapter_is_named(library: Library) -> None:
    told = {"net": {"model": "base", "photo": making.picture()}}
    (error,) = compiled(library, told).diagnostics
    assert error.code == "M038"


def test_one_picture_is_shown(library: Library) -> None:
    told = {"net": {"model": "depth", "photo": making.picture()}}
    drawn = {"lines": ("sketch", {"picture": stored(library, making.picture())})}
    twice = compiled(library, told, beside=drawn, more=["lines.sketch > net.sketch"])
    (error,) = twice.diagnostics
    assert error.code == "M037"
    never = compiled(library, {"net": {"model": "depth"}})
    (error,) = never.diagnostics
    assert error.code == "M037"
    assert "got none" in error.message
