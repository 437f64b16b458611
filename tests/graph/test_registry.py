from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import graph.correctors
import graph.fusion
import graph.guidance
import graph.samplers
import graph.schedules
from graph.interfaces import (
    Corrector,
    Declared,
    FusionRule,
    GuidanceMethod,
    NoiseSchedule,
    Sampler,
)
from graph.registry import choices

DECLARED = [
    (name, choice)
    for package, base in (
        (graph.correctors, Corrector),
        (graph.fusion, FusionRule),
        (graph.guidance, GuidanceMethod),
        (graph.samplers, Sampler),
        (graph.schedules, NoiseSchedule),
    )
    for name, choice in choices(package, base).items()
]
each_choice = pytest.mark.parametrize(("name", "choice"), DECLARED, ids=[n for n, _ in DECLARED])


@each_choice
def test_a_choice_is_named_like_its_file(name: str, choice: type[Declared]) -> None:
    assert choice().name == name
    assert choice.__module__.rpartition(".")[2] == name
    assert choice.model_json_schema()["properties"]["name"]["const"] == name


@each_choice
def test_a_choice_explains_itself_and_bounds_its_settings(
    name: str, choice: type[Declared]
) -> None:
    assert (choice.__doc__ or "").partition("\n")[0].endswith(".")
    for setting, schema in choice.model_json_schema()["properties"].items():
        if setting != "name":
            assert schema["description"].endswith(".")
            assert "default" in schema
            if schema.get("type") in ("number", "integer"):
                assert {"minimum", "maximum"} <= schema.keys()


def test_showing_the_choices_loads_no_torch() -> None:
    script = """
import sys
import graph.correctors, graph.fusion, graph.guidance, graph.samplers, graph.schedules
import graph.parametrisation
from graph.interfaces import Corrector, FusionRule, GuidanceMethod, NoiseSchedule, Sampler
from graph.registry import choices
for package, base in ((graph.correctors, Corrector), (graph.fusion, FusionRule),
                      (graph.samplers, Sampler),
                      (graph.schedules, NoiseSchedule), (graph.guidance, GuidanceMethod)):
    assert [choice().model_dump() for choice in choices(package, base).values()]
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "none"),
        ("class Mine(Sampler):\n    pass\n", "none"),
        (
            (
                "class A(Sampler):\n    def __call__(self): ...\n"
                "class B(Sampler):\n    def __call__(self): ...\n"
            ),
            "A, B",
        ),
    ],
)
def test_a_file_without_exactly_one_choice_is_named(
    text: str, got: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder_under_test"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "odd.py").write_text("from graph.interfaces import Sampler\n" + text)
    (folder / "_private.py").write_text("raise RuntimeError('not to be imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("folder_under_test")
    try:
        with pytest.raises(TypeError, match=rf"odd must hold exactly one Sampler, got {got}\."):
            choices(package, Sampler)
    finally:
        for module in [module for module in sys.modules if module.startswith("folder_under_test")]:
            del sys.modules[module]
