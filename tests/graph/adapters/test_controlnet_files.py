"""ControlNets of one file are told by their headers and heard as diffusers hears them."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionXLControlNetPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file

from graph.controlnets import SHARED
from graph.errors import ChoraleError
from graph.footprint import parts_of, total
from graph.inventory import Entry, inventory
from graph.ldm import ldm_names
from graph.library import Library
from tests.graph.adapters import making
from tests.graph.adapters.workflows import (
    GUIDANCE,
    SAMPLERS,
    SENTENCE,
    STEPS,
    compiled,
    sampled,
)
from tests.graph.experts import folders, onefiles

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning:diffusers"
)
Tensors = dict[str, torch.Tensor]
HINT = "controlnet_cond_embedding."


def original(tensors: Tensors, start: str = "") -> Tensors:
    """What the original code calls the weights of a ControlNet."""
    layers = dict.fromkeys(key.rpartition(".")[0] for key in tensors)
    names = dict(ldm_names(each for each in layers if not each.startswith("controlnet_")))
    for layer in layers:
        number = layer.rpartition(".")[2]
        if layer.startswith("controlnet_down_blocks."):
            names[layer] = f"zero_convs.{number}.0"
        elif layer.startswith(f"{HINT}blocks."):
            names[layer] = f"input_hint_block.{2 * int(number) + 2}"
    names |= {
        "controlnet_mid_block": "middle_block_out.0",
        f"{HINT}conv_in": "input_hint_block.0",
        f"{HINT}conv_out": "input_hint_block.14",
    }
    split = {key: key.rpartition(".") for key in tensors}
    return {f"{start}{names[split[key][0]]}.{split[key][2]}": tensors[key] for key in tensors}


NAMED: dict[str, Any] = {
    "diffusers": dict,
    "original": original,
    "original-beside": lambda found: {
        **original(found, "control_model."),
        "model.diffusion_model.time_embed.0.bias": torch.zeros(2),
    },
}
"""The forms in which people share them; the last is a checkpoint that holds more."""


def shared(library: Library, name: str, form: str, base: Any = folders.stable_diffusion) -> Path:
    """A file of the library in one of these forms; the folder that it was made of, elsewhere."""
    base(library.folder / "base")
    whole = making.controlnet(library.folder.parent / "whole", library.folder / "base")
    file = library.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    stored = NAMED[form](load_file(next(whole.glob("*.safetensors"))))
    save_file({key: each.contiguous() for key, each in stored.items()}, file)
    return whole


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", tmp_path / "assets")


def agree(library: Library, net: Any, solver: str, family: Any, sides: tuple[int, int]) -> None:
    """What diffusers makes of the net and what Chorale makes of its file are the same."""
    scheduler, changes, sampler = SAMPLERS[solver]
    pipeline = family.from_pretrained(library.folder / "base", controlnet=net)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    height, width = sides
    start = torch.randn(
        1, folders.CHANNELS, height, width, generator=torch.Generator().manual_seed(5)
    )
    picture = making.picture().resize((8 * width, 8 * height))

    def theirs(scale: float) -> torch.Tensor:
        return pipeline(
            SENTENCE,
            image=picture,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            controlnet_conditioning_scale=scale,
            height=8 * height,
            width=8 * width,
            latents=start.clone(),
            output_type="latent",
        ).images

    told = {"net": {"model": "nets/depth.safetensors", "photo": picture, "reliability": 0.8}}
    ours = sampled(library, compiled(library, told, sampler), start)
    assert (ours - theirs(0.8)).abs().max() <= 1e-4
    assert (theirs(0.8) - theirs(0.0)).abs().max() >= 5e-3


@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize("form", NAMED)
def test_a_file_is_heard_as_diffusers_hears_it(library: Library, form: str, solver: str) -> None:
    whole = shared(library, "nets/depth.safetensors", form)
    net = ControlNetModel.from_single_file(
        str(library.folder / "nets/depth.safetensors"), config=str(whole), local_files_only=True
    )
    sides = folders.SIDE, folders.SIDE
    agree(library, net, solver, StableDiffusionControlNetPipeline, sides)


@pytest.mark.parametrize("solver", SAMPLERS)
def test_that_of_sdxl_has_the_names_of_diffusers(library: Library, solver: str) -> None:
    whole = shared(library, "nets/depth.safetensors", "diffusers", folders.stable_diffusion_xl)
    net = ControlNetModel.from_pretrained(whole)
    agree(library, net, solver, StableDiffusionXLControlNetPipeline, folders.XL_SIDES)


def test_what_it_shares_with_its_unet_is_what_diffusers_says() -> None:
    of_both = [
        set(inspect.signature(family.__init__).parameters) - {"self"}
        for family in (ControlNetModel, UNet2DConditionModel)
    ]
    assert set(SHARED) == of_both[0] & of_both[1]


def test_it_is_listed_and_counted_as_the_one_file_that_it_is(library: Library) -> None:
    shared(library, "nets/depth.safetensors", "original")
    onefiles.bare(library.folder / "base")
    entries = {each.name: each for each in inventory(library) if isinstance(each, Entry)}
    assert set(entries) == {"base", "nets/depth.safetensors"}
    found = entries["nets/depth.safetensors"]
    assert (found.role, found.family) == ("adapter", "ControlNetModel")
    file = library.folder / found.name
    assert found.size == file.stat().st_size
    numbers = sum(each.numel() for each in load_file(file).values())
    assert total(parts_of(library.companion(found.name), "float32")) == 4 * numbers
    assert library.names() == ("base",)


def test_without_a_folder_that_fits_it_is_said_how_to_get_one(library: Library) -> None:
    shared(library, "nets/depth.safetensors", "original")
    known = library.companion("nets/depth.safetensors")
    assert library.companion("nets/depth.safetensors") is known
    other = Library(library.folder / "nets", library.folder.parent / "assets")
    with pytest.raises(ChoraleError) as caught:
        other.companion("depth.safetensors")
    said = str(caught.value)
    assert said.startswith("M041 'depth.safetensors' has no configuration in it, and no folder is")
    assert "first layer 8 wide and words 8 wide" in said
    assert "--configs" in said
    (library.folder / "base/unet/config.json").unlink()
    with pytest.raises(ChoraleError):
        library.companion("nets/depth.safetensors")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda found: found | {"task_embedding": torch.zeros(2)}, "a union of ControlNets"),
        (lambda found: found | {"lora_controlnet": torch.zeros(0)}, "a Control-LoRA"),
        (
            lambda found: found | {"input_hint_block.0.weight": torch.zeros(4, 4, 3, 3)},
            "shown 4 channels",
        ),
        (lambda found: found | {"input_hint_block.0.weight": torch.zeros(4)}, "lacks some"),
        (
            lambda found: {key: each for key, each in found.items() if "attn2" not in key},
            "lacks some",
        ),
        (
            lambda found: {key: each for key, each in found.items() if "hint" not in key},
            "lacks some",
        ),
    ],
)
def test_what_is_none_or_another_is_refused_by_name(
    library: Library, change: Any, expected: str
) -> None:
    shared(library, "nets/depth.safetensors", "original")
    file = library.folder / "nets/depth.safetensors"
    save_file(change(load_file(file)), file)
    with pytest.raises(ChoraleError) as caught:
        library.companion("nets/depth.safetensors")
    assert str(caught.value).startswith("M038 ")
    assert expected in str(caught.value)


def test_weights_that_are_missing_are_no_guess(library: Library) -> None:
    shared(library, "nets/depth.safetensors", "original")
    file = library.folder / "nets/depth.safetensors"
    found = load_file(file)
    del found["middle_block_out.0.bias"]
    save_file(found, file)
    told = {"net": {"model": "nets/depth.safetensors", "photo": making.picture()}}
    with pytest.raises(ChoraleError) as caught:
        sampled(library, compiled(library, told), torch.zeros(1, 4, folders.SIDE, folders.SIDE))
    assert str(caught.value).startswith("M013 ")


def test_one_of_another_unet_is_a_wiring_error(library: Library) -> None:
    shared(library, "nets/depth.safetensors", "original")
    folders.stable_diffusion(library.folder / "wide", width=12)
    told = {"net": {"model": "nets/depth.safetensors", "photo": making.picture()}}
    found = compiled(library, told, model="wide")
    assert {"M036"} == {each.code for each in found.diagnostics if each.severity == "error"}
