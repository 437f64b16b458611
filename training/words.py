"""The tokenizer of the Playground's language: one token a word."""

from typing import Any

import torch
from torch import Tensor
from transformers import T5Tokenizer

from training.world import vocabulary

MAX_TOKENS = 32
PAD, END, UNKNOWN = 0, 1, 2


def tokenizer() -> Any:
    """Build the T5 tokenizer whose pieces are the world's words; other words become `<unk>`."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0), ("▁", -4.0), (",", -2.0)]
    pieces += [(f"▁{word}", -1.0) for word in sorted(vocabulary()) if word != ","]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=MAX_TOKENS)


def token_ids(tokens: Any, captions: list[str]) -> Tensor:
    """Captions as token numbers [n, 32], padded with 0."""
    encoded = tokens(
        captions, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
    )
    return encoded.input_ids.to(torch.int16)


def null_ids(count: int) -> Tensor:
    """The empty caption, [count, 32]: the text expert's null condition."""
    ids = torch.zeros(count, MAX_TOKENS, dtype=torch.int16)
    ids[:, 0] = END
    return ids
