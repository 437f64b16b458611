"""Rivals of the modulator: they begin as the base, learn from maps, and are played as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from graph.levels import NoiseLevel
from graph.library import Library
from graph.machine import Machine
from graph.parametrisation import Native, answer
from tests.graph.experts import folders
from training.judge.rows import RIVALS
from training.modulators import Settings, Task
from training.rivals import NETWORKS, RivalTraining, opened
from training.world import SCENE_KINDS

CPU = Machine(torch.device("cpu"), torch.float32)
SMALL = Settings(batch=4, levels=2, lr=5e-3)
BASE = "playground/unconditional"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one small expert that predicts v."""
    root = tmp_path_factory.mktemp("models")
    card = {"condition": "none", "labels": SCENE_KINDS}
    folders.dit(root / BASE, card=card, prediction_type="v_prediction")
    return root


def begun(models: Path, runs: Path, name: str) -> RivalTraining:
    return RivalTraining(Task(name, BASE, pairs=4), SMALL, models, runs)


def test_the_judge_names_every_rival() -> None:
    assert tuple(NETWORKS) == RIVALS


@pytest.mark.parametrize("name", NETWORKS)
def test_before_its_first_step_a_rival_is_the_base(models: Path, tmp_path: Path, name: str) -> None:
    training = begun(models, tmp_path, name)
    module, maps = training.module, training.examples.maps
    x = torch.randn(2, *module.shape)
    for noise in (0.1, 0.6, 0.95):
        level = NoiseLevel.from_noise(noise)
        clean = training.base.denoise(x, level, [training.null] * 2)
        v = answer("v", clean, x, Native(level.alpha, level.sigma, level.noise))
        told = [module.stack({kind: every[i] for kind, every in maps.items()}) for i in (0, 1)]
        assert torch.allclose(module.change(x, v, level, told), 0 * x, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_learns_from_the_maps_and_leaves_the_base_alone(
    models: Path, tmp_path: Path, name: str
) -> None:
    training = begun(models, tmp_path, name)
    frozen = {key: part.clone() for key, part in training.base._transformer.state_dict().items()}
    before = training.validate()[0]
    for _ in range(40):
        training.advance(0.0)
    bent, plain = training.validate()
    assert before == pytest.approx(plain, rel=1e-2)
    assert bent < 0.9 * plain
    for key, part in training.base._transformer.state_dict().items():
        assert torch.equal(part, frozen[key]), key
    assert training.module.network.embed.weight.abs().sum() > 0


def test_the_frozen_half_of_a_controlnet_does_not_learn(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path, "controlnet")
    (frozen,) = training.module.network._frozen
    before = [part.clone() for part in frozen.parameters()]
    for _ in range(3):
        training.advance(0.0)
    assert all(map(torch.equal, before, frozen.parameters()))
    assert all(part.grad is None for part in frozen.parameters())
    assert len(training.module.network.blocks) == len(frozen.transformer_blocks) // 2


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_opened_as_it_was_written(models: Path, tmp_path: Path, name: str) -> None:
    training = begun(models, tmp_path, name)
    for _ in range(3):
        training.advance(0.0)
    training.write(training.run / "module")
    training.trainer.ema.swap()
    _, found = opened(Library(models, tmp_path / "assets"), CPU, tmp_path)[name]
    x, told = torch.randn(1, *found.shape), training.examples.maps
    level = NoiseLevel.from_noise(0.5)
    stacked = [found.stack({kind: every[0] for kind, every in told.items()})]
    expected = training.module.change(x, x, level, stacked)
    assert torch.allclose(found.change(x, x, level, stacked), expected, atol=1e-6)


def test_a_base_of_another_kind_is_refused(models: Path, tmp_path: Path) -> None:
    card = {"condition": "class", "labels": SCENE_KINDS}
    folders.dit(models / "playground/other", card=card, prediction_type="epsilon")
    task = replace(Task("fine-tuned", pairs=2), base="playground/other")
    with pytest.raises(ValueError, match="no DiT that predicts v"):
        RivalTraining(task, SMALL, models, tmp_path)
