"""Asking: every condition that is wanted of a network, in one forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Expert
from graph.levels import NoiseLevel
from graph.scores import Encoded, Voice

Answers = Mapping[tuple[str, str], Tensor]


def ask(x: Tensor, level: NoiseLevel, asked: Iterator[tuple[Voice, Encoded]]) -> Answers:
    """Denoise under every condition that is asked for: one forward pass per distinct network.

    ChoraleError R010, with the node, for an expert that answers a number with none.
    """
    experts: dict[str, Expert] = {}
    wanted: dict[str, dict[str, Encoded]] = {}
    heard = list(asked)
    for voice, encoded in heard:
        experts[voice.network] = voice.expert
        wanted.setdefault(voice.network, {})[encoded.key] = encoded
    answers: dict[tuple[str, str], Tensor] = {}
    for network, conditions in wanted.items():
        states = x.repeat(len(conditions), *(1,) * (x.ndim - 1))
        each = [value for encoded in conditions.values() for value in encoded.spread(len(x))]
        denoised = experts[network].denoise(states, level, each).to(x)
        for key, part in zip(conditions, denoised.chunk(len(conditions)), strict=True):
            answers[network, key] = part
    _check(x, level, heard, answers)
    return answers


def _check(
    x: Tensor, level: NoiseLevel, heard: Sequence[tuple[Voice, Encoded]], answers: Answers
) -> None:
    """Waits for the device once, to learn whether all is finite; a broken state blames no one."""
    if not answers or bool(torch.stack([a.isfinite().all() for a in answers.values()]).all()):
        return
    if bool(x.isfinite().all()):
        voice = next(
            voice
            for voice, encoded in heard
            if not bool(answers[voice.network, encoded.key].isfinite().all())
        )
        raise ChoraleError(
            Diagnostic(
                "R010",
                f"The expert '{voice.network}' answered not-a-number at noise {level.noise:.2f}.",
                "Mute it, or load its weights anew: they may be damaged.",
                node=voice.node,
            )
        )
