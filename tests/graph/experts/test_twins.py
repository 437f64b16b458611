"""Weak twins: blocks left out as diffusers skips them, and guidance by what they get wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.guiders.skip_layer_guidance import SkipLayerGuidance
from diffusers.hooks import HookRegistry, LayerSkipConfig
from diffusers.hooks.layer_skip import _apply_layer_skip_hook

from graph.checkpoints import load_expert
from graph.compile import compile_workflow
from graph.ensemble import assemble
from graph.errors import ChoraleError
from graph.events import Failure
from graph.experts.gaussian import Gaussian
from graph.experts.pixart import PixArt
from graph.fusion.product import Product
from graph.interfaces import Estimate, Expert
from graph.levels import NoiseLevel
from graph.library import Library
from graph.player import Player
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.formable import random
from tests.graph.test_modulated_runs import CPU, pixels, result

LEVEL = NoiseLevel.from_noise(0.6)
ASKED = {"playground/text": "a red boat", "playground/class": "night"}
each_family = pytest.mark.parametrize("name", ASKED)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    folders.pixart(tmp_path / "models" / "playground" / "text")
    folders.dit(tmp_path / "models" / "playground" / "class")
    return Library(tmp_path / "models", tmp_path / "assets")


def answer(expert: Expert, name: str) -> torch.Tensor:
    x = random(3, (2, folders.CHANNELS, folders.SIDE, folders.SIDE)).float()
    with torch.no_grad():
        return expert.denoise(x, LEVEL, [expert.encode(ASKED[name]), expert.encode(None)])


@each_family
@pytest.mark.parametrize("block", [0, 1])
def test_a_block_left_out_is_one_that_diffusers_skips(
    name: str, block: int, library: Library
) -> None:
    expert = load_expert(name, library, CPU)
    before, weak = answer(expert, name), answer(expert.without([block]), name)
    assert not torch.allclose(weak, before, atol=1e-3)
    assert torch.equal(answer(expert, name), before), "the expert itself stays"
    transformer: Any = expert._transformer
    _apply_layer_skip_hook(transformer, LayerSkipConfig([block]), name="skip")
    assert torch.equal(answer(expert, name), weak)
    HookRegistry.check_if_exists_or_initialize(transformer).remove_hook("skip", recurse=True)
    assert torch.equal(answer(expert, name), before)


@each_family
def test_a_twin_shares_every_weight(name: str, library: Library) -> None:
    expert = load_expert(name, library, CPU)
    transformer: Any = expert._transformer
    own = {each.data_ptr() for each in transformer.parameters()}
    twin: Any = expert.without([1])._transformer
    assert {each.data_ptr() for each in twin.parameters()} < own


@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
@pytest.mark.parametrize(("weight", "away"), [(7.5, 2.8), (3.0, 0.5)])
def test_a_twin_below_zero_is_skip_layer_guidance(
    weight: float, away: float, kind: torch.dtype
) -> None:
    """N + w·(D − N) + s·(D − weak) is the product with D at w + s and the twin at −s."""
    x, clean, null, weak = (random(seed).to(kind) for seed in range(4))
    estimates = [Estimate(clean, null), Estimate(weak, null)]
    found = Product()(x, LEVEL, estimates, [weight + away, -away], [1.0, 1.0], None).denoised
    guider = SkipLayerGuidance(
        guidance_scale=weight,
        skip_layer_guidance_scale=away,
        skip_layer_guidance_layers=[0],
        skip_layer_guidance_start=0.0,
        skip_layer_guidance_stop=1.0,
    )
    guider.set_state(1, 10, torch.tensor(1))
    expected = guider.forward(clean, null, weak).pred
    assert torch.allclose(found, expected, rtol=0, atol=1e-12 if kind == torch.float64 else 1e-5)


def nodes(**twin: Any) -> Nodes:
    return {
        "words": ("text", {"text": "a red boat"}),
        "text": ("text_expert", {"guidance": 3.0}),
        "twin": ("weak_twin", {"first": 1, **twin}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 3, "method": {"name": "ddim"}}),
        "picture": ("picture", {}),
    }


def wires(*more: str) -> tuple[str, ...]:
    return (
        "words.text > text.text",
        "text.score > twin.score",
        "text.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
        *more,
    )


def played(library: Library, drawn: Nodes, wired: tuple[str, ...]) -> Any:
    compiled = compile_workflow(document(drawn, wired), catalogue(), library)
    assert compiled.plan is not None, compiled.diagnostics
    return Runtime(library, CPU).run(compiled.plan)


def test_a_run_keeps_away_from_the_twin_or_measures_the_expert_against_it(
    library: Library,
) -> None:
    plain = pixels(result(played(library, nodes(), wires())))
    below = result(played(library, nodes(), wires("twin.score > fuse.scores")))
    assert sorted(below.meters.share) == ["text", "twin"]
    background = result(played(library, nodes(), wires("twin.score > fuse.background")))
    assert sorted(background.meters.share) == ["text"]
    silent = played(library, nodes(muted=True), wires("twin.score > fuse.scores"))
    assert np.array_equal(pixels(result(silent)), plain)
    for done in (below, background):
        assert not np.array_equal(pixels(done), plain)


def test_what_is_sampled_is_the_formula_of_the_answers(library: Library) -> None:
    compiled = compile_workflow(
        document(nodes(), wires("twin.score > fuse.scores")), catalogue(), library
    )
    assert compiled.plan is not None
    runtime = Runtime(library, CPU)
    player = Player(assemble(compiled.plan, runtime).tracks[0])
    player.values = {control.name: control.default for control in compiled.plan.controls}
    _, expert = runtime.expert("playground/text")
    x = random(3, (1, folders.CHANNELS, folders.SIDE, folders.SIDE)).float()
    with torch.no_grad():
        words, nothing = expert.encode("a red boat"), expert.encode(None)
        clean, null = (expert.denoise(x, LEVEL, [each]) for each in (words, nothing))
        twin = expert.without([1])
        weak, weaker = (twin.denoise(x, LEVEL, [each]) for each in (words, nothing))
        background = 0.5 * (null + weaker)
        expected = background + 3.0 * (clean - background) - (weak - background)
        assert torch.allclose(player.denoise(x, LEVEL), expected, rtol=0, atol=1e-4)


def test_a_network_is_loaded_once_and_a_sentence_encoded_once_for_both(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    kept = Runtime._kept
    monkeypatch.setattr(
        Runtime, "_kept", lambda self, *args: asked.append(args[0]) or kept(self, *args)
    )
    plan = compile_workflow(
        document(nodes(), wires("twin.score > fuse.scores")), catalogue(), library
    ).plan
    runtime = Runtime(library, CPU)
    result(runtime.run(plan))
    assert set(asked) == {"playground/text"}
    assert len(runtime._loaded) == 1
    assert len(runtime._encoded) == 2, "the sentence and its absence"


def said(library: Library, drawn: Nodes, wired: tuple[str, ...]) -> list[str]:
    found = compile_workflow(document(drawn, wired), catalogue(), library).diagnostics
    return [f"{each.severity} {each}" for each in found]


def test_blocks_that_are_not_there_are_named(library: Library) -> None:
    used = wires("twin.score > fuse.scores")
    (found,) = said(library, nodes(first=2), used)
    assert found == (
        "error M026 The network of 'playground/text' has 2 blocks, numbered from 0; 'Weak twin' "
        "leaves out 1 from 2 on. Leave out others, and some of them in."
    )
    assert len(said(library, nodes(first=0, count=2), used)) == 1, "nothing would be left"
    assert said(library, nodes(first=0), used) == []


def test_only_an_expert_with_weights_has_a_twin(library: Library) -> None:
    drawn = {**nodes(), "grey": ("gaussian_expert", {})}
    wired = tuple(w for w in wires() if w != "text.score > twin.score")
    found = said(library, drawn, (*wired, "grey.score > twin.score"))
    assert any("F025 'Weak twin' is the twin of one expert with weights" in each for each in found)


def test_an_expert_that_cannot_be_weakened_says_so_where_it_was_asked(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ChoraleError, match="M026"):
        Gaussian((2, 4, 4)).without([0])
    expert = load_expert("playground/text", library, CPU)
    for blocks in ([2], [0, 1], []):
        with pytest.raises(ChoraleError, match="M026 The network has 2 blocks"):
            expert.without(blocks)
    plan = compile_workflow(
        document(nodes(), wires("twin.score > fuse.scores")), catalogue(), library
    ).plan
    monkeypatch.setattr(PixArt, "without", Expert.without)
    (failure,) = Runtime(library, CPU).run(plan)
    assert isinstance(failure, Failure)
    assert [(each.code, each.node) for each in failure.diagnostics] == [("M026", "twin")]
