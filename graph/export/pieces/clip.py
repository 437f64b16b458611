"""CLIP as the pipelines of diffusers ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

from graph.export.pieces.loading import load, tokens


class Clip:
    """A CLIP text encoder with its tokenizer (arXiv 2103.00020)."""

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self.tokenizer, self.encoder = tokenizer, encoder
        longest = encoder.config.max_position_embeddings
        self.length = min(tokenizer.model_max_length, longest)

    def __call__(self, sentence: str) -> Any:
        """The encoder's answer, with its hidden states."""
        ids = tokens(self.tokenizer, sentence, self.length).input_ids
        return self.encoder(ids, output_hidden_states=True)


def clip_of(family: Any, folder: Path, number: str = "") -> Clip:
    """Those of a checkpoint's folder, of which there may be several."""
    tokenizer = CLIPTokenizer.from_pretrained(folder / f"tokenizer{number}")
    return Clip(tokenizer, load(family, folder / f"text_encoder{number}"))
