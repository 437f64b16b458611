"""Compilers of pages: kept, bounded, and right whoever asks at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graph.compile import compile_workflow
from graph.library import Library
from graph.workflow import Workflow
from nodes import catalogue
from studio.compilers import MAX_COMPILERS, Compilers
from tests.graph.documents import WIRES, changed, document
from tests.graph.fakes import playground

PAGE = "0123456789abcdef" * 2


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return playground(tmp_path)


def edits(count: int) -> list[Workflow]:
    plain = [document(changed(sampler={"seed": i, "steps": i % 7 - 1})) for i in range(count)]
    return [*plain, document(wires=WIRES[1:]), document(changed(text={"text": "a zebra"}))]


def test_what_a_page_checks_again_is_kept(library: Library) -> None:
    compilers = Compilers(catalogue(), library)
    first = compilers.compile(PAGE, document())
    assert compilers.compile(PAGE, document()) is first
    assert compilers.compile(PAGE[::-1], document()) is not first


@pytest.mark.parametrize("page", [None, 7, "", PAGE + "0", PAGE.upper(), ["a"]])
def test_a_page_without_a_proper_name_is_answered_from_nothing(page, library: Library) -> None:
    compilers = Compilers(catalogue(), library)
    first = compilers.compile(page, document())
    assert compilers.compile(page, document()) == first
    assert compilers.compile(page, document()) is not first


def test_the_pages_longest_unused_are_let_go(library: Library) -> None:
    compilers = Compilers(catalogue(), library)
    pages = [f"{number:032x}" for number in range(MAX_COMPILERS + 1)]
    kept = {page: compilers.compile(page, document()) for page in pages[:-1]}
    assert compilers.compile(pages[0], document()) is kept[pages[0]]
    compilers.compile(pages[-1], document())
    assert compilers.compile(pages[0], document()) is kept[pages[0]]
    assert compilers.compile(pages[1], document()) is not kept[pages[1]]


def test_pages_and_threads_do_not_disturb_each_other(library: Library) -> None:
    compilers = Compilers(catalogue(), library)
    asked = [(f"{number % 3:032x}", workflow) for number, workflow in enumerate(edits(40) * 3)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda each: compilers.compile(*each), asked))
    for (_, workflow), compiled in zip(asked, found, strict=True):
        assert compiled == compile_workflow(workflow, catalogue(), library)
