"""`app.py train` of a guidance expert: it paints, teaches, goes on, and says what is wrong."""

from __future__ import annotations

import base64
import io
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

from graph.companions import MODEL_WEIGHTS
from graph.errors import ChoraleError
from graph.folders import content_hash, network_hash
from graph.held import held
from graph.library import Library
from graph.runtime import Runtime
from tests.graph.classifiers import LABELS, teach, write_classifier
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU
from tests.training.jobs.bench import Bench, at_step, no_room
from training import guidance
from training.guidance import GuidanceTraining
from training.jobs.answers import APART, GAP
from training.jobs.command import main
from training.jobs.config import GuidanceConfig, read_config

SMALL = {"ranges": 3, "share": 0.3, "held_out": 4, "steps": 3, "batch": 9, "lr": 0.02}
ASKED = {
    "kind": "guidance",
    "onlooker": "playground/classifier",
    "samples": 12,
    "settings": SMALL,
}
LEVELS = 3
FAMILIES = {"classifier": "resnet", "segmenter": "segformer", "depth": "dpt"}


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> Bench:
    monkeypatch.setattr(os, "nice", lambda by: by)  # for this process it could not be taken back
    found = Bench(tmp_path, capsys, ASKED)
    for name, family in FAMILIES.items():
        write_classifier(found.models / "playground" / name, family)
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_a_training_ends_in_the_library(bench: Bench, name: str) -> None:
    status, events = bench.train(onlooker=f"playground/{name}")
    assert status == 0
    names = [each["event"] for each in events]
    assert list(dict.fromkeys(names))[:4] == ["material", "painted", "started", "validated"]
    assert names[-2:] == ["validated", "finished"]
    assert "progress" in names
    painted = [each for each in events if each["event"] == "painted"]
    assert (painted[-1]["pictures"], painted[-1]["of"]) == (16, 16)
    (started,) = (each for each in events if each["event"] == "started")
    asks = {"classifier": "class", "segmenter": "mask", "depth": "depth"}[name]
    assert (started["asks"], started["sees"], len(started["levels"])) == (asks, "state", LEVELS)
    first, last = (each for each in events if each["event"] == "validated")
    assert first["held_out"] == pytest.approx(first["base"], abs=1e-6)
    assert first["base"] == last["base"] != last["held_out"]
    told = [json.loads(line) for line in (bench.folder / "events.jsonl").read_text().splitlines()]
    assert told == events
    found = Library(bench.models, bench.root).companion("mine/tiny")
    assert found.card.ranges.base_hash == network_hash(bench.base)
    assert len(found.card.ranges.edges) == LEVELS - 1
    assert found.card.asks == asks


def test_the_grid_shows_the_clean_picture_then_noise_with_what_was_and_is_said(
    bench: Bench,
) -> None:
    bench.train(steps=40, onlooker="playground/depth")
    before, after = sorted(bench.folder.glob("grid-*.png"))
    first, last = (np.asarray(Image.open(path)) for path in (before, after))
    side = 32
    assert first.shape == (2 * (3 * (side + GAP) - GAP + APART) - APART, 4 * (side + GAP) - GAP, 3)

    def said(sheet: Any, column: int, place: int) -> Any:
        """What is beneath the first picture of a column, before or now."""
        top, left = (1 + place) * (side + GAP), column * (side + GAP)
        return sheet[top : top + side, left : left + side].astype(int)

    for column in (1, 2, 3):
        assert np.abs(said(first, column, 0) - said(first, column, 1)).max() <= 1
        assert np.array_equal(said(first, column, 0), said(last, column, 0))
    changed = [np.abs(said(last, n, 0) - said(last, n, 1)).max() for n in (1, 2, 3)]
    assert max(changed) > 5
    for row in range(2):
        top = row * (3 * (side + GAP) - GAP + APART)
        assert np.array_equal(first[top : top + side], last[top : top + side])


