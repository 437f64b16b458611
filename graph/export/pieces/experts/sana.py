"""Sana: a sentence read by Gemma, deep latents denoised by a linear transformer."""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from diffusers import SanaPipeline, SanaTransformer2DModel
from torch import Tensor
from transformers import Gemma2Model

from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import filled, load, tokenizer_of, tokens
from graph.export.pieces.settings import MODELS, PRECISION

PIPELINES = ("SanaPipeline",)
PARTS = {"transformer": "transformer"}


class Sana:
    """Sana (arXiv 2410.10629) as SanaPipeline stores it.

    Gemma reads an instruction before the sentence; of its answer the first token and the last 299
    are kept, with which the sentence is padded. No condition is the empty one, without instruction.
    """

    def __init__(self, name: str, denoised: Any) -> None:
        self.tokenizer = tokenizer_of(MODELS / name / "tokenizer", padding_side="right")
        self.encoder = load(Gemma2Model, MODELS / name / "text_encoder")
        if self.encoder.dtype == torch.float16:
            self.encoder = self.encoder.bfloat16()  # Gemma's numbers leave float16
        self.transformer = load(SanaTransformer2DModel, MODELS / name / "transformer")
        self.denoised = denoised

    def encode(self, sentence: str | None) -> tuple[Tensor, Tensor]:
        """A sentence, or none, as words [tokens, width] and which of them count."""
        text, length = "", 300
        if sentence is not None:
            said = signature(SanaPipeline.__call__).parameters["complex_human_instruction"]
            before = "\n".join(said.default)
            text = before + sentence.lower().strip()
            length = len(self.tokenizer.encode(before)) + 298
        ids = tokens(self.tokenizer, text, length)
        words = self.encoder(ids.input_ids, attention_mask=ids.attention_mask)[0]
        kept = [0, *range(-299, 0)]
        return words[0, kept].to(PRECISION), ids.attention_mask[0, kept]

    def __call__(self, x: Tensor, level: Level, prompts: list) -> tuple[Tensor, ...]:
        """D(x) under each of the prompts, in one forward pass."""
        words = torch.stack([words for words, _ in prompts]).repeat_interleave(len(x), 0)
        mask = torch.stack([mask for _, mask in prompts]).repeat_interleave(len(x), 0)
        stretch = self.transformer.config.timestep_scale

        def network(state: Tensor, time: float) -> Tensor:
            answer = self.transformer(
                state.to(words),
                encoder_hidden_states=words,
                encoder_attention_mask=mask,
                timestep=filled(state, time * stretch),
            ).sample
            return answer[:, : x.shape[1]].to(x)  # a learned variance may ride behind

        states = x.repeat(len(prompts), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(prompts))
