"""Every finding, word for word, as people read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graph.compile import compile_workflow
from graph.library import Library
from graph.workflow import Workflow
from nodes import catalogue
from tests.graph.fakes import playground, write_model
from tests.graph.validate.bridge_cases import BRIDGE_CASES
from tests.graph.validate.cases import CASES
from tests.graph.validate.nested_cases import NESTED_CASES
from tests.graph.validate.sound_cases import SOUND_CASES

ALL_CASES = {**CASES, **NESTED_CASES, **SOUND_CASES, **BRIDGE_CASES}
GOLDEN = Path(__file__).parents[2] / "golden" / "messages.txt"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return stage(tmp_path_factory.mktemp("library"))


def stage(folder: Path) -> Library:
    """The Playground, and two experts of pictures of 1,024 × 1,024 pixels."""
    library = playground(folder)
    for condition in ("text", "class"):
        write_model(library.folder / "large" / condition, condition, autoencoder=5, side=128)
    return library


def shown(workflow: Workflow, library: Library) -> str:
    lines: list[str] = []
    for found in compile_workflow(workflow, catalogue(), library).diagnostics:
        place = "/".join(part for part in (found.node, found.port) if part)
        lines.append(f"{found.severity}: {found} [{place}]\n")
    return "".join(lines) or "nothing\n"


def recorded() -> dict[str, str]:
    parts = GOLDEN.read_text().split("\n# ")
    return {part.partition("\n")[0].removeprefix("# "): part.partition("\n")[2] for part in parts}


@pytest.mark.parametrize("case", ALL_CASES)
def test_the_message_is_as_written(case: str, library: Library) -> None:
    assert shown(ALL_CASES[case], library).strip() == recorded()[case].strip()


def test_nothing_is_recorded_that_is_not_tried() -> None:
    assert list(recorded()) == list(ALL_CASES)


def test_every_check_is_tried() -> None:
    """A code that the checks can give is in a message that was read and found good."""
    text = GOLDEN.read_text()
    engine = Path(__file__).parents[3] / "graph"
    modules = [*(engine / "validate").glob("*.py"), *(engine / "flatten").glob("*.py")]
    codes = {code for path in modules for code in re.findall(r'"([A-Z]\d{3})"', path.read_text())}
    assert len(codes) >= 20
    assert [code for code in sorted(codes) if f" {code} " not in text] == []