@pytest.mark.parametrize("parent", [False, True])
def test_what_stops_the_painting_keeps_what_is_painted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, parent: bool
) -> None:
    """A signal, or the end of the process that asked for it."""
    monkeypatch.setattr(guidance, "BLOCK", 4)
    paint, blocks = guidance.painted, list[int]()

    def stopping(*told: Any) -> torch.Tensor:
        blocks.append(1)
        if len(blocks) == 3 and parent:
            patch.setattr(os, "getppid", lambda: 1)
        elif len(blocks) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return paint(*told)

    with monkeypatch.context() as patch:
        patch.setattr(guidance, "painted", stopping)
        asked = ("--parent", str(os.getppid())) if parent else ()
        status, events = bench.train(*asked)
    assert (status, events[-1]) == (130, {"event": "stopped", "step": None})
    assert len(torch.load(bench.folder / "samples.pt")["samples"]) == 8
    status, events = bench.train()
    assert (status, events[-1]["event"]) == (0, "finished")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_check_trains_nothing_and_shows_what_the_model_says(bench: Bench, name: str) -> None:
    status, (told,) = bench.train("--check", samples=100, onlooker=f"playground/{name}")
    assert status == 0
    assert (told["pictures"], told["held_out"], told["size"]) == (100, 4, "32×32")
    assert told["said"][0].startswith("playground/class paints 100 pictures of 32×32")
    assert told["classes"] == ([] if name == "depth" else list(LABELS))
    assert len(told["shown"]) == 6
    for each in told["shown"]:
        assert each["picture"].startswith("data:image/webp;base64,")
        if name == "classifier":
            label, share = each["says"].rsplit(", ", 1)
            assert label in LABELS
            assert 33 <= int(share.removesuffix("\N{NO-BREAK SPACE}%")) <= 100
        else:
            assert each[told["asks"]].startswith("data:image/webp;base64,")
    assert not bench.jobs.exists()


@pytest.mark.parametrize("block", [32, 2])
def test_a_check_shows_the_first_pictures_that_are_learned_from(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(guidance, "BLOCK", block)
    _, (told,) = bench.train("--check")
    bench.train(steps=1)
    learned = torch.load(bench.folder / "samples.pt")["samples"].float()
    _, base = Runtime(Library(bench.models, bench.root), CPU).expert("playground/class")
    expected = [np.asarray(each, dtype=float) for each in base.codec.decode(learned[:6])]
    shown = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each["picture"].split(",")[1]))), float)
        for each in told["shown"]
    ]
    apart = np.array([[np.abs(a - b).mean() for b in expected] for a in shown])
    assert (apart.argmin(1) == np.arange(6)).all()
    assert apart.diagonal().max() < 0.5 * np.delete(apart[0], 0).min()


def test_so_few_pictures_are_all_shown(bench: Bench) -> None:
    few = {**SMALL, "held_out": 1}
    _, (told,) = bench.train("--check", samples=2, settings=few)
    assert len(told["shown"]) == 3


def other_weights(folder: Path, file: str) -> None:
    path = folder / file
    parts = {name: part + 1 for name, part in load_file(path).items()}
    save_file(parts, path, {"format": "pt"})


def test_another_base_another_model_and_other_pictures_are_named(bench: Bench) -> None:
    bench.train(steps=1)
    assert "T005 The training of 'tiny' cannot go on: it was begun with other pictures: 12" in (
        bench.refused(samples=13)
    )
    said = bench.refused(settings={**SMALL, "ranges": 9})
    assert "it was begun with other ranges: they met at [" in said
    assert "begun with other sees: state, now estimate" in bench.refused(
        settings={**SMALL, "sees": "estimate"}
    )
    assert "other onlooker: playground/classifier, now playground/depth" in bench.refused(
        onlooker="playground/depth"
    )
    onlooker = bench.models / "playground/classifier"
    before = content_hash(onlooker / MODEL_WEIGHTS)
    other_weights(onlooker, MODEL_WEIGHTS)
    now = content_hash(onlooker / MODEL_WEIGHTS)
    said = f"the model 'playground/classifier' has changed: its weights are {now}, were {before}"
    assert said in bench.refused()
    before = network_hash(bench.base)
    other_weights(bench.base, "transformer/diffusion_pytorch_model.safetensors")
    now = network_hash(bench.base)
    said = f"the base 'playground/class' has changed: its weights are {now}, were {before}"
    assert said in bench.refused()


def test_what_cannot_begin_says_why(bench: Bench) -> None:
    assert "M001 There is no model 'playground/none'" in bench.refused(onlooker="playground/none")
    assert "M010" in bench.refused(onlooker="../../etc")
    assert "M014" in bench.refused(onlooker="playground/class")
    assert "settings.batch: expected a multiple of ranges, which are 3, got 5" in bench.refused(
        settings={**SMALL, "batch": 5}
    )
    taught = write_classifier(bench.models / "playground/seer")
    teach(taught, base="playground/class")
    said = "T017 'playground/seer' is a guidance expert already: it was taught the noise of"
    assert said in bench.refused(onlooker="playground/seer")
    tight = {"settings": {**SMALL, "share": 1e-6}}
    said = "T018 'playground/classifier' cannot be taught: no adapter of this network keeps within"
    assert said in bench.refused(**tight)
    status, (failure,) = bench.train("--check", **tight)
    assert (status, failure["diagnostics"][0]["code"]) == (1, "T018")
    with held(bench.folder / "lock"):
        assert "T008 The training of 'tiny' runs already" in bench.refused()
    (bench.models / "mine/tiny").mkdir(parents=True)
    assert "T009 The library has a model 'mine/tiny' already" in bench.refused(samples=13)


