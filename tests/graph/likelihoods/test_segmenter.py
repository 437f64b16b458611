"""Segmentation models of transformers as likelihoods: what they say of a mask, their colours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForSemanticSegmentation

from graph.checkpoints import load_likelihood
from graph.companions import guidance_card, open_companion
from graph.errors import ChoraleError
from graph.likelihoods.segmenter import Segmenter
from graph.machine import Machine
from graph.onlookers import normal
from graph.sight import Sight
from tests.graph.classifiers import DEVIATION, LABELS, MEAN, write_classifier

CPU = Machine(torch.device("cpu"), torch.float32)


def loaded(folder: Path) -> Segmenter:
    found = load_likelihood(open_companion(folder.name, folder), CPU)
    assert isinstance(found, Segmenter)
    return found


def painted(folder: Path, classes: np.ndarray) -> Image.Image:
    """A mask of class numbers in the colours of the folder."""
    palette = guidance_card(open_companion(folder.name, folder)).palette
    colours = np.array([each.colour for each in palette], dtype=np.uint8)
    return Image.fromarray(colours[classes])


def test_it_adds_up_what_transformers_says_of_every_place(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "seg", "segformer")
    shown = torch.rand(2, 3, 32, 32) * 2 - 1
    model = AutoModelForSemanticSegmentation.from_pretrained(folder)
    seen = normal(Sight(image_mean=tuple(MEAN), image_std=tuple(DEVIATION)), shown)
    logs = model(pixel_values=seen).logits.log_softmax(1)
    assert logs.shape == (2, 3, 8, 8)
    coarse = np.random.default_rng(4).integers(0, 3, (8, 8))
    classes = coarse.repeat(4, 0).repeat(4, 1)
    likelihood = loaded(folder)
    target = likelihood.encode(painted(folder, classes))
    assert torch.equal(target, torch.from_numpy(classes))
    found = likelihood.log_density(likelihood.read(shown), [target, target])
    places = torch.from_numpy(coarse)[None, None].expand(2, 1, 8, 8)
    assert torch.allclose(found, logs.gather(1, places).sum((1, 2, 3)), atol=1e-3)


def test_a_place_of_two_classes_asks_for_both_by_their_shares(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "seg", "segformer")
    classes = np.zeros((32, 32), dtype=np.int64)
    classes[:, 0] = 1  # a quarter of the first column of places
    answer = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    likelihood = loaded(folder)
    found = likelihood.log_density(answer, [likelihood.encode(painted(folder, classes))])
    logs = answer.log_softmax(1)[0]
    first = (0.75 * logs[0, :, 0] + 0.25 * logs[1, :, 0]).sum()
    assert torch.allclose(found[0], first + logs[0, :, 1:].sum(), atol=1e-4)


def test_masks_of_any_size_are_brought_to_its_own(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "seg", "segformer")
    mask = painted(folder, np.ones((48, 96), dtype=np.int64))
    assert loaded(folder).encode(mask).shape == (32, 32)
    (folder / "preprocessor_config.json").unlink()
    bare = loaded(folder)
    target = bare.encode(mask)
    assert target.shape == (48, 96)
    answer = torch.zeros(2, 3, 8, 8)
    small = bare.encode(painted(folder, np.ones((4, 4), dtype=np.int64)))
    found = bare.log_density(answer, [target, small])
    each = -float(np.log(3))
    assert found.tolist() == pytest.approx([64 * each, 16 * each])


def test_its_gradient_reaches_the_picture_and_climbs(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "seg", "segformer")
    likelihood = loaded(folder)
    target = likelihood.encode(painted(folder, np.full((32, 32), 2)))
    shown = (torch.rand(1, 3, 32, 32) * 2 - 1).requires_grad_()
    before = likelihood.log_density(likelihood.read(shown), [target])
    (slope,) = torch.autograd.grad(before.sum(), shown)
    step = 1e-3 * slope / slope.abs().max()
    after = likelihood.log_density(likelihood.read(shown + step), [target])
    assert (after > before).all()


def test_colours_are_made_where_no_card_names_them(tmp_path: Path) -> None:
    labels = [f"thing {number}" for number in range(150)]
    folder = write_classifier(tmp_path / "seg", "segformer", labels=labels)
    card = guidance_card(open_companion("seg", folder))
    assert card.asks == "mask"
    assert [each.name for each in card.palette] == labels
    assert len({each.colour for each in card.palette}) == len(labels)


def test_a_card_says_its_colours_in_the_order_of_its_classes(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "seg", "segformer")
    palette = [{"name": name, "colour": [n, n, n]} for n, name in enumerate(LABELS)]
    (folder / "card.json").write_text(json.dumps({"palette": palette}))
    assert painted(folder, np.full((1, 1), 2)).getpixel((0, 0)) == (2, 2, 2)
    for ill in (palette[::-1], palette[:2], "red", [1, 2, 3]):
        (folder / "card.json").write_text(json.dumps({"palette": ill}))
        with pytest.raises(ChoraleError, match=r"M005 .* wrong at 'palette': expected a name and"):
            open_companion("seg", folder)


def test_more_classes_than_a_mask_can_tell_are_refused(tmp_path: Path) -> None:
    labels = [f"thing {number}" for number in range(257)]
    folder = write_classifier(tmp_path / "seg", "segformer", labels=labels)
    with pytest.raises(ChoraleError, match="256 classes at most, got 257"):
        open_companion("seg", folder)
