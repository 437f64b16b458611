"""Stable Diffusion 3: a sentence read by two CLIPs and T5, a flow answered by a transformer."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers import SD3Transformer2DModel
from torch import Tensor
from transformers import CLIPTextModelWithProjection, T5EncoderModel

from graph.export.pieces.clip import clip_of
from graph.export.pieces.conventions import Level
from graph.export.pieces.loading import every, filled, load, tokenizer_of, tokens
from graph.export.pieces.settings import DEVICE, MODELS, PRECISION

PIPELINES = ("StableDiffusion3Pipeline",)
PARTS = {
    "transformer": "transformer",
    "text_encoder": "first.encoder",
    "text_encoder_2": "second.encoder",
    "text_encoder_3": "t5",
}


class StableDiffusion3:
    """SD 3 and 3.5 (arXiv 2403.03206) as StableDiffusion3Pipeline stores them."""

    def __init__(self, name: str, denoised: Any) -> None:
        folder = MODELS / name
        self.first = clip_of(CLIPTextModelWithProjection, folder)
        self.second = clip_of(CLIPTextModelWithProjection, folder, "_2")
        self.t5 = None  # some leave it out to save memory; then zeros stand in its place
        if (folder / "text_encoder_3").is_dir():
            self.t5 = load(T5EncoderModel, folder / "text_encoder_3")
            self.tokenizer = tokenizer_of(folder / "tokenizer_3")
        self.transformer = load(SD3Transformer2DModel, folder / "transformer")
        self.denoised = denoised

    def encode(self, sentence: str | None) -> tuple[Tensor, Tensor]:
        """A sentence as words [tokens, width] and as a whole; no condition is the empty one."""
        first, second = self.first(sentence or ""), self.second(sentence or "")
        words = torch.cat([first.hidden_states[-2][0], second.hidden_states[-2][0]], -1)
        if self.t5 is None:
            width = self.transformer.config.joint_attention_dim
            more = torch.zeros(256, width, device=DEVICE, dtype=PRECISION)
        else:
            more = self.t5(tokens(self.tokenizer, sentence or "", 256).input_ids)[0][0]
        padded = F.pad(words, (0, more.shape[-1] - words.shape[-1]))
        pooled = torch.cat([first.text_embeds[0], second.text_embeds[0]])
        return torch.cat([padded, more]), pooled

    def __call__(self, x: Tensor, level: Level, prompts: list) -> tuple[Tensor, ...]:
        """D(x) under each of the prompts, in one forward pass."""
        words = torch.stack([words for words, _ in every(prompts, len(x))])
        pooled = torch.stack([pooled for _, pooled in every(prompts, len(x))])

        def network(state: Tensor, time: float) -> Tensor:
            answer = self.transformer(state.to(words), words, pooled, filled(state, time))
            return answer.sample.to(x)

        states = x.repeat(len(prompts), 1, 1, 1)
        return self.denoised(network, states, level).chunk(len(prompts))
