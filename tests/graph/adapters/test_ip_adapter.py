"""IP-Adapters are heard as diffusers' pipeline hears them, alone and several."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    LatentConsistencyModelPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file

from graph.adapters.ip_adapter import IPAdapter
from graph.checkpoints import load_adapter
from graph.errors import ChoraleError
from graph.interfaces import Heard
from graph.library import Library
from tests.graph.adapters import distilled, making
from tests.graph.adapters.workflows import (
    GUIDANCE,
    SAMPLERS,
    SENTENCE,
    STEPS,
    compiled,
    sampled,
)
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU, expert

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning:diffusers"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    models = tmp_path_factory.mktemp("library") / "models"
    folders.stable_diffusion(models / "base")
    making.ip_adapter(models / "ip", models / "base")
    return Library(models, models.parent / "assets")


def noise() -> torch.Tensor:
    shape = (1, folders.CHANNELS, folders.SIDE, folders.SIDE)
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize("count", [1, 2])
def test_pictures_are_heard_as_the_pipeline_hears_them(
    library: Library, solver: str, count: int
) -> None:
    scheduler, changes, sampler = SAMPLERS[solver]
    pipeline: Any = StableDiffusionPipeline.from_pretrained(library.folder / "base")
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    file = ["ip-adapter_tiny.safetensors"] * count
    pipeline.load_ip_adapter(str(library.folder / "ip"), subfolder="", weight_name=file)
    scales = [0.8, 0.5][:count]
    photos = [making.picture(number) for number in range(count)]

    def run(sentence: str, loud: float = 1.0) -> torch.Tensor:
        pipeline.set_ip_adapter_scale([loud * each for each in scales])
        return pipeline(
            sentence,
            ip_adapter_image=photos,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            latents=noise(),
            output_type="latent",
        ).images

    told = {
        f"ip{number}": {"model": "ip", "photo": photo, "reliability": scale}
        for number, (photo, scale) in enumerate(zip(photos, scales, strict=True))
    }
    ours = sampled(library, compiled(library, told, sampler), noise())
    theirs = run(SENTENCE)
    assert (ours - theirs).abs().max() <= 1e-4
    assert (theirs - run(SENTENCE, 0.0)).abs().max() >= 1e-2
    assert (theirs - run("")).abs().max() >= 1e-2


@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize("kind", ["plus", "full"])
def test_one_that_looks_at_every_place_is_heard_as_the_pipeline_hears_it(
    library: Library, kind: str, solver: str
) -> None:
    making.ip_adapter(library.folder / kind, library.folder / "base", kind)
    scheduler, changes, sampler = SAMPLERS[solver]
    pipeline: Any = StableDiffusionPipeline.from_pretrained(library.folder / "base")
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    pipeline.load_ip_adapter(
        str(library.folder / kind), subfolder="", weight_name="ip-adapter_tiny.safetensors"
    )

    def run(scale: float, seed: int = 1) -> torch.Tensor:
        pipeline.set_ip_adapter_scale(scale)
        return pipeline(
            SENTENCE,
            ip_adapter_image=making.picture(seed),
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            latents=noise(),
            output_type="latent",
        ).images

    told = {"ip": {"model": kind, "photo": making.picture(), "reliability": 0.8}}
    ours = sampled(library, compiled(library, told, sampler), noise())
    theirs = run(0.8)
    assert (ours - theirs).abs().max() <= 1e-4
    assert (theirs - run(0.0)).abs().max() >= 1e-2
    assert (theirs - run(0.8, seed=2)).abs().max() >= 1e-2


@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize("kind", ["plain", "plus"])
def test_that_of_sdxl_is_heard_as_the_pipeline_hears_it(
    tmp_path: Path, kind: str, solver: str
) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    folders.stable_diffusion_xl(library.folder / "base")
    making.ip_adapter(library.folder / "ip", library.folder / "base", kind)
    scheduler, changes, sampler = SAMPLERS[solver]
    pipeline: Any = StableDiffusionXLPipeline.from_pretrained(library.folder / "base")
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    pipeline.load_ip_adapter(
        str(library.folder / "ip"), subfolder="", weight_name="ip-adapter_tiny.safetensors"
    )
    pipeline.set_ip_adapter_scale(0.8)
    height, width = folders.XL_SIDES
    shape = (1, folders.CHANNELS, height, width)
    start = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    theirs = pipeline(
        SENTENCE,
        ip_adapter_image=making.picture(),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        height=8 * height,
        width=8 * width,
        latents=start.clone(),
        output_type="latent",
    ).images
    told = {"ip": {"model": "ip", "photo": making.picture(), "reliability": 0.8}}
    ours = sampled(library, compiled(library, told, sampler), start)
    assert (ours - theirs).abs().max() <= 1e-4
    assert (sampled(library, compiled(library, {}, sampler), start) - theirs).abs().max() >= 1e-2


@pytest.mark.parametrize("steps", [1, 4])
def test_a_distilled_expert_hears_it(library: Library, steps: int) -> None:
    base = folders.latent_consistency(library.folder / "lcm")
    pipeline: Any = LatentConsistencyModelPipeline.from_pretrained(base)
    pipeline.load_ip_adapter(
        str(library.folder / "ip"), subfolder="", weight_name="ip-adapter_tiny.safetensors"
    )

    def run(scale: float) -> torch.Tensor:
        pipeline.set_ip_adapter_scale(scale)
        return distilled.theirs(pipeline, noise(), steps, ip_adapter_image=making.picture())

    who, adapter = expert(base), IPAdapter.load(library.companion("ip"), CPU)
    heard = Heard(adapter, [adapter.encode(making.picture(), (32, 32))], distilled.loud(0.8))
    ours = distilled.ours(who, who.encode(SENTENCE), noise(), steps, [heard])
    found = run(0.8)
    assert (ours - found).abs().max() <= 1e-4
    assert (found - run(0.0)).abs().max() >= 5e-3


def test_the_base_is_left_as_it_was(library: Library) -> None:
    bare = sampled(library, compiled(library, {}))
    told = {"ip": {"model": "ip", "photo": making.picture()}}
    found = compiled(library, told)
    loud = sampled(library, found)
    assert (loud - bare).abs().max() > 1e-2
    assert sampled(library, found, ip__muted=True).equal(bare)


def test_an_expert_beside_it_hears_nothing_of_it(library: Library) -> None:
    """One UNet: with it in one pass, without it in another; the hooks are gone between them."""
    told = {"ip": {"model": "ip", "photo": making.picture(), "in_null": False}}
    found = compiled(library, told, experts={"a": ["ip"], "b": []})
    only = sampled(library, compiled(library, {}, experts={"b": []}))
    assert sampled(library, found, b__solo=True).equal(only)
    assert (sampled(library, found) - only).abs().max() > 1e-2


def test_one_for_words_of_another_width_is_refused(library: Library) -> None:
    folders.stable_diffusion(library.folder / "wide", width=12)
    told = {"ip": {"model": "ip", "photo": making.picture()}}
    (error,) = compiled(library, told, model="wide").diagnostics
    assert error.code == "M036"
    assert "cross_attention_dim is 12, expected 8" in error.message


def test_the_null_of_one_that_looks_at_every_place_is_a_grey_picture(library: Library) -> None:
    """And no zeros: it is heard where nothing is shown."""
    making.ip_adapter(library.folder / "plus", library.folder / "base", "plus")
    adapter = IPAdapter.load(library.companion("plus"), CPU)
    grey, other = adapter.encode(None, (32, 32)), adapter.encode(making.picture(), (32, 32))
    assert grey.shape == other.shape == (6, 8)
    assert grey.abs().max() > 0.1
    assert (grey - other).abs().max() > 1e-2


def test_a_face_id_is_named(library: Library) -> None:
    folder = making.ip_adapter(library.folder / "face", library.folder / "base")
    file = folder / "ip-adapter_tiny.safetensors"
    stored = load_file(file)
    stored["image_proj.proj.0.weight"] = stored.pop("image_proj.proj.weight")
    save_file(stored, file)
    told = {"ip": {"model": "face", "photo": making.picture()}}
    (error,) = compiled(library, told).diagnostics
    assert error.code == "M038"
    assert "it is a FaceID" in error.message


@pytest.mark.parametrize(
    "stored",
    [
        {"weight": (1,)},
        {"ip_adapter.1.to_k_ip.weight": (8,), "image_proj.proj.weight": (8, 8)},
        {"ip_adapter.1.to_k_ip.weight": (8, 8), "image_proj.proj.weight": (8,)},
        {"ip_adapter.1.to_k_ip.weight": (8, 8), "image_proj.latents": (1, 4, 8)},
    ],
)
def test_a_file_of_something_else_is_no_ip_adapter(
    library: Library, stored: dict[str, tuple[int, ...]]
) -> None:
    folder = making.ip_adapter(library.folder / "else", library.folder / "base")
    file = folder / "ip-adapter_tiny.safetensors"
    save_file({name: torch.ones(shape) for name, shape in stored.items()}, file)
    told = {"ip": {"model": "else", "photo": making.picture()}}
    (error,) = compiled(library, told).diagnostics
    assert error.code == "M038"
    assert "no IP-Adapter by what its file holds" in error.message


def test_a_projection_of_no_width_is_damaged(library: Library) -> None:
    folder = making.ip_adapter(library.folder / "flat", library.folder / "base")
    file = folder / "ip-adapter_tiny.safetensors"
    save_file(load_file(file) | {"image_proj.norm.weight": torch.ones(0)}, file)
    with pytest.raises(ChoraleError, match="M013"):
        load_adapter(library.companion("flat"), CPU)


@pytest.mark.parametrize(
    ("kind", "setting", "width"),
    [("plain", "projection_dim", 10), ("plus", "hidden_size", 12), ("full", "hidden_size", 12)],
)
def test_another_image_encoder_beside_it_is_named(
    library: Library, kind: str, setting: str, width: int
) -> None:
    folder = making.ip_adapter(library.folder / "eyes", library.folder / "base", kind)
    config = folder / "image_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {setting: 1280}))
    told = {"ip": {"model": "eyes", "photo": making.picture()}}
    (error,) = compiled(library, told).diagnostics
    assert (error.code, error.node) == ("M054", "ip")
    assert f"its {setting} is 1280, expected {width}." in error.message


def test_a_unet_is_looked_through_once_and_not_held(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Any] = []
    found: Any = UNet2DConditionModel.attn_processors

    def counted(unet: Any) -> Any:
        looked.append(unet)
        return found.fget(unet)

    monkeypatch.setattr(UNet2DConditionModel, "attn_processors", property(counted))
    adapter = IPAdapter.load(library.companion("ip"), CPU)
    first, second = (folders.conditional_unet(cross_attention_dim=8) for _ in range(2))
    hints, weight = adapter.encode(making.picture(), (32, 32))[None], distilled.loud(1.0)
    for unet in (first, first, second, first):
        with adapter.within(unet, hints, weight):
            assert len(unet.mid_block.attentions[0].transformer_blocks[0].attn2._forward_hooks) == 1
    assert [each is first for each in looked] == [True, False]
    gone = weakref.ref(first)
    looked.clear()
    del first, unet
    gc.collect()
    assert gone() is None
    assert len(adapter._ears) == 1


def test_several_files_beside_one_encoder_are_named(library: Library) -> None:
    folder = making.ip_adapter(library.folder / "two", library.folder / "base")
    file = folder / "ip-adapter_tiny.safetensors"
    file.with_name("another.safetensors").write_bytes(file.read_bytes())
    told = {"ip": {"model": "two", "photo": making.picture()}}
    (error,) = compiled(library, told).diagnostics
    assert error.code == "M038"
    assert "another.safetensors, ip-adapter_tiny.safetensors" in error.message
