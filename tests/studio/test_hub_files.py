"""Fetching one file of a repository: LoRAs, checkpoints of one file and IP-Adapters."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub.utils import close_session
from safetensors.numpy import load_file, save_file
from tqdm import tqdm

from graph.companions import companion_names
from graph.errors import ChoraleError
from graph.inventory import Entry, inventory
from graph.library import Library
from studio import hub
from studio.hub import fetch
from studio.piece import ROOT
from tests.graph.adapters import making
from tests.graph.experts import folders, onefiles
from tests.graph.fakes import write_json
from tests.studio.hubs import TOKEN, Hub, serving

COMMIT, LATER = "a1" * 20, "b2" * 20
NAME = "someone/styles"
LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
ENCODER = "image_encoder/model.safetensors"


def lora(path: Path, *, start: str = "unet.", rank: int = 4, width: int = 768) -> Path:
    """A LoRA of one layer, as diffusers or, without a part in its keys, as peft saves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.random.default_rng(rank)
    tensors = {
        f"{start}{LAYER}.lora_A.weight": numbers.normal(size=(rank, width)).astype("float32"),
        f"{start}{LAYER}.lora_B.weight": numbers.normal(size=(320, rank)).astype("float32"),
    }
    save_file(tensors, path)
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.stable_diffusion(tmp_path_factory.mktemp("made") / "tiny-sd")


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """IP-Adapters: two of one encoder, another nearer to the second, a copy far from both."""
    folder = tmp_path_factory.mktemp("made") / "adapters"
    for kind, name in (("plain", "plain"), ("plus", "plus")):
        making.ip_adapter(folder / kind, tiny, kind)
        (folder / kind / "ip-adapter_tiny.safetensors").rename(
            folder / kind / f"{name}.safetensors"
        )
    (folder / "models").mkdir()
    (folder / "plain/image_encoder").rename(folder / "models/image_encoder")
    (folder / "plain/plain.safetensors").rename(folder / "models/plain.safetensors")
    (folder / "plain").rmdir()
    (folder / "plus").rename(folder / "more")
    config = folder / "more/image_encoder/config.json"
    write_json(config, {**json.loads(config.read_text()), "hidden_size": 99, "projection_dim": 99})
    weights = folder / "more" / ENCODER
    save_file({key: each + 1 for key, each in load_file(weights).items()}, weights)
    shutil.copytree(folder / "models/image_encoder", folder / "also/image_encoder")
    (folder / "models/plain.bin").write_bytes(b"pickled")
    (folder / "models/image_encoder/pytorch_model.bin").write_bytes(b"pickled")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return folder


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with a repository that has nothing yet but a text."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "hub" / NAME).mkdir(parents=True)
    (tmp_path / "hub" / NAME / "README.md").write_text("---\nlicense: openrail++\n---\nStyles.\n")
    close_session()
    with serving(Hub(tmp_path / "hub", {NAME: COMMIT})) as found:
        yield found
    close_session()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def fetched(served: Hub, models: Path, file: str | None = None, **more: Any) -> list[str]:
    """What is said while a file is fetched."""
    said: list[str] = []
    asked = more.pop("asked", NAME)
    fetch(models, asked, file=file, endpoint=served.address, say=said.append, **more)
    return said


def refusal(served: Hub, models: Path, file: str | None = None, **more: Any) -> str:
    before = there(models)
    with pytest.raises(ChoraleError) as caught:
        fetched(served, models, file, **more)
    assert there(models) == before
    return str(caught.value)


def there(models: Path) -> set[str]:
    """Every file that the library may look at."""
    paths = (path.relative_to(models) for path in models.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if path.parts[0] != ".fetching"}


def arrived(models: Path) -> int:
    """How many bytes lie where nothing is shown."""
    return sum(path.stat().st_size for path in (models / ".fetching").rglob("*") if path.is_file())


def test_a_file_lands_by_its_path_and_nothing_else_does(served: Hub, models: Path) -> None:
    ink = lora(served.folder / NAME / "ink/soft.safetensors")
    lora(served.folder / NAME / "oil.safetensors")
    first, last = fetched(served, models, "ink/soft.safetensors")
    size = hub.shown(ink.stat().st_size)
    assert first == (
        f"ink/soft.safetensors of {NAME} at {COMMIT}, licence openrail++: 1 file, {size}."
    )
    assert last == f"It is whole: choose '{NAME}/ink/soft.safetensors'."
    name = f"{NAME}/ink/soft.safetensors"
    assert there(models) == {name, f"{name}.hub.json"}
    assert (models / name).read_bytes() == ink.read_bytes()
    assert json.loads((models / f"{name}.hub.json").read_text()) == {
        "repository": NAME,
        "revision": "main",
        "commit": COMMIT,
        "licence": "openrail++",
        "file": "ink/soft.safetensors",
        "only": False,
        "configs": False,
    }
    library = Library(models, models)
    assert (library.loras(), library.names()) == ((name,), ())
    assert library.lora(name).family == "Stable Diffusion 1"
    assert [path.suffix for path in (models / ".fetching").iterdir()] == [".lock"]


