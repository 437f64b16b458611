"""The machine: where networks run and in which precision, and which experts run elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, cast

import torch

from graph.errors import ChoraleError, Diagnostic
from graph.speed import PLAIN, Speed

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where networks run and in which precision; the state itself stays in float32.

    `lead` is where the state and the codecs are, if the networks run elsewhere.
    """

    device: torch.device
    precision: torch.dtype
    lead: torch.device | None = None
    speed: Speed = PLAIN

    @classmethod
    def read(cls, precision: str = "", speed: str = "") -> Machine:
        """The best machine, in a precision such as `bfloat16`, with the words of CHORALE_SPEED.

        ChoraleError R016 for a word that this host cannot do, R017 for another precision.
        """
        best = cls.best()
        if precision and precision not in PRECISIONS:
            raise ChoraleError(
                Diagnostic(
                    "R017",
                    f"CHORALE_PRECISION says '{precision[:40]}', expected one of: "
                    f"{', '.join(PRECISIONS)}.",
                    "Choose one of them, or leave it out.",
                )
            )
        return replace(
            best, precision=PRECISIONS.get(precision, best.precision), speed=Speed.read(speed)
        )

    @classmethod
    def best(cls) -> Machine:
        """CUDA in bfloat16 (float16 on older cards), MPS in float16, else the CPU in float32."""
        if torch.cuda.is_available():
            half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
            return cls(torch.device("cuda"), half)
        if torch.backends.mps.is_available():
            return cls(torch.device("mps"), torch.float16)
        return cls(torch.device("cpu"), torch.float32)

    @property
    def home(self) -> Machine:
        """The machine of the state and the codecs."""
        return self if self.lead is None else replace(self, device=self.lead, lead=None)


def usual_memory(device: torch.device) -> int | None:
    """Bytes that networks may take where nothing else is said; None where there is no bound.

    Of a CUDA device four fifths: a step needs room beside the weights.
    """
    if device.type != "cuda":
        return None
    found = cast("Any", torch.cuda).get_device_properties(device)
    return int(found.total_memory) * 4 // 5


@dataclass(frozen=True, slots=True)
class Placement:
    """Which experts run elsewhere: rows (pattern, device), of which the first that fits decides."""

    rows: tuple[tuple[str, torch.device], ...] = ()

    def machine(self, name: str, lead: Machine) -> Machine:
        """Where the expert of that name runs, in the precision of all."""
        for pattern, device in self.rows:
            if fnmatchcase(name, pattern):
                return replace(lead, device=device, lead=lead.device)
        return lead

    @classmethod
    def read(cls, text: str, experts: Iterable[str]) -> Placement:
        """The placement in a text such as `playground/text=cuda:1 *=cuda:0`.

        ChoraleError R014 for a device that is not there, R015 for what places none of `experts`.
        """
        there, known = devices(), list(experts)
        rows: list[tuple[str, torch.device]] = []
        for part in text.split():
            pattern, equals, device = part.rpartition("=")
            if not equals or not any(fnmatchcase(name, pattern) for name in known):
                raise ChoraleError(
                    Diagnostic(
                        "R015",
                        f"CHORALE_DEVICES says '{part}', which places no expert; expected "
                        f"MODEL=DEVICE with one of: {', '.join(known) or 'none'}.",
                        "For example playground/text=cuda:0; a * stands for anything.",
                    )
                )
            if device not in there:
                raise ChoraleError(
                    Diagnostic(
                        "R014",
                        f"CHORALE_DEVICES places '{pattern}' on '{device}', which is not there. "
                        f"There is: {', '.join(there)}.",
                        "Choose one of them.",
                    )
                )
            rows.append((pattern, torch.device(device)))
        return cls(tuple(rows))


def devices() -> tuple[str, ...]:
    """The names of the devices of this host."""
    cuda = (f"cuda:{number}" for number in range(torch.cuda.device_count()))
    return ("cpu", *cuda, *(("mps",) if torch.backends.mps.is_available() else ()))