def test_a_base_whose_states_are_no_pictures_is_refused(bench: Bench) -> None:
    index = bench.base / "model_index.json"
    told = {name: part for name, part in json.loads(index.read_text()).items() if name != "vae"}
    index.write_text(json.dumps(told))
    said = "T019 'playground/class' paints no pictures that a model could look at: its states are 4"
    assert said in bench.refused()


def test_a_base_of_pixels_is_led_too(bench: Bench) -> None:
    folders.pixels(bench.models / "playground/pixels")
    status, events = bench.train(base="playground/pixels", onlooker="playground/depth")
    assert (status, events[-1]["event"]) == (0, "finished")
    assert events[0]["size"] == "16×16"
    assert Library(bench.models, bench.root).companion("mine/tiny").card.ranges.sees == "state"


def test_no_two_trainings_of_any_kind_have_one_name(bench: Bench) -> None:
    other = bench.jobs / "modulators/tiny/config.json"
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    said = "T015 There is a training 'tiny' already, among the modulators."
    assert said in bench.refused()
    assert not bench.folder.exists()


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.train(steps=1)
    good = (bench.folder / "state.pt").read_bytes()
    loss = GuidanceTraining._loss

    def broken(self: Any, *args: Any) -> Any:
        return loss(self, *args) * float("nan")

    with monkeypatch.context() as patch:
        at_step(
            patch, GuidanceTraining, 1, lambda: patch.setattr(GuidanceTraining, "_loss", broken)
        )
        assert "T006 The loss is nan at step 1. The training was stopped" in bench.refused(steps=4)
    assert (bench.folder / "state.pt").read_bytes() == good
    assert bench.train(steps=2)[0] == 0


def test_a_full_disk_keeps_what_is_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guidance, "BLOCK", 4)
    with no_room(2_500):
        said = bench.refused()
    assert "T007 A file could not be written" in said
    kept = len(torch.load(bench.folder / "samples.pt")["samples"])
    assert 4 <= kept < 16
    bench.train(steps=1)
    good, module = (bench.folder / "state.pt").read_bytes(), bench.learned()
    with no_room(10_000):
        said = bench.refused(steps=3)
    assert "T007 A file could not be written" in said
    assert "File too large" in said
    assert (bench.folder / "state.pt").read_bytes() == good
    assert all(torch.equal(part, module[name]) for name, part in bench.learned().items())
    status, events = bench.train(steps=3)
    assert status == 0
    assert [each["step"] for each in events if each["event"] == "started"] == [1]


def test_a_model_may_learn_from_estimates(bench: Bench) -> None:
    bench.train(settings={**SMALL, "sees": "estimate"})
    card = Library(bench.models, bench.root).companion("mine/tiny").card
    assert card.ranges.sees == "estimate"


def test_a_training_keeps_the_file_that_it_was_begun_with(bench: Bench) -> None:
    bench.train(steps=1)
    kept = read_config(bench.folder / "config.json").config
    assert isinstance(kept, GuidanceConfig)
    assert (kept.onlooker, kept.samples, kept.steps) == ("playground/classifier", 12, 1)
    assert main([str(bench.folder / "config.json")], bench.models, bench.jobs) == 0
    words = bench.capsys.readouterr().out
    assert "playground/class paints 12 pictures of 32×32 to learn from, 4 held out." in words
    assert "mine/tiny is trained: held-out loss" in words


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"samples": 1}, "samples: expected at least 2, got 1"),
        ({"samples": 10**9}, "samples: expected at most 2000"),
        ({"onlooker": 3}, "onlooker: expected text, got 3"),
        ({"maps": ["mask"]}, "maps: expected no setting of that name"),
        ({"material": {"source": "folder", "path": "/etc"}}, "material: expected no setting"),
        ({"settings": {"ranges": 17}}, "settings.ranges: expected at most 16, got 17"),
        ({"settings": {"share": 0}}, "settings.share: expected more than 0, got 0"),
        ({"settings": {"sees": "all"}}, "settings.sees: expected one of 'state' or 'estimate'"),
        ({"settings": {"widths": [8]}}, "settings.widths: expected no setting of that name"),
        ({"settings": {"lr": "fast"}}, "settings.lr: expected a number, got 'fast'"),
        ({"minutes": 3}, "needs either steps or minutes"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_place(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.json"
    good = {"chorale_training": 1, "kind": "guidance", "name": "mine", "steps": 3}
    path.write_text(json.dumps({**good, **changes}))
    with pytest.raises(ChoraleError) as caught:
        read_config(path)
    assert [each.code for each in caught.value.diagnostics] == ["T002"]
    assert said in str(caught.value)
