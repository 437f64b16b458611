"""However a workflow is drawn, its plan is the one of the plain nodes and wires."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.compile import compile_workflow
from graph.library import Library
from graph.plan import Plan
from graph.storage import import_assets
from graph.workflow import dump_workflow, read_workflow
from nodes import catalogue
from tests.graph.flatten.nesting import essence, redrawn, wrapped
from tests.graph.test_compile import stage

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "assets" / "workflows").glob("*.json"))
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return stage(tmp_path_factory.mktemp("library"))


def plan_of(document: dict[str, Any], library: Library) -> Plan:
    workflow = read_workflow(json.dumps(document))
    import_assets(workflow, library)
    compiled = compile_workflow(workflow, catalogue(), library)
    assert compiled.plan is not None, "\n".join(map(str, compiled.diagnostics))
    assert not [found for found in compiled.diagnostics if found.severity == "error"]
    return compiled.plan


def golden(path: Path) -> str:
    return (ROOT / "tests" / "golden" / f"{path.stem}.plan").read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_everything_within_a_subgraph_is_the_plan_as_written(path: Path, library: Library) -> None:
    document = json.loads(path.read_text())
    ids = [node["id"] for node in document["nodes"]]
    nested = wrapped(wrapped(wrapped(document, ids, "a"), ["a"], "b"), ["b"], "c")
    plan = plan_of(nested, library)
    assert f"{plan}\n".replace("c/b/a/", "") == golden(path)
    assert plan.key == plan_of(document, library).key
    assert {operation.node.count("/") for operation in plan.operations} == {3}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_experts_with_what_they_hear_in_a_subgraph_each(path: Path, library: Library) -> None:
    document = json.loads(path.read_text())
    for expert in [n["id"] for n in document["nodes"] if n["type"].endswith("_expert")]:
        heard = {w["from"].split(".")[0] for w in document["wires"] if w["to"].startswith(expert)}
        document = wrapped(document, {expert, *heard}, f"part_{expert}", "origin")
    plan = plan_of(document, library)
    assert essence(plan) == essence(plan_of(json.loads(path.read_text()), library))


@SETTINGS
@given(
    path=st.sampled_from(EXAMPLES),
    chance=st.randoms(use_true_random=False),
    times=st.integers(1, 8),
)
def test_a_workflow_that_is_drawn_otherwise_has_the_same_plan(
    path: Path, chance: random.Random, times: int, library: Library
) -> None:
    document = json.loads(path.read_text())
    drawn = redrawn(document, chance, times)
    assert essence(plan_of(drawn, library)) == essence(plan_of(document, library))
    assert json.loads(dump_workflow(read_workflow(json.dumps(drawn)))) == drawn


def test_two_subgraphs_with_equal_settings_have_equal_keys(library: Library) -> None:
    document = json.loads((ROOT / "assets" / "workflows" / "text.json").read_text())
    (expert,) = [node["id"] for node in document["nodes"] if node["type"] == "text_expert"]
    texts = [node["id"] for node in document["nodes"] if node["type"] == "text"]
    nested = wrapped(document, [expert, *texts], "a")
    nested["nodes"].append({"id": "b", "type": "subgraph", "settings": {"of": "a"}})
    (out,) = [wire for wire in nested["wires"] if wire["from"].startswith("a.")]
    nested["nodes"].append({"id": "both", "type": "fuse"})
    nested["wires"] += [
        {"from": "both.score", "to": out["to"]},
        {"from": "b.out0", "to": "both.scores"},
    ]
    out["to"] = "both.scores"
    asked = [each for each in plan_of(nested, library).operations if each.op == "denoise"]
    assert [each.node for each in asked] == [f"a/{expert}", f"b/{expert}"]
    assert len({each.key for each in asked}) == 1
