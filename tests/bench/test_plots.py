"""The pictures of the rules: densities and samples lie where they are known to lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import plots
from graph import fusion
from graph.fusion.mean import Mean
from graph.fusion.product import Product
from graph.fusion.superdiff_or import SuperdiffOr
from graph.fusion.switch import Switch
from graph.interfaces import FusionRule
from graph.plane import REACH
from graph.plotting import Light
from graph.registry import choices

ROOT = Path(__file__).parent.parent.parent


def moments(logs: Light) -> tuple[float, float, float]:
    """How often a point is right of the middle, and the variances of what is left and above it."""
    density = np.exp(logs - logs.max())
    density /= density.sum()
    middle = (np.arange(plots.SIDE) + 0.5) / plots.SIDE * 2 * REACH - REACH
    across, up = density.sum(0), density.sum(1)[::-1]
    right = float(across[middle > 0].sum())
    left = across * (middle < 0) / across[middle < 0].sum()
    high = up * (middle > 0) / up[middle > 0].sum()
    return right, *(float((p * middle**2).sum() - (p * middle).sum() ** 2) for p in (left, high))


def test_what_weights_name_is_the_product_over_the_background() -> None:
    named = plots._named(Product(), plots.Scene())
    assert named is not None
    right, side, height = moments(named)
    # the background takes what each expert does not know out again: what it knows is left
    assert (right, side, height) == pytest.approx((0.7, 0.08, 0.08), abs=2e-3)


def test_a_mean_names_a_wider_density_and_or_the_mixture() -> None:
    mean, either = (
        plots._named(rule, plots.SCENES.get(rule.name, plots.Scene()))
        for rule in (Mean(), SuperdiffOr())
    )
    assert mean is not None and either is not None
    assert moments(mean)[1] > 0.12
    # three in ten points lie anywhere on the bars, half of them right; the others seven to three
    assert moments(either)[0] == pytest.approx(0.3 * 0.5 + 0.7 * 0.7, abs=0.01)
    assert plots._named(Switch(), plots.Scene()) is None


def test_samples_of_the_product_are_drawn_in_its_corners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "POINTS", 400)
    rule, scene = Product(), plots.Scene()
    black = Image.new("RGB", (plots.SIDE, plots.SIDE))
    light = np.asarray(plots._dots(black, rule, scene, plots._walk(rule)).convert("L")) > 128
    down, right = np.nonzero(light)
    corner = plots.SIDE / 2 * 1.5 / REACH
    for axis in (down, right):
        away = np.abs(np.abs(axis + 0.5 - plots.SIDE / 2) - corner)
        assert np.quantile(away, 0.95) < 4 * np.sqrt(0.08) / REACH * plots.SIDE / 2
    quarters = {(a, b) for a, b in zip(down > plots.SIDE / 2, right > plots.SIDE / 2, strict=True)}
    assert len(quarters) == 4


def test_the_docs_show_every_rule() -> None:
    page = (ROOT / "docs/fusion.md").read_text()
    for name in choices(fusion, FusionRule):
        assert f'src="fusion/{name}.webp"' in page
        with Image.open(ROOT / "docs/fusion" / f"{name}.webp") as picture:
            assert picture.height == plots.SIDE + plots.LINE
