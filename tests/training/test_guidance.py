"""Making a guidance expert: the model stays as it is, and every range learns by itself."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from graph.checkpoints import load_likelihood
from graph.companions import guidance_card, open_companion
from graph.levels import NoiseLevel
from graph.low_rank import range_of
from graph.machine import Machine
from tests.graph.classifiers import write_classifier
from tests.graph.experts import folders
from training import guidance
from training.__main__ import main
from training.guidance import GuidanceTraining, Settings, Task
from training.modules import ChangedError
from training.world import SCENE_KINDS

SMALL = Settings(ranges=3, share=0.3, samples=12, held_out=4, steps=3, batch=9, lr=2e-2)
TASK = Task("seer", "playground/classifier", "playground/class")
MIDDLE = sum(SMALL.stretch(1)) / 2
KINDS = {"classifier": "resnet", "segmenter": "segformer", "depth": "dpt"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small class expert, and small stock models that look at pictures."""
    root = tmp_path_factory.mktemp("models")
    folders.dit(root / "playground/class", card={"condition": "class", "labels": SCENE_KINDS})
    for name, kind in KINDS.items():
        folder = write_classifier(root / "playground" / name, kind)
        path = folder / "model.safetensors"
        with_opinions = {
            key: 40 * part if "classifier" in key and part.ndim > 1 else part
            for key, part in load_file(path).items()
        }
        save_file(with_opinions, path, {"format": "pt"})
    return root


def begun(models: Path, runs: Path, task: Task = TASK, settings: Settings = SMALL):
    return GuidanceTraining(task, settings, models, runs)


def frozen(training: GuidanceTraining) -> list[torch.nn.Module]:
    base: Any = training.base
    return [training.network, base._transformer, base.codec._autoencoder]


def ups(training: GuidanceTraining, number: int) -> list[torch.Tensor]:
    made = training.adapters.of(number)
    return [part for name, part in made.items() if not name.endswith(".down")]


def test_ranges_are_apart_and_cover_what_is_learned() -> None:
    for ranges in (1, 2, 5):
        settings = Settings(ranges=ranges)
        stretches = [settings.stretch(number) for number in range(ranges)]
        assert stretches[0][0] == guidance.SPAN[0]
        assert stretches[-1][1] == guidance.SPAN[1]
        assert all(a[1] == b[0] for a, b in pairwise(stretches))
        for number, (low, high) in enumerate(stretches):
            inside = [low + (high - low) * part for part in (0.001, 0.5, 0.999)]
            found = {range_of(settings.edges, NoiseLevel.from_log_snr(at)) for at in inside}
            assert found == {number}


