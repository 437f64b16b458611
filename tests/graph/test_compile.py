"""Compiling: golden plans, keys that change when they must and only then, what is kept."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.compile import Compiler, compile_workflow
from graph.library import Library
from graph.node import Live
from graph.plan import Plan
from graph.storage import import_assets, read_any
from graph.workflow import Workflow
from nodes import catalogue
from tests.graph.classifiers import teach, write_classifier
from tests.graph.documents import TEXT_AND_CLASS, WIRES, changed, document
from tests.graph.fakes import playground, write_model
from tests.graph.modules import write_trained

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
EXAMPLES = sorted((ROOT / "assets" / "workflows").glob("*.json"))


def stage(folder: Path) -> Library:
    """The Playground's experts with the companions that the examples play."""
    library = playground(folder)
    write_trained(library)
    scenes = ("sea at night", "sea at sunset", "snowfield at night")
    models = library.folder / "playground"
    write_model(models / "mask-fine", "mask", autoencoder=2, channels=4, side=32)
    write_classifier(models / "classifier", labels=scenes)
    write_classifier(models / "segmenter", "segformer")
    write_classifier(models / "depth", "dpt")
    teach(write_classifier(models / "classifier-in-noise", labels=scenes))
    return library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return stage(tmp_path_factory.mktemp("library"))


def plan_of(workflow: Workflow, library: Library) -> Plan:
    compiled = compile_workflow(workflow, catalogue(), library)
    assert compiled.plan is not None, "\n".join(map(str, compiled.diagnostics))
    return compiled.plan


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_plan_of_every_example_is_as_written(path: Path, library: Library) -> None:
    workflow, _ = read_any(path)
    import_assets(workflow, library)
    golden = GOLDEN / f"{path.stem}.plan"
    assert f"{plan_of(workflow, library)}\n" == golden.read_text()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 8


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True)
QUIET = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
VARIED: list[tuple[str, str, object]] = [
    ("text", "text", "a blue sailboat"),
    ("scene", "name", "sea by day"),
    ("text_expert", "share", 0.5),
    ("text_expert", "from_noise", 0.9),
    ("text_expert", "to_noise", 0.1),
    ("fuse", "rule", {"name": "mean"}),
    ("fuse", "rule", {"name": "product", "reference": "own"}),
    ("sampler", "seed", 4),
    ("sampler", "count", 3),
    ("sampler", "steps", 25),
    ("sampler", "method", {"name": "heun"}),
    ("sampler", "schedule", {"name": "karras", "rho": 5.0}),
    ("sampler", "corrector", {"name": "ula"}),
    ("sampler", "wide", 2),
]


@QUIET
@given(
    names=st.lists(NAMES, min_size=7, max_size=7, unique=True),
    title=st.text(max_size=50),
    order=st.randoms(use_true_random=False),
)
def test_a_key_knows_no_ids_titles_positions_or_order(
    names: list[str], title: str, order: random.Random, library: Library
) -> None:
    renamed = dict(zip(TEXT_AND_CLASS, names, strict=True))
    nodes = [(renamed[name], node) for name, node in TEXT_AND_CLASS.items()]
    order.shuffle(nodes)
    wires = tuple(_renamed(wire, renamed) for wire in WIRES)
    workflow = document(dict(nodes), wires, title=title, view={"x": {"at": [1, 2]}})
    assert plan_of(workflow, library).key == plan_of(document(), library).key


def _renamed(wire: str, names: dict[str, str]) -> str:
    ends = [end.split(".") for end in wire.split(" > ")]
    return " > ".join(f"{names[node]}.{port}" for node, port in ends)


@QUIET
@given(
    reliability=st.floats(0, 2),
    guidance=st.floats(0.1, 15),
    muted=st.booleans(),
    solo=st.booleans(),
)
def test_controls_are_no_part_of_a_key(
    reliability: float, guidance: float, muted: bool, solo: bool, library: Library
) -> None:
    moved = {"reliability": reliability, "guidance": guidance, "muted": muted, "solo": solo}
    plan = plan_of(document(changed(text_expert=moved)), library)
    assert plan.key == plan_of(document(), library).key
    defaults = {control.name: control.default for control in plan.controls}
    assert {name: defaults[f"text_expert.{name}"] for name in moved} == moved


@pytest.mark.parametrize(("node", "setting", "value"), VARIED)
def test_every_other_setting_is(node: str, setting: str, value: object, library: Library) -> None:
    other = plan_of(document(changed(**{node: {setting: value}})), library)
    assert other.key != plan_of(document(), library).key


