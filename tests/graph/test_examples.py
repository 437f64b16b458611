"""The examples that ship: sound with the models that are there, and made as their script says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from graph.compile import compile_workflow
from graph.library import Library
from graph.storage import import_assets, read_any
from nodes import catalogue
from training.templates import documents

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "assets" / "models"
EXAMPLES = {path.stem: path for path in sorted((ROOT / "assets" / "workflows").glob("*.json"))}


def test_the_examples_are_those_of_their_script() -> None:
    """But for the pictures' bytes, which another zlib packs differently."""
    assert {name: without_files(each) for name, each in documents().items()} == {
        name: without_files(json.loads(path.read_text())) for name, path in EXAMPLES.items()
    }


def without_files(document: dict[str, Any]) -> dict[str, Any]:
    plain = {**document, "assets": len(document["assets"])}
    return json.loads(re.sub(r"[0-9a-f]{64}", "file", json.dumps(plain)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_wrong_but_models_that_are_not_there(name: str, tmp_path: Path) -> None:
    library = Library(MODELS, tmp_path)
    workflow, _ = read_any(EXAMPLES[name])
    import_assets(workflow, library)
    experts = [node for node in workflow.nodes if node.type.endswith("_expert")]
    named = [catalogue()[node.type].model_validate(node.settings) for node in experts]
    settings = [node.model_dump() for node in named]
    models = {each["model"] for each in settings if "model" in each}
    absent = {model for model in models if not (MODELS / model).is_dir()}
    found = compile_workflow(workflow, catalogue(), library).diagnostics
    assert {each.code for each in found} == ({"M001"} if absent else set())
    assert all(any(f"'{model}'" in each.message for model in absent) for each in found)
