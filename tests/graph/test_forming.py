"""Forms of guidance in the loop: what silence leaves, what is remembered, and what nests."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import graph.forms
import graph.fusion
import graph.samplers
from graph import loop
from graph.events import Progress
from graph.experts.gaussian import Gaussian
from graph.forms.apg import Apg
from graph.forms.cfg_pp import CfgPp
from graph.forms.interval import Interval
from graph.forms.rescale import Rescale
from graph.fusion.mean import Mean
from graph.guidance.dps import Dps
from graph.interfaces import Estimate, FusionRule, GuidanceForm, Sampler
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.meters import Tally
from graph.plan import Sweep
from graph.player import Player
from graph.preview import Watch
from graph.registry import choices
from graph.samplers.ddim import Ddim
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.scores import Bent, Merge, Score, Shaped, Track, shapes
from tests.graph.exact import GaussianFlow
from tests.graph.formable import around, asked, given, random, shaped
from tests.graph.likely import Normal, guided
from tests.graph.pieces import SHAPE, controls, final, gaussian, track, voice

FORMS = [
    Apg(threshold=3.0, momentum=-0.4) if form is Apg else form()
    for form in choices(graph.forms, GuidanceForm).values()
]
RULES = [rule for rule in choices(graph.fusion, FusionRule).values() if rule.needs_background]
SAMPLERS = [
    (form, sampler)
    for form in FORMS
    for sampler in (each() for each in choices(graph.samplers, Sampler).values())
    if not form.renoises or sampler.renoised(PURE_NOISE, CLEAN) is not None
]
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda each: each.name)
LEVEL = NoiseLevel.from_noise(0.5)


def inside(score: Score) -> list[Score | Shaped]:
    """Everything that has a fader."""
    found = list(shapes(score))
    waiting = [score]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Merge):
            waiting += [*each.inputs, *([each.background] if each.background else [])]
        else:
            found.append(each)
            waiting += [each.score] if isinstance(each, Bent) else []
    return list({each.node: each for each in found}.values())


def play(whole: Track, **values: object) -> Tensor:
    mailbox = controls(inside(whole.score))
    for name, value in values.items():
        mailbox.set(name.replace("__", "."), value)
    return final([whole], mailbox)[0]


def at(whole: Track, x: Tensor, level: NoiseLevel = LEVEL) -> tuple[Tensor, Player]:
    player = Player(whole)
    player.values = controls(inside(whole.score)).read(0)
    with torch.inference_mode():
        return player.denoise(x, level), player


def pair(sampler: Sampler | None = None, **kind: object) -> Track:
    voices = [voice("a", gaussian(1.0), guidance=4.0), voice("b", gaussian(-0.5), guidance=-2.0)]
    return track(voices, sampler=sampler or Ddim(), samples=(0, 1), **kind)


@pytest.mark.parametrize(
    ("form", "sampler"), SAMPLERS, ids=lambda each: getattr(each, "name", None)
)
@pytest.mark.parametrize(
    "off", [{"f__reliability": 0.0}, {"f__muted": True}, {"g__solo": True}], ids=str
)
def test_a_silent_form_leaves_every_bit(
    form: GuidanceForm, sampler: Sampler, off: dict[str, object]
) -> None:
    whole = pair(sampler)
    quiet = shaped("g", Interval(from_noise=1.0, to_noise=0.0))
    assert torch.equal(play(around(whole, shaped("f", form), quiet), **off), play(whole))
    formed = play(around(whole, shaped("f", form), quiet))
    assert torch.isfinite(formed).all()
    assert (formed - play(whole)).abs().max() > 1e-3


@each_form
@pytest.mark.parametrize("rule", RULES)
def test_with_all_experts_at_zero_the_background_is_painted(
    form: GuidanceForm, rule: type[FusionRule]
) -> None:
    whole = pair(rule=rule())
    off = {"a__reliability": 0.0, "b__reliability": 0.0}
    assert torch.equal(play(around(whole, shaped("f", form)), **off), play(whole, **off))


@pytest.mark.parametrize("form", [form for form in FORMS if not form.renoises], ids=str)
@pytest.mark.parametrize("rule", RULES)
def test_without_guidance_a_form_changes_nothing(
    form: GuidanceForm, rule: type[FusionRule]
) -> None:
    """Whatever the faders are: it is guidance that takes a form, not reliability."""
    voices = [voice("a", gaussian(1.0), guidance=1.0), voice("b", gaussian(-0.5), guidance=-1.0)]
    whole = track(voices, rule=rule(), samples=(0, 1))
    faders = {"a__reliability": 0.7, "b__reliability": 1.6}
    formed = play(around(whole, shaped("f", form)), **faders)
    assert torch.allclose(formed, play(whole, **faders), rtol=0, atol=1e-12)
    assert not torch.allclose(formed, play(whole), atol=1e-3)


@each_form
def test_a_form_meets_the_fusion_with_and_without_guidance(form: GuidanceForm) -> None:
    """Against the form by itself, shown what Gaussians in closed form answer."""
    whole = around(pair(), shaped("f", form))
    x, level = random(5, (2, *SHAPE)), whole.levels[2]
    null = GaussianFlow([0.0], [1.0]).denoise(x, level)
    answers = [
        Estimate(GaussianFlow([mean], [0.25]).denoise(x, level), null) for mean in (1.0, -0.5)
    ]
    ratio = whole.levels[3].ratio / level.ratio
    expected = given(form, x, level, asked(x, level, answers, [4.0, -2.0]), 1.0 / (1.0 - ratio))
    found, player = at(whole, x, level)
    assert torch.allclose(found, expected.denoised, rtol=0, atol=1e-12)
    assert player.heard == ("a", "b")
    assert torch.allclose(player.fused.terms, expected.terms, rtol=0, atol=1e-12)
    assert torch.allclose(player.fused.denoised, found, rtol=0, atol=1e-12)
    tally = Tally()
    tally.add(player.heard, player.fused, CLEAN)
    assert sum(tally.whole().share.values()) == pytest.approx(1.0)


@each_form
def test_its_reliability_mixes_it_in_by_sample_too(form: GuidanceForm) -> None:
    whole, x = pair(), random(5, (2, *SHAPE))
    bare, full = at(whole, x)[0], at(around(whole, shaped("f", form)), x)[0]
    swept = around(whole, shaped("f", form, [Sweep("amount", (0.25, 1.0))]))
    amounts = torch.tensor([0.25, 1.0]).reshape(2, 1, 1, 1)
    assert torch.allclose(at(swept, x)[0], bare + amounts * (full - bare), rtol=0, atol=1e-12)


def test_forms_follow_one_another_the_inner_one_first() -> None:
    whole, x, level = pair(), random(5, (2, *SHAPE)), LEVEL
    null = GaussianFlow([0.0], [1.0]).denoise(x, level)
    answers = [
        Estimate(GaussianFlow([mean], [0.25]).denoise(x, level), null) for mean in (1.0, -0.5)
    ]
    guided, plain = asked(x, level, answers, [4.0, -2.0])
    inner = given(Apg(threshold=1.0), x, level, (guided, plain))
    expected = given(Rescale(), x, level, (inner, plain)).denoised
    both = shaped("f", Apg(threshold=1.0)), shaped("g", Rescale())
    found = at(around(whole, *both), x)[0]
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    assert not torch.allclose(at(around(whole, *reversed(both)), x)[0], found, atol=1e-4)


@each_form
def test_a_formed_expert_is_an_expert_again(form: GuidanceForm) -> None:
    """Its null stays the null that it had, and its weight in the next fusion is one."""
    first, second = (  # their null is not alpha·x, as it is where all variances are one
        Gaussian(SHAPE, mean=mean, variance=0.25, has_null=True, null_variance=0.5)
        for mean in (1.0, -0.5)
    )
    alone = track([voice("a", first, guidance=4.0)], sampler=Ddim(), samples=(0, 1))
    x, level = random(5, (2, *SHAPE)), alone.levels[2]
    formed, _ = at(around(alone, shaped("f", form)), x, level)
    other = voice("b", second, guidance=2.0)
    inner = Merge("inner", alone.score.rule, alone.score.inputs, None, (shaped("f", form),))
    whole = replace(alone, score=Merge("fuse", alone.score.rule, (inner, other)))
    null = GaussianFlow([0.0], [0.5]).denoise(x, level)
    more = GaussianFlow([-0.5], [0.25]).denoise(x, level)
    found, player = at(whole, x, level)
    assert torch.allclose(found, formed + 2.0 * (more - null), rtol=0, atol=1e-12)
    assert player.heard == ("inner", "b")
    assert torch.allclose(player.fused.base, null, rtol=0, atol=1e-12)


@each_form
def test_a_batch_is_its_single_runs(form: GuidanceForm) -> None:
    def of(*samples: int) -> Tensor:
        return play(around(replace(pair(), samples=samples), shaped("f", form)))

    singles = torch.cat([of(each) for each in (0, 1, 5)])
    assert torch.allclose(of(0, 1, 5), singles, rtol=0, atol=1e-9)


def momentum_by_hand(whole: Track, starts: tuple[int, ...]) -> Tensor:
    """Euler steps with APG written out for one Gaussian; its memory is empty at `starts`."""
    x, total = Player(whole).x, 0.0
    for number, (here, there) in enumerate(zip(whole.levels, whole.levels[1:], strict=False)):
        clean = GaussianFlow([1.0], [0.25]).denoise(x, here)
        more = clean - GaussianFlow([0.0], [1.0]).denoise(x, here)
        total = more if number in starts else more + 0.8 * total
        denoised = clean + 3.0 * total
        x = there.alpha * denoised + there.sigma * (x - here.alpha * denoised) / here.sigma
    return x


def test_momentum_is_gained_once_a_step_and_lost_when_an_expert_joins() -> None:
    form = shaped("f", Apg(eta=1.0, momentum=0.8))
    alone = around(track([voice("a", gaussian(1.0), guidance=4.0)], samples=(0, 1)), form)
    assert torch.allclose(play(alone), momentum_by_hand(alone, (0,)), rtol=0, atol=1e-10)
    mailbox = controls(inside(alone.score))
    ends = []
    for event in loop.play([alone], mailbox, threading.Event(), Watch(0, {})):
        if isinstance(event, Progress):
            if event.step in (2, 3):
                mailbox.set("f.muted", event.step == 2)
        else:
            ends.append(event[1])
    # all of it kept, a state without memory is one without the form
    assert torch.allclose(ends[0], momentum_by_hand(alone, (0, 2, 3)), rtol=0, atol=1e-10)
    assert not torch.allclose(ends[0], play(alone), atol=1e-3)


def test_a_form_that_is_wired_twice_remembers_a_state_once() -> None:
    form = shaped("f", Apg(eta=1.0, momentum=0.8))
    alone = around(track([voice("a", gaussian(1.0), guidance=4.0)], samples=(0, 1)), form)
    both = Merge("outer", Mean(), (alone.score, alone.score))
    assert torch.allclose(play(replace(alone, score=both)), play(alone), rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", [form for form in FORMS if not form.renoises], ids=str)
def test_the_gradient_leads_through_a_form_and_none_is_kept(form: GuidanceForm) -> None:
    """Against central differences of log p(y | D(x)) over a formed fusion."""
    bare = around(replace(pair(), samples=(0,)), shaped("f", form))
    x, level = random(3, (1, *SHAPE)), LEVEL

    def log_density(state: Tensor) -> Tensor:
        return Normal().log_density(at(bare, state)[0], [torch.full(SHAPE, 1.5)])

    def nudged(place: int) -> Tensor:
        step = torch.zeros_like(x)
        step.view(-1)[place] = 1e-5
        return (log_density(x + step) - log_density(x - step)) / 2e-5

    slope = torch.cat([nudged(place) for place in range(x.numel())]).reshape(x.shape)
    led = replace(bare, score=guided("g", bare.score, method=Dps(scaled=False)))
    found, player = at(led, x)
    expected = at(bare, x)[0] + level.sigma**2 / level.alpha * slope
    assert torch.allclose(found, expected, rtol=0, atol=1e-5)
    assert not player.fused.terms.requires_grad
    kept = player._memories["form f"]
    assert kept is None or not kept.terms.requires_grad
    assert torch.isfinite(play(led)).all()


@each_form
def test_a_companion_within_keeps_its_part_on_the_meters(form: GuidanceForm) -> None:
    a, b = voice("a", gaussian(1.0), guidance=4.0), voice("b", gaussian(-0.5), guidance=2.0)
    whole = track([guided("g", a), b], sampler=Ddim(), samples=(0, 1))
    found, player = at(around(whole, shaped("f", form)), random(5, (2, *SHAPE)), whole.levels[2])
    assert player.heard == ("a", "b", "g")
    assert torch.allclose(player.fused.denoised, found, rtol=0, atol=1e-11)


@pytest.mark.parametrize("sampler", [Ddim(eta=1.0), Dpmpp2M()], ids=lambda each: each.name)
@each_form
def test_a_fader_moved_while_it_plays_is_replayed_bit_by_bit(
    form: GuidanceForm, sampler: Sampler
) -> None:
    if form.renoises and sampler.renoised(PURE_NOISE, CLEAN) is None:
        sampler = Ddim()
    whole = around(pair(sampler), shaped("f", form))
    mailbox = controls(inside(whole.score))
    seen, ends = [], []
    for event in loop.play([whole], mailbox, threading.Event(), Watch(0, {})):
        if isinstance(event, Progress):
            seen.append(event.weights["f"])
            if event.step == 2:
                mailbox.set("f.reliability", 0.25)
            if event.step == 4:
                mailbox.set("f.muted", True)
        else:
            ends.append(event[1])
    assert seen == [1.0, 1.0, 0.25, 0.25, 0.0, 0.0]
    recorded = mailbox.performance
    (again,) = final([whole], controls(inside(whole.score), performance=recorded))
    assert torch.equal(again, ends[0])
    assert not torch.equal(play(whole), ends[0])


def test_a_form_costs_no_network_call() -> None:
    def calls(*forms: Shaped) -> list[tuple[NoiseLevel, int]]:
        one = gaussian(1.0)
        play(around(track([voice("a", one, guidance=4.0)], sampler=Ddim()), *forms))
        return one.calls

    for form in FORMS:
        assert calls(shaped("f", form)) == calls()
    assert CfgPp in map(type, FORMS)
