"""Modulators that are a small UNet of diffusers, over state, prediction and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from diffusers import UNet2DModel
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from graph.codec import Codec
from graph.companions import Companion, modulator_card
from graph.folders import read_json
from graph.interfaces import Modulator
from graph.levels import NoiseLevel
from graph.machine import Machine
from graph.palettes import MaskClass
from graph.pictures import on_canvas

if TYPE_CHECKING:
    from jaxtyping import Float

WEIGHTS = "diffusion_pytorch_model.safetensors"
PIXEL_CHANNELS = 3


class Form(BaseModel):
    """The part of a UNet2DModel's configuration that is read: nothing else is built from a file."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    in_channels: int = Field(ge=1, le=256)
    out_channels: int = Field(ge=1, le=256)
    block_out_channels: tuple[int, ...] = Field(min_length=1, max_length=5)
    layers_per_block: int = Field(ge=1, le=3)
    attention: tuple[bool, ...] = ()
    norm_num_groups: int = Field(ge=1, le=64)
    attention_head_dim: int = Field(ge=1, le=256)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Form:
        """From a config.json as diffusers writes it; ValueError for what is no such form."""
        form = cls.model_validate(
            {**config, "attention": [str(kind).startswith("Attn") for kind in _blocks(config)]}
        )
        if not all(0 < width <= 256 for width in form.block_out_channels):
            raise ValueError(f"widths {form.block_out_channels} are not between 1 and 256")
        if form.attention_head_dim > min(form.block_out_channels):
            raise ValueError(f"heads of {form.attention_head_dim} channels are wider than a level")
        return form

    def build(self) -> Any:
        """The network with random weights; ValueError where the numbers do not fit together."""
        marks = self.attention
        return UNet2DModel(
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            block_out_channels=self.block_out_channels,
            layers_per_block=self.layers_per_block,
            down_block_types=tuple("AttnDownBlock2D" if m else "DownBlock2D" for m in marks),
            up_block_types=tuple("AttnUpBlock2D" if m else "UpBlock2D" for m in reversed(marks)),
            norm_num_groups=self.norm_num_groups,
            attention_head_dim=self.attention_head_dim,
        )


def _blocks(config: Mapping[str, Any]) -> Sequence[object]:
    found = config.get("down_block_types")
    return found if isinstance(found, list) else ()  # pyright: ignore[reportUnknownVariableType]


@dataclass
class MapReader:
    """Reads one kind of map: through the autoencoder of the latent space, or resized to pixels."""

    kind: str
    palette: tuple[MaskClass, ...]
    codec: Codec | None
    canvas: tuple[int, int] | None

    def encode(self, value: Image.Image) -> Tensor:
        """The map as [c, h, w]: latents, or colours between −1 and 1."""
        size = self.canvas or value.size
        picture = on_canvas(self.kind, value, size, self.palette)
        if self.codec is not None:
            return self.codec.encode([picture])[0]
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
        return torch.from_numpy(pixels).movedim(-1, 0) / 127.5 - 1.0


class UNet(Modulator):
    """A UNet2DModel that sees [x, v, maps, which maps are there] and answers γ − 1 and ν.

    Absent maps are zero, and so is their channel of presence. Its last layer starts at zero, so
    that an untrained modulator changes no bit.
    """

    networks: ClassVar[tuple[str, ...]] = ("UNet2DModel",)

    def __init__(
        self,
        network: Any,
        kinds: Sequence[str],
        shape: tuple[int, int, int],
        palette: tuple[MaskClass, ...] = (),
        codec: Codec | None = None,
    ) -> None:
        self.kinds, self.shape = tuple(kinds), shape
        self.network: Any = network
        self._palette, self._codec = palette, codec
        self._channels = codec.channels if codec else PIXEL_CHANNELS
        expected = seen_channels(shape[0], self._channels, len(self.kinds)), 2 * shape[0]
        got = network.config.in_channels, network.config.out_channels
        if got != expected:
            raise ValueError(f"its network has {got} channels in and out, expected {expected}")

    @classmethod
    def load(cls, companion: Companion, machine: Machine, codec: Codec | None) -> UNet:
        """Build the network from the numbers in config.json, with the folder's safetensors."""
        card = modulator_card(companion)
        form = Form.of(read_json(companion.name, companion.folder / "config.json"))
        with torch.device("meta"):
            network = form.build()
        stored = load_file(companion.folder / WEIGHTS)
        weights = {
            name: part.to(machine.device, machine.precision) for name, part in stored.items()
        }
        network.load_state_dict(weights, strict=True, assign=True)
        network.eval().requires_grad_(False)
        return cls(network, card.maps, card.shape, card.palette, codec)

    def reader(self, kind: str) -> MapReader:
        """What reads a map of this kind."""
        factor = self._codec.factor if self._codec else 1
        _, height, width = self.shape
        canvas = (width * factor, height * factor)
        return MapReader(kind, self._palette if kind == "mask" else (), self._codec, canvas)

    def stack(self, maps: Mapping[str, Tensor]) -> Tensor:
        """All kinds in the order of the card: channels of each, zero where absent, and presence."""
        like = next(self.network.parameters())
        parts = [maps[kind].to(like) if kind in maps else self._empty(like) for kind in self.kinds]
        present = [float(kind in maps) for kind in self.kinds]
        marks = like.new_tensor(present)[:, None, None].expand(-1, *self.shape[1:])
        return torch.cat([*parts, marks])

    def _empty(self, like: Tensor) -> Tensor:
        return like.new_zeros((self._channels, *self.shape[1:]))

    def change(
        self,
        x: Float[Tensor, "n *d"],
        velocity: Float[Tensor, "n *d"],
        level: NoiseLevel,
        maps: Sequence[Tensor],
    ) -> Float[Tensor, "n *d"]:
        """v' − v, in one forward pass."""
        noise = torch.full((len(x),), level.noise, device=x.device)
        return self.changes(x, velocity, noise, torch.stack(list(maps)))

    def changes(
        self,
        x: Float[Tensor, "n *d"],
        velocity: Float[Tensor, "n *d"],
        noise: Float[Tensor, "n"],
        maps: Float[Tensor, "n m h w"],
    ) -> Float[Tensor, "n *d"]:
        """v' − v of states at levels of their own; the network is told the noise in thousandths."""
        seen = torch.cat([x, velocity, maps.to(x)], 1).to(self.network.dtype)
        answer = self.network(seen, 1000.0 * noise, return_dict=False)[0]
        gain, shift = answer.to(x).chunk(2, 1)
        return gain * velocity + shift


def seen_channels(state: int, each: int, maps: int) -> int:
    """Input channels of a modulator: state and prediction, then each map and its presence."""
    return 2 * state + maps * (each + 1)


def untrained(
    shape: tuple[int, int, int], maps: int, each: int, widths: Sequence[int] = (32, 32, 64, 128)
) -> Any:
    """A network whose last layer is zero, so that it changes nothing; attention in the middle.

    `each` is the channels of a map, `widths` those of the levels. At these it has 3.8 million
    parameters with two maps of twelve channels.
    """
    form = Form(
        in_channels=seen_channels(shape[0], each, maps),
        out_channels=2 * shape[0],
        block_out_channels=tuple(widths),
        layers_per_block=2,
        attention=(False,) * len(widths),
        norm_num_groups=8,
        attention_head_dim=min(32, *widths),
    )
    network = form.build()
    torch.nn.init.zeros_(network.conv_out.weight)
    torch.nn.init.zeros_(network.conv_out.bias)
    return network
