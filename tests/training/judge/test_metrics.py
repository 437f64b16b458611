import math
from statistics import correlation as stdlib

import pytest
import torch

from training.judge.intervals import interval
from training.judge.metrics import (
    confusion,
    correlation,
    diversity,
    edge_f1,
    frechet,
    mean_iou,
    overlaps,
    ranks,
    spearman,
)


def lines(*places):
    drawing = torch.zeros(1, 16, 16, dtype=torch.bool)
    for row, column in places:
        drawing[0, row, column] = True
    return drawing


def test_correlation_knows_no_scale_and_no_shift():
    maps = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(correlation(3 * maps - 5, maps), torch.ones(3))
    assert torch.allclose(correlation(-maps, maps), -torch.ones(3))
    assert correlation(torch.ones(1, 8, 8), maps[:1]).tolist() == [0.0]
    one, other = maps[0].flatten().tolist(), maps[1].flatten().tolist()
    assert float(correlation(maps[:1], maps[1:2])) == pytest.approx(stdlib(one, other), abs=1e-5)


def test_confusion_counts_pixels():
    true = torch.tensor([[[0, 0], [1, 2]]])
    seen = torch.tensor([[[0, 1], [1, 1]]])
    assert confusion(true, seen, 3).tolist() == [[[1, 1, 0], [0, 1, 0], [0, 1, 0]]]


def test_mean_iou_is_over_the_classes_truly_present():
    true = torch.tensor([[[0, 0], [1, 1]]])
    seen = torch.tensor([[[0, 2], [1, 1]]])
    assert float(mean_iou(overlaps(confusion(true, seen, 4)))[0]) == pytest.approx((0.5 + 1.0) / 2)


def test_perfect_regions_have_an_iou_of_one():
    true = torch.randint(5, (3, 8, 8), generator=torch.Generator().manual_seed(1))
    assert mean_iou(overlaps(confusion(true, true, 9))).tolist() == [1.0] * 3


def test_a_line_one_pixel_off_is_found_and_two_pixels_off_is_not():
    drawn = lines(*((5, c) for c in range(16)))
    assert float(edge_f1(drawn, drawn.roll(1, 1))) == 1.0
    assert float(edge_f1(drawn, drawn.roll(2, 1))) == 0.0


def test_half_a_line_has_full_precision_and_half_recall():
    drawn = lines(*((5, c) for c in range(0, 16, 4)))
    found = lines((5, 0), (5, 4))
    assert float(edge_f1(drawn, found)) == pytest.approx(2 * 0.5 / 1.5)


def test_empty_drawings_agree_only_with_each_other():
    assert float(edge_f1(lines(), lines())) == 1.0
    assert float(edge_f1(lines((3, 3)), lines())) == 0.0


def test_frechet_distance_of_known_gaussians():
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(4000, 3, generator=generator, dtype=torch.float64)
    noise = noise - noise.mean(0)
    values, vectors = torch.linalg.eigh(noise.T.cov())
    white = noise @ vectors / values.sqrt()
    spread = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    # commuting covariances: |m|² + Σ(s − s')²
    assert frechet(white, white * spread + 0.5) == pytest.approx(0.75 + 0 + 1 + 4, abs=1e-9)
    assert frechet(white, white) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_covariances_that_do_not_commute():
    generator = torch.Generator().manual_seed(3)
    a, b = (
        torch.randn(500, 4, generator=generator, dtype=torch.float64)
        @ torch.randn(4, 4, generator=generator, dtype=torch.float64)
        for _ in range(2)
    )
    eigenvalues = torch.linalg.eigvals(a.T.cov() @ b.T.cov()).real
    cross = float(eigenvalues.clamp(min=0).sqrt().sum())
    expected = float((a.mean(0) - b.mean(0)).square().sum())
    expected += float(a.T.cov().trace() + b.T.cov().trace()) - 2 * cross
    assert frechet(a, b) == pytest.approx(expected, rel=1e-9)


def test_diversity_is_the_mean_distance_of_pairs():
    features = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]])
    assert diversity(features).tolist() == pytest.approx([(5 + 0 + 5) / 3])


def test_ranks_share_ties():
    assert ranks(torch.tensor([3.0, 1.0, 3.0, 2.0])).tolist() == [2.5, 0.0, 2.5, 1.0]


def test_spearman_sees_order_only():
    level = torch.arange(7.0)
    assert spearman(level, level.exp()) == pytest.approx(1)
    assert spearman(level, -level) == pytest.approx(-1)
    assert spearman(level, torch.ones(7)) == 0
    swapped = torch.tensor([0.0, 1, 2, 3, 4, 6, 5])
    assert spearman(level, swapped) == pytest.approx(1 - 6 * 2 / (7 * 48))


def test_the_interval_of_a_mean_covers_what_theory_says():
    rows = (torch.arange(400) % 2).double()[:, None]
    value, low, high = interval(rows, lambda means: means[..., 0])
    reach = 1.96 * 0.5 / math.sqrt(400)
    assert value == 0.5
    assert low == pytest.approx(0.5 - reach, abs=0.008)
    assert high == pytest.approx(0.5 + reach, abs=0.008)


def test_the_interval_of_a_ratio_is_of_the_pooled_ratio():
    rows = torch.tensor([[1.0, 2.0], [3.0, 2.0]])
    value, low, high = interval(rows, lambda means: means[..., 0] / means[..., 1])
    assert value == 1.0
    assert low == 0.5 and high == 1.5
