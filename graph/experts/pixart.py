"""PixArt-shaped experts: a sentence read by T5, with or without concatenated pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from diffusers import PixArtTransformer2DModel
from PIL import Image
from torch import Tensor
from transformers import T5EncoderModel

from graph.codec import Codec, codec_of
from graph.interfaces import Checkpoint
from graph.levels import NoiseLevel
from graph.library import Card, Model
from graph.machine import Machine
from graph.native import native_of
from graph.parametrisation import Parametrisation
from graph.pictures import on_canvas
from graph.weights import frozen, frozen_reader, lacking, tokenizer_of

MAX_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Prompt:
    """An encoded condition: words [tokens, width], which of them count, pictures [c, h, w]."""

    words: Tensor
    present: Tensor
    pictures: Tensor


class PixArt(Checkpoint):
    """PixArt-α and -Σ (arXiv 2310.00426, 2403.04692) as PixArtSigmaPipeline stores them.

    A transformer with more input than latent channels takes pictures beside the state, encoded by
    the same autoencoder, as InstructPix2Pix does; an absent one is zero.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("PixArtSigmaPipeline", "PixArtAlphaPipeline")
    sized: ClassVar[bool] = True

    def __init__(
        self,
        card: Card,
        transformer: Any,
        reader: tuple[Any, Any],
        codec: Codec,
        native: Parametrisation,
    ) -> None:
        self.card, self.codec, self.preview = card, codec, card.preview
        self._transformer, self._codec, self._native = transformer, codec, native
        side = int(transformer.config.sample_size) * codec.factor
        self.canvas = (side, side)
        self._tokenizer, self._text_encoder = reader

    @classmethod
    def load(cls, model: Model, machine: Machine) -> PixArt:
        """Load transformer, text encoder, tokenizer and autoencoder of a folder."""
        tokenizer = tokenizer_of(model.name, model.folder / "tokenizer")
        return cls(
            model.card,
            frozen(PixArtTransformer2DModel, model.folder / "transformer", machine),
            (tokenizer, frozen_reader(T5EncoderModel, model.folder / "text_encoder", machine)),
            codec_of(model, machine),
            native_of(model.folder / "scheduler"),
        )

    def networks(self) -> Mapping[str, Any]:
        """Transformer and T5."""
        return {"transformer": self._transformer, "text_encoder": self._text_encoder}

    def exchanged(self, networks: Mapping[str, Any]) -> PixArt:
        """The same expert with another transformer and T5."""
        return self._with(
            _transformer=networks["transformer"], _text_encoder=networks["text_encoder"]
        )

    def encode(self, value: Any) -> Prompt:
        """A sentence, or {"text": sentence, "mask": picture, …} where pictures are taken too."""
        parts = cast("Mapping[str, Any]", value if isinstance(value, Mapping) else {"text": value})
        text = parts.get("text") or ""
        tokens = self._tokenizer(
            text.lower() if self.card.vocabulary else text,  # such vocabularies hold lower case
            padding="max_length",
            max_length=min(self._tokenizer.model_max_length, MAX_TOKENS),
            truncation=True,
            return_tensors="pt",
        ).to(self._transformer.device)
        words = self._text_encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        pictures = [
            self._picture(kind, parts.get(kind))
            for kind in ("mask", "sketch")
            if kind in self._takes
        ]
        return Prompt(
            words[0],
            tokens.attention_mask[0],
            torch.cat(pictures) if pictures else words.new_empty(0),
        )

    @property
    def _takes(self) -> Sequence[str]:
        return self.card.condition.split("+")

    def _picture(self, kind: str, picture: Image.Image | None) -> Tensor:
        if picture is None:
            shape = self._codec.shape(self._size)
            return torch.zeros(
                shape, device=self._transformer.device, dtype=self._transformer.dtype
            )
        fitted = on_canvas(kind, picture, self._size, self.card.palette)
        return self._codec.encode([fitted])[0].to(self._transformer.device)

    def _told(self, x: Tensor, words: Tensor) -> Mapping[str, Tensor | None]:
        """Of the size that is painted: such as were trained on many proportions are told it."""
        if not self._transformer.use_additional_conditions:
            return {"resolution": None, "aspect_ratio": None}
        height, width = (side * self._codec.factor for side in x.shape[-2:])
        sizes = torch.tensor([[height, width]]).expand(len(x), -1)
        ratios = torch.full((len(x), 1), height / width)
        return {"resolution": sizes.to(words), "aspect_ratio": ratios.to(words)}

    def without(self, blocks: Sequence[int]) -> PixArt:
        """The same expert with some of its transformer's blocks left out."""
        return self._with(_transformer=lacking(self._transformer, blocks))

    def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Prompt]) -> Tensor:
        """D(x) of n states under n prompts, in one forward pass."""
        words = torch.stack([prompt.words for prompt in conditions])
        present = torch.stack([prompt.present for prompt in conditions])
        pictures = torch.stack([prompt.pictures for prompt in conditions])

        def network(state: Tensor, time: float) -> Tensor:
            seen = state.to(words)
            answer = self._transformer(
                torch.cat([seen, pictures], 1) if pictures.numel() else seen,
                encoder_hidden_states=words,
                encoder_attention_mask=present,
                timestep=torch.full((len(x),), time, device=x.device),
                added_cond_kwargs=self._told(x, words),
                return_dict=False,
            )[0]
            return answer[:, : x.shape[1]].to(x)  # a learned variance may ride behind

        return self._native.denoise(network, x, level)
