"""One guided expert of a checkpoint, played as the loop plays it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from graph.checkpoints import load_expert
from graph.fusion.product import Product
from graph.interfaces import Expert, Sampler
from graph.levels import NoiseLevel
from graph.library import Library
from graph.machine import Machine
from graph.player import Player
from graph.reliability import Reliability
from graph.scores import Encoded, Merge, Track, Voice

CPU = Machine(torch.device("cpu"), torch.float32)
LIKE = torch.empty(0)
STEPS, GUIDANCE = 8, 3.0


def expert(folder: Path, machine: Machine = CPU) -> Expert:
    """The folder as the loop loads it."""
    return load_expert(folder.name, Library(folder.parent, folder.parent / "assets"), machine)


def sample(
    who: Expert,
    condition: Any,
    noise: torch.Tensor,
    sampler: Sampler,
    levels: Sequence[NoiseLevel],
) -> torch.Tensor:
    """One guided expert through the loop's own player, from given noise [1, c, h, w]."""
    shape = tuple(noise.shape[1:])
    voice = Voice(
        node="expert",
        expert=who,
        network="net",
        condition=Encoded("asked", (who.encode(condition),)),
        null=Encoded("null", (who.encode(None),)),
        reliability=Reliability((), shape, Image.open, LIKE),
        guidance=GUIDANCE,
        share=1.0,
        muted=False,
        solo=False,
        noise_range=(1.0, 0.0),
    )
    score = Merge("fuse", Product(), (voice,))
    track = Track("t", 0, shape, 0, (0,), tuple(levels), sampler, score, LIKE)
    player = Player(track)
    player.x = noise
    with torch.inference_mode():
        for number in range(len(levels) - 1):
            player.advance(number, {})
    return player.x
