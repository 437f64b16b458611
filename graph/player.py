"""The player of a track: the one denoiser that its sampler sees, whatever is behind it.

At each evaluation the controls as they stand give every voice and companion its weight; voices that
are heard are asked in one batched call per network; companions bend their answers; fusion merges
them. What is muted, at zero or outside its range of levels costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from graph.asking import Answers, Doubt, Question, ask, doubt, question, settle
from graph.bridging import away, back, remainder, unmoved
from graph.correction import Correction, composition
from graph.errors import ChoraleError, Diagnostic
from graph.events import ControlValue
from graph.forming import formed, gain
from graph.guiding import Sight, guided
from graph.interfaces import Coming, Estimate, Fused, Part, Seen, Step
from graph.levels import NoiseLevel
from graph.modulation import rewritten
from graph.randomness import Again, Draws, Foreseen
from graph.reliability import Weight
from graph.scores import (
    Bent,
    Bridged,
    Encoded,
    Guided,
    Merge,
    Modulated,
    Score,
    Track,
    Voice,
    bare,
    companions,
    source,
    voices,
    weights,
)
from graph.trails import Trail, added, apart, calm, still


@dataclass(frozen=True, slots=True)
class Moment:
    """One evaluation: the state, what the experts answered to it, and what guidance sees of it.

    `remembered` is of the state before, however often a fusion is wired, and `drawn` what guidances
    draw at this one, however often they are. `shape` is that of a state abroad; None at home.
    """

    x: Tensor
    level: NoiseLevel
    answers: Answers
    sight: Sight
    remembered: Mapping[str, Any]
    drawn: dict[str, list[Tensor]]
    shape: tuple[int, ...] | None = None


class Player:
    """A track while it plays: the denoiser that its sampler sees."""

    def __init__(self, track: Track) -> None:
        self.track = track
        self.values: Mapping[str, ControlValue] = {}
        self.weights: dict[str, Weight] = {}
        self.heard: tuple[str, ...] = ()
        self.fused: Fused | None = None
        self.x = self._draws("noise")() * track.levels[0].sigma
        if track.start is not None:
            self.x += track.levels[0].alpha * track.start
        self._fresh = Foreseen(self._draws("sampler"))
        self._next = track.levels[-1]
        self._chances: dict[str, Callable[[], Tensor]] = {}
        self._noises: dict[str, Tensor] = {}
        self._memories: dict[str, Any] = {}
        self._walk: Iterator[Step] = iter(())
        self._sounding: frozenset[str] | None = None
        self.correction = Correction(track.corrector, self._draws("corrector"))
        self._doubts: list[Doubt] = []
        self._seen: Seen

    def advance(self, number: int, values: Mapping[str, ControlValue]) -> Step:
        """Take step `number` under the controls as they stand.

        When a voice or companion joins or leaves, the sampler starts anew from here: the estimates
        that a multistep solver remembers, and what rules remember, are those of another ensemble.
        """
        self.values = values
        self._next = self.track.levels[number + 1]
        self.weights = self._weights(self.track.levels[number])
        sounding = frozenset(node for node, weight in self.weights.items() if not weight.silent)
        if sounding != self._sounding:
            self._sounding = sounding
            self._memories.clear()
            levels = self.track.levels[number:]
            self._walk = self.track.sampler(self.denoise, self.x, levels, self._fresh)
        step = self._corrected(next(self._walk))
        self.x = step.x
        return step

    def settle(self) -> None:
        """ChoraleError R010 if an expert has answered not-a-number; waits for the device."""
        settle(self._doubts)
        self._doubts.clear()

    def _corrected(self, step: Step) -> Step:
        """The step with its state corrected; meters and weights stay those of the sampler's.

        Where the state was moved the sampler starts anew: what it remembers led elsewhere.
        """
        told = self.weights, self.heard, self.fused
        corrected = self.correction(self._seen, step, self._see)
        self.weights, self.heard, self.fused = told
        if corrected is not step:
            self._sounding = None
        return corrected

    def _see(self, x: Tensor, level: NoiseLevel) -> Seen:
        """What the ensemble answers at a state."""
        denoised = self.denoise(x, level).detach()
        return replace(self._seen, denoised=denoised)

    def denoise(self, x: Tensor, level: NoiseLevel) -> Tensor:
        """D(x, level) of the whole ensemble under the controls of this step.

        Where nothing may change it is what the track starts from, of which all samplers then keep
        the state alpha·x0 + sigma·noise.
        """
        denoised = self._ensembled(x, level)
        start, where = self.track.start, self.track.where
        if start is None or where is None:
            return denoised
        seen = torch.where(where, self._seen.denoised, start)
        self._seen = replace(self._seen, denoised=seen)
        return torch.where(where, denoised, start)

    def _ensembled(self, x: Tensor, level: NoiseLevel) -> Tensor:
        self.weights = self._weights(level)
        windows = self.track.windows
        if windows is None:
            return self._answered(x, level)
        denoised = windows.join(self._answered(windows.cut(x), level))
        seen = windows.join(self._seen.denoised)
        self._seen = replace(self._seen, x=x.detach(), denoised=seen)
        self.fused = None if self.fused is None else windows.joined(self.fused)
        return denoised

    def _answered(self, x: Tensor, level: NoiseLevel) -> Tensor:
        """The estimate, made so that a guidance finds its way back where one has to."""
        if not self._backward():
            return self._denoised(x, level)
        with torch.inference_mode(False), torch.enable_grad():
            return self._denoised(x.clone().requires_grad_(), level)

    def _denoised(self, x: Tensor, level: NoiseLevel) -> Tensor:
        asked = list(self._asked(self.track.score))
        answers = ask(x, level, asked)
        self._doubts.append(doubt(x, level, asked, answers))
        moment = Moment(x, level, answers, Sight(level), dict(self._memories), {})
        trail = still(self._trails([self.track.score], moment)[0])
        if self.fused is not None and len(trail) > 1:
            self.heard, self.fused = added(trail, self.heard, self.fused)
        return next(estimate for _, estimate in reversed(trail)).denoised

    def _backward(self) -> bool:
        """Whether a guidance is heard that needs the gradient through the experts."""
        return any(
            isinstance(each, Guided) and each.method.through and not self.weights[each.node].silent
            for each in companions(self.track.score)
        )

    def _weights(self, level: NoiseLevel) -> dict[str, Weight]:
        """Of every voice and companion, in every window."""
        found = weights(self.track.score, level, self.values)
        windows, samples = self.track.windows, len(self.track.samples)
        if windows is None:
            return found
        return {node: windows.weight(weight, samples) for node, weight in found.items()}

    def _chance(self, node: str, moment: Moment) -> Callable[[], Tensor]:
        """The draws of one guidance, which are no other's: in all of its places the same."""
        if node not in self._chances:
            role, shape = f"guidance {node}", moment.shape
            self._chances[node] = (
                self._at_home(role) if shape is None else self._abroad(role, shape)
            )
        return Again(self._chances[node], moment.drawn.setdefault(node, []))

    def _at_home(self, role: str) -> Callable[[], Tensor]:
        """Draws for the track's states, of which every window has its part."""
        draws, windows = self._draws(role), self.track.windows
        return draws if windows is None else lambda: windows.cut(draws())

    def _draws(self, role: str, shape: tuple[int, ...] | None = None) -> Draws:
        track = self.track
        return Draws(
            track.seed,
            track.number,
            track.samples,
            role,
            track.shape if shape is None else shape,
            track.like,
            track.points if shape is None else 1,
        )

    def _abroad(self, role: str, shape: tuple[int, ...]) -> Callable[[], Tensor]:
        """Draws for states of another space, of which every window has one of its own."""
        windows = self.track.windows
        if windows is None:
            return self._draws(role, shape)
        draws = self._draws(role, (len(windows.starts), *shape))
        return lambda: draws().flatten(0, 1)

    def _loud(self, score: Score) -> bool:
        return any(not self.weights[voice.name].silent for voice in voices(score))

    def _heard(self, merge: Merge) -> tuple[Score, ...]:
        """The inputs that sound; with all of them silent, all, at weight zero: the background."""
        loud = tuple(score for score in merge.inputs if self._loud(score))
        return loud or tuple(map(bare, merge.inputs))

    def _asked(self, score: Score, null: bool = True) -> Iterator[Question]:
        """What is asked for: no null of what is measured against a background that is wired."""
        score = bare(score)
        if isinstance(score, Bridged):
            yield from self._asked(score.anchor)
            return
        if isinstance(score, Merge):
            nulls = score.background is None or score.rule.compares_nulls
            for each in self._heard(score):
                yield from self._asked(each, nulls)
            if score.background is not None:
                yield from self._asked(score.background, null=False)
            return
        yield self._question(score, score.condition)
        if null and score.null is not None:
            yield self._question(score, score.null)

    def _question(self, voice: Voice, encoded: Encoded) -> Question:
        return question(voice, encoded, self.weights)

    def _trails(self, scores: Sequence[Score], moment: Moment) -> list[Trail]:
        """What the scores estimate, each before and after every companion that sounds."""
        awake = [self._awake(score) for score in scores]
        if not any(isinstance(score, Bent) for score in awake):
            return [((s.node, self._estimate(s, moment)),) for s in map(bare, awake)]
        within = [score.score if isinstance(score, Bent) else score for score in awake]
        trails = self._trails(within, moment)
        before = {i: trail[-1][1] for i, trail in enumerate(trails)}
        modulated = {i: score for i, score in enumerate(awake) if isinstance(score, Modulated)}
        guides = {i: score for i, score in enumerate(awake) if isinstance(score, Guided)}
        seen = {i: trails[i][-self._depth(score)][1] for i, score in guides.items()}
        after = rewritten(moment.x, moment.level, modulated, before, self.weights)
        after |= guided(
            moment.x,
            moment.sight,
            guides,
            seen,
            before,
            self.weights,
            draws=lambda node: self._chance(node, moment),
        )
        return [
            (*trail, (awake[i].node, after[i])) if isinstance(awake[i], Bent) else trail
            for i, trail in enumerate(trails)
        ]

    def _depth(self, score: Score) -> int:
        """How many guidances follow one another from here inwards."""
        depth = 0
        while isinstance(score, Guided):
            depth, score = depth + 1, self._awake(score.score)
        return depth

    def _awake(self, score: Score) -> Score:
        """The score without silent companions around it."""
        while isinstance(score, Bent) and self.weights[score.node].silent:
            score = score.score
        return score

    def _bridged(self, bridge: Bridged, moment: Moment) -> Estimate:
        """What comes home over a bridge; a silent one asks nobody abroad and decodes nothing.

        The noise abroad is drawn once; from then on it is what the foreign estimate took for noise
        at the state before (docs/decisions/0020-bridges-bring-the-condition-home.md).
        """
        level = moment.level
        anchor = self._trails([bridge.anchor], moment)[0][-1][1]
        if level.sigma == 0.0 or not self._loud(bridge):
            return unmoved(anchor)
        noise = moment.remembered.get(bridge.bridge)
        if noise is None:
            noise = self._noise(bridge)
        x = away(bridge, anchor, noise, level)
        asked = list(self._asked(bridge.score))
        answers = ask(x, level, asked)
        self._doubts.append(doubt(x, level, asked, answers))
        told = moment.remembered, moment.drawn
        there = Moment(x, level, answers, Sight(level), *told, bridge.shape)
        foreign = self._trails([bridge.score], there)[0][-1][1]
        self._memories[bridge.bridge] = remainder(x.detach(), calm(foreign), level)
        return back(bridge, anchor, foreign)

    def _noise(self, bridge: Bridged) -> Tensor:
        """The noise that a bridge begins with, and begins with again when its ensemble changes."""
        if bridge.bridge not in self._noises:
            draw = self._abroad(f"bridge {bridge.bridge}", bridge.shape)
            self._noises[bridge.bridge] = draw()
        return self._noises[bridge.bridge]

    def _estimate(self, score: Voice | Merge | Bridged, moment: Moment) -> Estimate:
        if isinstance(score, Bridged):
            return self._bridged(score, moment)
        x, level = moment.x, moment.level
        if isinstance(score, Voice):
            answers = moment.answers
            told, null = self._question(score, score.condition), score.null
            untold = None if null is None else answers.get(self._question(score, null).key)
            return Estimate(answers[told.key], untold)
        heard = self._heard(score)
        trails = self._trails(heard, moment)
        wired = [score.background] if score.background else []
        background = [trail[-1][1].denoised for trail in self._trails(wired, moment)]
        if not background and not self._loud(score):
            _need_nulls(score, [trail[0][1] for trail in trails])
        shares = [each.share for each in map(source, heard)]
        estimates = [trail[-1][1] for trail in trails]
        weights, plain = self._followed(score, heard, estimates, moment)
        forms = [each for each in score.forms if not self.weights[each.node].silent]

        def merged(estimates: Sequence[Estimate], weights: Sequence[Tensor | float]) -> Fused:
            return score.rule(x, level, estimates, weights, shares, next(iter(background), None))

        def shaped(estimates: Sequence[Estimate], guided: Fused) -> tuple[Fused, dict[str, Any]]:
            if not forms:
                return guided, {}
            asked = guided, merged(estimates, plain)
            stretch = gain(self.track.sampler, self.track.levels, level)
            return formed(forms, x, level, asked, self.weights, moment.remembered, stretch)

        guided = merged(estimates, weights)
        fused, memories = shaped(estimates, guided)
        self._memories |= memories
        if score is bare(self.track.score):
            answered, asked_of = moment.answers, self.weights

            def answer(voice: Voice, encoded: Encoded) -> Tensor:
                return answered[question(voice, encoded, asked_of).key]

            at = x.detach(), level, answer

            def weighed(value: Callable[[Part], Tensor]) -> Tensor:
                return composition(score, heard, weights, shares, at).weighed(value)

            self._seen = Seen(*at[:2], fused.denoised.detach(), weighed)
            whole = Fused(fused.base.detach(), fused.terms.detach())
            with torch.no_grad():
                self.heard, self.fused = apart(
                    [still(trail) for trail in trails],
                    lambda each: shaped(each, merged(each, weights))[0],
                    whole,
                )
        return Estimate(fused.denoised, guided.base)

    def _followed(
        self,
        merge: Merge,
        heard: Sequence[Score],
        estimates: Sequence[Estimate],
        moment: Moment,
    ) -> tuple[Sequence[Tensor | float], Sequence[Tensor | float]]:
        """The weights of what is heard, as the rule sees them, and those without guidance.

        Both are constants to every gradient.
        """
        x, still = moment.x.detach(), [calm(each) for each in estimates]
        weights = [self._weight(each) for each in heard]
        plain = [
            voice.plain(weight, self.values) if isinstance(voice, Voice) else weight
            for voice, weight in zip(map(source, heard), weights, strict=True)
        ]
        remembered = moment.remembered.get(merge.node)
        coming = self._coming(x, moment.level)

        def followed(weights: Sequence[Weight]) -> tuple[Any, Sequence[Tensor | float]]:
            faders = [weight.tensor(x) for weight in weights]
            memory, known = merge.rule.follow(remembered, x, moment.level, still, faders)
            return memory, merge.rule.foresee(moment.level, still, known, coming)

        with torch.no_grad():
            self._memories[merge.node], guided = followed(weights)
            return guided, followed(plain)[1] if merge.forms else guided

    def _coming(self, x: Tensor, here: NoiseLevel) -> Coming:
        """The rest of this step; its draw is looked at only where a rule asks for it."""
        spread = self.track.sampler.spread(here, self._next)
        return Coming(
            self._next,
            lambda: spread * self._fresh.ahead() if spread > 0.0 else x.new_zeros(x.shape),
        )

    def _weight(self, score: Score) -> Weight:
        score = source(score)
        if isinstance(score, Voice):
            return self.weights[score.name]
        return Weight(1.0 if self._loud(score) else 0.0)


def _need_nulls(merge: Merge, estimates: Sequence[Estimate]) -> None:
    if any(estimate.null is None for estimate in estimates):
        raise ChoraleError(
            Diagnostic(
                "R003",
                "Every expert is silent and there is no background to paint with.",
                "Raise a fader, or wire a background.",
                node=merge.node,
            )
        )
