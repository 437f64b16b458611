"""A row as the engine plays it: voices with one condition per sample, merges, controls."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from graph import guidance
from graph.codec import Codec
from graph.controls import Controls
from graph.correctors.fkc import Fkc
from graph.correctors.none import Uncorrected
from graph.correctors.ula import Ula
from graph.events import Performance
from graph.fusion.conflict_averse import ConflictAverse
from graph.fusion.mean import Mean
from graph.fusion.product import Product
from graph.fusion.superdiff_and import SuperdiffAnd
from graph.fusion.superdiff_or import SuperdiffOr
from graph.fusion.switch import Switch
from graph.interfaces import Corrector, Expert, GuidanceMethod, Likelihood, Modulator, Sampler
from graph.loop import play
from graph.meters import Tally
from graph.plan import Control
from graph.preview import Watch, plain
from graph.registry import choices
from graph.reliability import Reliability
from graph.samplers.ddim import Ddim
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.samplers.euler_maruyama import EulerMaruyama
from graph.schedules.log_snr import LogSnr
from graph.scores import (
    Bank,
    Bridged,
    Encoded,
    Guided,
    Merge,
    Modulated,
    Score,
    Track,
    Voice,
    within,
)
from training.judge.conditions import Conditions
from training.judge.rows import FOREIGN, ROUNDS, Part, Row

CPU = torch.device("cpu")
SAMPLERS: dict[str, Sampler] = {
    "dpmpp_2m": Dpmpp2M(),
    "ddim": Ddim(eta=1.0),
    "euler_maruyama": EulerMaruyama(),
}
CORRECTORS: dict[str, Corrector] = {
    "none": Uncorrected(),
    "ula": Ula(rounds=ROUNDS),
    "fkc": Fkc(),
}


@dataclass(frozen=True)
class Walked:
    """How a score is sampled, at levels even in log-SNR."""

    steps: int
    sampler: Sampler = SAMPLERS["dpmpp_2m"]
    corrector: Corrector = CORRECTORS["none"]


@dataclass
class Cast:
    """Experts by name, with the conditions that they have read.

    Attributes:
        experts: by name; all of one latent space but for the foreign ones.
        shape: of a latent, [channels, h, w].
        codec: turns latents into pictures; None where the state is the picture itself.
        device: where the experts are.
        modulators: by name.
        onlookers: models that lead, by name.
    """

    experts: dict[str, Expert]
    shape: tuple[int, ...]
    codec: Codec | None = None
    device: torch.device = CPU
    modulators: dict[str, Modulator] = field(default_factory=dict)
    onlookers: dict[str, Likelihood] = field(default_factory=dict)
    _read: dict[tuple[str, tuple[str, ...], int], Any] = field(default_factory=dict)

    def encoded(self, part: Part, conditions: Conditions) -> Encoded:
        """The part's conditions as tensors, one per sample, each read once."""
        if not part.asks:
            return self.null(part)
        values = zip(*(conditions.of(ask) for ask in part.asks), strict=True)
        return Encoded(
            "condition",
            tuple(
                self._value(part, conditions.start + number, value)
                for number, value in enumerate(values)
            ),
        )

    def afresh(self) -> "Cast":
        """The same experts, that have read nothing: for numbers that mean other conditions."""
        return replace(self, _read={})

    def playing(self, row: Row) -> "Cast":
        """The same in the space that the row is sampled in: a foreign expert's, where it is."""
        lead = row.parts[0] if row.parts else None
        if lead is None or lead.anchor or lead.expert not in FOREIGN:
            return self
        expert = self.experts[lead.expert]
        return replace(self, shape=shape_of(expert), codec=expert.codec)

    def asked(self, expert: str, values: Sequence[Any]) -> Encoded:
        """Any conditions of an expert as tensors, read anew; None is no condition."""
        read = self.experts[expert].encode
        with torch.inference_mode():
            encoded = tuple(read(value) for value in values)
        return Encoded(f"asked {list(map(str, values))}", encoded)

    def told(self, part: Part, conditions: Conditions) -> Encoded:
        """The maps that the part's modulator is given, stacked, one stack per sample."""
        modulator = self.modulators[part.modulator]
        values = zip(*(conditions.of(kind) for kind in part.maps), strict=True)
        stacks: list[Tensor] = []
        with torch.inference_mode():
            for each in values:
                shown = zip(part.maps, each, strict=True)
                read = {kind: modulator.reader(kind).encode(value) for kind, value in shown}
                stacks.append(modulator.stack(read))
        return Encoded("maps", tuple(stacks))

    def target(self, part: Part, conditions: Conditions) -> Encoded:
        """What the part's onlooker is to see, one target per sample."""
        encode = self.onlookers[part.onlooker].encode
        return Encoded("target", tuple(map(encode, conditions.of(part.target))))

    def decoded(self, states: Tensor) -> tuple[Image.Image, ...]:
        """States as pictures."""
        with torch.inference_mode():
            return self.codec.decode(states.to(self.device)) if self.codec else plain(states)

    def null(self, part: Part) -> Encoded:
        """No condition."""
        return Encoded("null", (self._value(part, -1, None),))

    def _value(self, part: Part, number: int, value: tuple[Any, ...] | None) -> Any:
        key = (part.expert, part.asks, number)
        if key not in self._read:
            several = part.expert == "joint"
            asked = (
                None
                if value is None
                else dict(zip(part.asks, value, strict=True))
                if several
                else value[0]
            )
            with torch.inference_mode():
                self._read[key] = self.experts[part.expert].encode(asked)
        return self._read[key]


