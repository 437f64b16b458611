"""Training of modulators: the base stays as it is, maps come and go, interruptions cost nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from graph.checkpoints import load_modulator
from graph.compile import compile_workflow
from graph.folders import network_hash
from graph.levels import NoiseLevel
from graph.library import Library
from graph.machine import Machine
from nodes import catalogue
from tests.graph.documents import document
from tests.graph.experts import folders
from training import modulators
from training.__main__ import main
from training.modulators import BLOCK, ModulatorTraining, Settings, Task, balanced
from training.world import SCENE_KINDS

SMALL = Settings(batch=4, levels=2, widths=(8, 16), lr=5e-3)
TASK = Task("maps", "playground/class", ("mask", "sketch"), pairs=6)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one small class expert."""
    root = tmp_path_factory.mktemp("models")
    folders.dit(root / "playground/class", card={"condition": "class", "labels": SCENE_KINDS})
    return root


def begun(models: Path, runs: Path, task: Task = TASK, settings: Settings = SMALL):
    return ModulatorTraining(task, settings, models, runs)


def networks(expert: Any) -> list[torch.nn.Module]:
    return [expert._transformer, expert.codec._autoencoder]


def weights(expert: Any) -> list[torch.Tensor]:
    return [part for network in networks(expert) for part in network.state_dict().values()]


def test_an_untrained_modulator_leaves_the_loss_of_the_base(models: Path, tmp_path: Path) -> None:
    bent, plain = begun(models, tmp_path).validate()
    assert bent == plain > 0


