"""Measurements that survive an interruption: small blocks, each written when it is done."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.budget import load_checkpoint, save_atomically
from training.judge.conditions import Conditions, conditions, from_images, to_images
from training.judge.ensemble import Cast, paint
from training.judge.network import Judge
from training.judge.rows import Row
from training.judge.sight import look
from training.judge.verdict import Verdict, joined, judged
from training.pictures import to_bytes

BLOCK = 25
"""Pictures that are sampled together."""


@dataclass
class Bench:
    """What a table is measured with.

    Attributes:
        cast: the experts.
        judge: the judge.
        weights: hashes of what pictures depend on (experts by name, encoder, codec, world), and the
            judge's.
        cache: folder of finished blocks.
    """

    cast: Cast
    judge: Judge
    weights: dict[str, str]
    cache: Path
    _conditions: dict[int, Conditions] = field(default_factory=dict)

    def verdict(self, row: Row, pictures: int, seeds: int, first: int = 0) -> Verdict:
        """The row's verdict over `pictures` conditions from the `first` on, seed by seed."""
        return joined([self.block(row, *where) for where in _blocks(pictures, seeds, first)])

    def block(self, row: Row, seed: int, start: int, count: int) -> Verdict:
        """A block's verdict."""
        asked = self.conditions(start, count)
        return judged(look(self.judge, self.pictures(row, seed, start, count)), asked)

    def pictures(self, row: Row, seed: int, start: int, count: int) -> Tensor:
        """A block's pictures, [n, 3, 128, 128] in [0, 1].

        The state, what a decoder makes of it and what the judge says of that are kept apart: a new
        decoder or a better judge needs no new sampling.
        """
        asked = self.conditions(start, count)
        if row.rule == "render":
            return asked.pictures
        key = self._key(row, seed, start, count)
        states = kept(self._sampled(key), lambda: self._states(row, asked, seed))["rows"]
        path = self.cache / "pictures" / f"{key}-{self.weights['codec'][:12]}.pt"
        made = kept(path, lambda: to_bytes(from_images(self.cast.playing(row).decoded(states))))[
            "rows"
        ]
        return made.float() / 255

    def seconds(self, row: Row, pictures: int, seeds: int, first: int = 0) -> float | None:
        """The processor's seconds for one of the row's pictures; None where none were taken."""
        blocks = _blocks(pictures, seeds, first) if row.parts else ()
        found = [load_checkpoint(self._sampled(self._key(row, *where))) or {} for where in blocks]
        timed = [block for block in found if "seconds" in block]
        count = sum(len(block["rows"]) for block in timed)
        return sum(block["seconds"] for block in timed) / count if count else None

    def _key(self, row: Row, seed: int, start: int, count: int) -> str:
        names = sorted(_networks(row))
        weights = " ".join(self.weights[name] for name in (*names, "world", "encoder"))
        return f"{row.key(weights)}-{seed}-{start}-{count}"

    def _sampled(self, key: str) -> Path:
        return self.cache / "states" / f"{key}.pt"

    def conditions(self, start: int, count: int) -> Conditions:
        """The conditions of a block, rendered once."""
        if start not in self._conditions or len(self._conditions[start]) != count:
            self._conditions[start] = conditions(start, count)
        return self._conditions[start]

    def can(self, row: Row) -> bool:
        """Whether the experts of the row are there, and what bends them."""
        known = {*self.cast.experts, *self.cast.modulators, *self.cast.onlookers}
        return _networks(row) <= known and (
            self.cast.codec is not None or row.rule != "autoencoder"
        )

    def _states(self, row: Row, asked: Conditions, seed: int) -> Tensor:
        if row.rule == "autoencoder" and self.cast.codec:
            with torch.inference_mode():
                return self.cast.codec.encode(to_images(asked.pictures))
        return paint(row, self.cast.playing(row), asked, seed)


def kept(path: Path, make: Callable[[], Tensor]) -> dict[str, Any]:
    """Rows from their file, or made and written there with the processor's seconds that it took.

    Those do not depend on what else the machine is busy with.
    """
    saved = load_checkpoint(path)
    if saved is None:
        began = time.process_time()
        saved = {"rows": make(), "seconds": time.process_time() - began}
        save_atomically(saved, path)
    return saved


def _networks(row: Row) -> set[str]:
    named = {
        name
        for part in row.parts
        for name in (part.expert, part.modulator, part.onlooker, part.anchor)
    }
    return named - {""}


def _blocks(pictures: int, seeds: int, first: int) -> Iterator[tuple[int, int, int]]:
    for seed in range(seeds):
        for start in range(0, pictures, BLOCK):
            yield seed, first + start, min(BLOCK, pictures - start)


def broad(
    rows: Iterable[Row], pictures: int, seeds: int, first: int = 0
) -> Iterator[tuple[Row, int, int, int]]:
    """Every block of every row, all rows' first blocks before any second one."""
    rows = list(rows)
    for seed, start, count in sorted(_blocks(pictures, seeds, first), key=lambda where: where[1]):
        for row in rows:
            yield row, seed, start, count


def digest(files: Iterable[Path]) -> str:
    """SHA-256 over files with their names."""
    content = hashlib.sha256()
    for path in sorted(files):
        content.update(path.name.encode())
        content.update(hashlib.sha256(path.read_bytes()).digest())
    return content.hexdigest()
