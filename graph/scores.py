"""Scores: what a track is made of. Voices are fused, companions bend, bridges bring from afar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from graph.codec import Codec
from graph.correctors.none import Uncorrected
from graph.events import ControlValue
from graph.interfaces import (
    Adapter,
    Corrector,
    Expert,
    FusionRule,
    GuidanceForm,
    GuidanceMethod,
    Likelihood,
    Modulator,
    Sampler,
    Tuning,
)
from graph.levels import NoiseLevel, clipped
from graph.plan import Control
from graph.reliability import Reliability, Weight
from graph.windows import Windows


@dataclass(frozen=True, slots=True)
class Encoded:
    """A condition as tensors, with the key under which equal conditions are asked once.

    `values` holds one encoding for the whole batch, one for each window of a panorama, or one per
    sample.
    """

    key: str
    values: tuple[Any, ...]

    def spread(self, samples: int) -> tuple[Any, ...]:
        """One encoding per sample."""
        return self.values * (samples // len(self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Faded:
    """What has a fader: it is silent when muted, not soloed, or out of its range of noise."""

    node: str
    reliability: Reliability
    muted: Control | bool
    solo: Control | bool
    noise_range: tuple[float, float]

    @property
    def name(self) -> str:
        """What its weight is known by: its node, which has no other."""
        return self.node

    def weight(self, level: NoiseLevel, values: Mapping[str, ControlValue], solo: bool) -> Weight:
        """The reliability as it stands; `solo` says whether another of its kind is soloed."""
        high, low = self.noise_range
        off = read(self.muted, values) or (solo and not read(self.solo, values))
        if off or not low < level.noise <= high:  # ranges that meet share no level
            return Weight(0.0)
        return self.reliability.at(level, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapting(Faded):
    """An adapter of an expert: which, what it was shown, and whether the null hears it too.

    `network` is its name; `null` what it is shown where the expert is asked without a condition,
    or None where it takes no part there.
    """

    adapter: Adapter | Tuning
    network: str
    hint: Encoded
    null: Encoded | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice(Faded):
    """One expert's part in a run: what it is asked for and how loud it is.

    `part` tells apart the voices of a node that has several.
    """

    expert: Expert
    network: str
    condition: Encoded
    null: Encoded | None
    guidance: Control | float
    share: float
    part: str = ""
    adapters: tuple[Adapting, ...] = ()

    @property
    def name(self) -> str:
        """What its weight is known by: its node, with its part of it."""
        return f"{self.node}.{self.part}" if self.part else self.node

    def weight(self, level: NoiseLevel, values: Mapping[str, ControlValue], solo: bool) -> Weight:
        """Guidance times reliability; zero if muted, not soloed or out of range."""
        return Faded.weight(self, level, values, solo) * float(read(self.guidance, values))

    def plain(self, weight: Weight, values: Mapping[str, ControlValue]) -> Weight:
        """The weight that this one would be with a guidance of one, or minus one below zero."""
        guidance = abs(float(read(self.guidance, values)))
        return Weight(weight.number / (guidance or 1.0), weight.spread)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped(Faded):
    """What gives the guidance of a fusion another form."""

    form: GuidanceForm


@dataclass(frozen=True, slots=True)
class Merge:
    """A fusion of scores by one rule, its guidance in the forms around it, the inner ones first."""

    node: str
    rule: FusionRule
    inputs: tuple[Score, ...]
    background: Score | None = None
    forms: tuple[Shaped, ...] = ()
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bent(Faded):
    """A score whose estimate a companion changes; what it is measured against stays."""

    score: Score
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Modulated(Bent):
    """A score whose estimate a modulator rewrites from maps."""

    modulator: Modulator
    maps: Encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Guided(Bent):
    """A score whose estimate follows the gradient of a likelihood.

    `codec` makes of a latent the picture that the model looks at.
    """

    likelihood: Likelihood
    codec: Codec | None = None
    method: GuidanceMethod
    target: Encoded
    scale: Control | float

    def weight(self, level: NoiseLevel, values: Mapping[str, ControlValue], solo: bool) -> Weight:
        """Scale times reliability; zero if muted, not soloed or out of range."""
        return Faded.weight(self, level, values, solo) * float(read(self.scale, values))


@dataclass(frozen=True, slots=True)
class Bank:
    """One end of a bridge: what makes pictures of its clean states, and how large they are.

    Without a codec the states are pictures; `canvas` is (w, h), None where it is not known.
    """

    codec: Codec | None = None
    canvas: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridged:
    """A foreign score of states [*shape], brought home on what the anchor estimates there."""

    bridge: str
    score: Score
    anchor: Score
    shape: tuple[int, ...]
    home: Bank
    abroad: Bank

    @property
    def node(self) -> str:
        """The node that is heard: the foreign expert or fusion."""
        return source(self).node


Score = Voice | Merge | Bent | Bridged


@dataclass(frozen=True, slots=True)
class Track:
    """One output being sampled; in `windows`, where it is wider than its experts know.

    Each of its `samples` is of so many `points`, which are samples to all that plays. `start` is
    the clean state [1, *shape] that it starts from, under noise; None is nothing. It stays but
    `where` [1, 1, h, w] is true; None is everywhere.
    """

    name: str
    number: int
    shape: tuple[int, ...]
    seed: int
    samples: tuple[int, ...]
    levels: tuple[NoiseLevel, ...]
    sampler: Sampler
    score: Merge | Bent
    like: Tensor
    corrector: Corrector = field(default_factory=Uncorrected)
    windows: Windows | None = None
    points: int = 1
    start: Tensor | None = None
    where: Tensor | None = None


def read(setting: Any, values: Mapping[str, ControlValue]) -> Any:
    """The setting, or the value of the control that it is."""
    return values[setting.name] if isinstance(setting, Control) else setting


def bare(score: Score) -> Voice | Merge | Bridged:
    """The score without its companions."""
    while isinstance(score, Bent):
        score = score.score
    return score


def source(score: Score) -> Voice | Merge:
    """Whose weight a score has: itself, beneath its companions and beyond every bridge."""
    while isinstance(score, Bent | Bridged):
        score = score.score
    return score


def within(score: Score, turn: tuple[float, float]) -> Score:
    """The score with all that has a fader in it silent outside of its turn; backgrounds are not."""
    if isinstance(score, Merge):
        return replace(score, inputs=tuple(within(each, turn) for each in score.inputs))
    if isinstance(score, Bridged):
        ends = within(score.score, turn), within(score.anchor, turn)
        return replace(score, score=ends[0], anchor=ends[1])
    ranged = replace(score, noise_range=clipped(score.noise_range, turn))
    if isinstance(ranged, Bent):
        return replace(ranged, score=within(ranged.score, turn))
    return ranged


def voices(score: Score) -> Iterator[Voice]:
    """The voices whose weights decide whether a score is heard (backgrounds have none)."""
    score = source(score)
    if isinstance(score, Voice):
        yield score
        return
    for each in score.inputs:
        yield from voices(each)


def _weighed(score: Score) -> Iterator[Voice]:
    """The voices whose weights are looked at: those of a score, and of what anchors its bridges."""
    while not isinstance(score, Voice | Merge):
        if isinstance(score, Bridged) and not isinstance(bare(score.anchor), Voice):
            yield from _weighed(score.anchor)
        score = score.score
    if isinstance(score, Voice):
        yield score
        return
    for each in score.inputs:
        yield from _weighed(each)


def _grounds(score: Score) -> Iterator[Score]:
    """Backgrounds that are more than a voice, whose own voices are weighed; inner ones last."""
    for each in _everything(score):
        ground = each.background if isinstance(each, Merge) else None
        if ground is not None and not isinstance(bare(ground), Voice):
            yield ground


def _everything(score: Score | None) -> Iterator[Score]:
    """The score and all that it is made of, backgrounds and anchors too, outermost first."""
    if score is None:
        return
    yield score
    if isinstance(score, Bent):
        yield from _everything(score.score)
    elif isinstance(score, Bridged):
        yield from _everything(score.score)
        yield from _everything(score.anchor)
    elif isinstance(score, Merge):
        for each in (*score.inputs, score.background):
            yield from _everything(each)


def companions(score: Score | None) -> Iterator[Bent]:
    """Every companion of a score, those of its backgrounds too."""
    return (each for each in _everything(score) if isinstance(each, Bent))


def adapting(score: Score | None) -> Iterator[Adapting]:
    """Every adapter of a score's voices, those of its backgrounds and anchors too."""
    return (
        more for each in _everything(score) if isinstance(each, Voice) for more in each.adapters
    )


def shapes(score: Score | None) -> Iterator[Shaped]:
    """Every form of guidance in a score, those of its backgrounds too."""
    return (form for each in _everything(score) if isinstance(each, Merge) for form in each.forms)


def kinds(score: Score) -> Iterator[tuple[Faded, ...]]:
    """What has a fader, apart by kind: a solo silences others of its kind alone."""
    plays = tuple(_weighed(score))
    # who plays and is part of a background too is heard there as he plays
    known = {each.name for each in plays}
    behind = (voice for each in _grounds(score) for voice in _weighed(each))
    yield tuple(each for each in behind if each.name not in known)
    yield plays
    bent = tuple(companions(score))
    for kind in (Modulated, Guided):
        yield tuple(each for each in bent if isinstance(each, kind))
    yield tuple(adapting(score))
    yield tuple(shapes(score))


def weights(
    score: Score, level: NoiseLevel, values: Mapping[str, ControlValue]
) -> dict[str, Weight]:
    """Of every voice and companion; a solo silences others of its kind alone."""
    found: dict[str, Weight] = {}
    for kind in kinds(score):
        solo = any(read(each.solo, values) for each in kind)
        found |= {each.name: each.weight(level, values, solo) for each in kind}
    return found