def test_every_range_is_shown_its_own_levels_alone(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    shown: list[tuple[int, float]] = []
    kept = training._loss

    def seen(asked: Any, log_snr: float, *rest: Any) -> Any:
        shown.append((len(shown) % SMALL.ranges, log_snr))
        return kept(asked, log_snr, *rest)

    training._loss = seen  # pyright: ignore[reportAttributeAccessIssue]
    for _ in range(12):
        training.advance(0.0)
    assert len(shown) == 36
    assert all(
        range_of(SMALL.edges, NoiseLevel.from_log_snr(log_snr)) == number
        for number, log_snr in shown
    )


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("sees", ["state", "estimate"])
def test_it_comes_nearer_to_the_teacher_who_learns_nothing(
    name: str, sees: str, models: Path, tmp_path: Path
) -> None:
    task = replace(TASK, onlooker=f"playground/{name}")
    training = begun(models, tmp_path, task, replace(SMALL, sees=sees))
    before = [part.clone() for each in frozen(training) for part in each.state_dict().values()]
    taught, plain = training.validate()
    assert taught == pytest.approx(plain, abs=1e-6)
    assert all(not part.any() for number in range(3) for part in ups(training, number))
    for _ in range(25):
        training.advance(0.0)
    for each in frozen(training):
        assert all(part.grad is None for part in each.parameters())
    after = [part for each in frozen(training) for part in each.state_dict().values()]
    assert all(map(torch.equal, before, after))
    learned, plain = training.validate()
    assert sum(learned) < 0.97 * sum(plain)


def test_no_range_learns_from_another(models: Path, tmp_path: Path) -> None:
    """Each begins as the model is, and only its own loss moves it."""
    training = begun(models, tmp_path)
    generator = torch.Generator().manual_seed(0)
    loss = training._loss(
        training.student, MIDDLE, (training.learned, training.told[0]), torch.arange(4), generator
    )
    loss.backward()
    assert all(part.grad is None for n in (0, 2) for part in training.adapters.of(n).values())
    assert any(part.grad is not None and part.grad.any() for part in ups(training, 1))


def test_an_adapter_keeps_within_its_share(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    whole = sum(part.numel() for part in training.parameters.values())
    for number in range(3):
        size = sum(part.numel() for part in training.adapters.of(number).values())
        assert 0 < size <= SMALL.share * whole


def test_an_interrupted_training_goes_on_bit_for_bit(models: Path, tmp_path: Path) -> None:
    whole = begun(models, tmp_path / "whole")
    for _ in range(4):
        whole.advance(0.0)
    first = begun(models, tmp_path / "parts")
    first.advance(0.0)
    first.advance(0.0)
    first.report(None, 0.0)
    second = begun(models, tmp_path / "parts")
    assert second.trainer.step == 2
    second.advance(0.0)
    second.advance(0.0)
    for number in range(3):
        pairs = zip(whole.adapters.of(number).values(), second.adapters.of(number).values())  # noqa: B905
        assert all(torch.equal(a, b) for a, b in pairs)


def test_as_many_pictures_are_made_at_once_as_memory_holds() -> None:
    assert guidance.at_once((128, 128)) == guidance.at_once((32, 32)) == guidance.BLOCK
    assert guidance.at_once((512, 512)) == guidance.BLOCK // 16
    assert guidance.at_once((4096, 2048)) == 1


def test_a_teacher_of_many_words_is_asked_again_and_says_the_same(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = replace(TASK, onlooker="playground/segmenter")
    kept = begun(models, tmp_path / "kept", task)
    monkeypatch.setattr(guidance, "KEPT", 0)
    asked = begun(models, tmp_path / "asked", task)
    looked: list[int] = []
    look = asked.told[0]._look
    monkeypatch.setattr(
        asked.told[0], "_look", lambda part: (looked.append(len(part)), look(part))[1]
    )
    losses = [[each.advance(0.0) for _ in range(3)] for each in (kept, asked)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert looked == [3] * 9


class EnoughError(Exception):
    """Ends a painting."""


def test_a_painting_that_is_cut_short_goes_on_from_its_last_block(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guidance, "BLOCK", 6)
    whole = begun(models, tmp_path / "whole")
    told: list[float] = []

    def watch(done: float, of: int) -> None:
        told.append(done)
        if done > 8:
            raise EnoughError

    with pytest.raises(EnoughError):
        GuidanceTraining(TASK, SMALL, models, tmp_path / "cut", watch)
    assert told == [2, 4, 6, 8, 10]
    again: list[tuple[float, int]] = []
    cut = GuidanceTraining(TASK, SMALL, models, tmp_path / "cut", lambda *two: again.append(two))
    assert again[0] == (8, 16)
    assert again[-1] == (16, 16)
    assert torch.equal(cut.learned, whole.learned)
    assert torch.equal(cut.held_out, whole.held_out)


def test_what_has_changed_since_it_was_begun_is_named(models: Path, tmp_path: Path) -> None:
    library = tmp_path / "models"
    shutil.copytree(models, library)
    first = begun(library, tmp_path)
    for changes in ({"sees": "estimate"}, {"held_out": 5}, {"samples": 13}, {"ranges": 2}):
        with pytest.raises(ChangedError):
            begun(library, tmp_path, settings=replace(SMALL, **changes))
    begun(library, tmp_path, settings=replace(SMALL, lr=1e-3))
    weights = library / "playground/classifier/model.safetensors"
    other = {name: part + 1 for name, part in load_file(weights).items()}
    save_file(other, weights, {"format": "pt"})
    with pytest.raises(ChangedError) as caught:
        begun(library, tmp_path)
    (before, now) = caught.value.changes["onlooker_hash"]
    assert before == first.facts.onlooker_hash != now


def test_the_finished_folder_guides(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    for _ in range(25):
        training.advance(0.0)
    taught, plain = training.validate()
    assert all(a < b for a, b in zip(taught, plain, strict=True))
    folder = tmp_path / "seer"
    training.write(folder)
    companion = open_companion("seer", folder)
    card = guidance_card(companion)
    assert card.ranges is not None
    assert card.ranges.edges == SMALL.edges
    assert card.ranges.base == "playground/class"
    assert card.ranges.base_hash == training.facts.base_hash
    likelihood = load_likelihood(companion, Machine(torch.device("cpu"), torch.float32))
    shown = torch.zeros(1, 3, 32, 32)
    training.trainer.ema.swap()
    for log_snr in (-9.0, 0.0, 9.0):
        level = NoiseLevel.from_log_snr(log_snr)
        expected = training.student.read(shown, level)
        assert torch.allclose(likelihood.read(shown, level), expected, atol=2e-2)


def test_a_range_that_learned_nothing_good_keeps_the_model_as_it_was(
    models: Path, tmp_path: Path
) -> None:
    training = begun(models, tmp_path)
    with torch.no_grad():
        for each in ups(training, 1):
            each.add_(3.0)
    training.trainer.ema.reset()
    taught, plain = training.validate()
    assert taught[1] > plain[1]
    folder = tmp_path / "seer"
    assert training.write(folder)["by_range"][1] == plain[1]
    likelihood = load_likelihood(
        open_companion("seer", folder), Machine(torch.device("cpu"), torch.float32)
    )
    shown = torch.zeros(1, 3, 32, 32)
    assert torch.equal(
        likelihood.read(shown, NoiseLevel.from_log_snr(MIDDLE)), training.likelihood.read(shown)
    )


def test_the_command_makes_ships_and_refuses(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guidance, "Settings", lambda: SMALL)
    monkeypatch.setattr("training.__main__.MODELS", models / "playground")
    monkeypatch.setattr(guidance.train, "__kwdefaults__", {"runs": tmp_path, "ship": False})

    def command(*words: str) -> None:
        always = ["--base", "playground/class", "--steps", "1"]
        monkeypatch.setattr(sys, "argv", ["python -m training", "guidance", *words, *always])
        main()

    command("looker", "--ship")
    assert guidance_card(open_companion("x", models / "playground" / "looker")).ranges
    with pytest.raises(SystemExit, match="is a guidance expert already"):
        command("twice", "--onlooker", "playground/looker")
    with pytest.raises(SystemExit, match="begun with other"):
        command("looker", "--ranges", "2")
