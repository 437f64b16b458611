"""Modulators that are a small UNet of diffusers, over state, prediction and maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from diffusers import UNet2DModel
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from graph.companions import Companion, modulator_card
from graph.folders import read_json
from graph.machine import Machine
from graph.palettes import MaskClass
from graph.planes import Mapped, plane_count

if TYPE_CHECKING:
    from jaxtyping import Float

WEIGHTS = "diffusion_pytorch_model.safetensors"


class Form(BaseModel):
    """The part of a UNet2DModel's configuration that is read: nothing else is built from a file."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    in_channels: int = Field(ge=1, le=2048)
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
            resnet_time_scale_shift="scale_shift",
        )


def _blocks(config: Mapping[str, Any]) -> Sequence[object]:
    found = config.get("down_block_types")
    return found if isinstance(found, list) else ()  # pyright: ignore[reportUnknownVariableType]


class UNet(Mapped):
    """A UNet2DModel that sees [x, v, D, maps, which maps are there] and answers γ − 1 and ν.

    D is the picture that v leaves of x, which maps can be held against. Absent maps are zero, and
    so is their channel of presence. Its last layer starts at zero, so that an untrained modulator
    changes no bit. A place of the state is `factor` pixels wide.
    """

    networks: ClassVar[tuple[str, ...]] = ("UNet2DModel",)

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> UNet:
        """Build the network from the numbers in config.json, with the folder's safetensors."""
        card = modulator_card(companion)
        form = Form.of(read_json(companion.name, companion.folder / "config.json"))
        seen = seen_channels(card.shape[0], card.maps, card.scale, card.palette)
        expected = seen, 2 * card.shape[0]
        if (form.in_channels, form.out_channels) != expected:
            got = form.in_channels, form.out_channels
            raise ValueError(f"its network has {got} channels in and out, expected {expected}")
        _check_halves(card.shape, form.block_out_channels)
        with torch.device("meta"):
            network = form.build()
        stored = load_file(companion.folder / WEIGHTS)
        weights = {
            name: part.to(machine.device, machine.precision) for name, part in stored.items()
        }
        network.load_state_dict(weights, strict=True, assign=True)
        network.eval().requires_grad_(False)
        return cls(network, card.maps, card.shape, card.palette, card.scale)

    def changes(
        self,
        x: Float[Tensor, "n *d"],
        velocity: Float[Tensor, "n *d"],
        noise: Float[Tensor, "n"],
        maps: Float[Tensor, "n m h w"],
    ) -> Float[Tensor, "n *d"]:
        """v' − v of states at levels of their own; the network is told the noise in thousandths."""
        angle = 0.5 * math.pi * noise.to(x)[:, None, None, None]
        denoised = angle.cos() * x - angle.sin() * velocity
        seen = torch.cat([x, velocity, denoised, maps.to(x)], 1).to(self.network.dtype)
        answer = self.network(seen, 1000.0 * noise, return_dict=False)[0]
        gain, shift = answer.to(x).chunk(2, 1)
        return gain * velocity + shift


def seen_channels(
    state: int, kinds: Sequence[str], factor: int, palette: Sequence[MaskClass]
) -> int:
    """Input channels of a modulator: x, v and D, then each map and its presence."""
    return 3 * state + sum(plane_count(kind, factor, palette) + 1 for kind in kinds)


def _check_halves(shape: tuple[int, int, int], widths: Sequence[int]) -> None:
    sides, times = shape[1:], len(widths) - 1
    if any(side % 2**times for side in sides):
        raise ValueError(
            f"A network of {len(widths)} widths halves its state {times}×, "
            f"and {'×'.join(map(str, sides))} places cannot be."
        )


def untrained(
    shape: tuple[int, int, int],
    kinds: Sequence[str],
    factor: int,
    palette: Sequence[MaskClass],
    widths: Sequence[int] = (32, 32, 64, 120),
) -> Any:
    """A network whose last layer is zero, so that it changes nothing.

    `widths` are the channels of its levels. At these it has 3.9 million parameters with a mask of
    21 classes and a sketch, eight pixels a place. ValueError for a state that cannot be halved from
    level to level.
    """
    _check_halves(shape, widths)
    form = Form(
        in_channels=seen_channels(shape[0], kinds, factor, palette),
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
