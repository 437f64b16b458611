"""A shipped folder is a plain diffusers pipeline."""

import json
from dataclasses import replace

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file

from training import codec, folders
from training.networks import Expert
from training.recipes import RECIPES
from training.spaces import FINE, PLAYGROUND, SPACES
from training.words import tokenizer
from training.world import CLASSES, SCENE_KINDS

PREVIEW = {"weight": [[0.0] * 48] * 12, "bias": [0.5] * 48}


def small(space):
    """An autoencoder of the space's shape with few weights."""
    return codec.build(replace(space, widths=(8,) * len(space.widths))).eval()


@pytest.fixture(scope="module")
def vaes():
    torch.manual_seed(0)
    return {name: small(space) for name, space in SPACES.items()}


@pytest.fixture
def shipped(vaes, tmp_path):
    def ship(name):
        network = Expert(replace(RECIPES[name], width=32, layers=1), len(tokenizer()))
        with torch.no_grad():
            for p in network.parameters():
                p.copy_(p + 0.02 * torch.randn_like(p))
        folders.write(network, vaes[network.recipe.space.name], PREVIEW, tmp_path / name)
        return network, tmp_path / name

    return ship


@pytest.mark.parametrize("name", RECIPES)
def test_diffusers_opens_the_folder_in_float32_with_the_same_weights(name, shipped):
    network, folder = shipped(name)
    pipe = DiffusionPipeline.from_pretrained(folder)
    parts = [pipe.transformer, pipe.vae]
    if network.text_encoder is not None:
        parts.append(pipe.text_encoder)
    for part in parts:
        assert {p.dtype for p in part.parameters()} == {torch.float32}
    theirs = pipe.transformer.state_dict()
    for key, value in network.transformer.state_dict().items():
        assert theirs[key].equal(value.half().float()), key
    for path in folder.rglob("*.safetensors"):
        assert {t.dtype for t in load_file(path).values()} == {torch.float16}


@pytest.mark.parametrize("name", RECIPES)
def test_the_folder_alone_gives_the_whole_network_back(name, shipped):
    network, folder = shipped(name)
    state = folders.weights_of(folder, network)
    assert state.keys() == network.state_dict().keys()
    for key, value in network.state_dict().items():
        expected = value if "pos_embed.pos_embed" in key else value.half().float()
        assert state[key].equal(expected), key


def test_the_text_pipeline_paints_captions(shipped):
    _, folder = shipped("text")
    pipe = DiffusionPipeline.from_pretrained(folder)
    result = pipe(
        ["a red house at dawn", "the sea"],
        num_inference_steps=2,
        guidance_scale=3.0,
        use_resolution_binning=False,
        clean_caption=False,
        max_sequence_length=32,
    )
    assert [image.size for image in result.images] == [(128, 128)] * 2


@pytest.mark.parametrize("name", ["class", "unconditional"])
def test_the_label_pipeline_paints_with_guidance(name, shipped):
    _, folder = shipped(name)
    pipe = DiffusionPipeline.from_pretrained(folder)
    result = pipe([0, 0], num_inference_steps=2, guidance_scale=3.0)
    assert [image.size for image in result.images] == [(128, 128)] * 2
    if name == "class":
        assert pipe.get_label_ids([SCENE_KINDS[7]]) == [7]


@pytest.mark.parametrize("name", RECIPES)
def test_the_card_says_what_the_studio_asks(name, shipped):
    _, folder = shipped(name)
    card = json.loads((folder / "card.json").read_text())
    assert card["space"] == RECIPES[name].space.name
    assert card["condition"] == ("+".join(RECIPES[name].sees) or "none")
    assert card["preview"] == PREVIEW
    assert ("palette" in card) == ("mask" in RECIPES[name].sees)
    assert len(card.get("palette", CLASSES)) == len(CLASSES)
    assert ("labels" in card) == ("class" in RECIPES[name].sees)


def test_a_newer_decoder_replaces_the_old_one_and_leaves_the_expert(shipped, tmp_path):
    _, folder = shipped("mask")
    _, foreign = shipped("mask-fine")
    (tmp_path / "modulator").mkdir()
    (tmp_path / "modulator" / "card.json").write_text('{"space": "playground"}')
    before = (folder / "transformer/diffusion_pytorch_model.safetensors").read_bytes()
    runs = tmp_path / "runs" / "autoencoder"
    torch.manual_seed(1)
    newer = small(PLAYGROUND)
    newer.save_pretrained(runs / "vae")
    (runs / "preview.json").write_text('{"weight": [[1.0]], "bias": [0.0]}')
    folders.refresh_autoencoder(tmp_path / "runs", tmp_path)
    pipe = DiffusionPipeline.from_pretrained(folder)
    for key, value in newer.state_dict().items():
        assert pipe.vae.state_dict()[key].equal(value.half().float())
    assert (folder / "transformer/diffusion_pytorch_model.safetensors").read_bytes() == before
    assert json.loads((folder / "card.json").read_text())["preview"]["bias"] == [0.0]
    assert json.loads((foreign / "card.json").read_text())["preview"] == PREVIEW
    assert not (tmp_path / "modulator" / "vae").exists()


def test_all_experts_together_stay_small():
    sizes = {
        name: 2 * sum(p.numel() for p in Expert(recipe, len(tokenizer())).parameters())
        for name, recipe in RECIPES.items()
    }
    codec_bytes = 2 * sum(p.numel() for p in codec.build().parameters())
    assert max(sizes.values()) + codec_bytes < 16 * 2**20
    assert sum(sizes.values()) + len(sizes) * codec_bytes < 90 * 2**20
    fine = 2 * sum(p.numel() for p in codec.build(FINE).parameters())
    assert fine < 8 * 2**20
