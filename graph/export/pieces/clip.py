"""CLIP as the pipelines of diffusers ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

from graph.export.pieces.loading import load, tokens


class Clip:
    """A CLIP text encoder with its tokenizer (arXiv 2103.00020)."""

    def __init__(self, family: Any, folder: Path, number: str = "") -> None:
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / f"tokenizer{number}")
        self.encoder = load(family, folder / f"text_encoder{number}")
        longest = self.encoder.config.max_position_embeddings
        self.length = min(self.tokenizer.model_max_length, longest)

    def __call__(self, sentence: str) -> Any:
        """The encoder's answer, with its hidden states."""
        ids = tokens(self.tokenizer, sentence, self.length).input_ids
        return self.encoder(ids, output_hidden_states=True)
