"""How the benchmarks take time: both sides in turn, in one process, the medians compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, the bound that it is held to, both times."""

    what: str
    value: float
    unit: str
    bound: str
    detail: str = ""

    def __str__(self) -> str:
        return f"| {self.what} | {self.value:.3g} {self.unit} | {self.bound} | {self.detail} |"


HEADER = "| what | measured | wanted | detail |\n| --- | --- | --- | --- |"


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(
    first: Callable[[], object], second: Callable[[], object], rounds: int = 7
) -> tuple[float, float, float]:
    """Median ratio first/second of calls made in turn after a warm-up, and both medians."""
    first()
    second()
    pairs = [(seconds(first), seconds(second)) for _ in range(rounds)]
    ratio = statistics.median(one / two for one, two in pairs)
    ones, twos = zip(*pairs, strict=True)
    return ratio, statistics.median(ones), statistics.median(twos)
