"""Flux: a sentence read by T5, and as a whole by CLIP; a flow answered by a transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import FluxTransformer2DModel
from torch import Tensor
from transformers import CLIPTextModel, T5EncoderModel

from graph.clip import Clip, clip_of
from graph.codec import Codec, codec_of
from graph.interfaces import Adaptable, Asking, Heard
from graph.levels import NoiseLevel
from graph.library import Model
from graph.machine import Machine
from graph.native import native_of
from graph.parametrisation import Parametrisation
from graph.telling import told
from graph.weights import frozen, frozen_reader, tokenizer_of

T5_TOKENS = 512
DISTILLED_GUIDANCE = 3.5


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sentence as words [tokens, width], and as a whole [projection]."""

    words: Tensor
    pooled: Tensor


class Flux(Adaptable):
    """Flux.1 (Black Forest Labs, 2024) as FluxPipeline stores it.

    The guidance that was distilled into the network stays at the pipeline's 3.5; what a run asks
    for beside it is classifier-free guidance. No condition is the empty sentence.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("FluxPipeline",)
    sized: ClassVar[bool] = True

    def __init__(
        self,
        model: Model,
        transformer: Any,
        clip: Clip,
        t5: tuple[Any, Any],
        codec: Codec,
        native: Parametrisation,
    ) -> None:
        self.codec, self.preview, self.canvas = codec, model.card.preview, model.canvas
        self._transformer, self._clip, self._native = transformer, clip, native
        self._tokenizer, self._encoder = t5

    @classmethod
    def load(cls, model: Model, machine: Machine) -> Flux:
        """Load transformer, both text encoders with their tokenizers, and autoencoder."""
        tokenizer = tokenizer_of(model.name, model.folder / "tokenizer_2")
        return cls(
            model,
            frozen(FluxTransformer2DModel, model.folder / "transformer", machine),
            clip_of(model, machine, CLIPTextModel),
            (tokenizer, frozen_reader(T5EncoderModel, model.folder / "text_encoder_2", machine)),
            codec_of(model, machine),
            native_of(model.folder / "scheduler"),
        )

    def networks(self) -> Mapping[str, Any]:
        """Transformer, CLIP and T5."""
        return {
            "transformer": self._transformer,
            "text_encoder": self._clip.encoder,
            "text_encoder_2": self._encoder,
        }

    def exchanged(self, networks: Mapping[str, Any]) -> Flux:
        """The same expert with another transformer, CLIP and T5."""
        clip = self._clip.over(networks["text_encoder"])
        return self._with(
            _transformer=networks["transformer"], _clip=clip, _encoder=networks["text_encoder_2"]
        )

    def encode(self, value: str | None) -> Prompt:
        """A sentence, or None for no condition."""
        tokens = self._tokenizer(
            value or "",
            padding="max_length",
            max_length=T5_TOKENS,
            truncation=True,
            return_tensors="pt",
        )
        words = self._encoder(tokens.input_ids.to(self._encoder.device))[0]  # padding is read too
        return Prompt(words[0], self._clip.read(value or "").pooler_output[0])

    def denoise(
        self,
        x: Tensor,
        level: NoiseLevel,
        conditions: Sequence[Prompt],
        heard: Sequence[Heard] = (),
    ) -> Tensor:
        """D(x) of n states under n sentences, in one forward pass."""
        words = torch.stack([prompt.words for prompt in conditions])
        pooled = torch.stack([prompt.pooled for prompt in conditions])
        rows, columns = (side // 2 for side in x.shape[-2:])
        transformer = self._transformer
        added = {
            "pooled_projections": pooled,
            "guidance": x.new_full((len(x),), DISTILLED_GUIDANCE),
            "txt_ids": x.new_zeros(words.shape[1], 3),
            "img_ids": torch.cartesian_prod(*map(torch.arange, (1, rows, columns))).to(x),
        }
        own = added if transformer.config.guidance_embeds else {**added, "guidance": None}
        blocks = {
            "controlnet_block_samples": len(transformer.transformer_blocks),
            "controlnet_single_block_samples": len(transformer.single_transformer_blocks),
        }

        def network(state: Tensor, time: float) -> Tensor:
            patches = F.pixel_unshuffle(state, 2).flatten(2).mT.to(transformer.dtype)
            times = torch.full((len(x),), time, device=x.device) / 1000.0
            answer = transformer(
                patches,
                encoder_hidden_states=words,
                timestep=times,
                return_dict=False,
                **own,
                **told(Asking(patches, times, words, added, blocks), heard),
            )[0]
            return F.pixel_shuffle(answer.to(x).mT.unflatten(2, (rows, columns)), 2)

        return self._native.denoise(network, x, level)
