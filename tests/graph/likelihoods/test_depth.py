"""Depth estimators of transformers as likelihoods: what they say of a depth map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForDepthEstimation

from graph.checkpoints import load_likelihood
from graph.companions import guidance_card, open_companion
from graph.errors import ChoraleError
from graph.likelihoods.depth import PLACES, DepthEstimator
from graph.machine import Machine
from graph.onlookers import normal
from graph.sight import Sight
from tests.graph.classifiers import DEVIATION, MEAN, reconfigure, write_classifier

CPU = Machine(torch.device("cpu"), torch.float32)
NEARER = np.linspace(0, 255, 32).astype(np.uint8)[:, None].repeat(32, 1)
KINDS = pytest.mark.parametrize("kind", ["dpt", "depth_anything", "glpn"])


def loaded(folder: Path) -> DepthEstimator:
    found = load_likelihood(open_companion(folder.name, folder), CPU)
    assert isinstance(found, DepthEstimator)
    return found


def painted(grey: np.ndarray) -> Image.Image:
    return Image.fromarray(grey)


def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(6)) * 2 - 1


def correlations(maps: torch.Tensor, grey: np.ndarray) -> list[float]:
    return [float(np.corrcoef(each.flatten(), grey.flatten())[0, 1]) for each in maps]


@KINDS
def test_it_holds_the_map_against_what_transformers_answers(kind: str, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / kind, kind)
    assert guidance_card(open_companion(kind, folder)).asks == "depth"
    seen = normal(Sight(image_mean=tuple(MEAN), image_std=tuple(DEVIATION)), pictures())
    answer = AutoModelForDepthEstimation.from_pretrained(folder)(pixel_values=seen)
    told = answer.predicted_depth.detach()
    likelihood = loaded(folder)
    assert torch.allclose(likelihood.read(pictures()), told, atol=1e-5)
    side = told.shape[-1]
    grey = NEARER if side == 32 else NEARER.repeat(side // 32, 0).repeat(side // 32, 1)
    target = likelihood.encode(painted(NEARER))
    found = likelihood.log_density(likelihood.read(pictures()), [target, target])
    near = 1 / told if kind == "glpn" else told
    expected = [-PLACES * (1 - each) for each in correlations(near, grey)]
    assert found.tolist() == pytest.approx(expected, rel=2e-2)
    assert (found <= 0).all()


def test_a_scale_and_a_shift_say_nothing(tmp_path: Path) -> None:
    likelihood = loaded(write_classifier(tmp_path / "dpt", "dpt"))
    answer = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(2)) + 1
    bright, faint = (likelihood.encode(painted(each)) for each in (NEARER, NEARER // 2 + 100))
    found = [
        float(likelihood.log_density(each, [target]))
        for each in (answer, 30 * answer + 4, 0.1 * answer - 2)
        for target in (bright, faint)
    ]
    assert found == pytest.approx([found[0]] * 6, rel=1e-2)
    assert float(likelihood.log_density(bright[None], [bright])) == pytest.approx(0, abs=1e-3)
    against = likelihood.log_density(1 - bright[None], [bright])
    assert float(against) == pytest.approx(-2 * PLACES, rel=1e-5)


def test_metres_count_as_their_inverse(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "near", "depth_anything")
    near = loaded(folder)
    reconfigure(folder, depth_estimation_type="metric", max_depth=20)
    far = loaded(folder)
    target = near.encode(painted(NEARER))
    metres = 1 / (target[None] + 0.1)
    assert float(far.log_density(metres, [target])) == pytest.approx(0, abs=1e-2)
    assert float(near.log_density(metres, [target])) < -PLACES


def test_maps_of_any_size_and_sixteen_bits_are_brought_to_its_own(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "dpt", "dpt")
    likelihood = loaded(folder)
    fine = (np.linspace(0, 65535, 64).astype(np.uint16))[:, None].repeat(64, 1)
    target = likelihood.encode(Image.fromarray(fine))
    assert target.shape == (32, 32)
    assert torch.allclose(target, torch.from_numpy(NEARER) / 255, atol=0.02)
    (folder / "preprocessor_config.json").unlink()
    bare = loaded(folder).encode(Image.fromarray(fine))
    assert bare.shape == (64, 64)
    answer = torch.rand(2, 32, 32) + 1
    one, other = likelihood.log_density(answer, [bare, target]).tolist()
    assert one == pytest.approx(
        likelihood.log_density(answer, [target, bare]).tolist()[0], rel=1e-2
    )
    assert other == pytest.approx(
        likelihood.log_density(answer, [bare, bare]).tolist()[1], rel=1e-2
    )


def test_one_grey_asks_for_nothing_and_one_answer_is_no_end(tmp_path: Path) -> None:
    likelihood = loaded(write_classifier(tmp_path / "dpt", "dpt"))
    target = likelihood.encode(painted(np.full((32, 32), 90, dtype=np.uint8)))
    answer = (torch.rand(1, 32, 32) + 1).requires_grad_()
    (slope,) = torch.autograd.grad(likelihood.log_density(answer, [target]).sum(), answer)
    assert slope.abs().max() < 1e-3
    for level, steepest in ((0.0, 1e7), (3.0, 1e3)):
        flat = torch.full((1, 32, 32), level, requires_grad=True)
        found = likelihood.log_density(flat, [likelihood.encode(painted(NEARER))])
        (slope,) = torch.autograd.grad(found.sum(), flat)
        assert torch.isfinite(found).all() and 0 < slope.abs().max() < steepest


@KINDS
def test_its_gradient_reaches_the_picture_and_climbs(kind: str, tmp_path: Path) -> None:
    likelihood = loaded(write_classifier(tmp_path / kind, kind))
    target = likelihood.encode(painted(NEARER))
    shown = pictures().requires_grad_()
    before = likelihood.log_density(likelihood.read(shown), [target, target])
    (slope,) = torch.autograd.grad(before.sum(), shown)
    step = 1e-3 * slope / slope.abs().amax((1, 2, 3), keepdim=True)
    after = likelihood.log_density(likelihood.read(shown + step), [target, target])
    assert (after > before).all()
    assert not any(part.requires_grad for part in likelihood.onlooker.network.parameters())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"neck_hidden_sizes": [8, 10**9]}, "asks for more than 65536"),
        ({"fusion_hidden_size": 4096}, "numbers, and "),
        ({"model_type": "unheard-of"}, "unheard-of"),
    ],
    ids=str,
)
def test_a_configuration_that_asks_for_too_much_is_refused(
    change: dict[str, object], said: str, tmp_path: Path
) -> None:
    folder = write_classifier(tmp_path / "ill", "dpt")
    reconfigure(folder, **change)
    with pytest.raises(ChoraleError, match="M013 The files of 'ill' cannot be loaded") as caught:
        loaded(folder)
    assert said in str(caught.value)
