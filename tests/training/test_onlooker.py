"""Training of onlookers: they learn, interruptions cost nothing, and their folders are stock."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForDepthEstimation,
    AutoModelForImageClassification,
    AutoModelForSemanticSegmentation,
)

from graph.checkpoints import load_likelihood
from graph.companions import guidance_card, open_companion
from graph.machine import Machine
from training.__main__ import ONLOOKERS, main
from training.classifier import CLASSIFIER, accuracy
from training.classifier_vit import CLASSIFIER_VIT
from training.depth import DEPTH, explained
from training.onlooker import OnlookerTraining, Renders, Settings, Task, train
from training.segmenter import NAMES, SEGMENTER, score
from training.world import SCENE_KINDS, draw, scene_of

SMALL = Settings(pictures=12, held_out=8, batch=6, widths=(8, 8))
TASKS = pytest.mark.parametrize("task", ONLOOKERS.values(), ids=lambda task: task.name)


def test_renders_are_a_task_s_own_draw_with_what_it_is_to_tell() -> None:
    few = Renders.of(CLASSIFIER, CLASSIFIER.name, 3)
    assert few.pictures.shape == (3, 3, 128, 128)
    assert few.told.tolist() == [scene_of("classifier", i).kind for i in range(3)]
    other = Renders.of(CLASSIFIER, CLASSIFIER.held_out, 3)
    assert not torch.equal(few.pictures, other.pictures)
    masks = Renders.of(SEGMENTER, SEGMENTER.name, 2).told
    assert torch.equal(masks, draw("segmenter", 0, 2).mask)
    depths = Renders.of(DEPTH, DEPTH.name, 2).told
    assert torch.equal(depths, 1 + draw("depth", 0, 2).depth[:, 0])
    assert depths[:, 0].median() == 1 and depths[:, -1].min() > 1.9, "far above, near below"


def test_scores_are_one_for_what_is_right_throughout() -> None:
    mask = draw("segmenter", 0, 2).mask
    sure = torch.nn.functional.one_hot(mask, len(NAMES)).movedim(-1, 1).float()
    assert score(sure, mask) == 1.0
    assert score(sure.flip(-1), mask) < 0.9
    assert accuracy(torch.eye(3), torch.tensor([0, 1, 1])) == pytest.approx(2 / 3)
    depth = draw("depth", 0, 2).depth[:, 0]
    assert explained(3 * depth - 5, depth) == pytest.approx(1, abs=1e-5)
    assert explained(torch.stack([depth[0], depth[1].flip(0)]), depth) < 0.9


@TASKS
def test_it_learns_what_it_is_shown(task: Task, tmp_path: Path) -> None:
    few = replace(SMALL, pictures=6, widths=(8, 16, 32), lr=1e-2)
    training = OnlookerTraining(task, few, tmp_path)
    losses = [training.advance(0.0) for _ in range(80)]
    assert sum(losses[-10:]) < 0.75 * sum(losses[:10])


def test_a_map_is_mirrored_with_its_picture(tmp_path: Path) -> None:
    shown: list[tuple[torch.Tensor, torch.Tensor]] = []

    def kept(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        shown.append((logits, mask))
        return logits.sum()

    task = replace(SEGMENTER, loss=kept)
    training = OnlookerTraining(task, replace(SMALL, pictures=1, batch=16), tmp_path)
    training.advance(0.0)
    (_, masks) = shown[0]
    (told,) = training.learned.told
    turned = [torch.equal(mask, told.flip(-1)) for mask in masks]
    assert {*turned} == {True, False}
    assert all(
        torch.equal(mask, told) for mask, other in zip(masks, turned, strict=True) if not other
    )
    answers = shown[0][0]
    first, second = turned.index(True), turned.index(False)
    near = (answers[first].flip(-1) - answers[second]).abs().mean()
    assert near < (answers[first] - answers[second]).abs().mean()


@TASKS
def test_an_interrupted_training_is_the_uninterrupted_one(task: Task, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = OnlookerTraining(task, SMALL, tmp_path / "whole")
    losses = [whole.advance(0.0) for _ in range(4)]
    first = OnlookerTraining(task, SMALL, tmp_path / "parts")
    before = [first.advance(0.0) for _ in range(2)]
    first.trainer.save()
    second = OnlookerTraining(task, SMALL, tmp_path / "parts")
    assert [*before, *(second.advance(0.0) for _ in range(2))] == losses
    for name, part in whole.network.state_dict().items():
        assert torch.equal(part, second.network.state_dict()[name]), name


@pytest.mark.parametrize(
    ("task", "family", "labels"),
    [
        (CLASSIFIER, AutoModelForImageClassification, SCENE_KINDS),
        (CLASSIFIER_VIT, AutoModelForImageClassification, SCENE_KINDS),
        (SEGMENTER, AutoModelForSemanticSegmentation, NAMES),
        (DEPTH, AutoModelForDepthEstimation, ()),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_its_folder_is_stock_and_guides(
    task: Task,
    family: type,
    labels: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(task, SMALL, 1, None, runs=tmp_path / "runs", models=tmp_path, ship=True)
    folder = tmp_path / task.name
    assert "wrote" in capsys.readouterr().out
    stock = family.from_pretrained(folder)
    companion = open_companion(task.name, folder)
    assert guidance_card(companion).labels == labels
    machine = Machine(torch.device("cpu"), torch.float32)
    likelihood = load_likelihood(companion, machine)
    shown = torch.rand(2, 3, 128, 128) * 2 - 1
    told = getattr(stock.eval()(shown), task.answer)
    assert torch.allclose(likelihood.read(shown), told, atol=1e-5)
    held = OnlookerTraining(task, SMALL, tmp_path / "runs")
    held.trainer.ema.swap()
    held.network.eval()
    kept = getattr(held.network(shown), task.answer)
    assert torch.allclose(kept, likelihood.read(shown), atol=2e-2)
    monkeypatch.setattr(sys, "argv", ["training", task.name])
    with pytest.raises(SystemExit, match="2"):
        main()


def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ill(self: OnlookerTraining, progress: float) -> float:
        raise FloatingPointError("The loss is nan at step 0.")

    monkeypatch.setattr(OnlookerTraining, "advance", ill)
    with pytest.raises(SystemExit, match=r"nan at step 0\. The last good checkpoint is kept"):
        train(CLASSIFIER, SMALL, 1, None, runs=tmp_path)
    assert not (tmp_path / "classifier/state.pt").exists()
