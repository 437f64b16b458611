"""Companions: what a folder says of itself, and what is wrong with folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph import modulators
from graph.companions import MAX_MODEL, MAX_WEIGHTS, MODULATORS, companion_names, open_companion
from graph.errors import ChoraleError
from graph.folders import network_hash
from graph.interfaces import Modulator
from graph.library import Library
from graph.modulators.unet import WEIGHTS
from graph.registry import choices
from tests.graph.classifiers import LABELS, reconfigure, write_classifier
from tests.graph.fakes import playground, write_hollow, write_model
from tests.graph.modules import write_modulator


@pytest.fixture
def library(tmp_path: Path) -> Library:
    found = playground(tmp_path)
    write_modulator(found.folder / "playground" / "modulator-maps")
    return found


def refusal(library: Library, name: str) -> str:
    with pytest.raises(ChoraleError) as caught:
        library.companion(name)
    return str(caught.value)


def test_every_folder_that_ships_is_what_it_is_listed_as() -> None:
    """The judge's network lies beside a config.json too, and is no companion."""
    models = Path(__file__).resolve().parents[2] / "assets" / "models"
    names = companion_names(models)
    assert "judge" not in names
    assert names
    for name in names:
        assert open_companion(name, models / name).name == name


def test_adapters_are_listed_as_they_lie_on_disk(tmp_path: Path) -> None:
    for file in ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"):
        folder = tmp_path / file.rpartition(".")[2]
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / file).touch()
    assert companion_names(tmp_path) == ("safetensors",)


def test_companions_and_experts_are_told_apart(library: Library) -> None:
    assert [each.name for each in library.companions()] == ["playground/modulator-maps"]
    assert "playground/modulator-maps" not in library.names()
    assert library.problems() == ()
    found = library.companion("playground/modulator-maps")
    assert (found.network, found.card.maps) == ("UNet2DModel", ("mask", "sketch"))
    assert refusal(library, "playground/text").startswith("M014 'playground/text' is no modulator")


def test_a_modulator_of_an_older_chorale_is_told_from_a_damaged_one(library: Library) -> None:
    path = library.folder / "playground/modulator-maps/card.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps({name: card[name] for name in card if name != "scale"}))
    found = refusal(library, "playground/modulator-maps")
    assert found.startswith("M035 'playground/modulator-maps' was trained by an older Chorale")
    assert found.endswith("Train it again from its pairs: python -m training modulator --help.")
    path.write_text(json.dumps({**card, "scale": 0}))
    assert refusal(library, "playground/modulator-maps").startswith("M005 The card.json")


def test_the_networks_of_modulators_are_those_that_load() -> None:
    families = choices(modulators, Modulator).values()
    assert sorted(name for each in families for name in each.networks) == list(MODULATORS)


def test_a_companion_is_read_once_until_it_changes(library: Library) -> None:
    first = library.companion("playground/modulator-maps")
    assert library.companion("playground/modulator-maps") is first
    write_modulator(first.folder, kinds=("sketch",))
    assert library.companion("playground/modulator-maps").card.maps == ("sketch",)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "expert"},
        {"maps": []},
        {"maps": ["smell"]},
        {"maps": ["mask", "mask"]},
        {"maps": "mask"},
        {"base_hash": "../../../etc"},
        {"base": "x" * 201},
        {"shape": [12, 16]},
        {"palette": [{"name": "sky"}]},
    ],
    ids=str,
)
def test_a_wrong_card_is_refused_by_what_is_wrong(library: Library, change: dict[str, Any]) -> None:
    write_modulator(library.folder / "ill", **change)
    assert refusal(library, "ill").startswith("M005 The card.json of 'ill' is wrong at '")
    assert [each.name for each in library.companions()] == ["playground/modulator-maps"]


