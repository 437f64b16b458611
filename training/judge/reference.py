"""Real pictures beside the painted ones: floors for FD-judge and diversity."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.budget import load_checkpoint, save_atomically
from training.judge.metrics import diversity, frechet
from training.judge.network import Judge
from training.judge.sight import look
from training.world import draw
from training.world.render import paint
from training.world.scene import scenes_from, seeds_of
from training.world.stage import Stage

REFERENCE, FLOOR, RETOLD = "judge-reference", "judge-floor", "judge-retold"
PICTURES = 2000
DIRECTIONS = 24
"""Principal directions of the judge's features in which distances of sets are taken."""
CHUNK = 50


@dataclass(frozen=True)
class Reference:
    """Features of real pictures, with what the painted ones are compared in.

    Attributes:
        judge: the judge.
        weights: its hash.
        cache: where features are kept.
    """

    judge: Judge
    weights: str
    cache: Path

    def distance(self, features: Tensor) -> float | None:
        """FD-judge to the reference draw; None with fewer than ten pictures a direction."""
        if not enough(len(features)):
            return None
        real = self.features(REFERENCE, PICTURES)
        axes = principal(real, DIRECTIONS)
        return frechet(features.double() @ axes, real.double() @ axes)

    def floor(self, count: int) -> float | None:
        """FD-judge of as many real pictures of another draw."""
        return self.distance(self.features(FLOOR, count)) if enough(count) else None

    def features(self, name: str, count: int) -> Tensor:
        """Features of the first pictures of a draw, [count, 64]."""
        path = self.cache / f"{name}-{count}-{self.weights[:16]}.pt"
        saved = load_checkpoint(path)
        if saved is None:
            starts = range(0, count, CHUNK)
            parts = [draw(name, at, min(CHUNK, count - at)).picture for at in starts]
            saved = {"features": torch.cat([look(self.judge, part).features for part in parts])}
            save_atomically(saved, path)
        return saved["features"]

    def retold(self, seeds: int, scenes: int = 100) -> float:
        """Diversity of renders of one scene, all that words can say being equal."""
        found = scenes_from(seeds_of(RETOLD, 0, scenes))
        rows: list[Tensor] = []
        for seed in range(seeds):
            stage = Stage(
                found, seeds_of(f"{RETOLD} {seed}", 0, scenes), torch.zeros(scenes).numpy()
            )
            pictures = paint(stage, torch.device("cpu")).planes[:, :3].clamp(0, 1)
            rows.append(look(self.judge, pictures).features)
        return float(diversity(torch.stack(rows, 1)).mean())

    def any_two(self) -> float:
        """Mean distance of two real pictures."""
        real = self.features(REFERENCE, PICTURES)
        return float(diversity(real[None]).mean())


def enough(count: int) -> bool:
    """Whether a Fréchet distance of so many pictures means anything: ten for each direction."""
    return count >= 10 * DIRECTIONS


def principal(features: Tensor, directions: int) -> Tensor:
    """The orthonormal directions of greatest variance, [d, directions]."""
    _, vectors = torch.linalg.eigh(features.double().T.cov())
    return vectors[:, -directions:]
