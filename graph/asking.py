"""Asking: every condition that is wanted of a network, in one forward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Adaptable, Expert, Heard
from graph.levels import NoiseLevel
from graph.reliability import Weight
from graph.scores import Adapting, Encoded, Voice
from graph.twins import Tuned

Answers = Mapping[tuple[str, str], Tensor]


@dataclass(frozen=True, slots=True)
class Question:
    """What a voice asks its network: under a condition or none, and with which adapters heard."""

    voice: Voice
    encoded: Encoded
    heard: tuple[tuple[Adapting, Encoded, Weight], ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Network and question; equal questions are asked once."""
        told = "".join(f"\n{each.node}" for each, _, _ in self.heard)
        return self.voice.network, self.encoded.key + told

    @property
    def network(self) -> tuple[str, ...]:
        """The names of the network and the adapters that take part in one forward pass."""
        return self.voice.network, *(each.network for each, _, _ in self.heard)


def question(voice: Voice, encoded: Encoded, weights: Mapping[str, Weight]) -> Question:
    """What is asked with the faders as they stand: a silent adapter takes no part."""
    shown = [(each, each.null if encoded is voice.null else each.hint) for each in voice.adapters]
    heard = [
        (each, hint, weights[each.name])
        for each, hint in shown
        if hint is not None and not weights[each.name].silent
    ]
    return Question(voice, encoded, tuple(heard))


@dataclass(frozen=True, slots=True)
class Doubt:
    """Which voices answered not-a-number at one level, [k] on the device: nobody has looked yet."""

    level: NoiseLevel
    voices: tuple[Voice, ...]
    broken: Tensor


def ask(x: Tensor, level: NoiseLevel, asked: Sequence[Question]) -> Answers:
    """Denoise all that is asked for: one forward pass per distinct network with its adapters."""
    wanted: dict[tuple[str, ...], dict[tuple[str, str], Question]] = {}
    for each in asked:
        wanted.setdefault(each.network, {})[each.key] = each
    answers: dict[tuple[str, str], Tensor] = {}
    for questions in wanted.values():
        states = x.repeat(len(questions), *(1,) * (x.ndim - 1))
        conditions = [v for each in questions.values() for v in each.encoded.spread(len(x))]
        expert = next(iter(questions.values())).voice.expert
        denoised = _denoise(expert, states, level, conditions, _heard(x, [*questions.values()]))
        parts = denoised.to(x).chunk(len(questions))
        answers |= dict(zip(questions, parts, strict=True))
    return answers


def _denoise(
    expert: Expert,
    states: Tensor,
    level: NoiseLevel,
    conditions: Sequence[Any],
    heard: Sequence[Heard],
) -> Tensor:
    if not heard:
        return expert.denoise(states, level, conditions)
    if not isinstance(expert, Adaptable | Tuned):
        raise TypeError(f"{type(expert).__name__} takes no adapters")
    return expert.denoise(states, level, conditions, heard)


def _heard(x: Tensor, questions: Sequence[Question]) -> list[Heard]:
    """The adapters of one forward pass, with what each question shows them and how loudly."""
    found: list[Heard] = []
    for row in zip(*(each.heard for each in questions), strict=True):
        hints = [hint for _, shown, _ in row for hint in shown.spread(len(x))]
        weights = [weight.tensor(x) for _, _, weight in row]
        size = max(weight.shape[2:] for weight in weights)
        loud = [weight.expand(len(x), 1, *size) for weight in weights]
        found.append(Heard(row[0][0].adapter, hints, torch.cat(loud)))
    return found


def doubt(x: Tensor, level: NoiseLevel, asked: Sequence[Question], answers: Answers) -> Doubt:
    """Whether answers are finite, without waiting for the device; a broken state blames none."""
    ill = {key: ~answer.isfinite().all() for key, answer in answers.items()}
    broken = torch.stack([ill[each.key] for each in asked])
    return Doubt(level, tuple(each.voice for each in asked), broken & x.isfinite().all())


def settle(doubts: Sequence[Doubt]) -> None:
    """Wait for the device once; ChoraleError R010, with the node, for the first broken answer."""
    if not doubts or not bool(torch.cat([each.broken for each in doubts]).any()):
        return
    level, voice = next(
        (each.level, voice)
        for each in doubts
        for voice, broken in zip(each.voices, each.broken, strict=True)
        if bool(broken)
    )
    raise ChoraleError(
        Diagnostic(
            "R010",
            f"The expert '{voice.network}' answered not-a-number at noise {level.noise:.2f}.",
            "Mute it, or load its weights anew: they may be damaged.",
            node=voice.node,
        )
    )
