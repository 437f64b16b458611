"""Checkpoints of one file are sampled as diffusers does, with the configs of a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from graph.checkpoints import load_expert
from graph.errors import ChoraleError
from graph.interfaces import Expert
from graph.inventory import Entry, inventory
from graph.library import Library, Model
from graph.schedules.discrete import Discrete
from tests.graph.experts import folders, loras, onefiles
from tests.graph.experts.alone import CPU, GUIDANCE, STEPS, sample
from tests.graph.experts.test_stable_diffusion import SAMPLERS, SENTENCE, V, unit_noise

NAME = "mine/dreamy.safetensors"


def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", tmp_path / "assets")


def expert(tmp_path: Path) -> Expert:
    return load_expert(NAME, library(tmp_path), CPU)


def theirs(pipeline: Any, solver: str, noise: torch.Tensor, **size: int) -> torch.Tensor:
    scheduler, changes, _, _ = SAMPLERS[solver]
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    return pipeline(
        SENTENCE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=noise,
        output_type="latent",
        **size,
    ).images


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("solver", ["ddim", "euler"])
@pytest.mark.parametrize(
    ("convention", "open_clip"), [({}, False), (V, True)], ids=["sd1-eps", "sd2-v"]
)
def test_one_file_is_sampled_as_stable_diffusion_pipeline_does(
    tmp_path: Path, solver: str, convention: dict[str, Any], open_clip: bool
) -> None:
    folder = folders.stable_diffusion(tmp_path / "models" / "base", **convention)
    file = onefiles.onefile(tmp_path / "models" / NAME, folder, open_clip=open_clip)
    onefiles.bare(folder)
    pipeline = StableDiffusionPipeline.from_single_file(
        str(file), config=str(folder), local_files_only=True
    )
    found = theirs(pipeline, solver, unit_noise())
    _, _, sampler, levels = SAMPLERS[solver]
    who = expert(tmp_path)
    ours = sample(who, SENTENCE, unit_noise(), sampler, Discrete(**levels).levels(STEPS))
    assert (ours - found).abs().max() <= 1e-4
    assert who.codec is not None
    pixels = who.codec.pixels(ours)
    assert (pixels - pipeline.vae.decode(found / 0.7).sample).abs().max() <= 1e-4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize("solver", ["ddim", "euler"])
def test_one_file_is_sampled_as_stable_diffusion_xl_pipeline_does(
    tmp_path: Path, solver: str
) -> None:
    folder = folders.stable_diffusion_xl(tmp_path / "models" / "base")
    file = onefiles.onefile(tmp_path / "models" / NAME, folder)
    onefiles.bare(folder)
    pipeline = StableDiffusionXLPipeline.from_single_file(
        str(file), config=str(folder), local_files_only=True
    )
    height, width = (8 * side for side in folders.XL_SIDES)
    noise = unit_noise((folders.CHANNELS, *folders.XL_SIDES))
    found = theirs(pipeline, solver, noise, height=height, width=width)
    _, _, sampler, levels = SAMPLERS[solver]
    ours = sample(expert(tmp_path), SENTENCE, noise, sampler, Discrete(**levels).levels(STEPS))
    assert (ours - found).abs().max() <= 1e-4


def placed(tmp_path: Path) -> Path:
    folder = folders.stable_diffusion(tmp_path / "models" / "base")
    return onefiles.onefile(tmp_path / "models" / NAME, folder)


def test_a_file_and_a_folder_of_one_autoencoder_share_their_space(tmp_path: Path) -> None:
    file = placed(tmp_path)
    found = library(tmp_path)
    assert found.names() == ("base", NAME)
    assert found.model(NAME).space == found.model("base").space
    assert [each.name for each in found.models("text")] == ["base", NAME]
    tensors = load_file(file)
    tensors["first_stage_model.encoder.conv_in.weight"] += 1.0
    save_file(tensors, file)
    assert found.model(NAME).space.id != found.model("base").space.id
    assert found.model(NAME) is found.model(NAME)


def test_it_is_the_folder_s_own_expert(tmp_path: Path) -> None:
    placed(tmp_path)
    folder: Any = load_expert("base", library(tmp_path), CPU)
    file: Any = expert(tmp_path)
    for part, network in folder.networks().items():
        stored = file.networks()[part].state_dict()
        assert all(torch.equal(stored[key], each) for key, each in network.state_dict().items())


def test_a_folder_without_weights_is_listed_as_what_it_lends(tmp_path: Path) -> None:
    placed(tmp_path)
    onefiles.bare(tmp_path / "models" / "base")
    lender, file = inventory(library(tmp_path))
    assert isinstance(lender, Entry)
    assert isinstance(file, Entry)
    assert (lender.name, lender.role) == ("base", "configuration")
    assert (lender.family, lender.asked) == (file.family, file.asked)
    assert (lender.size, lender.hash) == (0, "")
    assert (file.name, file.role) == (NAME, "expert")
    assert library(tmp_path).problems() == ()
    assert [each.name for each in library(tmp_path).models()] == [NAME]


def test_a_folder_that_lends_nothing_is_broken_without_its_weights(tmp_path: Path) -> None:
    for make, name in ((folders.pixart, "sentence"), (folders.stable_diffusion, "half")):
        onefiles.bare(make(tmp_path / "models" / name))
    (tmp_path / "models" / "half" / "vae" / "model.bin").write_bytes(b"pickled")
    codes = [getattr(each, "code", "listed") for each in inventory(library(tmp_path))]
    assert codes == ["M003", "M003"]


def test_a_card_beside_it_names_the_folder_that_lends(tmp_path: Path) -> None:
    file = placed(tmp_path)
    folders.stable_diffusion(tmp_path / "models" / "a-first", **V)
    found = library(tmp_path)
    assert found.model(NAME).prediction == "v_prediction", "the first that fits"
    card = file.with_suffix(".json")
    card.write_text(json.dumps({"base": "base", "space": "dream"}))
    model = found.model(NAME)
    assert (model.prediction, model.space.label) == ("epsilon", "dream")
    card.write_text(json.dumps({"base": "elsewhere"}))
    said = "M041 .* and the folder 'elsewhere' that its card names is none of a StableDiffusionPipe"
    with pytest.raises(ChoraleError, match=said):
        found.model(NAME)
    card.write_text(json.dumps({"condition": "smell"}))
    with pytest.raises(ChoraleError, match=r"M005 The dreamy\.json of 'mine/dreamy.* 'condition'"):
        found.model(NAME)


def test_without_configs_it_is_said_how_to_get_them(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "elsewhere")
    onefiles.onefile(tmp_path / "models" / NAME, folder)
    folders.stable_diffusion_xl(tmp_path / "models" / "xl")
    said = r"M041 .*no folder is one of a StableDiffusionPipeline \(first layer 8 wide, words 8 w"
    with pytest.raises(ChoraleError, match=said):
        library(tmp_path).model(NAME)


def refused(tmp_path: Path, name: str = NAME) -> str:
    found = library(tmp_path).attempt(name)
    assert not isinstance(found, Model)
    return str(found)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    file = placed(tmp_path)
    file.write_bytes(file.read_bytes()[:-64])
    assert refused(tmp_path).startswith(f"M013 The files of '{NAME}' cannot be loaded: mine/dreamy")
    file.write_bytes(b"not at all")
    assert refused(tmp_path).startswith(f"M013 The files of '{NAME}' cannot be loaded: mine/dreamy")


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".bin"])
def test_a_pickled_file_is_never_opened(tmp_path: Path, suffix: str) -> None:
    file = placed(tmp_path)
    file.rename(file.with_suffix(suffix))
    said = refused(tmp_path, f"mine/dreamy{suffix}")
    assert said.startswith(f"M004 'mine/dreamy{suffix}' is pickled; pickles can run code")
    assert [each.code for each in library(tmp_path).problems()] == ["M004"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("model.diffusion_model.joint_blocks.0.weight", "it is Stable Diffusion 3"),
        ("double_blocks.0.weight", "it is Flux"),
        ("control_model.input.weight", "it is a ControlNet"),
        ("down_blocks.0.weight", "it is one network of a diffusers folder"),
        ("something", "it is a file of 1 tensors, such as something"),
    ],
)
def test_files_of_other_families_are_named_with_what_loads(
    tmp_path: Path, key: str, said: str
) -> None:
    file = placed(tmp_path)
    save_file({key: torch.ones(1)}, file)
    found = refused(tmp_path)
    assert found.startswith(f"M042 '{NAME}' is no checkpoint that loads from one file: {said}.")
    assert "What loads: Stable Diffusion 1 and 2, and SDXL" in found


def test_a_file_without_a_part_or_with_other_inputs_is_refused(tmp_path: Path) -> None:
    file = placed(tmp_path)
    whole = load_file(file)
    save_file({key: each for key, each in whole.items() if "stage_model" not in key}, file)
    assert "it has no vae and no text_encoder." in refused(tmp_path)
    first = "model.diffusion_model.input_blocks.0.0.weight"
    save_file({**whole, first: torch.ones(8, 9, 3, 3)}, file)
    assert "its UNet takes 9 channels, expected 4." in refused(tmp_path)


@pytest.mark.parametrize("bent", ["input_blocks.0.0.weight", "attn2.to_k.weight"])
def test_layers_of_no_such_form_are_refused(tmp_path: Path, bent: str) -> None:
    file = placed(tmp_path)
    whole = load_file(file)
    save_file({k: torch.ones(8) if k.endswith(bent) else each for k, each in whole.items()}, file)
    assert refused(tmp_path).startswith(f"M042 '{NAME}' is no checkpoint that loads from one file")


def test_weights_that_the_configs_do_not_expect_are_no_guess(tmp_path: Path) -> None:
    file = placed(tmp_path)
    tensors = load_file(file)
    del tensors["model.diffusion_model.time_embed.2.bias"]
    save_file(tensors, file)
    said = rf"M013 .*'{NAME}'.* its unet does not fit .*time_embedding\.linear_2\.bias is missing"
    with pytest.raises(ChoraleError, match=said):
        expert(tmp_path)


def test_the_inventory_lists_files_and_loras(tmp_path: Path) -> None:
    file = placed(tmp_path)
    who: Any = expert(tmp_path)
    loras.kohya(file.parent / "ink.safetensors", who.networks(), 1)
    found = library(tmp_path)
    entries = {each.name: each for each in inventory(found) if isinstance(each, Entry)}
    assert list(entries) == ["base", NAME, "mine/ink.safetensors"]
    one, ink = entries[NAME], entries["mine/ink.safetensors"]
    assert (one.role, one.family, one.size) == (
        "expert",
        "StableDiffusionPipeline",
        file.stat().st_size,
    )
    assert (ink.role, ink.asked) == ("lora", "text_encoder, unet")
    assert len({each.hash for each in entries.values()}) == 3
    assert found.names() == ("base", NAME)
    assert found.lora("mine/ink.safetensors").parts.keys() == {"unet", "text_encoder"}
    with pytest.raises(ChoraleError, match="M001 There is no model 'mine/pen"):
        found.lora("mine/pen.safetensors")
