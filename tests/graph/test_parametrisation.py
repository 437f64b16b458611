from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graph.betas import alphas_cumprod
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.parametrisation import (
    CosineTimes,
    DiscreteTimes,
    ExplodingTimes,
    FlowTimes,
    Native,
    Output,
    Parametrisation,
    Times,
    answer,
    denoised,
    steered,
)

LINEAR = DiscreteTimes(alphas_cumprod("linear", 0.0001, 0.02, 1000))
STABLE = DiscreteTimes(alphas_cumprod("scaled_linear", 0.00085, 0.012, 1000))
CAPPED = DiscreteTimes(alphas_cumprod("squaredcos_cap_v2", 0.0, 0.0, 1000))
TIMES: dict[str, Times] = {
    "linear": LINEAR,
    "stable": STABLE,
    "cosine": CosineTimes(ratio_max=1e4),
    "flow": FlowTimes(),
    "edm": ExplodingTimes(fed="quarter_log"),
    "exploding": ExplodingTimes(ratio_min=0.01, ratio_max=150.0),
}
OUTPUTS: dict[Output, Callable[[Tensor, Tensor, float, float], Tensor]] = {
    "eps": lambda x0, noise, a, b: noise,
    "x0": lambda x0, noise, a, b: x0,
    "v": lambda x0, noise, a, b: a * noise - b * x0,
    "flow": lambda x0, noise, a, b: noise - x0,
    "score": lambda x0, noise, a, b: -noise / b,
}
each_times = pytest.mark.parametrize("times", TIMES.values(), ids=TIMES.keys())
each_output = pytest.mark.parametrize("output", OUTPUTS)
laws = settings(max_examples=60, deadline=None)