def test_its_header_comes_first_and_no_byte_twice(served: Hub, models: Path) -> None:
    ink = lora(served.folder / NAME / "ink.safetensors")
    length = int.from_bytes(ink.read_bytes()[:8], "little")
    fetched(served, models, "ink.safetensors")
    given = [headers["Range"] for path, headers in served.asked if path.startswith("/large/")]
    assert given == ["bytes=0-7", f"bytes=8-{7 + length}", f"bytes={8 + length}-"]


def test_the_only_file_needs_no_name_and_then_no_hub(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "pytorch_lora_weights.safetensors")
    lora(served.folder / NAME / "checkpoint-500/pytorch_lora_weights.safetensors", rank=2)
    fetched(served, models)
    name = f"{NAME}/pytorch_lora_weights.safetensors"
    assert Library(models, models).loras() == (name,)
    assert Library(models, models).lora(name).parts["unet"]
    served.asked.clear()
    for file in (None, "pytorch_lora_weights.safetensors"):
        assert fetched(served, models, file) == [
            f"{name} is there already: pytorch_lora_weights.safetensors of {NAME} at {COMMIT}."
        ]
    assert served.asked == []
    assert len(fetched(served, models, asked=f"{NAME}@v1")) == 1


def test_what_lies_deeper_is_meant_where_the_root_has_none(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "weights/ink.safetensors")
    fetched(served, models)
    assert Library(models, models).loras() == (f"{NAME}/weights/ink.safetensors",)


def test_of_several_files_one_has_to_be_named(served: Hub, models: Path) -> None:
    for number in range(14):
        lora(served.folder / NAME / f"{number:02}.safetensors")
    named = ", ".join(f"{number:02}.safetensors" for number in range(12))
    assert refusal(served, models, asked=f"{NAME}@v1") == (
        f"M059 '{NAME}' has 14 files that could be meant. It has: {named} and 2 more. "
        f"Name one: python app.py fetch {NAME}@v1 --file 00.safetensors"
    )
    assert served.files() == []
    fetched(served, models, "03.safetensors")
    assert refusal(served, models).startswith("M059")  # one that is there tells of no other


def test_a_file_that_is_not_there_is_told_which_are(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "oil.safetensors")
    lora(served.folder / NAME / "soft ink.safetensors")
    assert refusal(served, models, "soft-inc.safetensors") == (
        f"M059 '{NAME}' has no file 'soft-inc.safetensors' of weights. "
        "It has: oil.safetensors, soft ink.safetensors. "
        f"Name one: python app.py fetch {NAME} --file 'soft ink.safetensors'"
    )
    assert refusal(served, models, "README.md").startswith("M059")


def test_pickled_files_are_refused(served: Hub, models: Path) -> None:
    (served.folder / NAME / "ink.ckpt").write_bytes(b"pickled")
    assert refusal(served, models, "ink.ckpt").startswith("M004 'ink.ckpt' is pickled")
    assert refusal(served, models).startswith(f"M004 '{NAME}/ink.ckpt' is pickled")
    assert served.files() == []


def test_a_repository_without_weights_is_refused(served: Hub, models: Path) -> None:
    assert refusal(served, models).startswith(f"M002 '{NAME}' has no model_index.json")


@pytest.mark.parametrize("name", ["mine/ink", "mine/ink.safetensors"])
def test_it_takes_the_name_that_is_asked_for(served: Hub, models: Path, name: str) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    fetched(served, models, name=name)
    assert Library(models, models).loras() == ("mine/ink.safetensors",)
    served.asked.clear()
    assert len(fetched(served, models, "ink.safetensors", name=name)) == 1
    assert len(fetched(served, models, name=name)) == 1
    assert served.asked == []


