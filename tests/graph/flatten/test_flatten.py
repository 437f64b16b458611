"""Flattening: what reroutes, bypassed nodes and subgraphs leave behind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.compile import Compiler, compile_workflow
from graph.drawing import MAX_NODES
from graph.flatten import flatten
from graph.library import Library
from graph.workflow import Workflow, read_workflow
from nodes import catalogue
from tests.graph.documents import document
from tests.graph.validate.nested_cases import drawing, inlet, node, outlet

SAMPLING = "sampler.sampling > picture.sampling"


def flat(nodes: list[dict[str, Any]], *wires: str, **subgraphs: dict[str, Any]) -> Workflow:
    content = drawing(nodes, *wires, subgraphs=subgraphs)
    found = flatten(read_workflow(json.dumps(content)), catalogue())
    assert not found.diagnostics, found.diagnostics
    return found.workflow


def wires(workflow: Workflow) -> list[str]:
    return [f"{wire.origin} > {wire.target}" for wire in workflow.wires]


def experts(count: int) -> list[dict[str, Any]]:
    return [node(f"e{i}", "gaussian_expert") for i in range(count)]


def test_a_plain_workflow_is_left_alone() -> None:
    plain = document()
    assert flatten(plain, catalogue()).workflow is plain


def test_a_reroute_becomes_the_wires_that_it_stood_on() -> None:
    nodes = [*experts(1), node("bend", "reroute"), node("f", "fuse"), node("g", "fuse")]
    found = flat(nodes, "e0.score > bend.in", "bend.out > f.scores", "bend.out > g.scores")
    assert wires(found) == ["e0.score > f.scores", "e0.score > g.scores"]
    assert [each.id for each in found.nodes] == ["e0", "f", "g"]


@given(st.integers(1, 60), st.randoms(use_true_random=False))
def test_a_chain_of_reroutes_is_one_wire_in_whatever_order_it_is_drawn(count, chance) -> None:
    nodes = [*experts(1), node("f", "fuse"), *(node(f"r{i}", "reroute") for i in range(count))]
    drawn = ["e0.score > r0.in", f"r{count - 1}.out > f.scores"]
    drawn += [f"r{i}.out > r{i + 1}.in" for i in range(count - 1)]
    chance.shuffle(drawn)
    chance.shuffle(nodes)
    assert wires(flat(nodes, *drawn)) == ["e0.score > f.scores"]


def test_the_longest_chain_needs_no_deep_stack() -> None:
    count = MAX_NODES - 2
    nodes = [*experts(1), node("f", "fuse"), *(node(f"r{i}", "reroute") for i in range(count))]
    drawn = [f"r{i}.out > r{i + 1}.in" for i in range(count - 1)]
    found = flat(nodes, *drawn, "e0.score > r0.in", f"r{count - 1}.out > f.scores")
    assert wires(found) == ["e0.score > f.scores"]


def test_a_wire_keeps_its_place_among_those_of_its_port() -> None:
    nodes = [*experts(3), node("bend", "reroute"), node("f", "fuse")]
    drawn = ("e0.score > f.scores", "bend.out > f.scores", "e2.score > f.scores")
    found = flat(nodes, "e1.score > bend.in", *drawn)
    assert wires(found) == [f"e{i}.score > f.scores" for i in range(3)]


def test_reroutes_that_lead_nowhere_or_come_from_nowhere_vanish() -> None:
    nodes = [*experts(1), node("end", "reroute"), node("start", "reroute"), node("f", "fuse")]
    assert wires(flat(nodes, "e0.score > end.in", "start.out > f.scores")) == []


def test_a_bypassed_fusion_hands_all_its_scores_to_one_that_takes_several() -> None:
    nodes = [*experts(3), node("f", "fuse", bypass=True), node("g", "fuse")]
    drawn = [f"e{i}.score > f.scores" for i in range(2)]
    found = flat(nodes, *drawn, "e2.score > f.background", "f.score > g.scores")
    assert wires(found) == ["e0.score > g.scores", "e1.score > g.scores"]


def test_and_the_first_to_a_port_that_takes_one() -> None:
    nodes = [
        *experts(2),
        node("f", "fuse", bypass=True),
        node("bend", "reroute"),
        node("p", "picture"),
    ]
    drawn = [f"e{i}.score > f.scores" for i in range(2)]
    found = flat(nodes, *drawn, "f.score > bend.in", "bend.out > p.score")
    assert wires(found) == ["e0.score > p.score"]


def test_what_a_bypassed_node_cannot_hand_on_vanishes() -> None:
    nodes = [
        node("t", "text"),
        node("e", "text_expert", bypass=True),
        node("f", "fuse"),
        node("photo", "photo"),
        node("edges", "edges", bypass=True),
        node("s", "sketch_expert"),
    ]
    drawn = ("t.text > e.text", "e.score > f.scores")
    assert wires(flat(nodes, *drawn, "photo.photo > edges.photo", "edges.sketch > s.sketch")) == []


def test_a_score_that_comes_directly_and_around_a_bypassed_node_comes_once() -> None:
    nodes = [*experts(1), node("f", "fuse", bypass=True), node("g", "fuse")]
    found = flat(nodes, "e0.score > f.scores", "f.score > g.scores", "e0.score > g.scores")
    assert wires(found) == ["e0.score > g.scores"]


MIX = drawing(
    [node("f", "fuse"), *experts(1)],
    "e0.score > f.scores",
    inputs=[inlet("more", "f.scores"), inlet("more", "f.background")],
    outputs=[outlet("score", "f.score")],
)


def test_a_subgraph_becomes_its_nodes_where_it_stands() -> None:
    nodes = [
        node("a", "text"),
        node("mix", "subgraph", of="mix"),
        *experts(1),
        node("p", "picture"),
    ]
    found = flat(nodes, "e0.score > mix.more", "mix.score > p.score", mix=MIX)
    assert [each.id for each in found.nodes] == ["a", "mix/f", "mix/e0", "e0", "p"]
    assert set(wires(found)) == {
        "mix/e0.score > mix/f.scores",
        "e0.score > mix/f.scores",
        "e0.score > mix/f.background",
        "mix/f.score > p.score",
    }
    assert [each for each in wires(found) if each.endswith("mix/f.scores")] == [
        "mix/e0.score > mix/f.scores",
        "e0.score > mix/f.scores",
    ]


def test_a_wire_through_a_subgraph_that_only_leads_on() -> None:
    through = drawing(
        [node("bend", "reroute")],
        inputs=[inlet("in", "bend.in")],
        outputs=[outlet("out", "bend.out")],
    )
    nodes = [*experts(1), node("x", "subgraph", of="x"), node("p", "picture")]
    for bypass in (False, True):
        nodes[1]["bypass"] = bypass
        found = flat(nodes, "e0.score > x.in", "x.out > p.score", x=through)
        assert wires(found) == ["e0.score > p.score"]


@pytest.mark.parametrize("deep", [False, True])
def test_a_bypassed_subgraph_hands_on_by_the_kinds_within(deep: bool) -> None:
    bent = drawing(
        [*MIX["nodes"], node("i", "reroute"), node("o", "reroute"), node("t", "label")],
        "i.out > f.scores",
        "f.score > o.in",
        inputs=[inlet("class", "nobody.x"), inlet("more", "i.in")],
        outputs=[outlet("class", "t.class"), outlet("score", "o.out")],
    )
    around = drawing(
        [node("inner", "subgraph", of="bent")],
        inputs=[inlet("class", "inner.class"), inlet("more", "inner.more")],
        outputs=[outlet("class", "inner.class"), outlet("score", "inner.score")],
    )
    nodes = [
        *experts(2),
        node("l", "label"),
        node("x", "subgraph", of="around" if deep else "bent", bypass=True),
        node("f", "fuse"),
        node("c", "class_expert"),
    ]
    drawn = ("e0.score > x.more", "e1.score > x.more", "l.class > x.class")
    found = flat(nodes, *drawn, "x.score > f.scores", "x.class > c.class", bent=bent, around=around)
    assert wires(found) == ["e0.score > f.scores", "e1.score > f.scores"]


def test_inner_ids_cannot_be_wired_from_outside() -> None:
    content = drawing([node("mix", "subgraph", of="mix")], "mix/f.score > p.score")
    with pytest.raises(Exception, match=r"W002 'wires\[0\].from' expected node.port"):
        read_workflow(json.dumps(content))


def test_ways_around_bypassed_nodes_that_multiply_are_walked_once() -> None:
    """2^300 ways lead through three hundred layers of two; both experts arrive once."""
    nodes, drawn = experts(2), list[str]()
    for layer in range(300):
        for side in "ab":
            nodes.append(node(f"{side}{layer}", "fuse", bypass=True))
            before = (f"{other}{layer - 1}" for other in "ab") if layer else ("e0", "e1")
            drawn += [f"{each}.score > {side}{layer}.scores" for each in before]
    found = flat([*nodes, node("f", "fuse")], *drawn, "a299.score > f.scores")
    assert wires(found) == ["e0.score > f.scores", "e1.score > f.scores"]


def test_ways_that_multiply_beyond_all_bounds_are_given_up() -> None:
    nodes = [*experts(500), *(node(f"f{i}", "fuse", bypass=True) for i in range(1_000))]
    drawn = [f"e{i}.score > f0.scores" for i in range(500)]
    drawn += [f"f{i}.score > f{i + 1}.scores" for i in range(999)]
    content = drawing([*nodes, node("f", "fuse")], *drawn, "f999.score > f.scores")
    found = flatten(read_workflow(json.dumps(content)), catalogue())
    assert [each.code for each in found.diagnostics] == ["G015"]


def test_a_bypassed_expert_is_not_asked_for_nor_its_model(tmp_path) -> None:
    nodes = [
        *experts(2),
        node("t", "text"),
        node("lost", "text_expert", settings={"model": "nowhere"}, bypass=True),
        node("f", "fuse", settings={"rule": {"name": "mean"}}),
        node("p", "picture"),
    ]
    drawn = [f"{name}.score > f.scores" for name in ("e0", "lost", "e1")]
    content = drawing(nodes, *drawn, "t.text > lost.text", "f.score > p.score")
    workflow = read_workflow(json.dumps(content))
    compiled = compile_workflow(workflow, catalogue(), Library(tmp_path, tmp_path))
    assert compiled.diagnostics == ()
    assert [op.node for op in compiled.plan.operations if op.op == "denoise"] == ["e0", "e1"]


def test_an_edit_within_a_subgraph_is_noticed(tmp_path) -> None:
    nodes = [node("mix", "subgraph", of="mix"), *experts(1), node("p", "picture")]
    content = drawing(nodes, "e0.score > mix.more", "mix.score > p.score", subgraphs={"mix": MIX})
    workflow = read_workflow(json.dumps(content))
    compiler = Compiler(catalogue(), Library(tmp_path, tmp_path))
    first = compiler.compile(workflow)
    assert compiler.compile(workflow.model_copy()) is first
    louder = compiler.compile(workflow.with_settings("mix/e0", reliability=2.0))
    assert louder is not first
    defaults = {each.name: each.default for each in louder.plan.controls}
    assert (defaults["mix/e0.reliability"], defaults["e0.reliability"]) == (2.0, 1.0)
