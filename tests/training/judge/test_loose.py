import numpy as np
import pytest
import torch

from graph.planes import planes, strength
from training.judge.conditions import conditions
from training.judge.loose import FORMS, kept, told
from training.judge.metrics import mean_iou
from training.judge.sight import Sight
from training.modulators import Task
from training.world import CLASSES

NAMED = {form.name: form for form in FORMS}


@pytest.fixture(scope="module")
def asked():
    return conditions(0, 4)


def test_what_is_not_told_does_not_count(asked):
    """Where the judge sees what was asked for in the left half alone, that is kept whole."""
    regions, lines = asked.mask.clone(), asked.lines.clone()
    regions[:, :, 64:], lines[:, :, 64:] = CLASSES.index(CLASSES[-1]), False
    sight = Sight([], regions, lines, torch.zeros(4, 1))
    for kind in ("mask", "sketch"):
        whole, half = (kept(NAMED[name], asked, sight) for name in (kind, f"{kind}, left half"))
        scores = [
            float(mean_iou(each.sum(0)) if kind == "mask" else each.mean())
            for each in (whole, half)
        ]
        assert scores[0] < 0.9
        assert scores[1] == pytest.approx(1.0)


def test_forms_tell_what_they_say(asked):
    palette = Task("x", maps=("mask",), pairs=2).material()[0].palette
    strengths = {
        name: strength(
            "mask",
            planes("mask", NAMED[name].made(asked.masks[0]), (128, 128), 8, palette),
            palette,
        )[0]
        for name in ("mask", "mask, soft", "mask, left half")
    }
    assert strengths["mask"].eq(1).all()
    assert strengths["mask, soft"].sub(1).abs().max() < 1e-5
    assert strengths["mask, left half"][:, :8].eq(1).all()
    assert not strengths["mask, left half"][:, 8:].any()
    ink = {
        name: 1 - np.asarray(NAMED[name].made(asked.sketches[0]).convert("L"), float) / 255
        for name in ("sketch", "sketch, coarse")
    }
    assert ink["sketch, coarse"].max() == pytest.approx(ink["sketch"].max(), abs=0.01)
    fine, broad = (np.abs(np.diff(ink[name])).sum() for name in ("sketch", "sketch, coarse"))
    assert broad < 0.6 * fine


def test_the_table_has_a_row_for_every_form():
    rows = told({"one": [0.5] * len(FORMS), "other": [0.25] * len(FORMS)}).splitlines()
    assert rows[0] == "| told | kept | one | other |"
    assert rows[3] == "| mask, soft | mask mIoU | 0.500 | 0.250 |"
    assert len(rows) == 2 + len(FORMS)
