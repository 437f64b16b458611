"""PixArt: a sentence read by T5, latents denoised by a transformer."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import PixArtTransformer2DModel
from torch import Tensor
from transformers import T5EncoderModel

from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import every, filled, load, read, tokenizer_of, tokens
from graph.export.pieces.settings import MODELS

PIPELINES = ("PixArtSigmaPipeline", "PixArtAlphaPipeline")
PARTS = {"transformer": "transformer", "text_encoder": "encoder"}


class PixArt:
    """PixArt-α and -Σ (arXiv 2310.00426, 2403.04692) as diffusers stores them."""

    def __init__(self, name: str, denoised: Any) -> None:
        self.tokenizer = tokenizer_of(MODELS / name / "tokenizer")
        self.encoder = load(T5EncoderModel, MODELS / name / "text_encoder")
        self.transformer = load(PixArtTransformer2DModel, MODELS / name / "transformer")
        self.denoised = denoised

    def encode(self, sentence: str | None) -> tuple[Tensor, Tensor]:
        """A sentence, or none, as words [tokens, width] and which of them count."""
        length = min(self.tokenizer.model_max_length, 300)
        ids = tokens(self.tokenizer, sentence or "", length)
        words = self.encoder(ids.input_ids, attention_mask=ids.attention_mask)[0]
        return words[0], ids.attention_mask[0]

    def __call__(self, x: Tensor, level: Level, prompts: list) -> tuple[Tensor, ...]:
        """D(x) under each of the prompts, in one forward pass."""
        words = torch.stack([words for words, _ in every(prompts, len(x))])
        mask = torch.stack([mask for _, mask in every(prompts, len(x))])

        def network(state: Tensor, time: float) -> Tensor:
            answer = self.transformer(
                state.to(words),
                encoder_hidden_states=words,
                encoder_attention_mask=mask,
                timestep=filled(state, time),
                added_cond_kwargs=self.told(state),
            ).sample
            return answer[:, : x.shape[1]].to(x)  # a learned variance may ride behind

        states = x.repeat(len(prompts), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(prompts))

    def told(self, states: Tensor) -> dict:
        """What is told beside the sentence: nothing."""
        return {"resolution": None, "aspect_ratio": None}


class PixArtToldSize(PixArt):
    """PixArt-α of 1024 pixels, which is told the size and the proportions of its picture."""

    def __init__(self, name: str, denoised: Any) -> None:
        super().__init__(name, denoised)
        blocks = read(MODELS / name / "vae" / "config.json")["block_out_channels"]
        self.scale = 2 ** (len(blocks) - 1)

    def told(self, states: Tensor) -> dict:
        """Height and width in pixels, and the one as a part of the other."""
        height, width = (side * self.scale for side in states.shape[2:])
        like = torch.ones(len(states), 1, device=states.device, dtype=self.transformer.dtype)
        return {
            "resolution": like * like.new_tensor([height, width]),
            "aspect_ratio": like * (height / width),
        }
