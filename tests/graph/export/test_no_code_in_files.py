"""Code that lies in a model's folder: an exported file never runs it, nor asks about it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from graph.export.parts import FOLDER
from graph.export.pieces import onlookers
from graph.export.script import export
from graph.library import Library
from tests.graph.classifiers import reconfigure, write_classifier
from tests.graph.experts import folders
from tests.graph.export.exported import opened, planned
from tests.graph.fakes import write_json
from tests.graph.test_no_code import with_code

OPENS_WHAT_A_FOLDER_NAMES = re.compile(
    r"Auto(?!encoder)\w+\.\w+|load\(family, MODELS|(\w+\.)*pipeline\("
)


def test_no_piece_asks_whether_to_run_code() -> None:
    """Where the folder says of what class a part is, its own code is not wanted."""
    found: list[str] = []
    for path in sorted(FOLDER.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            said = {each.arg: ast.unparse(each.value) for each in call.keywords}
            assert said.get("trust_remote_code") in (None, "False"), path.name
            if OPENS_WHAT_A_FOLDER_NAMES.match(ast.unparse(call)):
                found.append(path.name)
                assert said.get("trust_remote_code") == "False", path.name
    assert found == ["loading.py", "onlookers.py"]


def test_a_tokenizer_that_is_code_is_not_opened(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    base = folders.pixart(tmp_path / "models" / "base")
    library = Library(tmp_path / "models", tmp_path / "assets")
    nodes: Any = {
        "text": ("text", {"text": "a red boat"}),
        "expert": ("text_expert", {"model": "base"}),
        "sampler": ("sampler", {"steps": 2}),
        "picture": ("picture", {}),
    }
    wires = ["text.text > expert.text", "expert.score > picture.score"]
    plan = planned(library, nodes, [*wires, "sampler.sampling > picture.sampling"])
    file = opened(export(plan, library, title="Code"), tmp_path / "out")
    trace = with_code(base)
    config = base / "tokenizer" / "tokenizer_config.json"
    write_json(config, {**json.loads(config.read_text()), "tokenizer_class": "Mine"})
    with pytest.raises(ValueError, match="trust_remote_code"):
        file["sample"]()
    assert "[y/N]" not in "".join(capfd.readouterr())
    assert not trace.exists()


def test_a_model_that_looks_and_is_code_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(onlookers, "MODELS", tmp_path)
    trace = with_code(write_classifier(tmp_path / "own"))
    reconfigure(
        tmp_path / "own",
        architectures=["AutoModelForImageClassification"],
        model_type="mine",
        auto_map={"AutoConfig": "modeling.Mine", "AutoModelForImageClassification": "modeling.M"},
    )
    with pytest.raises(ValueError, match="trust_remote_code"):
        onlookers.Onlooker("own", None, (0.5,) * 3, (0.5,) * 3)
    assert "[y/N]" not in "".join(capfd.readouterr())
    assert not trace.exists()
