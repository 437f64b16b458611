"""CLIP: a tokenizer beside its text encoder, as the pipelines of diffusers read sentences."""

from __future__ import annotations

from typing import Any

from transformers import CLIPTokenizer

from graph.converted import reader_of
from graph.library import Model
from graph.machine import Machine


class Clip:
    """Reads sentences (arXiv 2103.00020); what of the answer counts is the pipeline's to say."""

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self._tokenizer, self.encoder = tokenizer, encoder
        # some folders leave the tokenizer's own bound out
        self._tokens = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)

    def over(self, encoder: Any) -> Clip:
        """The same tokenizer beside another encoder."""
        return Clip(self._tokenizer, encoder)

    def read(self, sentence: str) -> Any:
        """The encoder's answer to one sentence, with its hidden states [1, tokens, width].

        Sentences are padded to the encoder's length, and what is longer is cut off.
        """
        tokens = self._tokenizer(
            sentence,
            padding="max_length",
            max_length=self._tokens,
            truncation=True,
            return_tensors="pt",
        )
        return self.encoder(tokens.input_ids.to(self.encoder.device), output_hidden_states=True)


def clip_of(model: Model, machine: Machine, encoder: Any, number: str = "") -> Clip:
    """A folder's tokenizer`number` and text_encoder`number`, which is of the class `encoder`."""
    return Clip(
        CLIPTokenizer.from_pretrained(model.folder / f"tokenizer{number}"),
        reader_of(model, f"text_encoder{number}", encoder, machine),
    )