def samples(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    x0, noise = torch.randn(2, 64, 8, dtype=torch.float64, generator=generator)
    return x0.to(dtype), noise.to(dtype)


def natives() -> list[Native]:
    """Variance-preserving, flow and exploding coordinates, over the ratios of trained models."""
    found: list[Native] = []
    for ratio in (0.01, 0.3, 1.0, 7.0, 150.0):
        a = 1.0 / math.sqrt(1.0 + ratio**2)
        found += [Native(a, a * ratio, 0.0), Native(1.0, ratio, 0.0)]
        found += [Native(1.0 / (1.0 + ratio), ratio / (1.0 + ratio), 0.0)]
    return found


@each_output
@pytest.mark.parametrize("native", natives(), ids=str)
def test_every_output_gives_back_the_clean_sample(output: Output, native: Native) -> None:
    x0, noise = samples()
    x = native.a * x0 + native.b * noise
    value = OUTPUTS[output](x0, noise, native.a, native.b)
    assert torch.allclose(denoised(output, value, x, native), x0, rtol=0, atol=1e-12)
    assert torch.allclose(answer(output, x0, x, native), value, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("native", [*natives(), Native(0.0, 1.0, 0.0)], ids=str)
def test_a_change_of_v_is_a_change_of_the_clean_sample(native: Native) -> None:
    x0, noise = samples()
    change = noise.roll(1, 0)
    x = native.a * x0 + native.b * noise
    v = OUTPUTS["v"](x0, noise, native.a, native.b)
    expected = denoised("v", v + change, x, native)
    assert torch.allclose(steered(x0, change, native), expected, rtol=0, atol=1e-12)
    assert torch.equal(steered(x0, torch.zeros_like(x0), native), x0)


@each_output
@pytest.mark.parametrize("native", natives(), ids=str)
def test_single_precision_is_as_good_as_the_output_allows(output: Output, native: Native) -> None:
    x0, noise = samples()
    x = (native.a * x0 + native.b * noise).float()
    value = OUTPUTS[output](x0, noise, native.a, native.b).float()
    error = (denoised(output, value, x, native) - x0).abs().max() / x0.abs().max()
    assert error < (1e-4 if output in ("eps", "score") else 1e-6)


@pytest.mark.parametrize("output", ["x0", "v", "flow"])
@pytest.mark.parametrize("level", [PURE_NOISE, CLEAN])
def test_both_ends_are_finite(output: Output, level: NoiseLevel) -> None:
    x0, noise = samples()
    native = FlowTimes().native(level)
    x = native.a * x0 + native.b * noise
    value = OUTPUTS[output](x0, noise, native.a, native.b)
    assert torch.allclose(denoised(output, value, x, native), x0, rtol=0, atol=1e-14)


@pytest.mark.parametrize("output", ["eps", "score"])
def test_outputs_that_say_nothing_at_pure_noise_need_a_finite_ratio(output: Output) -> None:
    with pytest.raises(ValueError, match=f"answers {output} says nothing .* finite largest ratio"):
        Parametrisation(output, FlowTimes())
    Parametrisation(output, CosineTimes(ratio_max=100.0))


@each_times
@laws
@given(share=st.floats(0, 1))
def test_a_level_has_one_time(times: Times, share: float) -> None:
    low = times.cleanest.noise
    level = NoiseLevel.from_noise(low + share * (times.noisiest.noise - low))
    native = times.native(level)
    assert native.b * level.alpha == pytest.approx(native.a * level.sigma, rel=1e-11, abs=1e-15)
    again = times.level(native.time)
    assert again.alpha == pytest.approx(level.alpha, abs=1e-11)
    assert again.sigma == pytest.approx(level.sigma, abs=1e-11)


@each_times
@laws
@given(noises=st.lists(st.floats(0.001, 0.999), min_size=2, max_size=2, unique=True))
def test_more_noise_is_a_later_time(times: Times, noises: list[float]) -> None:
    early, late = (times.native(NoiseLevel.from_noise(noise)).time for noise in sorted(noises))
    assert early <= late


@each_times
def test_levels_beyond_training_are_the_nearest_trained(times: Times) -> None:
    assert times.native(PURE_NOISE) == times.native(times.noisiest)
    assert times.native(CLEAN) == times.native(times.cleanest)
    assert math.isfinite(times.native(PURE_NOISE).b)
    for time, level in ((math.inf, times.noisiest), (-math.inf, times.cleanest)):
        assert times.level(time).alpha == pytest.approx(level.alpha, rel=1e-9, abs=1e-15)
        assert times.level(time).sigma == pytest.approx(level.sigma, rel=1e-9, abs=1e-15)
    first = times.native(times.cleanest).time
    last = times.native(times.noisiest).time
    for noise in (1e-9, 0.1, 0.5, 0.9, 1 - 1e-9):
        assert first <= times.native(NoiseLevel.from_noise(noise)).time <= last


def test_known_levels_of_known_models() -> None:
    """σ at t = 500 and σ_max of DDPM, Stable Diffusion and Improved DDPM: never match by time."""
    middles = [times.level(500).ratio for times in (LINEAR, STABLE, CAPPED)]
    assert middles == pytest.approx([3.44, 1.62, 1.02], abs=0.01)
    ends = [times.noisiest.ratio for times in (LINEAR, STABLE, CAPPED)]
    assert ends == pytest.approx([157.4, 14.61, 2.0e4], rel=0.02)


def test_discrete_times_are_whole_at_trained_levels_and_log_linear_between() -> None:
    squares = np.array(STABLE.alphas_cumprod)
    logs = 0.5 * np.log((1 - squares) / squares)
    for time in (0, 1, 500, 999):
        assert STABLE.native(NoiseLevel.from_ratio(math.exp(logs[time]))).time == pytest.approx(
            time, abs=1e-9
        )
    for log in np.linspace(-5, 4, 200):
        native = STABLE.native(NoiseLevel.from_ratio(math.exp(log)))
        assert native.time == pytest.approx(np.interp(log, logs, np.arange(1000)), abs=1e-9)
        assert STABLE.level(native.time).ratio == pytest.approx(
            math.exp(np.clip(log, logs[0], logs[-1])), rel=1e-10
        )


def test_zero_terminal_snr_is_reached_at_pure_noise_only() -> None:
    times = DiscreteTimes((0.9, 0.5, 0.1, 0.0))
    assert times.noisiest == PURE_NOISE
    assert times.native(PURE_NOISE) == Native(0.0, 1.0, 3.0)
    assert times.native(NoiseLevel.from_ratio(1e6)).time == pytest.approx(2.0)
    assert times.level(3.0) == PURE_NOISE


@pytest.mark.parametrize("squares", [(), (0.5,), (0.5, 0.5), (1.0, 0.5), (0.5, -0.1), (0.3, 0.7)])
def test_wrong_squared_alphas_are_refused(squares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="two or more numbers that fall strictly"):
        DiscreteTimes(squares)


def test_cosine_times_follow_their_definition() -> None:
    for offset in (0.0, 0.008):
        times = CosineTimes(offset=offset)
        for t in (0.0, 0.1, 0.5, 0.9, 1.0):
            angle = 0.5 * math.pi * (t + offset) / (1 + offset)
            alpha = math.cos(angle) / math.cos(0.5 * math.pi * offset / (1 + offset))
            assert times.level(t).alpha == pytest.approx(alpha, abs=1e-15)
            assert times.native(times.level(t)).time == pytest.approx(t, abs=1e-13)


def test_flow_time_is_the_share_of_noise_in_thousandths() -> None:
    native = FlowTimes().native(NoiseLevel.from_ratio(3.0))
    assert (native.a, native.b, native.time) == pytest.approx((0.25, 0.75, 750.0))


def test_edm_is_fed_a_quarter_of_the_log_ratio() -> None:
    native = ExplodingTimes(fed="quarter_log").native(NoiseLevel.from_ratio(5.0))
    assert (native.a, native.b, native.time) == pytest.approx((1.0, 5.0, 0.25 * math.log(5.0)))
