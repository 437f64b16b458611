"""Weight files: which are loaded, and that one that is missing or cut short is said at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.numpy import save_file

from graph.errors import ChoraleError
from graph.folders import chosen, stored_numbers
from graph.library import Library
from graph.machine import Machine
from graph.weights import frozen
from tests.graph.experts import folders
from tests.graph.fakes import WEIGHTS, write_model
from tests.graph.test_library import refusal

STEM = "diffusion_pytorch_model"
HALF = f"{STEM}.fp16.safetensors"
FIRST, SECOND = (f"{STEM}-{number:05d}-of-00002.safetensors" for number in (1, 2))
INDEX = f"{WEIGHTS}.index.json"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", tmp_path / "assets")


def divided(folder: Path, *, variant: str = "") -> Path:
    """An expert whose denoiser lies in two files, beside the index that says which is where."""
    part = write_model(folder) / "transformer"
    (part / WEIGHTS).unlink()
    names = [each.replace(STEM, STEM + (variant and f".{variant}")) for each in (FIRST, SECOND)]
    for number, name in enumerate(names):
        save_file({f"weight{number}": np.zeros(4, dtype=np.float16)}, part / name)
    places = {f"weight{number}": name for number, name in enumerate(names)}
    index = INDEX.replace("json", f"{variant}.json") if variant else INDEX
    (part / index).write_text(json.dumps({"weight_map": places}))
    return part


def test_a_missing_part_of_the_weights_is_named(library: Library) -> None:
    part = divided(library.folder / "whole")
    assert library.model("whole").pipeline == "PixArtSigmaPipeline"
    for lost in (SECOND, FIRST, INDEX):
        kept = (part / lost).read_bytes()
        (part / lost).unlink()
        assert refusal(library, "whole") == (
            f"M053 'whole' lacks a part of its weights: transformer/{lost} is not there. "
            "Copy the model's folder again."
        )
        (part / lost).write_bytes(kept)
    assert library.model("whole").pipeline == "PixArtSigmaPipeline"


def test_parts_are_missed_where_the_index_alone_is_left(library: Library) -> None:
    part = divided(library.folder / "bare")
    for each in (FIRST, SECOND):
        (part / each).unlink()
    assert refusal(library, "bare").startswith("M053 'bare' lacks a part of its weights")


def test_the_parts_of_a_variant_are_looked_for_by_its_own_index(library: Library) -> None:
    part = divided(library.folder / "half", variant="fp16")
    assert library.model("half").pipeline == "PixArtSigmaPipeline"
    lost = SECOND.replace(STEM, f"{STEM}.fp16")
    (part / lost).unlink()
    assert f"transformer/{lost} is not there" in refusal(library, "half")


def test_what_is_missing_of_another_variant_is_not_missed(library: Library) -> None:
    part = divided(library.folder / "both", variant="fp16")
    (part / SECOND.replace(STEM, f"{STEM}.fp16")).unlink()
    save_file({"weight": np.zeros(4, dtype=np.float32)}, part / WEIGHTS)
    assert library.model("both").pipeline == "PixArtSigmaPipeline"


@pytest.mark.parametrize("places", [None, [], {"a": 1}, {"a": "../vae/x.safetensors"}])
def test_an_index_that_names_no_files_is_refused(library: Library, places: object) -> None:
    part = divided(library.folder / "odd")
    (part / INDEX).write_text(json.dumps({"weight_map": places}))
    assert refusal(library, "odd").startswith(f"M005 'transformer/{INDEX}' of 'odd' cannot be read")


@pytest.mark.parametrize("kept", [0, 4, 40, -1])
def test_weights_that_are_cut_short_are_refused_when_the_model_is_opened(
    library: Library, kept: int
) -> None:
    file = write_model(library.folder / "cut") / "vae" / WEIGHTS
    whole = file.read_bytes()
    assert library.model("cut")
    file.write_bytes(whole[:kept])
    found = refusal(library, "cut")
    assert found.startswith(f"M013 The files of 'cut' cannot be loaded: vae/{WEIGHTS}: ")
    file.write_bytes(whole)
    assert library.model("cut")


def test_a_part_that_is_cut_short_is_named(library: Library) -> None:
    part = divided(library.folder / "cut")
    (part / SECOND).write_bytes((part / SECOND).read_bytes()[:-1])
    assert refusal(library, "cut").startswith(
        f"M013 The files of 'cut' cannot be loaded: transformer/{SECOND}: "
    )


def test_the_header_of_a_file_is_read_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "vae" / WEIGHTS
    file.parent.mkdir()
    save_file({"a": np.zeros((2, 3), np.float16), "b": np.zeros(5, np.float32)}, file)
    assert stored_numbers("one", file) == {"F16": 6, "F32": 5}
    with monkeypatch.context() as patched:
        patched.setattr("graph.headers.safe_open", None)
        assert stored_numbers("one", file) == {"F16": 6, "F32": 5}
    save_file({"a": np.zeros(70, np.float16)}, file)
    assert stored_numbers("one", file) == {"F16": 70}
    file.unlink()
    with pytest.raises(ChoraleError) as caught:
        stored_numbers("one", file)
    assert caught.value.diagnostics[0].code == "M013"


@pytest.mark.parametrize(
    ("files", "variant", "expected"),
    [
        ([WEIGHTS, HALF], "", [WEIGHTS]),
        ([WEIGHTS, HALF], "fp16", [HALF]),
        ([HALF, f"{STEM}.non_ema.safetensors"], "", [HALF]),
        ([SECOND, FIRST], "fp16", [FIRST, SECOND]),
        ([SECOND, FIRST, WEIGHTS], "", [WEIGHTS]),
        (["adapters.safetensors", "model.safetensors"], "", ["model.safetensors"]),
        (["odd.safetensors"], "", ["odd.safetensors"]),
        (["model.bin", "config.json"], "", []),
    ],
)
def test_one_variant_of_the_weights_is_loaded(
    files: list[str], variant: str, expected: list[str]
) -> None:
    assert chosen(files, variant) == expected


def test_a_divided_network_loads_as_the_whole_one(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "models" / "sd")
    machine = Machine(torch.device("cpu"), torch.float32)
    whole = frozen(UNet2DConditionModel, folder / "unet", machine).state_dict()
    network = UNet2DConditionModel.from_pretrained(folder / "unet")
    (folder / "unet" / WEIGHTS).unlink()
    network.save_pretrained(folder / "unet", max_shard_size="40KB")
    assert len(list((folder / "unet").glob("*-of-*.safetensors"))) > 1
    assert Library(tmp_path / "models", tmp_path / "assets").model("sd")
    parts = frozen(UNet2DConditionModel, folder / "unet", machine).state_dict()
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
