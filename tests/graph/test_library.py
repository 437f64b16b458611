"""The library: what a folder says of itself, and what is wrong with folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.errors import ChoraleError
from graph.library import Library
from tests.graph.fakes import WEIGHTS, playground, write_json, write_model, write_network


def refusal(library: Library, name: str) -> str:
    with pytest.raises(ChoraleError) as caught:
        library.model(name)
    assert len(caught.value.diagnostics) == 1
    return str(caught.value)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", tmp_path / "assets")


def test_the_playground_is_found(tmp_path: Path) -> None:
    library = playground(tmp_path)
    assert library.names() == (
        "playground/class",
        "playground/mask",
        "playground/sketch",
        "playground/text",
        "playground/unconditional",
    )
    assert [model.name for model in library.models("mask")] == ["playground/mask"]
    text = library.model("playground/text")
    assert (text.pipeline, text.prediction) == ("PixArtSigmaPipeline", "v_prediction")
    assert str(text.space) == "playground (12×16×16)"
    assert text.space.scale == 8
    assert library.problems() == ()


def test_spaces_are_those_of_the_autoencoders_weights(library: Library) -> None:
    write_model(library.folder / "a", autoencoder=1)
    write_model(library.folder / "b", "mask", autoencoder=1)
    write_model(library.folder / "c", autoencoder=2)
    a, b, c = (library.model(name).space for name in "abc")
    assert a == b
    assert a.id != c.id


@pytest.mark.parametrize(("condition", "expected"), [("text", "text"), ("class", "class")])
def test_a_folder_without_a_card_is_told_by_its_pipeline(
    condition: str, expected: str, library: Library
) -> None:
    write_model(library.folder / "plain", condition, card={})
    assert library.model("plain").card.condition == expected
    assert library.model("plain").space.label == "latent"


def test_a_model_of_pixels_has_a_space_of_its_size(library: Library) -> None:
    folder = library.folder / "ddpm"
    write_json(
        folder / "model_index.json",
        {"_class_name": "DiTPipeline", "transformer": ["diffusers", "DiTTransformer2DModel"]},
    )
    write_json(folder / "scheduler/scheduler_config.json", {"_class_name": "DDPMScheduler"})
    config = {"sample_size": 32, "in_channels": 3, "out_channels": 3}
    write_network(folder / "transformer", WEIGHTS, 2, config)
    model = library.model("ddpm")
    assert (model.card.condition, model.prediction) == ("class", "epsilon")
    assert (model.space.id, model.space.shape, model.space.scale) == (
        "pixels-3x32x32",
        (3, 32, 32),
        1,
    )


def test_flow_matching_is_read_from_the_scheduler(library: Library) -> None:
    write_model(library.folder / "flow", _class_name="FlowMatchEulerDiscreteScheduler")
    assert library.model("flow").prediction == "flow_prediction"


def test_a_model_is_read_once_until_it_changes(tmp_path: Path) -> None:
    library = playground(tmp_path)
    first = library.model("playground/text")
    assert library.model("playground/text") is first
    folder = first.folder
    (folder / "card.json").unlink()
    assert library.model("playground/text").card.vocabulary == ()


def test_every_lack_of_a_folder_has_its_own_code(library: Library) -> None:
    for name in ("index", "weights", "pickled", "config", "card", "size"):
        write_model(library.folder / name)
    (library.folder / "index/model_index.json").unlink()
    (library.folder / "weights/vae" / WEIGHTS).unlink()
    pickled = library.folder / "pickled/transformer"
    (pickled / WEIGHTS).rename(pickled / "diffusion_pytorch_model.bin")
    (library.folder / "config/vae/config.json").write_text("{")
    write_json(library.folder / "card/card.json", {"condition": "smell"})
    write_json(library.folder / "size/transformer/config.json", {"sample_size": None})
    assert refusal(library, "index").startswith("M002 'index' has no model_index.json")
    assert refusal(library, "weights").startswith("M003 'weights' has no weights in vae/")
    assert refusal(library, "pickled").startswith("M004 'pickled' has only pickled weights")
    assert refusal(library, "config").startswith("M005 'vae/config.json' of 'config'")
    assert refusal(library, "card").startswith(
        "M005 The card.json of 'card' is wrong at 'condition'"
    )
    assert refusal(library, "size").startswith("M012 The files of 'size' do not say the size")
    codes = [found.code for found in library.problems()]
    assert sorted(codes) == ["M003", "M004", "M005", "M005", "M012"]
    assert library.models() == ()


def test_a_near_name_is_proposed(tmp_path: Path) -> None:
    found = refusal(playground(tmp_path), "playground/txt")
    assert found.startswith("M001 There is no model 'playground/txt'")
    assert found.endswith("Did you mean 'playground/text'?")


@pytest.mark.parametrize(
    "name",
    ["", "/etc", "..", "a/../b", "./a", "a//b", "a\\b", "C:/x", "a\0b", "~/x", "a/" * 20 + "b"],
)
def test_names_are_no_paths(name: str, library: Library) -> None:
    assert refusal(library, name).startswith("M010")


@pytest.mark.parametrize("widths", [7, {"a": 1}, [8] * 64])
def test_an_autoencoder_of_no_scale_is_refused(library: Library, widths: object) -> None:
    write_model(library.folder / "words")
    write_json(library.folder / "words/vae/config.json", {"block_out_channels": widths})
    assert refusal(library, "words").startswith("M012 The files of 'words' do not say the size")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    library = playground(tmp_path)
    outside = write_model(tmp_path / "outside")
    (library.folder / "linked").symlink_to(outside, target_is_directory=True)
    assert refusal(library, "linked").startswith("M010 'linked' leads out")
    assert "linked" not in library.names()


@pytest.mark.parametrize(
    "change",
    [{"window": 2}, {"window": 3}, {"bias": [0.0] * 6}, {"bias": []}, {"weight": [[0.0] * 3]}],
)
def test_a_preview_of_another_form_than_the_latents_is_refused(
    library: Library, change: dict[str, object]
) -> None:
    whole = {"window": 1, "weight": [[0.0] * 3] * 12, "bias": [0.0] * 3}
    write_model(library.folder / "well", card={"condition": "text", "preview": whole})
    write_model(library.folder / "ill", card={"condition": "text", "preview": {**whole, **change}})
    assert library.model("well").card.preview is not None
    assert refusal(library, "ill").startswith(
        "M005 The card.json of 'ill' is wrong at 'preview': it is no map from 12 channels"
    )


def test_cards_may_know_more_than_this_version(library: Library) -> None:
    card = {"condition": "text", "space": "x", "mood": [1, 2]}
    write_model(library.folder / "newer", card=card)
    assert library.model("newer").card.space == "x"
    assert json.loads((library.folder / "newer/card.json").read_text())["mood"] == [1, 2]
