"""Guidance in the loop: posteriors in closed form, what silence leaves, and what it costs."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import graph.fusion
import graph.guidance
import graph.samplers
from graph import loop
from graph.events import Progress
from graph.guidance.dps import Dps
from graph.guidance.estimate import Estimate as AtEstimate
from graph.guidance.freedom import Freedom
from graph.guidance.state import State
from graph.guidance.tfg import Tfg
from graph.guidance.universal import Universal
from graph.interfaces import FusionRule, GuidanceMethod, Sampler
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.meters import Tally
from graph.parametrisation import Native, leaning, pulled
from graph.plan import Control, Sweep
from graph.player import Player
from graph.preview import Watch
from graph.registry import choices
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.samplers.heun import Heun
from graph.scores import Bent, Score, Track
from tests.graph.exact import GaussianFlow
from tests.graph.likely import Normal, guided, posterior, spread
from tests.graph.modules import modulated, module
from tests.graph.pieces import SHAPE, Counted, controls, final, gaussian, track, voice

METHODS = [method() for method in choices(graph.guidance, GuidanceMethod).values()]
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda each: each.name)
LEVELS = [NoiseLevel.from_noise(noise) for noise in (0.999, 0.6, 0.01)]
MEAN, VARIANCE, NOISE, Y = 1.0, 0.25, 0.5, 1.5


def states(count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(count, *SHAPE, dtype=torch.float64, generator=generator)


def _all(score: Score) -> list[Score]:
    if isinstance(score, Bent):
        return [score, *_all(score.score)]
    inner = (*getattr(score, "inputs", ()), getattr(score, "background", None))
    return [each for one in inner if one for each in _all(one)] or [score]


def at(level: NoiseLevel, scores: Track, x: Tensor, **values: object) -> Player:
    player = Player(scores)
    declared = controls(_all(scores.score)).read(0)
    player.values = {**declared, **{name.replace("__", "."): v for name, v in values.items()}}
    with torch.inference_mode():
        player.x = player.denoise(x, level)
    return player


def play(score: Track, **values: object) -> Tensor:
    mailbox = controls(_all(score.score))
    for name, value in values.items():
        mailbox.set(name.replace("__", "."), value)
    return final([score], mailbox)[0]


def one(method: GuidanceMethod, **kind: object) -> Track:
    return track([guided("g", voice("a", gaussian(MEAN)), method=method)], **kind)


class Exact(Dps):
    """DPS with the likelihood's variance widened by what x leaves open: p(y | x) itself."""

    name: Literal["dps"] = "dps"
    scaled: bool = False

    def change(self, x, level, clean, aim, draw):
        """The gradient of log N(y; D, noise + cov) is that of log N(y; D, noise), scaled."""
        narrow = NOISE / (NOISE + spread(level, VARIANCE))
        return narrow * super().change(x, level, clean, aim, draw)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("form", ["preserving", "exploding", "flow"])
def test_the_pull_of_a_noisy_likelihood_makes_the_posterior_denoiser(
    level: NoiseLevel, form: str
) -> None:
    """D' = D + b²/a·∇ log p(y | x), with p(y | x) = N(y; D, noise + cov(x0 | x))."""
    x = states()
    a, b = level.alpha, level.sigma
    scale = {"preserving": 1.0, "exploding": 1 / a, "flow": 1 / (a + b)}[form]
    native = Native(a * scale, b * scale, 0.0)
    own = (scale * x).requires_grad_()
    clean = GaussianFlow([MEAN], [VARIANCE]).denoise(own / scale, level)
    wide = NOISE + spread(level, VARIANCE)
    (slope,) = torch.autograd.grad((-0.5 * (Y - clean) ** 2 / wide).sum(), own)
    mean, variance = posterior(MEAN, VARIANCE, Y, NOISE)
    expected = GaussianFlow([mean], [variance]).denoise(x, level)
    assert torch.allclose(clean + pulled(slope, native), expected, atol=1e-12, rtol=0)
    assert (expected - clean).abs().max() > 1e-6


