"""What is exported, what is refused, and how the file reads."""

from __future__ import annotations

import ast
import json
import os
import py_compile
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graph import correctors, forms, fusion, guidance, samplers, schedules
from graph.errors import ChoraleError
from graph.export.choosing import FAMILIES
from graph.export.naming import Names
from graph.export.parts import members, needed, piece
from graph.export.script import export
from graph.export.wording import row_of, wrapped
from graph.pipelines import PIPELINES
from graph.plan import Operation, Plan
from graph.registry import choices
from graph.runtime import Runtime
from studio.calls import Call
from studio.piece import ROOT, WORKFLOWS, library, load
from tests.graph.experts.alone import CPU
from tests.graph.export.exported import opened, unwritten

NOT_YET: frozenset[str] = frozenset({"none"})
"""Members that cannot be exported yet, W024 names them where a workflow uses one; none is none."""


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_member_of_a_family_is_exported_or_named(family: str) -> None:
    package, base = FAMILIES[family]
    assert {*members(family), *NOT_YET} == {*choices(package, base), *NOT_YET}


def test_every_pipeline_is_exported() -> None:
    found = [
        name for each in members("experts") for name in piece(f"experts.{each}").value("PIPELINES")
    ]
    assert sorted(found) == sorted(set(found))
    assert set(found) == set(PIPELINES)


def test_the_families_are_those_of_the_engine() -> None:
    assert {package for package, _ in FAMILIES.values()} == {
        correctors,
        forms,
        fusion,
        guidance,
        samplers,
        schedules,
    }


def test_what_cannot_be_exported_is_named_once_and_nothing_is_left_out() -> None:
    with pytest.raises(ChoraleError) as caught:
        Call(unwritten()).piece().export()
    (found,) = caught.value.diagnostics
    assert found.code == "W024"
    assert found.message.count("do not sum to one") == found.message.count("('fuse')") == 1
    assert found.hint


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (lambda op: {"op": "repaint"}, "the operation repaint"),
        (lambda op: {"settings": (*op.settings, ("tint", 0.5))}, "the setting tint"),
    ],
)
def test_what_a_later_version_adds_to_plans_is_refused(changed: Any, expected: str) -> None:
    plan = load(WORKFLOWS / "text.json").plan()
    first = plan.operations[0]
    fields = {name: getattr(first, name) for name in Operation.__slots__}
    other = Plan((Operation(**{**fields, **changed(first)}), *plan.operations[1:]))
    with pytest.raises(ChoraleError, match=f"W024 .*{expected}"):
        export(other, library(), title="Later")


def test_every_example_is_plain_python_without_a_finding_of_ruff(tmp_path: Path) -> None:
    paths: list[Path] = []
    for name in sorted(path.stem for path in WORKFLOWS.glob("*.json")):
        exported = load(WORKFLOWS / f"{name}.json").export(name)
        paths.append(tmp_path / f"{name}.py")
        paths[-1].write_text(exported.text, "utf-8")
        py_compile.compile(str(paths[-1]), doraise=True)
        longest = max(exported.text.splitlines(), key=len)
        assert len(longest) <= 100 or "WEIGHTS" in longest, longest
        assert not any(word in exported.text for word in ("from graph", "import graph", "nodes."))
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_only_what_a_workflow_needs_is_in_its_file() -> None:
    text = load(WORKFLOWS / "text.json").export().text
    for name in ("DiT", "flow_prediction", "karras", "perp_neg", "ddim", "mean_of", "WEIGHTS"):
        assert name not in text
    assert "return product([text_expert], [4.0], text_null)" in text


def test_a_file_paints_the_same_picture_in_a_process_of_its_own(tmp_path: Path) -> None:
    piece = load(WORKFLOWS / "text-mask.json").with_setting("sampler.steps", 3)
    exported = piece.export("paper")
    for name, data in exported.files.items():
        (tmp_path / name).write_bytes(data)
    models = str(library().folder)
    text = exported.text.replace('Path("assets/models")', f"Path({json.dumps(models)})")
    (tmp_path / "paper.py").write_text(text, "utf-8")
    ran = subprocess.run(
        [sys.executable, "-P", "paper.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [str(tmp_path / "paper-picture-1.png")]
    result = list(Runtime(library(), CPU).run(piece.plan()))[-1]
    found = np.asarray(Image.open(tmp_path / "paper-picture-1.png"), dtype=int)
    assert np.abs(found - np.asarray(result.pictures[0], dtype=int)).max() <= 1


def test_names_read_well_and_mean_one_thing() -> None:
    names = Names(["x"])
    assert names.of(1, "Über alles/2-b") == "uber_alles_2_b"
    assert names.of(2, "uber alles 2 b") == "uber_alles_2_b_2"
    assert names.of(1, "other") == "uber_alles_2_b"
    assert [names.of(key, key) for key in ("x", "list", "class", "2d", "…")] == [
        "x_2",
        "list_2",
        "class_2",
        "n2d",
        "it",
    ]


def test_a_part_brings_what_it_needs() -> None:
    parts, imports = needed([("fusion.perp_neg", "perp_neg")])
    assert [part.name for part in parts] == ["perp_neg", "inner"]
    assert imports == [
        "from functools import reduce",
        "from operator import add",
        "",
        "import torch",
        "from torch import Tensor",
    ]


def test_a_long_call_is_written_in_several_lines() -> None:
    line = f"fused = product([{'a' * 50}, b], [1.0, 2.0], {'c' * 40})"
    assert wrapped(line) == [
        "fused = product(",
        f"    [{'a' * 50}, b],",
        "    [1.0, 2.0],",
        f"    {'c' * 40},",
        ")",
    ]
    assert wrapped("fused = product(a)") == ["fused = product(a)"]


def test_words_of_people_are_never_code(tmp_path: Path) -> None:
    evil = 'x"""\nraise SystemExit(3)\n"""\\ \x00 {1/0}'
    piece = load(WORKFLOWS / "text.json").with_setting("text.text", evil)
    said = f"{'a' * 87}\\x! {evil}"
    workflow = piece.workflow.model_copy(update={"title": evil, "description": said})
    exported = replace(piece, workflow=workflow).export()
    found = opened(exported, tmp_path)
    assert callable(found["sample"])
    assert "SystemExit" in found["__doc__"]
    tree = ast.parse(exported.text)
    assert evil.lower() in [each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)]


def test_the_example_of_the_docs_is_what_is_exported() -> None:
    text = load(WORKFLOWS / "text-mask.json").export().text
    page = (ROOT / "docs" / "export.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.+?)^```$", page, re.MULTILINE | re.DOTALL)
    assert all(block in text for block in blocks[:2])
    together = load(WORKFLOWS / "together.json").export().text
    assert len(blocks) == 4  # that of adapters is looked at with them
    assert blocks[3] in together


def test_whole_numbers_that_lie_evenly_are_a_range() -> None:
    for row in (
        [951, 901, 851, 801, 751],
        [0] * 7,
        [0, 1, 2, 3, 4],
        [1, 2],
        [5],
        [9, 7, 4, 2, 1, 0],
    ):
        assert eval(row_of(row)) == row
    assert row_of([951, 901, 851, 801, 751]) == "list(range(951, 701, -50))"
    assert row_of([0] * 7) == "[0] * 7"
    assert row_of([1.0, 1.0, 1.0, 1.0, 1.0]) == "[1.0, 1.0, 1.0, 1.0, 1.0]"