def test_the_list_above_forgets_no_setting() -> None:
    varied = {(node, setting) for node, setting, _ in VARIED}
    for node, (kind, _) in TEXT_AND_CLASS.items():
        for setting, field in catalogue()[kind].model_fields.items():
            live = any(isinstance(item, Live) for item in field.metadata)
            sized = setting in ("width", "height")  # which a class expert has not: test_sizes.py
            started = setting == "strength"  # which counts where there is a start: test_starting.py
            known = live or sized or started or setting == "model" or (node, setting) in varied
            assert known or node == "class_expert"


def test_what_leads_to_no_output_is_not_compiled(library: Library) -> None:
    nodes = {**TEXT_AND_CLASS, "idle": ("text_expert", {"model": "nowhere"}), "odd": ("later", {})}
    compiled = compile_workflow(document(nodes), catalogue(), library)
    assert compiled.plan is not None
    assert compiled.plan.key == plan_of(document(), library).key
    assert {found.severity for found in compiled.diagnostics} == {"warning"}
    assert {"G004", "M001"} <= {found.code for found in compiled.diagnostics}


def test_an_expert_alone_is_fused_with_its_own_null(library: Library) -> None:
    nodes = {name: TEXT_AND_CLASS[name] for name in ("text", "text_expert", "picture")}
    wires = ("text.text > text_expert.text", "text_expert.score > picture.score")
    operations = plan_of(document(nodes, wires), library).operations
    assert [each.op for each in operations] == ["denoise", "fuse", "noise", "sample", "decode"]
    assert str(operations[1]["rule"]).startswith("product")
    assert operations[2]["samples"] == (0,)


def test_an_unchanged_workflow_is_not_compiled_again(library: Library) -> None:
    compiler = Compiler(catalogue(), library)
    first = compiler.compile(document())
    assert compiler.compile(document()) is first
    assert compiler.compile(document(title="Another name")) is first
    assert compiler.compile(document(changed(sampler={"seed": 9}))) is not first


def test_what_changes_in_the_library_is_noticed(tmp_path: Path) -> None:
    library = playground(tmp_path)
    compiler = Compiler(catalogue(), library)
    assert compiler.compile(document()).plan is not None
    (tmp_path / "models/playground/text/transformer/diffusion_pytorch_model.safetensors").unlink()
    broken = compiler.compile(document())
    assert broken.plan is None
    assert [found.code for found in broken.diagnostics] == ["M003"]


def test_edits_one_after_another_compile_as_from_nothing(library: Library) -> None:
    compiler = Compiler(catalogue(), library)
    edits = [
        document(),
        document(changed(text={"text": "a zebra"})),
        document(changed(text_expert={"reliability": 7})),
        document(changed(sampler={"steps": 5})),
        document(TEXT_AND_CLASS, WIRES[:-1]),
        document(),
    ]
    for workflow in edits:
        assert compiler.compile(workflow) == compile_workflow(workflow, catalogue(), library)


def test_a_chain_of_two_thousand_nodes_compiles(library: Library) -> None:
    count = 1_990
    nodes = {f"fuse{i}": ("fuse", {}) for i in range(count)}
    nodes = {**TEXT_AND_CLASS, **nodes}
    wires = [*WIRES[:4], WIRES[5], "fuse.score > fuse0.scores"]
    wires += [f"fuse{i}.score > fuse{i + 1}.scores" for i in range(count - 1)]
    wires.append(f"fuse{count - 1}.score > picture.score")
    plan = plan_of(document(nodes, tuple(wires)), library)
    assert len(plan.operations) == count + 6


def test_checking_and_compiling_load_nothing_heavy() -> None:
    script = f"""
import sys
from pathlib import Path
from graph.compile import compile_workflow
from graph.library import Library
from graph.node import Live
from graph.storage import read_any
import nodes
library = Library(Path("assets/models"), Path("nowhere"))
for path in {[str(path) for path in EXAMPLES]!r}:
    found = compile_workflow(read_any(Path(path))[0], nodes.catalogue(), library)
    assert found.plan is not None or found.diagnostics
nodes.catalogue_json()
heavy = {{"torch", "diffusers", "transformers", "gradio"}} & set(sys.modules)
sys.exit(f"loaded {{sorted(heavy)}}" if heavy else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
