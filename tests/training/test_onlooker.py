"""Training of the classifier: it learns, interruptions cost nothing, and its folder is stock."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageClassification

from graph.checkpoints import load_likelihood
from graph.companions import open_companion
from graph.machine import Machine
from training import classifier
from training.__main__ import main
from training.classifier import ClassifierTraining, Renders, Settings, train
from training.world import SCENE_KINDS, scene_of

SMALL = Settings(pictures=12, held_out=8, batch=6, widths=(8, 8))


def test_renders_are_its_own_draw_with_the_kind_of_every_scene() -> None:
    few = Renders.of(classifier.TRAIN, 3)
    assert few.pictures.shape == (3, 3, 128, 128)
    assert few.kinds.tolist() == [scene_of(classifier.TRAIN, i).kind for i in range(3)]
    other = Renders.of(classifier.TEST, 3)
    assert not torch.equal(few.pictures, other.pictures)


def test_it_learns_what_it_is_shown(tmp_path: Path) -> None:
    few = replace(SMALL, pictures=6, widths=(8, 16, 32), lr=1e-2)
    training = ClassifierTraining(few, tmp_path)
    losses = [training.advance(0.0) for _ in range(40)]
    assert sum(losses[-10:]) < 0.75 * sum(losses[:10])


def test_an_interrupted_training_is_the_uninterrupted_one(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = ClassifierTraining(SMALL, tmp_path / "whole")
    losses = [whole.advance(0.0) for _ in range(4)]
    first = ClassifierTraining(SMALL, tmp_path / "parts")
    before = [first.advance(0.0) for _ in range(2)]
    first.trainer.save()
    second = ClassifierTraining(SMALL, tmp_path / "parts")
    assert [*before, *(second.advance(0.0) for _ in range(2))] == losses
    for name, part in whole.network.state_dict().items():
        assert torch.equal(part, second.network.state_dict()[name]), name


def test_its_folder_is_stock_and_guides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(SMALL, 1, None, runs=tmp_path / "runs", models=tmp_path, ship=True)
    folder = tmp_path / "classifier"
    assert "wrote" in capsys.readouterr().out
    stock = AutoModelForImageClassification.from_pretrained(folder)
    assert tuple(stock.config.id2label.values()) == SCENE_KINDS
    machine = Machine(torch.device("cpu"), torch.float32)
    likelihood = load_likelihood(open_companion("classifier", folder), machine)
    shown = torch.rand(2, 3, 128, 128) * 2 - 1
    assert torch.allclose(likelihood.read(shown), stock.eval()(shown).logits, atol=1e-5)
    held = ClassifierTraining(SMALL, tmp_path / "runs")
    held.trainer.ema.swap()
    held.network.eval()
    assert torch.allclose(held.network(shown).logits, likelihood.read(shown), atol=2e-2)
    monkeypatch.setattr(sys, "argv", ["training", "classifier"])
    with pytest.raises(SystemExit, match="2"):
        main()


def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ill(self: ClassifierTraining, progress: float) -> float:
        raise FloatingPointError("The loss is nan at step 0.")

    monkeypatch.setattr(ClassifierTraining, "advance", ill)
    with pytest.raises(SystemExit, match=r"nan at step 0\. The last good checkpoint is kept"):
        train(SMALL, 1, None, runs=tmp_path)
    assert not (tmp_path / "classifier/state.pt").exists()
