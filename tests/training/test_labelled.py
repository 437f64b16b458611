"""A model that learns from labels through noise: what guidance experts are measured against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from graph.machine import Machine
from tests.graph.experts import folders
from training import labelled
from training.classifier import CLASSIFIER
from training.guidance import GuidanceTraining, Settings, Task
from training.judge.rows import ONLOOKERS, TAUGHT
from training.labelled import LabelledTraining, opened
from training.onlooker import Settings as Seeing
from training.onlookers import write
from training.world import SCENE_KINDS, SIZE

CPU = Machine(torch.device("cpu"), torch.float32)
SMALL = Seeing(pictures=24, held_out=8, batch=6, lr=2e-2, widths=(8, 8))
TASK = replace(CLASSIFIER, widths=(8, 8))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An expert with an autoencoder, and a small classifier of the Playground's classes."""
    root = tmp_path_factory.mktemp("models")
    card = {"condition": "class", "labels": SCENE_KINDS}
    folders.dit(root / "playground/unconditional", card=card)
    torch.manual_seed(0)
    facts = {"score": 0.0, "steps": 0, "settings": {"held_out": 1, "pictures": 1}, "examples": 0}
    folder = root / "playground" / "classifier"
    write(TASK.untrained((8, 8)), TASK, SIZE, facts, folder)
    path = folder / "model.safetensors"
    save_file({key: 1.0 * part for key, part in load_file(path).items()}, path, {"format": "pt"})
    return root


def begun(models: Path, runs: Path) -> LabelledTraining:
    return LabelledTraining(TASK, SMALL, runs, models)


def test_it_begins_as_the_model_and_learns_through_noise(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    shipped = load_file(models / "playground/classifier/model.safetensors")
    for name, part in training.network.state_dict().items():
        assert torch.equal(part.float(), shipped[name].float()), name
    losses = [training.advance(0.0) for _ in range(40)]
    assert sum(losses[-10:]) / 10 < 0.96 * sum(losses[:5]) / 5


def test_every_picture_has_a_level_of_its_own(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise at log-SNR l leaves a state with variance sigmoid(l)·v + sigmoid(−l)."""
    training = begun(models, tmp_path)
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(labelled, "picture", lambda _, x: seen.append(x) or x)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    states = torch.full((400, 4, 16, 16), 5.0)
    training._noisy(states, torch.Generator().manual_seed(0))
    signal, noise = seen[0].mean((1, 2, 3)) / 5.0, seen[0].std((1, 2, 3))
    assert torch.allclose(signal**2 + noise**2, torch.ones(400), atol=0.15)
    told = 2 * (signal / noise).log()  # of every picture
    low, high = labelled.SPAN
    assert float(told.min()) > low - 0.5
    assert float(told.max()) < high + 0.5
    assert float(told.std()) == pytest.approx((high - low) / 12**0.5, rel=0.1)


def test_it_goes_on_where_it_was_stopped(models: Path, tmp_path: Path) -> None:
    whole = begun(models, tmp_path / "whole")
    for _ in range(3):
        whole.advance(0.0)
    first = begun(models, tmp_path / "parts")
    first.advance(0.0)
    first.report(0.0, 0.0)
    second = begun(models, tmp_path / "parts")
    for _ in range(2):
        second.advance(0.0)
    pairs = zip(whole.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_judge_opens_what_was_trained(models: Path, tmp_path: Path) -> None:
    assert opened(CPU, tmp_path) == {}
    training = begun(models, tmp_path)
    training.write(training.run / "module")
    plain = Settings(ranges=1, share=0.3, samples=4, held_out=2, steps=2, batch=2)
    task = Task(labelled.ONE_RANGE, "playground/classifier", "playground/unconditional")
    one = GuidanceTraining(task, plain, models, tmp_path)
    one.write(one.run / "module")
    found = opened(CPU, tmp_path)
    assert set(found) == {"labelled classifier", labelled.ONE_RANGE}
    measured = {name for ways in TAUGHT.values() for name, _ in ways.values()}
    assert set(found) < measured | set(ONLOOKERS.values())
    assert all(file.exists() for file, _ in found.values())
