"""Flux: a sentence read by T5, and as a whole by CLIP; a flow answered by a transformer."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers import FluxTransformer2DModel
from torch import Tensor
from transformers import CLIPTextModel, T5EncoderModel

from graph.export.pieces.clip import clip_of
from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import every, filled, load, tokenizer_of, tokens
from graph.export.pieces.settings import MODELS

PIPELINES = ("FluxPipeline",)
PARTS = {"transformer": "transformer", "text_encoder": "clip.encoder", "text_encoder_2": "t5"}


class Flux:
    """Flux.1 (Black Forest Labs, 2024) as FluxPipeline stores it.

    The guidance that was distilled into it stays at the pipeline's 3.5.
    """

    def __init__(self, name: str, denoised: Any) -> None:
        self.clip = clip_of(CLIPTextModel, MODELS / name)
        self.tokenizer = tokenizer_of(MODELS / name / "tokenizer_2")
        self.t5 = load(T5EncoderModel, MODELS / name / "text_encoder_2")
        self.transformer = load(FluxTransformer2DModel, MODELS / name / "transformer")
        self.denoised = denoised

    def encode(self, sentence: str | None) -> tuple[Tensor, Tensor]:
        """A sentence as words [tokens, width] and as a whole; no condition is the empty one."""
        words = self.t5(tokens(self.tokenizer, sentence or "", 512).input_ids)[0][0]
        return words, self.clip(sentence or "").pooler_output[0]

    def __call__(self, x: Tensor, level: Level, prompts: list) -> tuple[Tensor, ...]:
        """D(x) under each of the prompts, in one forward pass."""
        words = torch.stack([words for words, _ in every(prompts, len(x))])
        pooled = torch.stack([pooled for _, pooled in every(prompts, len(x))])
        rows, columns = (side // 2 for side in x.shape[2:])
        places = torch.cartesian_prod(*map(torch.arange, (1, rows, columns))).to(x)
        guided = self.transformer.config.guidance_embeds

        def network(state: Tensor, time: float) -> Tensor:
            patches = F.pixel_unshuffle(state, 2).flatten(2).mT
            answer = self.transformer(
                patches.to(words),
                encoder_hidden_states=words,
                pooled_projections=pooled,
                timestep=filled(state, time) / 1000,
                guidance=filled(state, 3.5) if guided else None,
                txt_ids=x.new_zeros(words.shape[1], 3),
                img_ids=places,
            ).sample
            return F.pixel_shuffle(answer.to(x).mT.unflatten(2, (rows, columns)), 2)

        states = x.repeat(len(prompts), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(prompts))
