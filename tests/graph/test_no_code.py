"""Code that lies in a model's folder: it is never run, whatever the files ask for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graph.errors import ChoraleError
from graph.library import Library
from graph.machine import Machine
from graph.runtime import Runtime
from tests.graph.classifiers import write_classifier
from tests.graph.experts import folders
from tests.graph.fakes import write_json, write_model
from tests.graph.test_library import refusal

CPU = Machine(torch.device("cpu"), torch.float32)
NAMES = ("pipeline", "modeling", "tokenization", "configuration", "__init__")
ASKED = {
    "config.json": {
        "auto_map": {"AutoConfig": "configuration.Mine", "AutoModel": "modeling.Mine"},
        "trust_remote_code": True,
    },
    "tokenizer_config.json": {"auto_map": {"AutoTokenizer": ["tokenization.Mine", None]}},
    "scheduler_config.json": {"auto_map": {"AutoScheduler": "modeling.Mine"}},
}


def with_code(folder: Path) -> Path:
    """The folder with code in each of its places, which every configuration asks to be run."""
    trace = folder.parent / "was-run"
    program = f"open({str(trace)!r}, 'a').write(__name__)\n"
    for place in [folder, *(path for path in folder.iterdir() if path.is_dir())]:
        for name in NAMES:
            (place / f"{name}.py").write_text(program)
        for name, asked in ASKED.items():
            if (place / name).is_file():
                write_json(place / name, {**json.loads((place / name).read_text()), **asked})
    return trace


@pytest.mark.parametrize(
    "make",
    [
        folders.stable_diffusion,
        folders.stable_diffusion_3,
        folders.flux,
        folders.pixart,
        folders.sana,
    ],
)
def test_no_code_of_an_experts_folder_is_run(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    trace = with_code(make(tmp_path / "models" / "own"))
    before = set(sys.modules)
    library = Library(tmp_path / "models", tmp_path / "assets")
    _, expert = Runtime(library, CPU).expert("own")
    expert.encode("a red boat")
    assert not trace.exists()
    assert not [name for name in set(sys.modules) - before if name.endswith(NAMES)]


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (folders.stable_diffusion_3, "tokenizer_3"),
        (folders.flux, "tokenizer_2"),
        (folders.pixart, "tokenizer"),
        (folders.sana, "tokenizer"),
    ],
)
def test_a_tokenizer_that_is_code_is_refused_and_nobody_is_asked(
    tmp_path: Path, make: Callable[[Path], Path], part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / "models" / "own")
    trace, config = with_code(folder), folder / part / "tokenizer_config.json"
    write_json(config, {**json.loads(config.read_text()), "tokenizer_class": "Mine"})
    library = Library(tmp_path / "models", tmp_path / "assets")
    with pytest.raises(ChoraleError) as caught:
        Runtime(library, CPU).expert("own")
    assert str(caught.value).startswith(f"M006 'own' wants code of its own for its part '{part}'")
    assert "[y/N]" not in "".join(capfd.readouterr())
    assert not trace.exists()


def test_a_tokenizer_that_is_damaged_is_no_code(tmp_path: Path) -> None:
    folder = folders.pixart(tmp_path / "models" / "own")
    write_json(folder / "tokenizer" / "tokenizer_config.json", {"tokenizer_class": "Mine"})
    for path in (folder / "tokenizer").glob("tokenizer.json"):
        path.unlink()
    library = Library(tmp_path / "models", tmp_path / "assets")
    with pytest.raises(ChoraleError, match="M013"):
        Runtime(library, CPU).expert("own")


def test_no_code_of_a_guiding_models_folder_is_run(tmp_path: Path) -> None:
    trace = with_code(write_classifier(tmp_path / "models" / "own"))
    library = Library(tmp_path / "models", tmp_path / "assets")
    Runtime(library, CPU).likelihood("own")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_class_name": ["my_pipeline", "Thing"]}, "is a my_pipeline.Thing, which Chorale cannot"),
        ({"_class_name": None}, "is a None, which Chorale cannot load"),
        ({"_class_name": {}}, "is a {}, which Chorale cannot load"),
        ({"transformer": ["my_net", "Net"]}, "wants my_net.Net for its part 'transformer', code"),
        ({"scheduler": ["steps", "FastScheduler"]}, "wants steps.FastScheduler for its part"),
        ({"tokenizer": ["a", "b", "c"]}, "wants a.b.c for its part 'tokenizer', code"),
    ],
)
def test_a_pipeline_with_code_of_its_own_is_refused_by_name(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    folder = write_model(tmp_path / "models" / "own")
    write_json(
        folder / "model_index.json",
        {**json.loads((folder / "model_index.json").read_text()), **change},
    )
    found = refusal(Library(tmp_path / "models", tmp_path / "assets"), "own")
    assert found.startswith(f"M006 'own' {said}")


def test_what_chorale_does_without_may_be_of_any_library(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "own")
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    write_json(folder / "model_index.json", {**index, "image_encoder": [None, None]})
    assert Library(tmp_path / "models", tmp_path / "assets").model("own")
