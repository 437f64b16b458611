"""The targets against closed forms and against the schedules that are shipped."""

import pytest
import torch

from training.objectives import flow, noised, scheduler, stratified, velocity


def clean_and_noise():
    generator = torch.Generator().manual_seed(0)
    shape = (64, 12, 4, 4)
    return (
        torch.randn(shape, generator=generator, dtype=torch.float64),
        torch.randn(shape, generator=generator, dtype=torch.float64),
    )


def test_velocity_is_what_the_shipped_schedule_means_by_it():
    x0, noise = clean_and_noise()
    shipped = scheduler("v")
    cells = stratified(64, torch.Generator().manual_seed(1))
    pair = velocity(x0, noise, cells, shipped.alphas_cumprod.double())
    torch.testing.assert_close(
        pair.noisy, shipped.add_noise(x0, noise, pair.time), atol=1e-6, rtol=0
    )
    torch.testing.assert_close(
        pair.target, shipped.get_velocity(x0, noise, pair.time), atol=1e-6, rtol=0
    )
    assert shipped.config.prediction_type == "v_prediction"


def test_a_perfect_velocity_gives_the_clean_latent_back():
    x0, noise = clean_and_noise()
    bars = scheduler("v").alphas_cumprod.double()
    pair = velocity(x0, noise, stratified(64, torch.Generator().manual_seed(1)), bars)
    alpha = bars[pair.time].sqrt().view(-1, 1, 1, 1)
    sigma = (1 - alpha**2).sqrt()
    torch.testing.assert_close(alpha * pair.noisy - sigma * pair.target, x0, atol=1e-12, rtol=0)


def test_a_perfect_flow_gives_the_clean_latent_back():
    x0, noise = clean_and_noise()
    pair = flow(x0, noise, stratified(64, torch.Generator().manual_seed(1)))
    t = (pair.time / 1000).view(-1, 1, 1, 1)
    torch.testing.assert_close(pair.noisy - t * pair.target, x0, atol=1e-12, rtol=0)
    assert 0 < t.min() < t.max() < 1


def test_flow_times_prefer_the_middle():
    x0 = torch.zeros(4000, 1, 1, 1)
    times = flow(x0, x0, stratified(4000, torch.Generator().manual_seed(1))).time / 1000
    middle = ((times > 0.25) & (times < 0.75)).float().mean()
    # 0.9 of logit-normal mass (0.728 within) and 0.1 of uniform mass (0.5 within).
    assert middle == pytest.approx(0.9 * 0.728 + 0.05, abs=0.02)


def test_strata_hold_one_number_each():
    cells = stratified(100, torch.Generator().manual_seed(5))
    assert (cells * 100).long().sort().values.tolist() == list(range(100))


@pytest.mark.parametrize("objective", ["v", "flow"])
def test_levels_and_noise_come_from_the_generator_alone(objective):
    x0 = torch.randn(8, 12, 4, 4)
    one = noised(objective, x0, torch.Generator().manual_seed(7))
    other = noised(objective, x0, torch.Generator().manual_seed(7))
    assert torch.equal(one.noisy, other.noisy)
    assert torch.equal(one.time, other.time)


def test_levels_that_lean_have_the_density_that_is_asked_for():
    x0 = torch.zeros(4000, 1, 1, 1)
    times = noised("v", x0, torch.Generator().manual_seed(7), lean=2.0).time / 1000
    for below in (0.3, 0.6, 0.9):
        # the density 3u² has the distribution u³, and one example in four is uniform
        expected = 0.75 * below**3 + 0.25 * below
        assert (times < below).float().mean() == pytest.approx(expected, abs=0.01)
