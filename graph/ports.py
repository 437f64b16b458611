"""Ports: the sockets of a node, typed by the kind of thing that travels on a wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a wire carries. A score also carries its latent space, checked by validation."""

    TEXT = "text"
    MASK = "mask"
    SKETCH = "sketch"
    DEPTH = "depth"
    LABEL = "class"
    PHOTO = "photo"
    REGION = "region"
    AUDIO = "audio"
    SCORE = "score"
    RELIABILITY = "reliability"
    ADAPTER = "adapter"
    SAMPLING = "sampling"
    ANY = "any"
    """A port that takes the kind of whatever is wired to it; no wire of a flat workflow has it."""


@dataclass(frozen=True, slots=True)
class Port:
    """One socket. `many` accepts several wires, in the order in which they were drawn."""

    name: str
    kind: Kind
    help: str = ""
    required: bool = True
    many: bool = False
