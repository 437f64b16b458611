"""Small modulators of the real class, with random weights, in memory and as folders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graph.folders import network_hash
from graph.levels import NoiseLevel
from graph.library import Library
from graph.modulators.unet import UNet, untrained
from graph.plan import Value
from graph.planes import plane_count
from graph.reliability import Reliability
from graph.scores import Encoded, Modulated, Score
from tests.graph.pieces import LIKE, SHAPE, no_picture, reliability, switch

WIDTHS = (8, 16)


class Counted(UNet):
    """A modulator that writes down every forward pass: the level and how many states it got."""

    calls: list[tuple[NoiseLevel, int]]

    def change(self, x: Any, velocity: Any, level: NoiseLevel, maps: Sequence[Tensor]) -> Any:
        """As always, written down."""
        self.calls.append((level, len(x)))
        return super().change(x, velocity, level, maps)


def network(
    shape: tuple[int, int, int],
    kinds: Sequence[str],
    *,
    seed: int | None = None,
    factor: int = 1,
) -> Any:
    """An untrained network; with a seed, one whose last layer says something."""
    torch.manual_seed(seed or 0)
    found = untrained(shape, kinds, factor, (), WIDTHS)
    if seed is not None:
        torch.nn.init.normal_(found.conv_out.weight, std=0.1)
        torch.nn.init.normal_(found.conv_out.bias, std=0.1)
    return found.eval().requires_grad_(False)


def module(
    kinds: Sequence[str] = ("mask", "sketch"),
    *,
    seed: int | None = None,
    shape: tuple[int, int, int] = SHAPE,
) -> Counted:
    """A counted modulator over the state of the analytic experts."""
    made = Counted(network(shape, kinds, seed=seed), kinds, shape)
    made.calls = []
    return made


def painted(kind: str, shape: tuple[int, int, int] = SHAPE) -> Tensor:
    """A map as its reader gives it."""
    generator = torch.Generator().manual_seed(len(kind))
    return torch.rand(plane_count(kind, 1, ()), *shape[1:], generator=generator) * 2 - 1


def modulated(
    name: str,
    score: Score,
    modulator: UNet,
    *,
    maps: Mapping[str, Tensor] | None = None,
    factors: Sequence[Value] = (),
    noise_range: tuple[float, float] = (1.0, 0.0),
    network: str | None = None,
) -> Modulated:
    """A score under a modulator with all its controls; a mask is wired unless others are given."""
    given = {"mask": painted("mask")} if maps is None else maps
    return Modulated(
        node=name,
        score=score,
        modulator=modulator,
        network=network or name,
        maps=Encoded("maps", (modulator.stack(given),)),
        reliability=Reliability((reliability(name), *factors), SHAPE, no_picture, LIKE),
        muted=switch(name, "muted"),
        solo=switch(name, "solo"),
        noise_range=noise_range,
    )


def write_modulator(
    folder: Path,
    *,
    seed: int | None = 1,
    kinds: Sequence[str] = ("mask", "sketch"),
    shape: tuple[int, int, int] = SHAPE,
    factor: int = 1,
    **card: Any,
) -> Path:
    """A modulator's folder as the training writes it."""
    network(shape, kinds, seed=seed, factor=factor).save_pretrained(folder)
    told: dict[str, Any] = {
        "kind": "modulator",
        "maps": list(kinds),
        "base": "playground/unconditional",
        "base_hash": "0" * 16,
        "space": "playground",
        "space_id": "0" * 16,
        "shape": list(shape),
        "scale": factor,
    }
    (folder / "card.json").write_text(json.dumps({**told, **card}))
    return folder


def write_trained(
    library: Library, name: str = "playground/modulator-maps", **changes: Any
) -> None:
    """A modulator that was trained on the unconditional expert of the library."""
    base = library.model(changes.pop("base", "playground/unconditional"))
    told = {
        "base": base.name,
        "base_hash": network_hash(base.folder),
        "space_id": base.space.id,
        "shape": (12, 16, 16),
        "factor": 8,
    }
    write_modulator(library.folder / name, **{**told, **changes})
