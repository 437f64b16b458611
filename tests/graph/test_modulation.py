"""Modulators in the loop: what they change, what they leave, and what they cost."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import graph.fusion
import graph.samplers
from graph import loop
from graph.controls import Controls
from graph.events import Progress
from graph.interfaces import Estimate, FusionRule, Sampler
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.meters import Tally
from graph.modulation import rewritten
from graph.parametrisation import Native, answer, denoised
from graph.plan import Control, Sweep
from graph.player import Player
from graph.preview import Watch
from graph.registry import choices
from graph.reliability import Weight
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.scores import Modulated, Score, Track
from tests.graph.modules import modulated, module, painted
from tests.graph.pieces import SHAPE, controls, final, gaussian, track, voice

LEVELS = [PURE_NOISE, *(NoiseLevel.from_noise(noise) for noise in (0.999, 0.5, 0.01))]


def states(count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(count, *SHAPE, dtype=torch.float64, generator=generator)


def at(level: NoiseLevel, scores: Track, x: Tensor, **values: object) -> Player:
    """A player that has denoised once, with the controls as they are declared but for `values`."""
    player = Player(scores)
    (merge,) = [scores.score]
    declared = controls(_all(merge)).read(0)
    player.values = {**declared, **{name.replace("__", "."): v for name, v in values.items()}}
    with torch.inference_mode():
        player.x = player.denoise(x, level)
    return player


def _all(score: Score) -> list[Score]:
    if isinstance(score, Modulated):
        return [score, *_all(score.score)]
    inner = getattr(score, "inputs", ())
    background = getattr(score, "background", None)
    if not inner:
        return [score]
    return [each for one in (*inner, *([background] if background else ())) for each in _all(one)]


def play(score: Track, **values: object) -> Tensor:
    mailbox = controls(_all(score.score))
    for name, value in values.items():
        mailbox.set(name.replace("__", "."), value)
    return final([score], mailbox)[0]


@pytest.mark.parametrize("rule", choices(graph.fusion, FusionRule).values())
@pytest.mark.parametrize("sampler", choices(graph.samplers, Sampler).values())
def test_an_untrained_modulator_leaves_every_bit(
    rule: type[FusionRule], sampler: type[Sampler]
) -> None:
    a, b = voice("a", gaussian(1.0), guidance=3.0), voice("b", gaussian(-1.0))
    made = module()
    kind = {"rule": rule(), "sampler": sampler(), "samples": (0, 3)}
    plain = play(track([a, b], **kind))
    within = play(track([modulated("m", a, made), b], **kind))
    assert torch.equal(within, plain)
    whole = track([a, b], **kind)
    around = play(replace(whole, score=modulated("m", whole.score, made)))
    assert torch.equal(around, plain)
    assert made.calls
    assert torch.isfinite(plain).all()


@pytest.mark.parametrize("level", LEVELS)
def test_the_prediction_is_scaled_and_shifted(level: NoiseLevel) -> None:
    """v' = γ⊙v + ν, which is ε' = γ⊙ε + ν' with ν' = alpha·ν + (1 − γ)·sigma·x."""
    x, made = states(), module(seed=1)
    score = modulated("m", voice("a", gaussian(1.0)), made)
    clean = gaussian(1.0).denoise(x, level, [score.score.condition.values[0]] * 2)
    native = Native(level.alpha, level.sigma, level.noise)
    v = answer("v", clean, x, native)
    picture = level.alpha * x - level.sigma * v
    seen = torch.cat([x, v, picture, score.maps.values[0].expand(2, -1, -1, -1)], 1)
    with torch.inference_mode():
        found = rewritten(x, level, {0: score}, {0: Estimate(clean)}, {"m": Weight(1.0)})
        out = made.network(seen.float(), torch.full((2,), 1000 * level.noise)).sample.double()
    gamma, nu = 1 + out[:, :2], out[:, 2:]
    expected = denoised("v", gamma * v + nu, x, native)
    assert torch.allclose(found[0].denoised, expected, atol=1e-6)
    if level.alpha > 0:
        noise = (x - level.alpha * clean) / level.sigma
        shift = level.alpha * nu + (1 - gamma) * level.sigma * x
        by_noise = (x - level.sigma * (gamma * noise + shift)) / level.alpha
        assert torch.allclose(found[0].denoised, by_noise, atol=1e-9)
    assert not torch.allclose(found[0].denoised, clean, atol=1e-3)


def test_at_clean_nothing_is_asked() -> None:
    made, clean = module(seed=1), Estimate(states())
    score = modulated("m", voice("a", gaussian(1.0)), made)
    after = rewritten(states(), CLEAN, {0: score}, {0: clean}, {"m": Weight(1.0)})
    assert after[0] is clean
    assert made.calls == []


@given(strength=st.floats(0.0, 2.0))
@settings(max_examples=25, deadline=None)
def test_reliability_goes_from_the_base_to_the_modulated(strength: float) -> None:
    made, level, x = module(seed=1), LEVELS[2], states()
    score = modulated("m", voice("a", gaussian(1.0)), made)
    base = at(level, track([score], samples=(0, 1)), x, m__muted=True).x
    full = at(level, track([score], samples=(0, 1)), x).x
    some = at(level, track([score], samples=(0, 1)), x, m__reliability=strength).x
    assert torch.allclose(some, base + strength * (full - base), atol=1e-12)


@pytest.mark.parametrize(
    "off",
    [{"m__reliability": 0.0}, {"m__muted": True}, {"n__solo": True}],
    ids=["zero", "muted", "another is solo"],
)
def test_a_silent_modulator_is_the_base_and_costs_no_call(off: dict[str, object]) -> None:
    a, made = voice("a", gaussian(1.0)), module(seed=1)
    other = module()
    both = track([modulated("n", modulated("m", a, made), other)])
    assert torch.equal(play(both, **off), play(track([a])))
    assert made.calls == []
    assert not torch.equal(play(both), play(track([a])))


def test_out_of_its_range_a_modulator_is_not_asked() -> None:
    made = module(seed=1)
    play(track([modulated("m", voice("a", gaussian(1.0)), made, noise_range=(1.0, 0.5))], steps=8))
    assert made.calls
    assert all(level.noise >= 0.5 for level, _ in made.calls)


def test_solo_of_an_expert_leaves_its_modulator_and_solo_of_a_modulator_the_experts() -> None:
    a, b, made = voice("a", gaussian(1.0)), voice("b", gaussian(-1.0)), module(seed=1)
    whole = track([modulated("m", a, made), b])
    alone = play(track([modulated("m", a, made)]))
    assert torch.equal(play(whole, a__solo=True), alone)
    assert torch.equal(play(whole, m__solo=True), play(whole))


def test_a_silent_expert_does_not_wake_its_modulator() -> None:
    made = module(seed=1)
    whole = track([modulated("m", voice("a", gaussian(1.0)), made), voice("b", gaussian(-1.0))])
    muted = play(whole, a__muted=True)
    assert torch.equal(muted, play(track([voice("b", gaussian(-1.0))])))
    play(whole, a__muted=True, b__muted=True)
    assert made.calls == []


def test_two_modulators_stack() -> None:
    """The second rewrites what the first has rewritten, from another set of maps."""
    a, first, second = voice("a", gaussian(1.0)), module(seed=1), module(seed=2)
    inner = modulated("m", a, first)
    outer = modulated("n", inner, second, maps={"sketch": painted("sketch")})
    level, x = LEVELS[2], states()
    found = at(level, track([outer], samples=(0, 1)), x)
    base = gaussian(1.0).denoise(x, level, [a.condition.values[0]] * 2)
    null = gaussian(1.0).denoise(x, level, [a.null.values[0]] * 2)
    ones = {"m": Weight(1.0), "n": Weight(1.0)}
    with torch.inference_mode():
        once = rewritten(x, level, {0: inner}, {0: Estimate(base, null)}, ones)
        twice = rewritten(x, level, {0: outer}, once, ones)
    assert torch.allclose(found.x, null + (twice[0].denoised - null), atol=1e-12)
    assert not torch.allclose(once[0].denoised, twice[0].denoised, atol=1e-3)
    assert found.heard == ("a", "m", "n")


def test_a_modulator_of_two_experts_is_asked_once_a_step() -> None:
    made = module(seed=1)
    scores = [
        modulated(f"m{name}", voice(name, gaussian(mean)), made, network="module")
        for name, mean in (("a", 1.0), ("b", -1.0))
    ]
    together = track(scores, samples=(0, 1), steps=5)
    played = play(together)
    assert [count for _, count in made.calls] == [4] * 5
    apart = [replace(score, network=score.node) for score in scores]
    assert torch.allclose(play(track(apart, samples=(0, 1), steps=5)), played, atol=1e-5)


def test_the_null_is_not_modulated_so_guidance_reaches_the_maps() -> None:
    made, level, x = module(seed=1), LEVELS[2], states()
    score = modulated("m", voice("a", gaussian(1.0), guidance=3.0), made)
    inner = score.score
    base, null = (
        gaussian(1.0).denoise(x, level, [each.values[0]] * 2)
        for each in (inner.condition, inner.null)
    )
    with torch.inference_mode():
        (after,) = rewritten(
            x, level, {0: score}, {0: Estimate(base, null)}, {"m": Weight(1.0)}
        ).values()
    assert after.null is null
    expected = null + 3.0 * (after.denoised - null)
    assert torch.allclose(at(level, track([score], samples=(0, 1)), x).x, expected, atol=1e-12)


def test_a_background_can_be_modulated() -> None:
    made, a = module(seed=1), voice("a", gaussian(1.0))
    prior = modulated("m", voice("prior", gaussian(0.0)), made)
    plain = track([a])
    whole = replace(plain, score=replace(plain.score, background=prior))
    without = replace(plain, score=replace(plain.score, background=prior.score))
    assert not torch.equal(play(whole), play(without))
    assert torch.equal(play(whole, m__reliability=0.0), play(without))


@pytest.mark.parametrize("kinds", [(), ("mask",), ("sketch",), ("mask", "sketch")])
def test_any_subset_of_the_maps_is_heard(kinds: tuple[str, ...]) -> None:
    made, a = module(seed=1), voice("a", gaussian(1.0))
    played = {
        some: play(track([modulated("m", a, made, maps={kind: painted(kind) for kind in some})]))
        for some in ((), ("mask",), ("sketch",), ("mask", "sketch"))
    }
    assert torch.isfinite(played[kinds]).all()
    assert all(not torch.equal(played[kinds], other) for k, other in played.items() if k != kinds)


def test_a_map_of_reliability_changes_only_where_it_is_white() -> None:
    made, level, x = module(seed=1), LEVELS[2], states()
    score = modulated("m", voice("a", gaussian(1.0)), made)
    half = torch.zeros(1, 1, *SHAPE[1:], dtype=torch.float64)
    half[..., :2] = 1.0
    clean = gaussian(1.0).denoise(x, level, [score.score.condition.values[0]] * 2)
    before = {0: Estimate(clean)}
    with torch.inference_mode():
        (some,) = rewritten(x, level, {0: score}, before, {"m": Weight(1.0, half)}).values()
        (full,) = rewritten(x, level, {0: score}, before, {"m": Weight(1.0)}).values()
    assert torch.equal(some.denoised[..., 2:], clean[..., 2:])
    assert torch.equal(some.denoised[..., :2], full.denoised[..., :2])


def test_a_sweep_over_the_reliability_is_a_row_from_the_base_on() -> None:
    a, made = voice("a", gaussian(1.0)), module(seed=1)
    row = modulated("m", a, made, factors=(Sweep("amount", (0.0, 0.5, 1.0)),))
    played = play(track([row], samples=(0, 0, 0)))
    assert torch.allclose(played[:1], play(track([a])), atol=1e-12)
    assert torch.allclose(played[2:], play(track([modulated("m", a, made)])), atol=1e-6)


def test_a_curve_is_followed() -> None:
    points = Control("curve.points", "curve", ((1.0, 1.0), (0.5, 1.0), (0.45, 0.0), (0.0, 0.0)))
    made = module(seed=1)
    score = modulated("m", voice("a", gaussian(1.0)), made, factors=(points,))
    declared = [*controls(_all(score))._declared.values(), points]
    final([track([score], steps=8)], Controls(declared))
    assert made.calls
    assert all(level.noise > 0.45 for level, _ in made.calls)


def test_a_fader_moved_while_it_plays_is_replayed_bit_by_bit() -> None:
    score = modulated("m", voice("a", gaussian(1.0)), module(seed=1))
    whole, mailbox = track([score], sampler=Dpmpp2M()), controls(_all(score))
    seen, ends = [], []
    for event in loop.play([whole], mailbox, threading.Event(), Watch(0, {})):
        if isinstance(event, Progress):
            seen.append(event.weights["m"])
            if event.step == 2:
                mailbox.set("m.reliability", 0.25)
            if event.step == 4:
                mailbox.set("m.muted", True)
        else:
            ends.append(event[1])
    assert seen == [1.0, 1.0, 0.25, 0.25, 0.0, 0.0]
    (again,) = final([whole], controls(_all(score), performance=mailbox.performance))
    assert torch.equal(again, ends[0])
    assert torch.equal(play(whole), play(whole))
    assert not torch.equal(play(whole), ends[0])


def test_when_a_modulator_leaves_a_multistep_sampler_forgets_its_history() -> None:
    a, made = voice("a", gaussian(1.0)), module(seed=1)
    whole = track([modulated("m", a, made, noise_range=(1.0, 0.5))], sampler=Dpmpp2M(), steps=8)
    leaves = next(i for i, level in enumerate(whole.levels) if level.noise < 0.5)
    middle = play(replace(whole, levels=whole.levels[: leaves + 1]))
    rest = Player(replace(track([a], sampler=Dpmpp2M()), levels=whole.levels[leaves:]))
    rest.x = middle
    for number in range(len(whole.levels) - leaves - 1):
        rest.advance(number, controls([a]).read(0))
    assert torch.allclose(rest.x, play(whole), atol=1e-12)


def test_a_batch_is_its_single_runs() -> None:
    score = modulated("m", voice("a", gaussian(1.0)), module(seed=1))
    batch = play(track([score], samples=(0, 1, 5)))
    singles = [play(track([score], samples=(each,))) for each in (0, 1, 5)]
    assert torch.allclose(batch, torch.cat(singles), atol=1e-5)


@pytest.mark.parametrize("rule", choices(graph.fusion, FusionRule).values())
def test_the_parts_of_experts_and_modulators_are_the_whole_update(rule: type[FusionRule]) -> None:
    a, b = voice("a", gaussian(1.0), guidance=2.0), voice("b", gaussian(-1.0))
    made, x = module(seed=1), states()
    scores = [modulated("n", modulated("m", a, made), module(seed=2)), b]
    player = at(LEVELS[2], track(scores, rule=rule(), samples=(0, 1)), x)
    plain = at(LEVELS[2], track([a, b], rule=rule(), samples=(0, 1)), x)
    assert player.heard == ("a", "b", "m", "n")
    assert torch.allclose(player.fused.denoised, player.x, atol=1e-12)
    of = dict(zip(player.heard, player.fused.terms, strict=True))
    for name, term in zip(plain.heard, plain.fused.terms, strict=True):
        assert torch.allclose(of[name], term, atol=1e-12)
    assert of["m"].abs().max() > 1e-3
    tally = Tally()
    tally.add(player.heard, player.fused, CLEAN)
    assert sum(tally.whole().share.values()) == pytest.approx(1.0)
    assert tally.whole().share["m"] > 0.01


def test_a_modulator_around_a_fusion_has_its_part_beside_the_experts() -> None:
    plain = track([voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))], samples=(0, 1))
    whole = replace(plain, score=modulated("m", plain.score, module(seed=1)))
    player = at(LEVELS[2], whole, states())
    assert player.heard == ("a", "b", "m")
    assert torch.allclose(player.fused.denoised, player.x, atol=1e-12)


def test_an_expert_heard_with_and_without_its_modulator_has_one_part() -> None:
    a = voice("a", gaussian(1.0))
    player = at(LEVELS[2], track([a, modulated("m", a, module(seed=1))], samples=(0, 1)), states())
    assert player.heard == ("a", "m")
    assert torch.allclose(player.fused.denoised, player.x, atol=1e-12)