def test_names_as_people_speak_become_names_of_the_library(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "Soft Ink (v2)/墨 Ink+Oil.safetensors")
    fetched(served, models)
    assert Library(models, models).loras() == (f"{NAME}/Soft-Ink-v2/Ink-Oil.safetensors",)
    lora(served.folder / NAME / "墨.safetensors")
    assert refusal(served, models, "墨.safetensors") == (
        f"M010 '{NAME}/.safetensors' is no name of a model. "
        f"Choose one: python app.py fetch {NAME} --file '墨.safetensors' --as mine/NAME"
    )
    fetched(served, models, "墨.safetensors", name="mine/mo")
    assert "mine/mo.safetensors" in Library(models, models).loras()


HOSTILE = ("../../x", "/x", "a/../../x", ".x", "a\\..\\x", "x\x1b[2J", "a//x", "~/x", "x\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_paths_of_a_hub_are_not_seen(
    served: Hub, models: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = served.described(NAME)
    told["siblings"].append(
        {"rfilename": f"{name}.safetensors", "size": 9, "blobId": "0", "lfs": None}
    )
    monkeypatch.setattr(Hub, "described", lambda *_: told)
    assert refusal(served, models).startswith("M002")
    assert refusal(served, models, f"{name}.safetensors").startswith(("M010", "M059"))
    assert served.files() == []


def test_what_is_neither_lora_nor_checkpoint_is_refused_by_its_header(
    served: Hub, models: Path
) -> None:
    path = served.folder / NAME / "big.safetensors"
    for key, code in (
        ("encoder.conv_in.weight", f"M042 '{NAME}/big.safetensors' is no checkpoint that loads"),
        ("double_blocks.0.weight", f"M042 '{NAME}/big.safetensors' is no checkpoint that loads"),
        (f"lora_unet_{LAYER}.oft_blocks", f"M043 '{NAME}/big.safetensors' is "),
    ):
        save_file({key: np.zeros((500, 500), "float32")}, path)
        assert refusal(served, models).startswith(code)
        assert arrived(models) == 0
    assert not [h for _, h in served.asked if h.get("Range", "").endswith("-")]


@pytest.mark.parametrize("begins", [2**63, 10**8 + 1, 500, 0])
def test_a_file_without_a_header_is_refused(served: Hub, models: Path, begins: int) -> None:
    data = begins.to_bytes(8, "little") + b"x" * 200
    (served.folder / NAME / "ink.safetensors").write_bytes(data)
    assert refusal(served, models).startswith(f"M013 The files of '{NAME}/ink.safetensors' cannot")


@pytest.mark.parametrize("size", [0, 5, 8])
def test_a_file_that_is_shorter_than_a_header_is_refused(
    served: Hub, models: Path, size: int
) -> None:
    (served.folder / NAME / "ink.safetensors").write_bytes(b"\x09" * size)
    assert refusal(served, models).startswith("M013")


def test_an_interrupted_file_goes_on_where_it_stopped(
    served: Hub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[tqdm[Any]] = []

    def shown(**settings: Any) -> tqdm[Any]:
        bars.append(tqdm(**{**settings, "disable": False, "file": io.StringIO()}))
        return bars[-1]

    ink = lora(served.folder / NAME / "ink.safetensors", rank=64)
    lora(served.folder / NAME / "oil.safetensors")
    fetched(served, models, "oil.safetensors", name="mine/oil")
    begin = hub.of_file

    def cut_later(*given: Any) -> Any:
        found = begin(*given)
        served.cut.add("ink.safetensors")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(hub, "of_file", cut_later)
        assert refusal(served, models, "ink.safetensors").startswith("M047")
    served.cut.clear()
    kept = arrived(models)
    assert 0 < kept < ink.stat().st_size
    fetched(served, models, "oil.safetensors")  # another of the same commit leaves it alone
    assert arrived(models) == kept
    served.status = 503
    assert refusal(served, models, "ink.safetensors").startswith("M047")
    assert arrived(models) == kept
    served.status = 200
    served.asked.clear()
    monkeypatch.setattr(hub, "tqdm", shown)
    first, _ = fetched(served, models, "ink.safetensors")
    assert first.endswith("are left.")
    assert {h["Range"] for _, h in served.asked if "Range" in h} == {f"bytes={kept}-"}
    (bar,) = bars
    assert (bar.initial, bar.n, bar.total) == (kept, ink.stat().st_size, ink.stat().st_size)
    assert (models / NAME / "ink.safetensors").read_bytes() == ink.read_bytes()


@pytest.mark.parametrize("size", [2**62, -1, "9"])
def test_a_hostile_size_fills_no_disk(
    served: Hub, models: Path, size: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    told = served.described(NAME)
    (ink,) = (each for each in told["siblings"] if each["rfilename"] == "ink.safetensors")
    ink["size"] = size
    monkeypatch.setattr(Hub, "described", lambda *_: told)
    assert refusal(served, models).startswith(("M002", "M013", "M047", "M051"))
    assert arrived(models) < 2**12


def test_what_takes_the_place_meanwhile_stays(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    own = models / "mine/ink.safetensors"

    def take(text: str) -> None:
        lora(own, rank=2)

    with pytest.raises(ChoraleError, match="T009"):
        fetch(models, NAME, name="mine/ink", endpoint=served.address, say=take)
    assert next(iter(Library(models, models).lora("mine/ink.safetensors").parts["unet"].values()))
    assert there(models) == {"mine/ink.safetensors"}


def test_a_wrong_hash_is_refused(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    served.spoilt = {"ink.safetensors"}
    assert refusal(served, models).startswith(f"M050 'ink.safetensors' of '{NAME}' is not what")
    assert arrived(models) == 0
    served.spoilt.clear()
    fetched(served, models)


def test_a_file_that_is_arriving_is_not_listed(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    seen: list[tuple[str, ...]] = []

    def look(text: str) -> None:
        seen.append(Library(models, models).loras())

    fetch(models, NAME, endpoint=served.address, say=look)
    assert seen == [(), (f"{NAME}/ink.safetensors",)]


def test_a_token_stays_with_the_hub(
    served: Hub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    served.gated.add(NAME)
    assert refusal(served, models).startswith(f"M049 '{NAME}' is not open to everybody")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    served.asked.clear()
    fetched(served, models)
    elsewhere = [headers for path, headers in served.asked if path.startswith("/large/")]
    assert len(elsewhere) == 3
    assert not [headers for headers in elsewhere if "Authorization" in headers]


def test_a_place_that_is_taken_or_hidden_is_refused_before_anything_comes(
    served: Hub, models: Path, tiny: Path
) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    lora(models / NAME / "ink.safetensors", rank=2)
    assert refusal(served, models) == (
        f"T009 The library has a model '{NAME}/ink.safetensors' already, and it is not "
        f"ink.safetensors of {NAME}. Choose another name: "
        f"python app.py fetch {NAME} --file ink.safetensors --as NAME"
    )
    shutil.rmtree(models / NAME)
    shutil.copytree(tiny, models / NAME)
    assert refusal(served, models, "ink.safetensors") == (
        f"T020 '{NAME}/ink.safetensors' would lie within the model '{NAME}', where the library "
        "looks for no other. Choose another place: "
        f"python app.py fetch {NAME} --file ink.safetensors --as mine/ink"
    )
    assert served.files() == []
    fetched(served, models, name="mine/ink")
    lora(served.folder / NAME / "oil.safetensors")
    assert refusal(served, models, "oil.safetensors", name="mine/ink").startswith("T009")


def test_a_place_beside_a_model_is_free(served: Hub, models: Path, tiny: Path) -> None:
    lora(served.folder / NAME / "more/ink.safetensors")
    making.t2i_adapter(models / NAME)  # a companion's folder hides its own files alone
    fetched(served, models)
    assert Library(models, models).loras() == (f"{NAME}/more/ink.safetensors",)
    assert refusal(served, models, name=f"{NAME}/ink").startswith("T020")
    making.t2i_adapter(served.folder / "someone/lines")
    served.commits["someone/lines"] = LATER
    fetched(served, models, asked="someone/lines", name=f"{NAME}/lines")
    making.ip_adapter(models / "mine/eyes", tiny)
    assert refusal(served, models, name="mine/eyes/more/ink").startswith("T020")


def test_a_folder_that_would_swallow_a_file_is_refused(
    served: Hub, models: Path, tiny: Path
) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    shutil.copytree(tiny, served.folder / NAME, dirs_exist_ok=True)
    fetched(served, models, "ink.safetensors")
    assert refusal(served, models).startswith(
        f"T009 The library has files in '{NAME}' already, and it is not {NAME}."
    )
    fetched(served, models, name="mine/tiny")
    assert Library(models, models).names() == ("mine/tiny",)


def test_a_missing_lora_of_the_hub_is_told_how_to_fetch(models: Path) -> None:
    library = Library(models, models)
    for find in (library.lora, library.model):
        with pytest.raises(ChoraleError) as caught:
            find(f"{NAME}/ink/soft.safetensors")
        assert str(caught.value).endswith(
            f"fetch it: python app.py fetch {NAME} --file ink/soft.safetensors"
        )


def test_a_newer_commit_takes_another_name(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    fetched(served, models)
    served.commits[NAME] = LATER
    assert len(fetched(served, models)) == 1
    assert refusal(served, models, asked=f"{NAME}@{LATER}").startswith("T009")
    fetched(served, models, asked=f"{NAME}@{LATER}", name="mine/ink")
    assert len(Library(models, models).loras()) == 2


def test_a_file_that_was_removed_is_fetched_again(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    fetched(served, models)
    (models / NAME / "ink.safetensors").unlink()
    assert len(fetched(served, models)) == 2


def test_what_peft_wrote_comes_with_its_settings(served: Hub, models: Path) -> None:
    for folder, alpha in (("a", 8), ("b", 16)):
        path = lora(
            served.folder / NAME / folder / "adapter_model.safetensors", start="base_model.model."
        )
        assert refusal(served, models, f"{folder}/adapter_model.safetensors").startswith("M055")
        write_json(path.with_name("adapter_config.json"), {"lora_alpha": alpha})
    first, _ = fetched(served, models, "a/adapter_model.safetensors")
    assert ": 2 files, " in first
    fetched(served, models, "b/adapter_model.safetensors")
    library = Library(models, models)
    pairs = [next(iter(library.lora(each).parts["unet"].values())) for each in library.loras()]
    assert [pair.alpha for pair in pairs] == [8.0, 16.0]
    fetched(served, models, "a/adapter_model.safetensors", name="mine/one")
    assert refusal(served, models, "b/adapter_model.safetensors", name="mine/two") == (
        "T021 'mine/two.safetensors' needs its own adapter_config.json beside it, and another "
        f"lies there. Give it a folder of its own: python app.py fetch {NAME} --file "
        "b/adapter_model.safetensors --as mine/two/two"
    )


def test_a_checkpoint_of_one_file_is_fetched_and_asks_for_its_base(
    served: Hub, models: Path, tiny: Path
) -> None:
    onefiles.onefile(served.folder / NAME / "dreamy.safetensors", tiny)
    write_json(served.folder / NAME / "dreamy.json", {"base": "../x"})
    _, whole, lacking = fetched(served, models)
    name = f"{NAME}/dreamy.safetensors"
    assert whole == f"It is whole: choose '{name}'."
    assert lacking.startswith(f"Something is missing before it can be used: M041 '{name}' has no")
    shutil.copytree(tiny, models / "tiny")
    assert there(models) >= {name, f"{name}.hub.json"}
    assert Library(models, models).model(name).pipeline == "StableDiffusionPipeline"
    assert len(fetched(served, models, name="mine/dreamy")) == 2


def test_the_licence_of_a_file_is_listed(served: Hub, models: Path, tiny: Path) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    onefiles.onefile(served.folder / NAME / "dreamy.safetensors", tiny)
    shutil.copytree(tiny, models / "tiny")
    for each in ("ink", "dreamy"):
        fetched(served, models, f"{each}.safetensors")
    found = {each.name: each.licence for each in inventory(Library(models, models))
             if isinstance(each, Entry)}  # fmt: skip
    assert found == {
        f"{NAME}/dreamy.safetensors": "openrail++",
        f"{NAME}/ink.safetensors": "openrail++",
        "tiny": "",
    }


def test_a_controlnet_of_one_file_is_told_by_its_header(
    served: Hub, models: Path, tmp_path: Path
) -> None:
    base = folders.stable_diffusion(tmp_path / "base")
    whole = making.controlnet(tmp_path / "whole", base)
    file = served.folder / NAME / "nets/control.safetensors"
    file.parent.mkdir(parents=True)
    shutil.copyfile(next(whole.glob("*.safetensors")), file)
    name = f"{NAME}/nets/control.safetensors"
    *_, last, lacking = fetched(served, models, "nets/control.safetensors")
    assert last == f"It is whole: choose '{name}'."
    assert lacking.startswith("Something is missing before it can be used: M041")
    shutil.copytree(base, models / "base")
    assert Library(models, models).companion(name).network == "ControlNetModel"
    strange = load_file(file) | {"task_embedding": np.zeros(2, "float32")}
    save_file(strange, served.folder / NAME / "union.safetensors")
    with pytest.raises(ChoraleError, match=r"M038 .*a union of ControlNets"):
        fetched(served, models, "union.safetensors")
    assert not (models / NAME / "union.safetensors").exists()


def test_an_ip_adapter_comes_with_the_encoder_that_it_was_made_with(
    served: Hub, models: Path, adapters: Path
) -> None:
    shutil.rmtree(served.folder / NAME)
    shutil.copytree(adapters, served.folder / NAME)
    assert refusal(served, models).startswith(f"M059 '{NAME}' has 2 files that could be meant")
    brought: list[list[str]] = []
    for file in ("models/plain.safetensors", "more/plus.safetensors"):
        first, last = fetched(served, models, file)
        name = f"{NAME}/{file.removesuffix('.safetensors')}"
        assert ": 4 files, " in first
        assert first.endswith("are left.") == bool(brought)
        assert last == f"It is whole: choose '{name}'."
        encoder = adapters / "models" / ENCODER  # the one beside the second has other widths
        assert (models / name / ENCODER).read_bytes() == encoder.read_bytes()
        stored = (models / name / Path(file).name).read_bytes()
        assert stored == (adapters / file).read_bytes()
        assert not [each for each in there(models) if each.endswith((".bin", ".part", ".header"))]
        brought.append([path for path in served.files() if path.endswith(ENCODER)])
        served.asked.clear()
        assert len(fetched(served, models, file)) == 1
        assert served.asked == []
    assert brought == [[f"models/{ENCODER}"], []]  # the second takes that of the first
    one, other = (models / name / ENCODER for name in companion_names(models))
    assert one.samefile(other)
    library = Library(models, models)
    assert companion_names(models) == (f"{NAME}/models/plain", f"{NAME}/more/plus")
    kinds = [library.companion(each).network for each in companion_names(models)]
    assert kinds == ["IPAdapter", "IPAdapterPlus"]
    assert {e.licence for e in inventory(library) if isinstance(e, Entry)} == {"apache-2.0"}


def test_an_ip_adapter_is_told_apart_before_its_weights_come(
    served: Hub, models: Path, adapters: Path
) -> None:
    shutil.copytree(adapters / "more", served.folder / NAME / "more")
    assert refusal(served, models).startswith(
        f"M054 '{NAME}/more/plus' has another image encoder beside it than it was made with"
    )
    shutil.rmtree(served.folder / NAME / "more/image_encoder")
    assert refusal(served, models) == (
        f"M060 'more/plus.safetensors' of '{NAME}' is an IP-Adapter, and there is no image_encoder "
        "in its repository. Download the file by hand into a folder of its own, and copy the "
        "image_encoder there that its authors name for it."
    )
    assert not [h for _, h in served.asked if h.get("Range", "").endswith("-")]


@pytest.mark.parametrize("looked_at", ["more", "models"])
def test_an_interrupted_ip_adapter_goes_on(
    served: Hub, models: Path, adapters: Path, looked_at: str
) -> None:
    shutil.copytree(adapters, served.folder / NAME, dirs_exist_ok=True)
    served.cut.add("model.safetensors")
    assert refusal(served, models, "more/plus.safetensors").startswith("M047")
    (config,) = (models / ".fetching").rglob("image_encoder/config.json")
    shutil.copyfile(adapters / looked_at / "image_encoder/config.json", config)
    kept = arrived(models) - config.stat().st_size
    served.cut = {"config.json"}
    if looked_at == "models":  # the nearest is looked at again
        assert refusal(served, models, "more/plus.safetensors").startswith("M047")
        assert arrived(models) > kept > (adapters / "more/plus.safetensors").stat().st_size
    served.cut.clear()
    served.asked.clear()
    fetched(served, models, "more/plus.safetensors")
    name = f"{NAME}/more/plus"
    assert Library(models, models).companion(name).network == "IPAdapterPlus"
    assert (models / name / ENCODER).read_bytes() == (adapters / "models" / ENCODER).read_bytes()
    assert not list((models / name).rglob("*.part"))
    large = [h["Range"] for path, h in served.asked if path.startswith("/large/")]
    assert len(large) == 1
    assert not large[0].startswith("bytes=0-")


def test_the_command_line_fetches_a_file(served: Hub, models: Path) -> None:
    lora(served.folder / NAME / "ink.safetensors")
    lora(served.folder / NAME / "oil.safetensors")
    ran = subprocess.run(
        [sys.executable, "app.py", "fetch", NAME, "--file", "oil.safetensors", "--as", "mine/oil"],
        env={**os.environ, "HF_ENDPOINT": served.address, "CHORALE_MODELS": str(models)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("It is whole: choose 'mine/oil.safetensors'.\n")
    assert Library(models, models).loras() == ("mine/oil.safetensors",)