def test_training_lowers_the_loss_and_leaves_the_base_alone(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    before = [
        part.clone()
        for network in networks(training.base)
        for part in network.state_dict().values()
    ]
    for _ in range(30):
        training.advance(0.0)
        for network in networks(training.base):
            assert all(part.grad is None for part in network.parameters())
            assert not any(part.requires_grad for part in network.parameters())
    assert all(map(torch.equal, before, weights(training.base)))
    bent, plain = training.validate()
    assert bent < 0.9 * plain


def test_every_weight_of_the_module_learns(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    before = {name: part.clone() for name, part in training.module.network.state_dict().items()}
    for _ in range(4):
        training.advance(0.0)
    after = training.module.network.state_dict()
    assert not [name for name, part in after.items() if torch.equal(part, before[name])]


def test_maps_are_dropped_each_by_itself(models: Path, tmp_path: Path) -> None:
    training, seen = begun(models, tmp_path), []
    changes = training.module.changes

    def listening(x, velocity, noise, maps):
        seen.append(maps[:, -2:, 0, 0].clone())
        return changes(x, velocity, noise, maps)

    training.module.changes = listening
    for _ in range(40):
        training.advance(0.0)
    present = torch.cat(seen)
    assert present.mean(0).tolist() == pytest.approx([0.7, 0.7], abs=0.15)
    kinds = {tuple(row) for row in present.int().tolist()}
    assert kinds == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_step_shows_maps_as_the_loop_does(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    maps = training.examples.maps
    for some in ((), ("mask",), ("sketch",), ("mask", "sketch")):
        present = {kind: torch.tensor([kind in some]) for kind in TASK.maps}
        told = training.examples.told(torch.tensor([3]), present)[0]
        stacked = training.module.stack({kind: maps[kind][3] for kind in some})
        assert torch.equal(told, stacked)


def test_the_loss_is_that_of_the_loop_s_own_prediction(models: Path, tmp_path: Path) -> None:
    """The base's v at a level is the error that the engine's D makes of the clean state."""
    training = begun(models, tmp_path)
    level = NoiseLevel.from_noise(0.4)
    generator = torch.Generator().manual_seed(5)
    shown = training.shown(training.examples, torch.tensor([0]), [training.null], 0.4, generator)
    x0 = training.examples.states[:1]
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(5))
    x = level.alpha * x0 + level.sigma * noise
    assert torch.equal(shown.x, x)
    error = (training.base.denoise(x, level, [training.null]) - x0) / level.sigma
    plain = (shown.velocity - shown.target).square().mean()
    assert float(plain) == pytest.approx(float(error.square().mean()), rel=1e-2)


def test_every_state_is_learned_from_as_often_as_asked(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    for block in range(2):
        steps = range(block * BLOCK, (block + 1) * BLOCK)
        shown = torch.cat([training._shown(step).x for step in steps]).flatten(1)
        _, counts = shown.unique(dim=0, return_counts=True)
        assert set(counts.tolist()) == {SMALL.reuse}
        assert len(shown) == BLOCK * SMALL.batch


def test_small_regions_count_for_more_and_the_whole_for_as_much() -> None:
    """Half the places of one class, an eighth of another: share**-½ each, to a mean of one."""
    masks = torch.zeros(1, 3 * 4, 4, 4)
    masks[:, 0:4, :2] = 1
    masks[:, 4:8, 2, :2] = 1
    masks[:, 8:, 2, 2:] = 1
    masks[:, 0:4, 3] = 1
    found = balanced(masks, 3, 0.5)[0, 0]
    assert float(found.mean()) == pytest.approx(1.0)
    assert float(found[2, 0] / found[0, 0]) == pytest.approx((0.75 / 0.125) ** 0.5)
    assert balanced(masks, 3, 0.0).allclose(torch.ones(1, 1, 4, 4))


def test_what_a_mask_does_not_tell_counts_one() -> None:
    """The told half as it would by itself; the other half one, half told the mean of both."""
    masks = torch.zeros(1, 2 * 4, 4, 4)
    masks[:, 0:4, :, :1] = 1
    masks[:, 4:8, 1:, 1:2] = 1
    masks[:, 4:8, 0, 1] = 0.5
    found = balanced(masks, 2, 0.5)[0, 0]
    assert found[:, 2:].eq(1.0).all()
    assert float(found[1, 1] / found[1, 0]) == pytest.approx((4 / 3.5) ** 0.5)
    assert float(found[0, 1]) == pytest.approx(0.5 * float(found[1, 1]) + 0.5)
    assert float(found.mean()) == pytest.approx(1.0)


def test_places_are_weighed_only_where_the_mask_is_told(models: Path, tmp_path: Path) -> None:
    examples = begun(models, tmp_path).examples
    chosen, told = torch.tensor([0, 1]), torch.tensor([True, False])
    weights = examples.weighed(chosen, {"mask": told, "sketch": ~told})
    assert torch.equal(weights[0], examples.weights[0])
    assert weights[0].std() > 0.1
    assert weights[1].eq(1.0).all()


def test_picture_and_maps_are_mirrored_together(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    learned, held_out = TASK.material()
    assert len(training.examples.states) == Settings.views * len(learned.pairs) == 48
    assert learned.digest != held_out.digest
    pair = learned.pairs[0]
    twice = pair.flipped().flipped()
    assert twice.picture.tobytes() == pair.picture.tobytes() != pair.flipped().picture.tobytes()
    assert twice.maps["mask"].tobytes() == pair.maps["mask"].tobytes()
    assert pair.flipped().condition("text") is None
    assert pair.flipped().condition("class") == pair.condition("class")


def test_a_resumed_training_continues_bit_for_bit(models: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = begun(models, tmp_path / "whole")
    for _ in range(20):
        whole.advance(0.0)
    first = begun(models, tmp_path / "parts")
    for _ in range(3):
        first.advance(0.0)
    first.trainer.save()
    second = begun(models, tmp_path / "parts")
    assert second.trainer.step == 3
    for _ in range(17):
        second.advance(0.0)
    other = second.module.network.state_dict()
    for name, part in whole.module.network.state_dict().items():
        assert torch.equal(part, other[name]), name


def test_a_run_goes_on_only_with_its_own_base_and_pairs(models: Path, tmp_path: Path) -> None:
    begun(models, tmp_path)
    begun(models, tmp_path, settings=replace(SMALL, lr=1e-4))
    with pytest.raises(ValueError, match="begun with other pairs, data_hash"):
        begun(models, tmp_path, replace(TASK, pairs=5))
    with pytest.raises(ValueError, match="begun with other maps"):
        begun(models, tmp_path, replace(TASK, maps=("mask",)))


def test_a_command_writes_a_folder_that_the_studio_plays(models: Path, tmp_path: Path) -> None:
    modulators.train(TASK, SMALL, 2, None, models=models, runs=tmp_path, ship=True)
    kept = tmp_path / "modulators/maps/module"
    shipped = Library(models, tmp_path / "assets").companion("playground/modulator-maps")
    assert (kept / "card.json").read_text() == (shipped.folder / "card.json").read_text()
    assert shipped.card.base_hash == network_hash(models / "playground/class")
    assert "2" in (shipped.folder / "README.md").read_text()
    training = begun(models, tmp_path)
    found = load_modulator(shipped, Machine(torch.device("cpu"), torch.float32))
    training.trainer.ema.swap()
    for name, part in training.module.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], part.half().float()), name
    nodes = {
        "scene": ("label", {"name": SCENE_KINDS[0]}),
        "expert": ("class_expert", {}),
        "bend": ("modulator", {}),
        "picture": ("picture", {}),
    }
    wires = (
        "scene.class > expert.class",
        "expert.score > bend.score",
        "bend.score > picture.score",
    )
    library = Library(models, tmp_path / "assets")
    compiled = compile_workflow(document(nodes, wires), catalogue(), library)
    assert [each.code for each in compiled.diagnostics] == ["M018"]
    assert compiled.plan is not None


def test_nothing_is_shipped_unasked(models: Path, tmp_path: Path) -> None:
    task = replace(TASK, name="quiet")
    modulators.train(task, SMALL, 1, None, models=models, runs=tmp_path)
    assert (tmp_path / "modulators/quiet/module/card.json").exists()
    assert not (models / "playground/modulator-quiet").exists()


def test_a_broken_loss_stops_and_keeps_the_last_good_checkpoint(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modulators.train(TASK, SMALL, 2, None, models=models, runs=tmp_path)
    state = tmp_path / "modulators/maps/state.pt"
    good, module = state.read_bytes(), (tmp_path / "modulators/maps/module/card.json").read_text()
    losses = ModulatorTraining.losses

    def broken(self, *args, **kwargs):
        bent, plain = losses(self, *args, **kwargs)
        return (bent * float("nan") if self.trainer.step == 3 else bent), plain

    monkeypatch.setattr(ModulatorTraining, "losses", broken)
    with pytest.raises(SystemExit, match=r"The loss is nan at step 3\. The last good checkpoint"):
        modulators.train(TASK, SMALL, 5, None, models=models, runs=tmp_path)
    assert state.read_bytes() == good
    assert (tmp_path / "modulators/maps/module/card.json").read_text() == module


def test_weights_that_are_no_numbers_are_never_saved(models: Path, tmp_path: Path) -> None:
    training = begun(models, tmp_path)
    training.advance(0.0)
    training.report(0.0, 0.0)
    good = training.trainer.checkpoint.read_bytes()
    training.trainer.ema.shadow[0].fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="held-out loss is nan"):
        training.report(0.0, 0.0)
    assert training.trainer.checkpoint.read_bytes() == good


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Bad Name", "--steps", "1"], "expected small letters, digits and hyphens"),
        (["x", "--steps", "1", "--base", "playground/none"], "M001 There is no model"),
        (["x", "--steps", "1", "--folder", "/nowhere"], "has no folder 'pictures'"),
        (["x"], "one of the arguments --minutes --steps is required"),
    ],
)
def test_the_command_says_what_is_wrong(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["python -m training", "modulator", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code not in (None, 0)
    assert said in f"{ended.value} {capsys.readouterr().err}"


def test_the_card_says_how_it_was_made(models: Path, tmp_path: Path) -> None:
    modulators.train(TASK, SMALL, 1, None, models=models, runs=tmp_path)
    card = json.loads((tmp_path / "modulators/maps/module/card.json").read_text())
    assert card["kind"] == "modulator"
    assert card["pairs"] == 6
    assert card["scores"]["steps"] == 1
    assert card["settings"]["drop"] == SMALL.drop
    assert {each["name"] for each in card["palette"]} >= {"sky", "sea"}
