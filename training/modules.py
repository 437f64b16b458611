"""The folder that a modulator is kept in, and what is known of how it was made."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from safetensors.torch import save

from graph.library import Model
from graph.modulators.unet import WEIGHTS
from graph.writing import write_atomically
from training.pairs import Material

FIXED = ("widths", "sees", "held_out")
"""Settings, of one kind of training or another, that stay as they are while a run goes on."""


@dataclass(frozen=True)
class Facts:
    """What a run stands on; it goes on only while base and pairs are the same.

    Attributes:
        base, base_hash: the expert that is bent, by name and content of its weights.
        space, space_id, shape: its latent space.
        scale: how many pixels a place of it is wide.
        maps: the kinds of map, in the order of the network's channels.
        palette: the classes of masks.
        pairs, data_hash: how many pairs are learned from, and the hash of their content.
        settings: how it is trained.
    """

    base: str
    base_hash: str
    space: str
    space_id: str
    shape: list[int]
    scale: int
    maps: list[str]
    palette: list[dict[str, Any]]
    pairs: int
    data_hash: str
    settings: dict[str, Any]

    @classmethod
    def of(
        cls,
        model: Model,
        base: str,
        maps: tuple[str, ...],
        learned: Material,
        settings: dict[str, Any],
    ) -> Self:
        """What is known before the first step."""
        return cls(
            base=base,
            base_hash=model.hash,
            space=model.space.label,
            space_id=model.space.id,
            shape=list(model.space.shape),
            scale=model.space.scale,
            maps=list(maps),
            palette=[each.model_dump(mode="json") for each in learned.palette],
            pairs=len(learned.pairs),
            data_hash=learned.digest,
            settings=settings,
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return json.loads(json.dumps(asdict(self)))


class ChangedError(ValueError):
    """A run was begun with other facts; `changes` has what they were and are, by their names."""

    def __init__(self, message: str, changes: dict[str, tuple[Any, Any]]) -> None:
        super().__init__(message)
        self.changes = changes


def agree(path: Path, facts: Facts) -> None:
    """Write the facts of a run, after holding them against those with which it was begun.

    Raises:
        ChangedError: what is learned from or what learns has changed since; other settings may.
    """
    told = facts.as_json()
    if path.exists():
        before, now = map(_fixed, (json.loads(path.read_text()), told))
        changed = {
            name: (before.get(name), value)
            for name, value in now.items()
            if before.get(name) != value
        }
        if changed:
            raise ChangedError(
                f"The run in {path.parent} was begun with other {', '.join(changed)}. "
                "Choose another name, or remove that folder.",
                changed,
            )
    write_atomically(path, (json.dumps(told, indent=2) + "\n").encode())


def _fixed(told: dict[str, Any]) -> dict[str, Any]:
    """What must not change while a run goes on: all but the settings that may."""
    kept = {name: value for name, value in told.items() if name != "settings"}
    return kept | {name: told["settings"].get(name) for name in FIXED}


def write(network: Any, facts: Facts, scores: dict[str, float], folder: Path) -> None:
    """Write network, card and README; a folder is replaced only when the new one is whole."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    network.save_config(partial)
    halves = {name: part.detach().half().cpu() for name, part in network.state_dict().items()}
    (partial / WEIGHTS).write_bytes(save(halves))
    card = {"kind": "modulator", **facts.as_json(), "scores": scores}
    (partial / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    (partial / "README.md").write_text(_read_me(facts, scores))
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def _read_me(facts: Facts, scores: dict[str, float]) -> str:
    return f"""---
license: apache-2.0
library_name: diffusers
tags:
- diffusion
- chorale-playground
---

# Modulator of {facts.base}

Bends {facts.base} by {" and ".join(facts.maps)}: v' = γ ⊙ v + ν, after arXiv 2302.12764.

| | |
|---|---|
| base | {facts.base}, weights {facts.base_hash} |
| latent space | {facts.space}, {facts.space_id} |
| pairs | {facts.pairs}, content {facts.data_hash} |
| steps | {scores["steps"]} |
| held-out loss of v | {scores["held_out"]:.4f}; of the base alone {scores["base"]:.4f} |

The weights are the moving average, stored as float16.
"""
