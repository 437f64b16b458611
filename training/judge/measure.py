"""Measurements that survive an interruption: small blocks, each written when it is done."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from training.budget import load_checkpoint, save_atomically
from training.judge.conditions import Conditions, conditions, from_images
from training.judge.ensemble import Cast, paint
from training.judge.network import Judge
from training.judge.rows import Row
from training.judge.sight import look
from training.judge.verdict import Verdict, joined, judged

BLOCK = 25
"""Pictures that are sampled together."""


@dataclass
class Bench:
    """What a table is measured with.

    Attributes:
        cast: the experts.
        judge: the judge.
        weights: hash of the weights of experts and judge, by expert.
        cache: folder of finished blocks.
    """

    cast: Cast
    judge: Judge
    weights: dict[str, str]
    cache: Path
    _conditions: dict[int, Conditions] = field(default_factory=dict)

    def verdict(self, row: Row, pictures: int, seeds: int) -> Verdict:
        """The row's verdict over `pictures` conditions, each under `seeds` seeds; seed by seed."""
        return joined([self.block(row, *where) for where in _blocks(pictures, seeds)])

    def done(self, row: Row, pictures: int, seeds: int) -> bool:
        """Whether nothing is left to be sampled."""
        return all(self._path(row, *where).exists() for where in _blocks(pictures, seeds))

    def block(self, row: Row, seed: int, start: int, count: int) -> Verdict:
        """A block's verdict, from the cache if it is there."""
        path = self._path(row, seed, start, count)
        saved = load_checkpoint(path)
        if saved is not None:
            return Verdict(**saved)
        asked = self.conditions(start, count)
        painted = paint(row, self.cast, asked, seed)
        verdict = judged(look(self.judge, from_images(painted)), asked)
        save_atomically(verdict.tensors(), path)
        return verdict

    def conditions(self, start: int, count: int) -> Conditions:
        """The conditions of a block, rendered once."""
        if start not in self._conditions or len(self._conditions[start]) != count:
            self._conditions[start] = conditions(start, count)
        return self._conditions[start]

    def _path(self, row: Row, seed: int, start: int, count: int) -> Path:
        names = sorted({part.expert for part in row.parts} | {"judge"})
        weights = " ".join(self.weights[name] for name in names)
        return self.cache / f"{row.key(weights)}-{seed}-{start}-{count}.pt"


def _blocks(pictures: int, seeds: int) -> Iterator[tuple[int, int, int]]:
    for seed in range(seeds):
        for start in range(0, pictures, BLOCK):
            yield seed, start, min(BLOCK, pictures - start)


def broad(rows: Iterable[Row], pictures: int, seeds: int) -> Iterator[tuple[Row, int, int, int]]:
    """Every block of every row, all rows' first blocks before any second one."""
    rows = list(rows)
    for seed, start, count in sorted(_blocks(pictures, seeds), key=lambda where: where[1]):
        for row in rows:
            yield row, seed, start, count


def digest(folder: Path) -> str:
    """SHA-256 over the weights in a folder and below, by their names."""
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        content.update(str(path.relative_to(folder)).encode())
        content.update(hashlib.sha256(path.read_bytes()).digest())
    return content.hexdigest()
