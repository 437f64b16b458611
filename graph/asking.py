"""Asking: every condition that is wanted of a network, in one forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from graph.interfaces import Expert
from graph.levels import NoiseLevel
from graph.scores import Encoded, Voice

Answers = Mapping[tuple[str, str], Tensor]


def ask(x: Tensor, level: NoiseLevel, asked: Iterator[tuple[Voice, Encoded]]) -> Answers:
    """Denoise under every condition that is asked for: one forward pass per distinct network."""
    experts: dict[str, Expert] = {}
    wanted: dict[str, dict[str, Encoded]] = {}
    for voice, encoded in asked:
        experts[voice.network] = voice.expert
        wanted.setdefault(voice.network, {})[encoded.key] = encoded
    answers: dict[tuple[str, str], Tensor] = {}
    for network, conditions in wanted.items():
        states = x.repeat(len(conditions), *(1,) * (x.ndim - 1))
        each = [value for encoded in conditions.values() for value in encoded.spread(len(x))]
        denoised = experts[network].denoise(states, level, each).to(x)
        for key, part in zip(conditions, denoised.chunk(len(conditions)), strict=True):
            answers[network, key] = part
    return answers
