"""What is installed is what is imported, at versions that are written down."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = ["app.py", "studio", "nodes", "graph", "training"]
BESIDE = ["tests", "bench"]
"""Measured and tested with what tests/requirements.txt adds."""
NAMES = {
    "PIL": "pillow",
    "axe_playwright_python": "axe-playwright-python",
    "pydantic_core": "pydantic",
    "xdist": "pytest-xdist",
}
COMMANDS = {"import-linter", "playwright", "pre-commit", "pyright", "ruff"}
BEHIND = {"peft"}
"""What diffusers loads by itself where it is there."""


def required(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    pins = [re.fullmatch(r"([a-z0-9_-]+)(\[[a-z]+\])?==[0-9.]+", line) for line in lines]
    assert all(pins), f"{file}: every line is a name and one version"
    return {pin[1] for pin in pins if pin}


def imported(*places: str) -> set[str]:
    """Distributions that the sources import, but for our own and Python's."""
    own = {Path(place).stem for place in (*PROGRAM, *BESIDE)}
    names = {name for place in places for file in sources(place) for name in modules(file)}
    return {NAMES.get(name, name) for name in names - own - sys.stdlib_module_names}


def sources(place: str) -> Iterator[Path]:
    path = ROOT / place
    yield from path.rglob("*.py") if path.is_dir() else [path]


def modules(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_the_program_requires_what_it_imports() -> None:
    assert imported(*PROGRAM) == required("requirements.txt")


def test_the_tests_and_the_bench_require_what_they_import_and_run() -> None:
    program, tests = required("requirements.txt"), required("tests/requirements.txt")
    assert imported(*BESIDE) - program <= tests
    assert tests - imported(*BESIDE) - COMMANDS - BEHIND == set()
