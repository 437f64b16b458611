"""Who may import whom: the contracts hold, a violation of each breaks it, and torch stays away."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract for contract in SETTINGS["contracts"]}
VIOLATIONS = {
    "packages": ("graph/levels.py", "import nodes"),
    "training": ("graph/loop.py", "import training"),
    "app": ("graph/runtime.py", "import app"),
    "gradio": ("graph/events.py", "import gradio"),
    "engine": ("graph/plan.py", "import graph.loop"),
    "families": ("graph/samplers/heun.py", "from graph.samplers import euler"),
    "torch-free": ("graph/workflow.py", "import torch"),
}


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", script, "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources, to be spoilt."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in SETTINGS["root_packages"]:
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=lambda folder, names: [
                name
                for name in names
                if not (Path(folder) / name).is_dir() and not name.endswith(".py")
            ],
        )
    return tmp_path


def test_the_contracts_hold() -> None:
    outcome = lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_contract_has_a_violation_that_shows_its_teeth() -> None:
    assert set(VIOLATIONS) == set(CONTRACTS)


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_violation_breaks_its_contract(contract: str, tree: Path) -> None:
    name, line = VIOLATIONS[contract]
    with (tree / name).open("a") as file:
        file.write(f"\n{line}\n")
    outcome = lint(tree)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert f"{CONTRACTS[contract]['name']} BROKEN" in " ".join(outcome.stdout.split())


def test_a_module_without_a_place_in_the_layers_is_noticed(tree: Path) -> None:
    (tree / "graph" / "stray.py").write_text('"""A module that no layer names."""\n')
    outcome = lint(tree)
    assert outcome.returncode == 1
    assert "stray" in outcome.stdout


def test_reading_checking_and_compiling_load_no_torch() -> None:
    modules = CONTRACTS["torch-free"]["source_modules"]
    script = f"""
import importlib, pkgutil, sys
for name in {modules!r}:
    module = importlib.import_module(name)
    for info in pkgutil.walk_packages(getattr(module, "__path__", ()), name + "."):
        importlib.import_module(info.name)
heavy = {{"torch", "diffusers", "transformers", "gradio"}} & set(sys.modules)
sys.exit(f"loaded {{sorted(heavy)}}" if heavy else 0)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
