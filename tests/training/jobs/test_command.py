"""`app.py train`: it checks, trains, goes on where it was stopped, and loses nothing good."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from graph.folders import network_hash
from graph.held import held
from graph.library import Library
from tests.graph.experts import folders
from tests.training.jobs.bench import Bench, at_step, no_room
from training.jobs.command import main
from training.jobs.config import read_config
from training.jobs.grid import GAP
from training.modulators import ModulatorTraining

SMALL = {"batch": 4, "levels": 2, "widths": [8], "views": 1}
ASKED = {
    "kind": "modulator",
    "material": {"source": "playground", "pairs": 4},
    "settings": SMALL,
}


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> Bench:
    monkeypatch.setattr(os, "nice", lambda by: by)  # for this process it could not be taken back
    return Bench(tmp_path, capsys, ASKED)


def test_a_training_ends_in_the_library(bench: Bench) -> None:
    status, events = bench.train()
    assert status == 0
    names = [each["event"] for each in events]
    assert names[:3] == ["material", "started", "validated"]
    assert names[-2:] == ["validated", "finished"]
    assert "progress" in names
    first, last = (each for each in events if each["event"] == "validated")
    assert first["held_out"] == first["base"] == last["base"] != last["held_out"]
    told = [json.loads(line) for line in (bench.folder / "events.jsonl").read_text().splitlines()]
    assert told == events
    found = Library(bench.models, bench.root).companion("mine/tiny")
    assert found.card.base_hash == network_hash(bench.base)
    assert found.card.maps == ("mask", "sketch")


def test_the_grid_shows_maps_base_bent_and_real(bench: Bench) -> None:
    bench.train(steps=40)
    before, after = sorted(bench.folder.glob("grid-*.png"))
    first, last = (np.asarray(Image.open(path)) for path in (before, after))
    side = 32
    assert first.shape == (side, 5 * (side + GAP) - GAP, 3)

    def column(sheet: Any, number: int) -> Any:
        return sheet[:, number * (side + GAP) :][:, :side]

    assert np.array_equal(column(first, 2), column(first, 3))  # untrained, it bends nothing
    assert not np.array_equal(column(last, 2), column(last, 3))
    for fixed in (0, 1, 2, 4):
        assert np.array_equal(column(first, fixed), column(last, fixed))


def test_a_base_of_pixels_is_bent_and_painted(bench: Bench) -> None:
    folders.pixels(bench.models / "playground/pixels")
    status, _ = bench.train(base="playground/pixels", maps=["depth", "sketch"], steps=2)
    assert status == 0
    found = Library(bench.models, bench.root).companion("mine/tiny")
    assert (found.card.maps, found.card.shape, found.card.scale) == (
        ("sketch", "depth"),
        (3, 16, 16),
        1,
    )
    grid = np.asarray(Image.open(max(bench.folder.glob("grid-*.png"))))
    assert grid.shape == (16, 5 * (16 + GAP) - GAP, 3)


def test_a_base_that_cannot_be_bent_is_named(bench: Bench) -> None:
    folders.pixels(bench.models / "playground/odd", channels=2)
    found = bench.refused(base="playground/odd")
    assert "T010 'playground/odd' cannot be bent. The base has no autoencoder" in found


def test_a_training_ends_with_the_process_that_asked_for_it(bench: Bench) -> None:
    status, events = bench.train("--parent", str(os.getpid()), steps=50)
    assert (status, events[-1]) == (130, {"event": "stopped", "step": 0})
    status, events = bench.train("--parent", str(os.getppid()), steps=1)
    assert (status, events[-1]["event"]) == (0, "finished")


def test_a_training_keeps_the_file_that_it_was_begun_with(bench: Bench) -> None:
    own_pairs(bench.root, 3)
    bench.train(steps=1, material={"source": "folder", "path": "pairs"})
    kept = read_config(bench.folder / "config.json")
    assert kept.folder() == bench.root / "pairs"
    assert kept.config.steps == 1
    assert main([str(bench.folder / "config.json")], bench.models, bench.jobs) == 0


def test_the_minutes_of_earlier_parts_count(bench: Bench, monkeypatch: Any) -> None:
    with monkeypatch.context() as patch:
        at_step(patch, ModulatorTraining, 1, lambda: os.kill(os.getpid(), signal.SIGINT))
        bench.train(steps=None, minutes=60)
    log = bench.folder / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines[-1]["minutes"] = 60.0
    log.write_text("\n".join(map(json.dumps, lines)))
    status, events = bench.train(steps=None, minutes=60)
    assert status == 0
    assert events[-1]["steps"] == 2


def test_a_check_trains_nothing(bench: Bench) -> None:
    status, (told,) = bench.train("--check", material={"source": "playground", "pairs": 200})
    assert status == 0
    assert (told["pairs"], told["held_out"]) == (200, 50)
    assert told["sizes"] == [["128×128", 250]]
    assert len(told["shown"]) == 6
    assert set(told["shown"][0]) == {"picture", "mask", "sketch"}
    assert told["shown"][0]["mask"].startswith("data:image/webp;base64,")
    assert not bench.jobs.exists()


def own_pairs(root: Path, count: int) -> None:
    for number in range(count):
        for kind in ("pictures", "mask", "sketch"):
            path = root / "pairs" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), (40 * number, 90, 90)).save(path)


def test_a_folder_is_used_but_for_what_is_listed(bench: Bench) -> None:
    own_pairs(bench.root, 4)
    (bench.root / "pairs/mask/1.png").write_bytes(b"no picture")
    (bench.root / "pairs/sketch/2.png").unlink()
    mine = {"source": "folder", "path": "pairs"}
    _, (told,) = bench.train("--check", material=mine)
    assert (told["pairs"], told["held_out"], told["sizes"]) == (1, 1, [["40×40", 2]])
    assert told["left_out"][1] == "2: it is not in sketch"
    assert told["left_out"][0].startswith("mask/1.png: A003")
    status, events = bench.train(material=mine)
    assert (status, events[-1]["event"]) == (0, "finished")


def test_too_little_material_is_refused_with_what_was_left_out(bench: Bench) -> None:
    own_pairs(bench.root, 2)
    (bench.root / "pairs/sketch/1.png").unlink()
    said = bench.refused(material={"source": "folder", "path": "pairs"})
    assert "T004 'pairs' has 1 usable pair, expected 2 or more." in said
    assert "T004 Left out 1: it is not in sketch." in said
    assert "has no folder 'pictures'" in bench.refused(material={"source": "folder", "path": "x"})


def test_other_material_and_another_base_are_named(bench: Bench) -> None:
    bench.train(steps=1)
    before = network_hash(bench.base)
    said = bench.refused(material={"source": "playground", "pairs": 3})
    assert "T005 The training of 'tiny' cannot go on: the material has changed" in said
    assert "begun with other maps: ['mask', 'sketch'], now ['mask']" in bench.refused(maps=["mask"])
    weights = bench.base / "transformer/diffusion_pytorch_model.safetensors"
    save_file({name: part + 1 for name, part in load_file(weights).items()}, weights)
    now = network_hash(bench.base)
    assert f"its weights are {now}, were {before}" in bench.refused()


def test_what_cannot_begin_says_why(bench: Bench) -> None:
    assert "M001 There is no model 'playground/none'" in bench.refused(base="playground/none")
    assert "M010" in bench.refused(base="../../etc")
    said = bench.refused(settings={"batch": 5})
    assert "T002 In the training file, settings.batch: expected a multiple of levels" in said
    with held(bench.folder / "lock"):
        assert "T008 The training of 'tiny' runs already" in bench.refused()
    (bench.models / "mine/tiny").mkdir(parents=True)
    assert "T009 The library has a model 'mine/tiny' already" in bench.refused()


def test_other_widths_than_the_checkpoint_s_are_refused(bench: Bench) -> None:
    bench.train(steps=1)
    said = bench.refused(steps=2, settings={**SMALL, "widths": [16]})
    assert "T005 The training of 'tiny' cannot go on: it was begun with other widths" in said


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.train(steps=1)
    good = (bench.folder / "state.pt").read_bytes()
    losses = ModulatorTraining.losses

    def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
        bent, plain = losses(self, *args, **kwargs)
        return bent * float("nan"), plain

    with monkeypatch.context() as patch:
        patch.setattr(ModulatorTraining, "losses", broken)
        assert "T006 The loss is nan at step 1. The training was stopped" in bench.refused(steps=4)
    assert (bench.folder / "state.pt").read_bytes() == good
    assert bench.train(steps=2)[0] == 0


def test_a_full_disk_keeps_the_last_good_checkpoint(bench: Bench) -> None:
    bench.train(steps=1)
    good, module = (
        (bench.folder / "state.pt").read_bytes(),
        bench.learned(),
    )
    with no_room(20_000):
        said = bench.refused(steps=3)
    assert "T007 A file could not be written" in said
    assert "File too large" in said
    assert (bench.folder / "state.pt").read_bytes() == good
    assert all(torch.equal(part, module[name]) for name, part in bench.learned().items())
    status, events = bench.train(steps=3)
    assert (status, events[1]["step"]) == (0, 1)