@pytest.mark.parametrize("level", [PURE_NOISE, *LEVELS])
def test_leaning_is_the_pull_where_the_picture_is_standard_normal(level: NoiseLevel) -> None:
    slope = states()
    native = Native(level.alpha, level.sigma, 0.0)
    assert torch.allclose(leaning(slope, native), spread(level, 1.0) * slope, atol=1e-15)
    if level.alpha > 0:
        through = level.alpha * spread(level, 1.0) / level.sigma**2 * slope  # (∂D/∂x)ᵀ·slope
        assert torch.allclose(leaning(slope, native), pulled(through, native), atol=1e-12)


def test_a_run_under_the_exact_likelihood_samples_the_posterior() -> None:
    whole = one(Exact(), sampler=Heun(), steps=200)
    start = Player(whole).x
    mean, variance = posterior(MEAN, VARIANCE, Y, NOISE)
    expected = GaussianFlow([mean], [variance]).carry(start, whole.levels[0], CLEAN)
    assert torch.allclose(play(whole), expected, atol=2e-4)
    unguided = GaussianFlow([MEAN], [VARIANCE]).carry(start, whole.levels[0], CLEAN)
    assert (expected - unguided).abs().max() > 0.1


def expected_change(method: GuidanceMethod, level: NoiseLevel, clean: Tensor, x: Tensor) -> Tensor:
    """Closed forms over a Gaussian expert: its covariance times (y − D)/noise, and what follows."""
    slope, cov, unit = (Y - clean) / NOISE, spread(level, VARIANCE), spread(level, 1.0)
    match method:
        case AtEstimate():
            return unit * slope
        case State():
            return level.sigma**2 / level.alpha * (Y - x) / NOISE
        case Dps():
            length = (slope.square().flatten(1).sum(1) * NOISE).sqrt()
            return cov * slope / length[:, None, None, None]
        case Freedom():
            size = slope.flatten(1).norm(dim=1)[:, None, None, None]
            return method.rho * level.sigma * slope[0].numel() ** 0.5 * slope / size
        case Universal():
            left = (1 - method.rate * unit / NOISE) ** method.steps
            return cov * slope + (1 - left) * (Y - clean)
        case _:
            raise AssertionError(f"{method.name} has no closed form here")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("method", [m for m in METHODS if m.name != "tfg"], ids=lambda m: m.name)
