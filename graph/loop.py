"""The loop: every track sampled in lock-step, one step after the other, faders live."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from graph.controls import Controls
from graph.events import Progress, Stopped
from graph.meters import Tally
from graph.player import Player
from graph.preview import Watch
from graph.scores import Track


@torch.inference_mode()
def play(
    tracks: Sequence[Track], controls: Controls, stop: threading.Event, watch: Watch
) -> Iterator[Progress | Stopped | tuple[Track, Tensor, Tally]]:
    """Sample every track; yields Progress per step and track, then each track's clean state.

    All begin together; one of fewer steps is clean before the others are.

    Stops before the next step once `stop` is set. ChoraleError R010 for an expert that answers
    not-a-number: at that step, or on an accelerator when it next hands something out.
    """
    players = [Player(track) for track in tracks]
    tallies = [Tally() for _ in tracks]
    lengths = [len(track.levels) - 1 for track in tracks]
    steps = max(lengths)
    began = time.perf_counter()
    for number in range(steps):
        if stop.is_set():
            yield Stopped(number)
            return
        values = controls.read(number)
        for player, tally, length in zip(players, tallies, lengths, strict=True):
            if number >= length:
                continue
            step = player.advance(number, values)
            tally.add(player.heard, player.fused, player.track.levels[number])
            last = number + 1 == length
            due = watch.due(last=last)
            if due or last or player.x.device.type == "cpu":
                player.settle()  # an accelerator is waited for only where it hands something out
            pace = (time.perf_counter() - began) / (number + 1)
            yield Progress(
                track=player.track.name,
                step=number + 1,
                steps=steps,
                level=step.level,
                seconds_left=pace * (steps - number - 1),
                weights={node: weight.number for node, weight in player.weights.items()},
                preview=watch.picture(player.track.name, step, player.weights) if due else None,
                meters=tally.now() if due else None,
                readings=player.correction.readings,
            )
    for player, tally in zip(players, tallies, strict=True):
        yield player.track, player.x, tally
