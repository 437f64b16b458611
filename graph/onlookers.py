"""Onlookers: models of transformers that look at pictures, opened without code or download."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import safe_open
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F
from transformers import AutoConfig
from transformers.utils import logging

from graph.companions import ADAPTERS, MODEL_WEIGHTS, Companion, NoiseRanges, guidance_card
from graph.folders import read_json
from graph.levels import CLEAN, NoiseLevel
from graph.low_rank import Adapted, Adapter, shapes
from graph.machine import Machine
from graph.sight import Sight, sight_of
from graph.weights import NEAR

logging.disable_progress_bar()
LARGEST, DEEPEST = 2**16, 256
MARGIN = 1.1
"""How many times the stored numbers a network may have: tensors that are shared are stored once."""


def normal(sight: Sight, pictures: Tensor) -> Tensor:
    """Pictures between −1 and 1, in size, mean and deviation as a model learned them."""
    if sight.size is not None and tuple(pictures.shape[-2:]) != sight.size:
        pictures = F.interpolate(
            pictures, sight.size, mode="bilinear", antialias=True, align_corners=False
        )
    mean, deviation = (
        pictures.new_tensor(each)[:, None, None] for each in (sight.image_mean, sight.image_std)
    )
    return (pictures * 0.5 + 0.5 - mean) / deviation


class Parameters(Protocol):
    """A network's parameters where they depend on the level of noise."""

    def at(self, level: NoiseLevel) -> Mapping[str, Tensor]:
        """All of them, by name."""
        ...


class Onlooker:
    """A frozen network with the way in which it wants its pictures.

    Where it has been taught noise, `adapted` has its parameters at every level.
    """

    def __init__(self, network: Any, sight: Sight, adapted: Parameters | None = None) -> None:
        self.network: Any = network
        self.sight = sight
        self.adapted = adapted

    @classmethod
    def open(cls, companion: Companion, family: Any, machine: Machine) -> Onlooker:
        """The network that a folder's config.json describes, with its safetensors.

        `family` is one of transformers' Auto classes. ValueError where configuration and weights
        do not fit, or where the configuration asks for more than a model has.
        """
        folder = companion.folder
        network = _build(companion.name, folder, family).to(machine.device, machine.precision)
        sight = sight_of(companion)
        network = network.eval().requires_grad_(False)
        ranges = guidance_card(companion).ranges
        if ranges is None:
            return cls(network, sight)
        parameters = dict(network.named_parameters())
        adapters = _adapters(folder / ADAPTERS, parameters, ranges, machine)
        return cls(network, sight, Adapted(parameters, ranges.edges, adapters))

    def answer(self, pictures: Tensor, level: NoiseLevel = CLEAN) -> Any:
        """What the network answers to pictures between −1 and 1, in transformers' own form."""
        shown = {"pixel_values": normal(self.sight, pictures.to(self.network.dtype))}
        if self.adapted is None:
            return self.network(**shown)
        return functional_call(self.network, dict(self.adapted.at(level)), kwargs=shown)

    def logits(self, pictures: Tensor, level: NoiseLevel = CLEAN) -> Tensor:
        """The logits of its answer."""
        return self.answer(pictures, level).logits.float()


def _build(name: str, folder: Path, family: Any) -> Any:
    """A network of transformers from its folder: no code of the folder's, nothing downloaded.

    Its size is held against what is stored before anything is allocated; ValueError where they
    differ, or where the configuration asks for more than a model has.
    """
    told = read_json(name, folder / "config.json")
    for where, number in _numbers(told):
        most = DEEPEST if "depth" in where or "layer" in where else LARGEST
        if number > most:
            raise ValueError(f"config.json asks for more than {most} at '{where}'")
    if told.get("model_type") == "timm_wrapper" or told.get("use_pretrained_backbone"):
        raise ValueError("its configuration names a network that lies elsewhere")
    try:
        config: Any = cast("Any", AutoConfig).from_pretrained(folder, **NEAR)
    except StrictDataclassError as error:
        raise ValueError(str(error)) from None
    with torch.device("meta"):
        drawn = family.from_config(config)
    wanted = sum(part.numel() for part in drawn.state_dict().values())
    stored = _stored(folder / MODEL_WEIGHTS)
    if wanted > MARGIN * stored:
        raise ValueError(f"config.json asks for {wanted} numbers, and {stored} are stored")
    network, found = family.from_pretrained(
        folder,
        config=config,
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # they are told with the rest
        output_loading_info=True,
        **NEAR,
    )
    for lack in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found[lack]:
            first = min(map(str, found[lack]))
            raise ValueError(f"its weights have {lack.replace('_', ' ')}: {first}")
    return network


def _adapters(
    path: Path, parameters: Mapping[str, Tensor], ranges: NoiseRanges, machine: Machine
) -> list[Adapter]:
    """The adapters of every range; ValueError where they do not fit the network."""
    count = len(ranges.edges) + 1
    wanted = shapes({name: part.shape for name, part in parameters.items()}, ranges.rank)
    sizes = {f"{n}.{name}": size for n in range(count) for name, size in wanted.items()}
    with cast("Any", safe_open)(path, "pt") as file:
        stored = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        if stored != sizes:
            odd = min(stored.items() ^ sizes.items())
            raise ValueError(f"its {ADAPTERS} does not fit the network: {odd[0]}")
        found: dict[str, Tensor] = {name: file.get_tensor(name) for name in sizes}
    if not all(bool(part.isfinite().all()) for part in found.values()):
        raise ValueError(f"its {ADAPTERS} has numbers that are none")
    return [
        {name: found[f"{n}.{name}"].to(machine.device).float() for name in wanted}
        for n in range(count)
    ]


def _stored(path: Path) -> int:
    """How many numbers are stored, without reading them."""
    with cast("Any", safe_open)(path, "pt") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    return sum(math.prod(shape) for shape in shapes)


def _numbers(value: Any, where: str = "") -> Iterator[tuple[str, int]]:
    """Every whole number of a configuration, and the length of every list, with its place."""
    if isinstance(value, Mapping):
        rows: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        for key, each in rows.items():
            if key not in ("id2label", "label2id"):
                yield from _numbers(each, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        many: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        yield f"{where}, a list of layers", len(many)
        for each in many:
            yield from _numbers(each, where)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield where, int(value) if abs(value) <= LARGEST else LARGEST + 1