def test_a_method_changes_the_estimate_by_its_formula(
    method: GuidanceMethod, level: NoiseLevel
) -> None:
    x = states()
    clean = GaussianFlow([MEAN], [VARIANCE]).denoise(x, level)
    found = at(level, one(method, samples=(0, 1)), x).x - clean
    assert torch.allclose(found, expected_change(method, level, clean, x), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("level", LEVELS)
def test_the_family_has_its_corners(level: NoiseLevel) -> None:
    x = states()

    def found(method: GuidanceMethod) -> Tensor:
        return at(level, one(method, samples=(0, 1)), x).x

    bare = Tfg(smoothing=0.0, steps=0)
    assert torch.allclose(found(bare), found(Dps(scaled=False)), atol=1e-12)
    both = Tfg(smoothing=0.0, steps=3, mu=0.25)
    assert torch.allclose(found(both), found(Universal(steps=3, rate=0.25)), atol=1e-12)


def test_a_smoothed_likelihood_is_wider() -> None:
    """E N(y; D + δ, noise) = N(y; D, noise + deviation²): many draws come near it."""
    level, x = LEVELS[1], states()
    clean = GaussianFlow([MEAN], [VARIANCE]).denoise(x, level)
    method = Tfg(smoothing=0.3, steps=0, draws=16)
    likelihood = Normal(8.0)
    score = guided("g", voice("a", gaussian(MEAN)), likelihood, method=method)
    whole = track([score], samples=(0, 1))
    found = torch.stack([at(level, replace(whole, seed=seed), x).x for seed in range(150)]).mean(0)
    wide = 8.0 + (0.3 * level.sigma) ** 2
    expected = clean + spread(level, VARIANCE) * (Y - clean) / wide
    # the mean of a log-mean-exp of 16 draws is biased by less than what 150 runs can tell
    assert torch.allclose(found, expected, atol=1.5e-3)


@each_method
def test_at_pure_noise_guidance_is_finite_and_at_clean_nothing_is_asked(
    method: GuidanceMethod,
) -> None:
    whole = one(method)
    assert torch.isfinite(at(PURE_NOISE, whole, states(1)).x).all()
    assert torch.isfinite(play(whole)).all()
    likelihood: Normal = whole.score.inputs[0].likelihood
    likelihood.calls.clear()
    at(CLEAN, whole, states(1))
    assert likelihood.calls == []


@each_method
@pytest.mark.parametrize("sampler", choices(graph.samplers, Sampler).values())
@pytest.mark.parametrize(
    "off", [{"g__reliability": 0.0}, {"g__muted": True}, {"n__solo": True}], ids=str
)
def test_silent_guidance_leaves_every_bit_and_asks_nobody(
    method: GuidanceMethod, sampler: type[Sampler], off: dict[str, object]
) -> None:
    a, likelihood = voice("a", gaussian(MEAN)), Normal()
    inner = guided("g", a, likelihood, method=method)
    whole = track([guided("n", inner, method=method, scale=0.0)], sampler=sampler())
    assert torch.equal(play(whole, **off), play(track([a], sampler=sampler())))
    assert likelihood.calls == []
    assert not torch.equal(play(whole), play(track([a], sampler=sampler())))


@each_method
def test_out_of_its_range_guidance_is_not_asked_and_no_gradient_is_kept(
    method: GuidanceMethod,
) -> None:
    likelihood, expert = Normal(), Watched(gaussian(MEAN))
    score = guided("g", voice("a", expert), likelihood, method=method, noise_range=(0.9, 0.5))
    play(track([score], steps=8))
    within = [0.5 < level.noise <= 0.9 for level, _ in expert.calls]
    assert expert.tracked == [method.through and each for each in within]
    assert any(within)
    assert not all(within)
    assert likelihood.calls


class Watched(Counted):
    """Also writes down whether it was asked with a gradient in mind."""

    def __init__(self, inner: Counted) -> None:
        super().__init__(inner)
        self.tracked: list[bool] = []

    def denoise(self, x, level, conditions):
        """As the inner expert."""
        self.tracked.append(x.requires_grad)
        return super().denoise(x, level, conditions)


@each_method
def test_what_a_run_gives_carries_no_gradient(method: GuidanceMethod) -> None:
    player = at(LEVELS[1], one(method), states(1))
    assert not player.x.requires_grad
    assert not player.fused.base.requires_grad
    assert not player.fused.terms.requires_grad


@each_method
def test_a_batch_is_its_single_runs(method: GuidanceMethod) -> None:
    batch = play(one(method, samples=(0, 1, 5)))
    singles = [play(one(method, samples=(each,))) for each in (0, 1, 5)]
    assert torch.allclose(batch, torch.cat(singles), atol=1e-9)


@given(strength=st.floats(0.0, 2.0), scale=st.floats(-3.0, 3.0))
@settings(max_examples=25, deadline=None)
def test_the_change_grows_with_scale_times_reliability(strength: float, scale: float) -> None:
    x, a = states(), voice("a", gaussian(MEAN))
    base = at(LEVELS[1], track([a], samples=(0, 1)), x).x
    once = at(LEVELS[1], track([guided("g", a)], samples=(0, 1)), x).x
    some = track([guided("g", a, scale=scale)], samples=(0, 1))
    found = at(LEVELS[1], some, x, g__reliability=strength).x
    assert torch.allclose(found, base + strength * scale * (once - base), atol=1e-12)


@each_method
def test_the_order_of_two_guidances_says_nothing(method: GuidanceMethod) -> None:
    a, x = voice("a", gaussian(MEAN)), states()
    first = {"likelihood": Normal(), "target": 1.5, "method": method}
    second = {"likelihood": Normal(2.0), "target": -1.0, "method": AtEstimate()}
    one_way = track([guided("h", guided("g", a, **first), **second)], samples=(0, 1))
    other = track([guided("g", guided("h", a, **second), **first)], samples=(0, 1))
    found = at(LEVELS[1], one_way, x)
    assert torch.allclose(found.x, at(LEVELS[1], other, x).x, atol=1e-12)
    base = at(LEVELS[1], track([a], samples=(0, 1)), x).x
    alone = [
        at(LEVELS[1], track([guided("g", a, **each)], samples=(0, 1)), x).x - base
        for each in (first, second)
    ]
    assert torch.allclose(found.x, base + sum(alone), atol=1e-12)


@pytest.mark.parametrize("method", [AtEstimate(), Dps()], ids=lambda each: each.name)
def test_several_guidances_of_one_model_read_a_picture_once(method: GuidanceMethod) -> None:
    likelihood = Normal()
    inner = guided("g", voice("a", gaussian(MEAN)), likelihood, method=method, network="model")
    outer = guided("h", inner, likelihood, target=-1.0, method=method, network="model")
    play(track([outer], samples=(0, 1), steps=5))
    assert likelihood.calls == [2] * 5


@pytest.mark.parametrize("rule", choices(graph.fusion, FusionRule).values())
@pytest.mark.parametrize("method", [AtEstimate(), Dps()], ids=lambda each: each.name)
def test_an_expert_and_a_fusion_can_be_guided_under_every_rule(
    rule: type[FusionRule], method: GuidanceMethod
) -> None:
    a, b = voice("a", gaussian(1.0), guidance=2.0), voice("b", gaussian(-1.0))
    plain = track([a, b], rule=rule(), samples=(0, 1))
    within = track([guided("g", a, method=method), b], rule=rule(), samples=(0, 1))
    around = replace(plain, score=guided("g", plain.score, method=method))
    x = states()
    base = at(LEVELS[1], plain, x)
    for whole in (within, around):
        player = at(LEVELS[1], whole, x)
        assert player.heard == ("a", "b", "g")
        assert torch.allclose(player.fused.denoised, player.x, atol=1e-12)
        assert not torch.allclose(player.x, base.x, atol=1e-3)
        tally = Tally()
        tally.add(player.heard, player.fused, CLEAN)
        assert tally.whole().share["g"] > 0.01
        assert torch.isfinite(play(whole)).all()


def test_the_null_is_not_guided_so_the_experts_own_guidance_counts_it_too() -> None:
    x, level = states(), LEVELS[1]
    plain = voice("a", gaussian(MEAN), guidance=3.0)
    null = GaussianFlow([0.0], [1.0]).denoise(x, level)
    clean = GaussianFlow([MEAN], [VARIANCE]).denoise(x, level)
    bent = clean + spread(level, 1.0) * (Y - clean) / NOISE
    found = at(level, track([guided("g", plain)], samples=(0, 1)), x).x
    assert torch.allclose(found, null + 3.0 * (bent - null), atol=1e-12)


@each_method
def test_guidance_and_modulation_follow_one_another(method: GuidanceMethod) -> None:
    a, made = voice("a", gaussian(MEAN)), module(seed=1)
    outside = track([guided("g", modulated("m", a, made), method=method)], samples=(0, 1))
    inside = track([modulated("m", guided("g", a, method=method), made)], samples=(0, 1))
    x = states()
    assert at(LEVELS[1], outside, x).heard == ("a", "m", "g")
    assert at(LEVELS[1], inside, x).heard == ("a", "g", "m")
    assert torch.equal(
        at(LEVELS[1], outside, x, m__muted=True).x, at(LEVELS[1], inside, x, m__muted=True).x
    )
    assert torch.isfinite(play(outside)).all()
    assert torch.isfinite(play(inside)).all()


def test_the_gradient_leads_through_a_modulator() -> None:
    """Against central differences of log p(y | D'(x)), with an expert and a modulator before it."""
    a, made, level = voice("a", gaussian(MEAN)), module(seed=1), LEVELS[1]
    made.network.double()
    inner = modulated("m", a, made)
    x = states(1)

    def log_density(state: Tensor) -> Tensor:
        clean = at(level, track([inner]), state).x
        return Normal().log_density(clean, [torch.full(SHAPE, Y)])

    def nudged(place: int) -> Tensor:
        step = torch.zeros_like(x)
        step.view(-1)[place] = 1e-5
        return (log_density(x + step) - log_density(x - step)) / 2e-5

    slope = torch.cat([nudged(place) for place in range(x.numel())]).reshape(x.shape)
    expected = level.sigma**2 / level.alpha * slope
    base = at(level, track([inner]), x).x
    found = at(level, track([guided("g", inner, method=Dps(scaled=False))]), x).x - base
    assert torch.allclose(found, expected, atol=1e-6)


def test_solo_is_among_guidances_and_a_silent_expert_wakes_none() -> None:
    a, b, likelihood = voice("a", gaussian(1.0)), voice("b", gaussian(-1.0)), Normal()
    whole = track([guided("g", a, likelihood), b])
    assert torch.equal(play(whole, a__solo=True), play(track([guided("g", a)])))
    assert torch.equal(play(whole, g__solo=True), play(whole))
    likelihood.calls.clear()
    assert torch.equal(play(whole, a__muted=True), play(track([b])))
    assert likelihood.calls == []


def test_a_map_curve_and_sweep_of_reliability_are_heard() -> None:
    a = voice("a", gaussian(MEAN))
    row = guided("g", a, factors=(Sweep("amount", (0.0, 0.5, 1.0)),))
    played = play(track([row], samples=(0, 0, 0)))
    assert torch.allclose(played[:1], play(track([a])), atol=1e-12)
    assert torch.allclose(played[2:], play(track([guided("g", a)])), atol=1e-9)
    points = Control("curve.points", "curve", ((1.0, 1.0), (0.5, 1.0), (0.45, 0.0), (0.0, 0.0)))
    likelihood = Normal()
    score = guided("g", a, likelihood, factors=(points,))
    declared = [*controls(_all(score))._declared.values(), points]
    final([track([score], steps=8)], loop.Controls(declared))
    levels = track([score], steps=8).levels[:-1]
    assert len(likelihood.calls) == sum(level.noise > 0.45 for level in levels)


@pytest.mark.parametrize("method", [AtEstimate(), Tfg()], ids=lambda each: each.name)
def test_a_fader_moved_while_it_plays_is_replayed_bit_by_bit(method: GuidanceMethod) -> None:
    score = guided("g", voice("a", gaussian(MEAN)), method=method)
    whole, mailbox = track([score], sampler=Dpmpp2M()), controls(_all(score))
    seen, ends = [], []
    for event in loop.play([whole], mailbox, threading.Event(), Watch(0, {})):
        if isinstance(event, Progress):
            seen.append(event.weights["g"])
            if event.step == 2:
                mailbox.set("g.reliability", 0.25)
            if event.step == 4:
                mailbox.set("g.muted", True)
        else:
            ends.append(event[1])
    assert seen == [1.0, 1.0, 0.25, 0.25, 0.0, 0.0]
    (again,) = final([whole], controls(_all(score), performance=mailbox.performance))
    assert torch.equal(again, ends[0])
    assert not torch.equal(play(whole), ends[0])