def test_every_lack_of_a_folder_has_its_own_code(library: Library) -> None:
    for name in ("bare", "torn", "weightless", "pickled", "huge"):
        write_modulator(library.folder / name)
    (library.folder / "bare/card.json").unlink()
    (library.folder / "torn/card.json").write_text("{")
    (library.folder / "weightless" / WEIGHTS).unlink()
    (library.folder / "pickled" / WEIGHTS).rename(library.folder / "pickled/weights.bin")
    write_hollow(library.folder / "huge" / WEIGHTS, MAX_WEIGHTS)
    assert refusal(library, "bare").startswith("M014 'bare' is no modulator")
    assert refusal(library, "torn").startswith("M005")
    assert refusal(library, "weightless").startswith("M003")
    assert refusal(library, "pickled").startswith("M004")
    assert refusal(library, "huge").startswith("M014 'huge' is no modulator: its weights have 32")


def test_names_are_no_paths_and_near_names_are_proposed(library: Library, tmp_path: Path) -> None:
    assert refusal(library, "../outside").startswith("M010")
    outside = write_modulator(tmp_path / "outside")
    (library.folder / "linked").symlink_to(outside, target_is_directory=True)
    assert refusal(library, "linked").startswith("M010 'linked' leads out")
    assert refusal(library, "playground/modulator-map").endswith(
        "Did you mean 'playground/modulator-maps'?"
    )


def test_where_there_is_none_training_is_proposed(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    assert "Train one: python -m training modulator" in refusal(library, "modulator")


def test_a_card_may_know_more_than_this_version(library: Library) -> None:
    folder = write_modulator(library.folder / "newer", mood=[1, 2])
    assert library.companion("newer").card.base == "playground/unconditional"
    assert json.loads((folder / "card.json").read_text())["mood"] == [1, 2]


def test_the_hash_of_a_base_is_that_of_its_denoiser(library: Library) -> None:
    before = network_hash(library.folder / "playground/text")
    assert len(before) == 16
    write_model(library.folder / "playground/text", autoencoder=9)
    assert network_hash(library.folder / "playground/text") == before
    weights = library.folder / "playground/text/transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert network_hash(library.folder / "playground/text") != before


def test_a_classifier_needs_no_card_and_tells_its_classes(library: Library) -> None:
    write_classifier(library.folder / "resnet")
    assert [each.name for each in library.companions()] == ["playground/modulator-maps", "resnet"]
    found = library.companion("resnet")
    assert (found.card.kind, found.card.labels) == ("guidance", LABELS)
    assert found.network == "ResNetForImageClassification"


@pytest.mark.parametrize(
    "named",
    [
        None,
        ["sea", "city"],
        {},
        {"0": "sea"},
        {"1": "sea", "2": "city"},
        {"0": 1, "1": 2},
        {"0": "x" * 501, "1": "sea"},
    ],
    ids=lambda each: repr(each)[:30],
)
def test_classes_that_are_no_names_are_refused(library: Library, named: object) -> None:
    reconfigure(write_classifier(library.folder / "ill"), id2label=named)
    assert refusal(library, "ill").startswith(
        "M005 The config.json of 'ill' is wrong at 'id2label'"
    )


def test_every_lack_of_a_classifier_has_its_own_code(library: Library) -> None:
    for name in ("torn", "weightless", "pickled", "huge", "odd", "other"):
        write_classifier(library.folder / name)
    (library.folder / "torn/config.json").write_text("{")
    (library.folder / "weightless/model.safetensors").unlink()
    (library.folder / "pickled/model.safetensors").rename(
        library.folder / "pickled/pytorch_model.bin"
    )
    write_hollow(library.folder / "huge/model.safetensors", MAX_MODEL)
    (library.folder / "odd/model.safetensors").rename(library.folder / "odd/weights.safetensors")
    reconfigure(library.folder / "other", architectures=["ResNetModel"])
    assert refusal(library, "torn").startswith("M005")
    assert refusal(library, "weightless").startswith("M003")
    assert refusal(library, "pickled").startswith("M004")
    assert refusal(library, "huge").startswith("M020 'huge' cannot guide: its weights are not one")
    assert refusal(library, "odd").startswith("M020")
    assert refusal(library, "other").startswith("M014")
