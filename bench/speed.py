"""The words of CHORALE_SPEED, each over none: a UNet and a transformer, once they are compiled."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.checkpoints import GUIDANCE, SENTENCES, TRANSFORMER, UNET, plan_of, play
from bench.timing import Row, compare, seconds
from graph.library import Library
from graph.machine import Machine
from graph.runtime import Runtime
from graph.speed import MEANINGS, Speed
from tests.graph.experts import folders


def rows() -> Iterator[Row]:
    """Ratios of seconds; `graphs` where there is a CUDA device."""
    machine = Machine.best()
    words = [word for word in MEANINGS if word != "graphs" or machine.device.type == "cuda"]
    with tempfile.TemporaryDirectory() as place:
        models = Path(place) / "models"
        folders.stable_diffusion(models / "unet", width=64, unet=UNET)
        folders.dit(models / "dit", transformer=TRANSFORMER)
        library = Library(models, Path(place) / "assets")
        plans = {
            "a UNet of SD's form": plan_of(library, SENTENCES[:1], guidance=GUIDANCE),
            "a DiT-S": plan_of(library, ("night",), "class", guidance=GUIDANCE),
        }
        plain = Runtime(library, machine)
        for name, plan in plans.items():
            for word in words:
                quick = Runtime(library, replace(machine, speed=Speed(frozenset({word}))))
                first = seconds(lambda quick=quick, plan=plan: play(quick, plan))
                ratio, one, two = compare(
                    lambda quick=quick, plan=plan: play(quick, plan),
                    lambda plan=plan: play(plain, plan),
                )
                detail = f"{one:.2f} / {two:.2f} s, the first time {first:.1f} s"
                yield Row(f"{name}, {word}, over none", ratio, "×", "–", detail)
