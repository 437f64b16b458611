"""A sampler that mistakes what an expert answers is told, with the expert."""

from __future__ import annotations

from typing import Any

import pytest

from graph.compile import compile_workflow
from graph.library import Library
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Two of one autoencoder."""
    models = tmp_path_factory.mktemp("models")
    folders.latent_consistency(models / "lcm")
    folders.stable_diffusion(models / "sd")
    return Library(models, models / "assets")


def said(library: Library, model: str, method: str, steps: int = 4) -> list[Any]:
    nodes: Nodes = {
        "text": ("text", {"text": "a boat"}),
        "expert": ("text_expert", {"model": model}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": steps, "method": {"name": method}}),
        "picture": ("picture", {}),
    }
    wires = (
        "text.text > expert.text",
        "expert.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
    )
    compiled = compile_workflow(document(nodes, wires), catalogue(), library)
    assert compiled.plan is not None
    return [each for each in compiled.diagnostics if each.code == "S018"]


@pytest.mark.parametrize("method", ["dpmpp_2m", "ddim", "euler_ancestral"])
def test_a_consistency_model_asks_for_its_sampler(library: Library, method: str) -> None:
    (found,) = said(library, "lcm", method)
    assert (found.node, found.severity) == ("expert", "warning")
    assert "'Text expert' is a latent consistency model and answers finished" in found.message
    assert f"{method} takes" in found.message
    assert "consistency" in found.hint


def test_its_sampler_asks_for_consistency_models(library: Library) -> None:
    (found,) = said(library, "sd", "consistency")
    assert (found.node, found.severity) == ("expert", "warning")
    assert "consistency takes that for a finished picture" in found.message


def test_what_belongs_together_is_not_warned_of(library: Library) -> None:
    assert said(library, "lcm", "consistency") == said(library, "sd", "euler_ancestral") == []


def test_in_one_step_all_samplers_end_at_the_answer(library: Library) -> None:
    assert said(library, "lcm", "ddim", steps=1) == said(library, "sd", "consistency", 1) == []


def test_a_formula_is_no_consistency_model(library: Library) -> None:
    nodes: Nodes = {
        "one": ("gaussian_expert", {}),
        "sampler": ("sampler", {"method": {"name": "consistency"}}),
        "picture": ("picture", {}),
    }
    wires = ("one.score > picture.score", "sampler.sampling > picture.sampling")
    found = compile_workflow(document(nodes, wires), catalogue(), library)
    assert [each.code for each in found.diagnostics] == ["S018"]
