import json

import pytest
import torch

from training.judge import folder
from training.judge.data import NO_OBJECT, UNTOLD, facts_of, pool, weathered
from training.judge.network import Judge
from training.judge.objective import examine, region_loss
from training.judge.sight import look
from training.judge.train import JudgeTraining, train
from training.world import COLOURS, OBJECT_KINDS, PLACES, SIZES, draw
from training.world.scene import scenes_from, seeds_of


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, count in (("judge-train", 24), ("judge-test", 8)):
        pool(name, count, folder / "judge")
    return folder


def test_facts_name_the_object_of_each_place():
    scenes = scenes_from(seeds_of("judge data test", 0, 50))
    facts = facts_of(scenes)
    for i, scene in enumerate(scenes):
        for p, place in enumerate(PLACES):
            there = [thing for thing in scene.objects if thing.place == place]
            row = tuple(int(facts[name][i, p]) for name in ("kind", "colour", "size"))
            if there:
                (thing,) = there
                assert OBJECT_KINDS[row[0]] == thing.kind
                assert COLOURS[row[1]] == thing.colour
                assert SIZES[row[2]] == thing.size
            else:
                assert row == (NO_OBJECT, UNTOLD, UNTOLD)


def test_a_stored_pool_is_the_rendered_one(runs):
    stored, fresh = pool("judge-test", 8, runs / "judge"), pool("judge-test", 8)
    assert torch.equal(stored.picture, fresh.picture)
    assert torch.equal(stored.kind, fresh.kind)


def test_weathered_pictures_stay_pictures_and_half_stay_sharp():
    pictures = draw("judge data test", 0, 16).picture
    again = [weathered(pictures, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*again)
    assert float(again[0].min()) >= 0 and float(again[0].max()) <= 1
    assert 0 < float((again[0] - pictures).abs().mean()) < 0.06


def test_perfect_regions_cost_nothing():
    mask = torch.randint(5, (2, 8, 8), generator=torch.Generator().manual_seed(0))
    sure = torch.nn.functional.one_hot(mask, 21).movedim(-1, 1).float() * 100
    assert float(region_loss(sure, mask)) == pytest.approx(0, abs=1e-5)
    assert float(region_loss(sure.roll(1, 1), mask)) > 1


def test_an_interrupted_training_goes_on_bit_by_bit(runs):
    def state(training):
        return torch.cat([p.detach().flatten() for p in training.trainer.parameters])

    whole = JudgeTraining(24, runs)
    for _ in range(2):
        whole.advance(0.0)
    part = JudgeTraining(24, runs)
    part.advance(0.0)
    part.trainer.save()
    resumed = JudgeTraining(24, runs)
    resumed.advance(0.0)
    (runs / "judge" / "state.pt").unlink()
    assert torch.equal(state(whole), state(resumed))


def test_the_written_judge_reads_like_the_trained_one(runs, tmp_path):
    train(steps=1, pictures=24, held_out=8, runs=runs, folder=tmp_path)
    judge = folder.load(tmp_path)
    pictures = draw("judge data test", 0, 2).picture
    training = JudgeTraining(24, runs)
    training.trainer.ema.swap()
    trained = training.judge.eval()
    assert torch.allclose(trained(pictures).classes, judge(pictures).classes, atol=0.02)
    assert judge.config == json.loads((tmp_path / "config.json").read_text())
    assert folder.digest(tmp_path) in (tmp_path / "README.md").read_text()
    (runs / "judge" / "state.pt").unlink()


def test_without_a_judge_the_reader_is_told_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m training judge"):
        folder.load(tmp_path)


def test_a_reading_does_not_depend_on_the_batch():
    torch.manual_seed(0)
    judge = Judge().eval()
    pictures = draw("judge data test", 0, 4).picture
    whole, parts = look(judge, pictures, 4), look(judge, pictures, 1)
    assert whole.facts == parts.facts
    assert torch.allclose(whole.features, parts.features, atol=1e-4)


def test_the_shipped_judge_reads_renders():
    scores = examine(folder.load(), pool("judge tests' own", 128))
    assert scores.mean_accuracy >= 0.99
    assert scores.mean_iou >= 0.95
    assert scores.edges >= 0.95


def test_the_shipped_judge_is_small():
    files = list(folder.MODELS.iterdir())
    assert sum(path.stat().st_size for path in files) <= 4 * 2**20
