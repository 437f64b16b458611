"""Classifiers of transformers as likelihoods: what they say, and folders that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

from graph.checkpoints import load_likelihood
from graph.companions import open_companion
from graph.errors import ChoraleError
from graph.likelihoods.classifier import Classifier
from graph.machine import Machine
from graph.onlookers import normal
from graph.sight import Sight
from tests.graph.classifiers import LABELS, MEAN, reconfigure, write_classifier

CPU = Machine(torch.device("cpu"), torch.float32)


def loaded(folder: Path) -> Classifier:
    found = load_likelihood(open_companion(folder.name, folder), CPU)
    assert isinstance(found, Classifier)
    return found


def refusal(folder: Path) -> str:
    with pytest.raises(ChoraleError) as caught:
        loaded(folder)
    return str(caught.value)


def pictures(side: int = 32) -> tuple[list[Image.Image], torch.Tensor]:
    rows = np.random.default_rng(2).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    shown = torch.from_numpy(rows).movedim(-1, 1).float() / 127.5 - 1.0
    return [Image.fromarray(row) for row in rows], shown


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_it_says_what_transformers_own_pipeline_says(kind: str, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / kind, kind)
    seen, shown = pictures()
    model = AutoModelForImageClassification.from_pretrained(folder)
    told = AutoImageProcessor.from_pretrained(folder)(seen, return_tensors="pt")
    expected = model(**told).logits.softmax(1).log()
    likelihood = loaded(folder)
    targets = [likelihood.encode(name) for name in ("meadow by day", "sea at night")]
    found = likelihood.log_density(likelihood.read(shown), targets)
    assert torch.allclose(found, torch.stack([expected[0, 2], expected[1, 0]]), atol=1e-4)


def test_pictures_of_another_size_are_brought_to_its_own(tmp_path: Path) -> None:
    likelihood = loaded(write_classifier(tmp_path / "vit", "vit"))
    _, shown = pictures(48)
    assert likelihood.read(shown).shape == (2, len(LABELS))
    sight = Sight.of({"size": {"shortest_edge": 24}, "image_mean": MEAN})
    assert normal(sight, shown).shape == (2, 3, 24, 24)
    assert Sight.of({"size": 40, "crop_size": {"height": 16, "width": 24}}).size == (16, 24)
    assert torch.equal(normal(Sight.of({}), shown), (shown * 0.5 + 0.5 - 0.5) / 0.5)


def test_its_gradient_reaches_the_picture_and_climbs(tmp_path: Path) -> None:
    likelihood = loaded(write_classifier(tmp_path / "resnet"))
    _, shown = pictures()
    shown.requires_grad_()
    before = likelihood.log_density(likelihood.read(shown), [0, 0])
    (slope,) = torch.autograd.grad(before.sum(), shown)
    after = likelihood.log_density(likelihood.read(shown + 1e-2 * slope), [0, 0])
    assert (after > before).all()
    assert not any(part.requires_grad for part in likelihood.onlooker.network.parameters())


def test_an_unknown_class_is_answered_with_the_known(tmp_path: Path) -> None:
    with pytest.raises(ChoraleError, match=r"M021 .* no class named 'sea'. It has: sea at night, "):
        loaded(write_classifier(tmp_path / "resnet")).encode("sea")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"depths": [1, 100000]}, "asks for more than 256 at 'depths'"),
        ({"depths": [1] * 400}, "a list of layers"),
        ({"hidden_sizes": [8, 10**9]}, "asks for more than 65536 at 'hidden_sizes'"),
        ({"hidden_sizes": [8, 4096]}, "numbers, and "),
        ({"embedding_size": 1e308}, "at 'embedding_size'"),
        ({"hidden_sizes": [8, 15]}, "its weights have mismatched keys"),
        ({"layer_type": "bottleneck"}, "its weights have missing keys"),
        ({"model_type": "timm_wrapper"}, "lies elsewhere"),
        ({"use_pretrained_backbone": True, "backbone": "resnet50"}, "lies elsewhere"),
        ({"model_type": "unheard-of"}, "unheard-of"),
        ({"model_type": "t5"}, ""),
        ({"layer_type": "strange"}, ""),
    ],
    ids=str,
)
def test_a_configuration_that_asks_for_too_much_is_refused(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    folder = write_classifier(tmp_path / "ill")
    reconfigure(folder, **change)
    found = refusal(folder)
    assert found.startswith("M013 The files of 'ill' cannot be loaded")
    assert said in found


def test_code_in_a_folder_is_never_run(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "ill")
    flag = tmp_path / "was here"
    (folder / "evil.py").write_text(f"open({str(flag)!r}, 'w')\nclass Evil: pass\n")
    named = {"AutoConfig": "evil.Evil", "AutoModelForImageClassification": "evil.Evil"}
    reconfigure(folder, auto_map=named)
    loaded(folder)
    reconfigure(folder, model_type="evil")
    assert refusal(folder).startswith("M013")
    assert not flag.exists()


@pytest.mark.parametrize(
    "change", [{"image_std": [0, 1, 1]}, {"image_mean": [1]}, {"size": 10**6}, {"size": "big"}]
)
def test_a_wrong_preprocessing_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    assert refusal(write_classifier(tmp_path / "ill", **change)).startswith("M013")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "ill")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert refusal(folder).startswith("M013")


def test_a_size_may_come_without_a_card(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "bare")
    (folder / "preprocessor_config.json").unlink()
    assert loaded(folder).read(pictures()[1]).shape == (2, 3)
    assert json.loads((folder / "config.json").read_text())["architectures"]
