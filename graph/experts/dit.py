"""DiT-shaped experts: a class, or a picture concatenated to the state, or nothing at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from diffusers import DiTTransformer2DModel
from PIL import Image
from torch import Tensor

from graph.codec import Codec, codec_of
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import Checkpoint
from graph.levels import NoiseLevel
from graph.library import Card, Model
from graph.machine import Machine
from graph.native import native_of
from graph.parametrisation import Parametrisation
from graph.pictures import on_canvas
from graph.weights import frozen, lacking


@dataclass(frozen=True, slots=True)
class Prompt:
    """An encoded condition: the label's number, and a picture's latents [c, h, w] or nothing."""

    label: int
    picture: Tensor


class DiT(Checkpoint):
    """Diffusion transformers (arXiv 2212.09748) as DiTPipeline stores them.

    A transformer with more input than latent channels takes a picture beside the state, encoded by
    the same autoencoder, as InstructPix2Pix does; an absent one is zero.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("DiTPipeline",)

    def __init__(self, card: Card, transformer: Any, codec: Codec, native: Parametrisation) -> None:
        self.card, self.codec, self.preview = card, codec, card.preview
        self._transformer, self._codec, self._native = transformer, codec, native
        side = int(transformer.config.sample_size) * codec.factor
        self.canvas = (side, side)

    @classmethod
    def load(cls, model: Model, machine: Machine) -> DiT:
        """Load transformer and autoencoder of a folder."""
        return cls(
            model.card,
            frozen(DiTTransformer2DModel, model.folder / "transformer", machine),
            codec_of(model, machine),
            native_of(model.folder / "scheduler"),
        )

    def encode(self, value: str | Image.Image | None) -> Prompt:
        """A class name, a picture, or None for no condition."""
        config = self._transformer.config
        null = int(config.num_embeds_ada_norm)
        empty = torch.empty(0, device=self._transformer.device, dtype=self._transformer.dtype)
        if isinstance(value, str):
            return Prompt(self._label(value), empty)
        if config.in_channels == self._codec.channels:
            return Prompt(null, empty)
        if value is None:
            shape = (
                config.in_channels - self._codec.channels,
                config.sample_size,
                config.sample_size,
            )
            return Prompt(null, empty.new_zeros(shape))
        picture = on_canvas(self.card.condition, value, self._size, self.card.palette)
        return Prompt(null, self._codec.encode([picture])[0].to(empty))

    def _label(self, name: str) -> int:
        if name not in self.card.labels:
            known = ", ".join(self.card.labels) or "none"
            raise ChoraleError(
                Diagnostic(
                    "M008",
                    f"This expert has no class named '{name}'. It has: {known}.",
                    "Choose one of them.",
                )
            )
        return self.card.labels.index(name)

    def without(self, blocks: Sequence[int]) -> DiT:
        """The same expert with some of its transformer's blocks left out."""
        return DiT(self.card, lacking(self._transformer, blocks), self._codec, self._native)

    def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Prompt]) -> Tensor:
        """D(x) of n states under n prompts, in one forward pass."""
        pictures = torch.stack([prompt.picture for prompt in conditions])
        labels = torch.tensor([prompt.label for prompt in conditions], device=x.device)

        def network(state: Tensor, time: float) -> Tensor:
            seen = state.to(pictures)
            answer = self._transformer(
                torch.cat([seen, pictures], 1) if pictures.numel() else seen,
                timestep=torch.full((len(x),), time, device=x.device),
                class_labels=labels,
                return_dict=False,
            )[0]
            return answer[:, : x.shape[1]].to(x)  # a learned variance may ride behind

        return self._native.denoise(network, x, level)
