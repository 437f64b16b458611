"""Thousands of spoilt workflows: every one is answered with findings, none with an exception."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.compile import compile_workflow
from graph.drawing import MAX_WIRES
from graph.errors import ChoraleError, Diagnostic
from graph.library import Library
from graph.plan import PlanBuilder
from graph.storage import read_bytes
from graph.workflow import VERSION, dump_workflow, read_workflow
from nodes import catalogue
from tests.graph.fakes import playground
from tests.graph.flatten.nesting import redrawn
from tests.graph.validate.nested_cases import NESTED_CASES

EXAMPLES = sorted((Path(__file__).parents[2] / "assets" / "workflows").glob("*.json"))
CODE = re.compile(r"[GSFAMWR]\d{3}")
HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(10**40), 10**300, 0.0, -0.0, 1e-320, 1e308,
    -1.5, "", " ", "\0", "a\nb", "é𝄞\u202e", "'; DROP TABLE", "../../etc/passwd", "%s{0}${x}",
    "__import__('os')", "<script>", "NaN", "Infinity", "1e5", "x" * 5_000, [], {}, [[]], [{}],
    [None] * 70, {"name": "product"}, {"name": "__class__"}, {"name": {"name": 1}}, [[1, 2], [3]],
    {"": ""}, {"__proto__": 1}, [[1e308, -1e308]], "0" * 64, "text.text", "a.b.c", "picture",
    [[[[[[[[[[1]]]]]]]]]], float("nan"), float("inf"),
)  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return playground(tmp_path_factory.mktemp("library"))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        keys = list(each) if isinstance(each, dict) else range(len(each))
        for key in keys:
            found.append((each, key))
            if isinstance(each[key], dict | list):
                waiting.append(each[key])
    return found


def spoil(document: Any, chance: random.Random) -> None:
    """Replace, remove, double or swap something somewhere."""
    spots = places(document)
    if not spots:
        return
    container, key = chance.choice(spots)
    match chance.randrange(6):
        case 0 | 1:
            container[key] = copy.deepcopy(chance.choice(HOSTILE))
        case 2:
            del container[key]
        case 3:
            other, at = chance.choice(spots)
            container[key] = copy.deepcopy(other[at])
        case 4 if isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
        case 4:
            container[chance.choice(("", "x", "__class__", "settings", "type"))] = container[key]
        case _:
            for _ in range(chance.choice((3, 50))):
                container[key] = [container[key]]


def cut(text: str, chance: random.Random) -> bytes:
    """Break the text itself."""
    raw = bytearray(text.encode())
    match chance.randrange(4):
        case 0:
            return bytes(raw[: chance.randrange(len(raw))])
        case 1:
            for _ in range(20):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
        case 2:
            at = chance.randrange(len(raw))
            raw[at:at] = chance.choice(
                (b"[" * 3_000, b'{"a":' * 3_000, b"\0", b"\xff", b"9" * 6_000)
            )
        case _:
            return bytes(raw) * 2
    return bytes(raw)


def answer(raw: bytes, library: Library) -> tuple[Diagnostic, ...]:
    """What a person is told, whatever the bytes are."""
    try:
        workflow, _ = read_bytes(raw)
    except ChoraleError as error:
        return error.diagnostics
    compiled = compile_workflow(workflow, catalogue(), library)
    assert (compiled.plan is None) == any(f.severity == "error" for f in compiled.diagnostics)
    str(compiled.plan)
    content = {"chorale": VERSION, **json.loads(raw)}
    if content["chorale"] >= VERSION:
        assert json.loads(dump_workflow(workflow)) == content
    return compiled.diagnostics


@pytest.mark.parametrize("seed", range(20))
def test_spoilt_workflows_are_answered_with_findings(seed: int, library: Library) -> None:
    chance = random.Random(seed)
    originals = [json.loads(path.read_text()) for path in EXAMPLES]
    for _ in range(100):
        spoilt(copy.deepcopy(chance.choice(originals)), chance, library, (1, 1, 2, 5, 20))


@pytest.mark.parametrize("seed", range(20))
def test_so_are_spoilt_subgraphs_reroutes_and_bypassed_nodes(seed: int, library: Library) -> None:
    chance = random.Random(seed)
    originals = [json.loads(path.read_text()) for path in EXAMPLES]
    faulty = [json.loads(dump_workflow(each)) for each in NESTED_CASES.values()]
    for _ in range(60):
        document = redrawn(chance.choice(originals), chance, chance.randint(1, 6))
        document["assets"] = {}
        document = copy.deepcopy(chance.choice([document, document, chance.choice(faulty)]))
        bend(document, chance)
        spoilt(document, chance, library, (0, 0, 0, 1, 5))


def bend(document: Any, chance: random.Random) -> None:
    """Bypass some nodes, and let some names mean another subgraph, node or port."""
    drawings = (
        [document, *document["subgraphs"].values()] if "subgraphs" in document else [document]
    )
    names = [*document.get("subgraphs", {}), "nowhere", ""]
    ends = [wire[end] for each in drawings for wire in each["wires"] for end in ("from", "to")]
    for drawing in drawings:
        for node in drawing["nodes"]:
            if chance.random() < 0.15:
                node["bypass"] = True
            if node["type"] == "subgraph" and chance.random() < 0.3:
                node["settings"] = {"of": chance.choice(names)}
            if chance.random() < 0.05:
                node["type"] = chance.choice(("reroute", "subgraph"))
        for entry in (*drawing["wires"], *drawing.get("inputs", ()), *drawing.get("outputs", ())):
            if chance.random() < 0.1:
                entry[chance.choice([key for key in entry if key in ("from", "to")])] = (
                    chance.choice(ends)
                )


def spoilt(document: Any, chance: random.Random, library: Library, times: tuple[int, ...]) -> None:
    """Spoil a document more or less often, and see what is said of it."""
    for _ in range(chance.choice(times)):
        spoil(document, chance)
    text = json.dumps(document)
    raw = cut(text, chance) if 0 not in times and chance.random() < 0.2 else text.encode()
    for found in answer(raw, library):
        assert CODE.fullmatch(found.code)
        assert found.message
        assert len(found.message) < 2_000


def dense(count: int, kind: str, ports: tuple[str, str]) -> dict[str, Any]:
    """Many nodes with as many wires as are allowed, forwards and backwards."""
    chance = random.Random(1)
    nodes = [{"id": f"n{i}", "type": kind} for i in range(count)]
    ends = [(chance.randrange(count), chance.randrange(count)) for _ in range(MAX_WIRES)]
    wires = [{"from": f"n{a}.{ports[0]}", "to": f"n{b}.{ports[1]}"} for a, b in ends]
    return {"nodes": nodes, "wires": wires}


@pytest.mark.parametrize(
    ("kind", "ports"),
    [("fuse", ("score", "scores")), ("picture", ("score", "score")), ("x", ("y", "z"))],
)
def test_the_largest_documents_are_answered(
    kind: str, ports: tuple[str, str], library: Library
) -> None:
    found = answer(json.dumps(dense(2_000, kind, ports)).encode(), library)
    assert found


def test_layers_that_multiply_paths_are_walked_once(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2^200 paths lead through two hundred layers of two; each node is lowered once."""
    nodes: list[dict[str, Any]] = [{"id": "picture", "type": "picture"}]
    wires: list[dict[str, str]] = []
    for layer in range(200):
        for side in "ab":
            kind = "fuse" if layer else "gaussian_expert"
            nodes.append({"id": f"{side}{layer}", "type": kind})
            if layer:
                wires += [
                    {"from": f"{other}{layer - 1}.score", "to": f"{side}{layer}.scores"}
                    for other in "ab"
                ]
        for node in nodes:
            if node["type"] == "gaussian_expert":
                node["settings"] = {"reliability": 0.5}
    wires.append({"from": "a199.score", "to": "picture.score"})
    calls: list[str] = []
    add: Callable[..., Any] = PlanBuilder.add

    def counted(self: PlanBuilder, node: str, op: str, *inputs: Any, **settings: Any) -> Any:
        calls.append(node)
        return add(self, node, op, *inputs, **settings)

    monkeypatch.setattr(PlanBuilder, "add", counted)
    workflow = read_workflow(json.dumps({"nodes": nodes, "wires": wires}))
    plan = compile_workflow(workflow, catalogue(), library).plan
    assert plan is not None
    assert len(calls) < 450