def shape_of(expert: Expert) -> tuple[int, ...]:
    """The shape of the latents of an expert that has an autoencoder."""
    if expert.codec is None or expert.canvas is None:
        raise TypeError("the judge's experts have an autoencoder each")
    width, height = expert.canvas
    return (expert.codec.channels, height // expert.codec.factor, width // expert.codec.factor)


def paint(row: Row, cast: Cast, conditions: Conditions, seed: int) -> Tensor:
    """The row's clean states, one for each condition, [n, *shape].

    The noise of a picture belongs to its number and the seed, wherever a block is cut.
    """
    if row.particles > 1:
        alone = [conditions.only(number) for number in range(len(conditions))]
        return torch.cat([tallied(row, cast, each, seed)[0][:1] for each in alone])
    return tallied(row, cast, conditions, seed)[0]


def sampled(
    score: Merge, cast: Cast, numbers: Sequence[int], seed: int, plan: Walked, controls: Controls
) -> tuple[Tensor, Tally]:
    """Clean states, one for each number, and the meters of their run."""
    track = Track(
        name="judged",
        number=0,
        shape=cast.shape,
        seed=seed,
        samples=tuple(numbers),
        levels=LogSnr().levels(plan.steps),
        sampler=plan.sampler,
        corrector=plan.corrector,
        score=score,
        like=torch.empty(0, device=cast.device),
    )
    for event in play([track], controls, threading.Event(), Watch(0, {})):
        if isinstance(event, tuple):
            return event[1:]
    raise AssertionError("a run that nobody stops ends with its clean state")


def tallied(row: Row, cast: Cast, conditions: Conditions, seed: int) -> tuple[Tensor, Tally]:
    """The row's states with the meters of their run; all the particles of one condition."""
    solos = {part.expert: Control(f"{part.expert}.solo", "switch", False) for part in row.parts}
    scores = [_score(part, cast, conditions, solos[part.expert]) for part in row.parts]
    count, first = len(conditions) * row.particles, conditions.start * row.particles
    walked = Walked(row.steps, SAMPLERS[row.walk], CORRECTORS[row.stirring])
    controls = Controls(solos.values(), _performance(row))
    numbers = range(first, first + count)
    return sampled(_merged(row, scores), cast, numbers, seed, walked, controls)


def _merged(row: Row, scores: Sequence[Score]) -> Merge:
    """The row's rule; in a mean and a balance every expert is guided for itself."""
    guided = tuple(Merge(f"{score.node} guided", Product(), (score,)) for score in scores)
    match row.rule:
        case "mean":
            return Merge("mean", Mean(), guided)
        case "superdiff_and":
            return Merge("superdiff_and", SuperdiffAnd(), guided)
        case "superdiff_or":
            return Merge("superdiff_or", SuperdiffOr(guidance=row.guidance), tuple(scores))
        case "conflict_averse":
            return Merge("conflict_averse", ConflictAverse(), tuple(scores))
        case "switch":
            turns = zip(scores, Switch().turns(len(scores)), strict=True)
            return Merge("switch", Switch(), tuple(within(*each) for each in turns))
        case _:
            return Merge(row.rule, Product(), tuple(scores))


def _performance(row: Row) -> Performance | None:
    """Solo for one expert after the other, where they alternate."""
    if row.rule != "alternating":
        return None
    turns = len(row.parts)
    moves = [
        (step, f"{part.expert}.solo", number == step % turns)
        for step in range(row.steps)
        for number, part in enumerate(row.parts)
    ]
    return Performance(tuple(moves))


def _score(part: Part, cast: Cast, conditions: Conditions, solo: Control) -> Score:
    """The part's voice, in the hands of its modulator or led by its onlooker where it has one.

    One with an anchor comes over a bridge.
    """
    voice = _voice(part, cast, conditions, solo)
    if part.anchor:
        return _brought(part, cast, conditions, voice)
    if part.onlooker:
        return _led(part, cast, conditions, voice)
    if not part.modulator:
        return voice
    return Modulated(
        node=f"{part.expert} bent",
        score=voice,
        modulator=cast.modulators[part.modulator],
        network=part.modulator,
        maps=cast.told(part, conditions),
        reliability=_reliability(part.bend, cast),
        muted=False,
        solo=False,
        noise_range=(1.0, 0.0),
    )


def _brought(part: Part, cast: Cast, conditions: Conditions, voice: Voice) -> Bridged:
    """A foreign voice on the estimate of its anchor, which is asked for its own condition."""
    asks = () if part.anchor == "unconditional" else (part.anchor,)
    anchor, foreign = Part(part.anchor, asks, 1.0), cast.experts[part.expert]
    return Bridged(
        bridge=f"{part.expert} bridged",
        score=voice,
        anchor=_voice(anchor, cast, conditions, Control("anchor.solo", "switch", False)),
        shape=shape_of(foreign),
        home=Bank(cast.codec, cast.experts[part.anchor].canvas),
        abroad=Bank(foreign.codec, foreign.canvas),
    )


def _led(part: Part, cast: Cast, conditions: Conditions, voice: Voice) -> Guided:
    method: Any = choices(guidance, GuidanceMethod)[part.method]
    return Guided(
        node=f"{part.expert} led",
        score=voice,
        likelihood=cast.onlookers[part.onlooker],
        codec=cast.codec,
        network=part.onlooker,
        method=method(),
        target=cast.target(part, conditions),
        scale=part.scale,
        reliability=_reliability(1.0, cast),
        muted=False,
        solo=False,
        noise_range=(1.0, 0.0),
    )


def _voice(part: Part, cast: Cast, conditions: Conditions, solo: Control) -> Voice:
    spoken = voice(part.expert, part.expert, cast.encoded(part, conditions), cast, part.guidance)
    faded = _reliability(part.fader, cast)
    return replace(spoken, null=cast.null(part), reliability=faded, solo=solo)


def voice(node: str, expert: str, condition: Encoded, cast: Cast, guidance: float = 1.0) -> Voice:
    """An expert of the cast that is asked for a condition, without a null."""
    return Voice(
        node=node,
        expert=cast.experts[expert],
        network=expert,
        condition=condition,
        null=None,
        reliability=_reliability(1.0, cast),
        guidance=guidance,
        share=1.0,
        muted=False,
        solo=False,
        noise_range=(1.0, 0.0),
    )


def _reliability(fader: float, cast: Cast) -> Reliability:
    return Reliability((fader,), cast.shape, _no_map, torch.empty(0, device=cast.device))


def _no_map(name: str) -> Image.Image:
    raise KeyError(name)
