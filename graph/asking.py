"""Asking: every condition that is wanted of a network, in one forward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Expert
from graph.levels import NoiseLevel
from graph.scores import Encoded, Voice

Answers = Mapping[tuple[str, str], Tensor]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Which voices answered not-a-number at one level, [k] on the device: nobody has looked yet."""

    level: NoiseLevel
    voices: tuple[Voice, ...]
    broken: Tensor


def ask(x: Tensor, level: NoiseLevel, asked: Sequence[tuple[Voice, Encoded]]) -> Answers:
    """Denoise under every condition that is asked for: one forward pass per distinct network.

    A network that runs on another device is sent the state, and its answer is brought back. All are
    sent it before any is asked, and all are asked before any answer is brought: a copy waits for
    what its device was given before, so that devices would else work one after another.
    """
    experts: dict[str, Expert] = {}
    wanted: dict[str, dict[str, Encoded]] = {}
    for voice, encoded in asked:
        experts[voice.network] = voice.expert
        wanted.setdefault(voice.network, {})[encoded.key] = encoded
    states = {
        network: x.repeat(len(conditions), *(1,) * (x.ndim - 1)).to(
            experts[network].device or x.device
        )
        for network, conditions in wanted.items()
    }
    denoised: dict[str, Tensor] = {}
    for network, conditions in wanted.items():
        each = [value for encoded in conditions.values() for value in encoded.spread(len(x))]
        denoised[network] = experts[network].denoise(states[network], level, each)
    answers: dict[tuple[str, str], Tensor] = {}
    for network, conditions in wanted.items():
        parts = denoised[network].to(x).chunk(len(conditions))
        for key, part in zip(conditions, parts, strict=True):
            answers[network, key] = part
    return answers


def doubt(
    x: Tensor, level: NoiseLevel, asked: Sequence[tuple[Voice, Encoded]], answers: Answers
) -> Doubt:
    """Whether answers are finite, without waiting for the device; a broken state blames none."""
    ill = {key: ~answer.isfinite().all() for key, answer in answers.items()}
    broken = torch.stack([ill[voice.network, encoded.key] for voice, encoded in asked])
    return Doubt(level, tuple(voice for voice, _ in asked), broken & x.isfinite().all())


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
