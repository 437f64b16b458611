"""Sana: a sentence read by Gemma, deep latents denoised by a linear transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from inspect import signature
from typing import Any, ClassVar, cast

import torch
from diffusers import SanaPipeline, SanaTransformer2DModel
from torch import Tensor
from transformers import Gemma2Model

from graph.codec import Codec, codec_of
from graph.interfaces import Checkpoint
from graph.levels import NoiseLevel
from graph.library import Model
from graph.machine import Machine
from graph.native import native_of
from graph.parametrisation import Parametrisation
from graph.weights import frozen, frozen_reader, lacking, tokenizer_of

MAX_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Prompt:
    """An encoded sentence: words [tokens, width] and which of them count."""

    words: Tensor
    present: Tensor


class Sana(Checkpoint):
    """Sana (arXiv 2410.10629) as SanaPipeline stores it.

    Gemma reads an instruction before the sentence; of its answer the first token and the last 299
    are kept, with which the sentence is padded. No condition is the empty sentence without the
    instruction, as the pipeline has it.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("SanaPipeline",)
    sized: ClassVar[bool] = True

    def __init__(
        self,
        model: Model,
        transformer: Any,
        reader: tuple[Any, Any],
        codec: Codec,
        native: Parametrisation,
    ) -> None:
        self.codec, self.preview, self.canvas = codec, model.card.preview, model.canvas
        self._transformer, self._reader, self._native = transformer, reader, native

    @classmethod
    def load(cls, model: Model, machine: Machine) -> Sana:
        """Load transformer, text encoder, tokenizer and autoencoder of a folder."""
        tokenizer = tokenizer_of(model.name, model.folder / "tokenizer", padding_side="right")
        if machine.precision == torch.float16:
            reading = replace(machine, precision=torch.bfloat16)  # Gemma's numbers leave float16
        else:
            reading = machine
        return cls(
            model,
            frozen(SanaTransformer2DModel, model.folder / "transformer", machine),
            (tokenizer, frozen_reader(Gemma2Model, model.folder / "text_encoder", reading)),
            codec_of(model, machine),
            native_of(model.folder / "scheduler"),
        )

    def networks(self) -> Mapping[str, Any]:
        """The transformer; nobody trains LoRAs of its Gemma."""
        return {"transformer": self._transformer}

    def exchanged(self, networks: Mapping[str, Any]) -> Sana:
        """The same expert with another transformer."""
        return self._with(_transformer=networks["transformer"])

    def encode(self, value: str | None) -> Prompt:
        """A sentence, or None for no condition."""
        tokenizer, encoder = self._reader
        before = "" if value is None else instruction()
        room = MAX_TOKENS if value is None else len(tokenizer.encode(before)) + MAX_TOKENS - 2
        tokens = tokenizer(
            before + (value or "").lower().strip(),
            padding="max_length",
            max_length=room,
            truncation=True,
            return_tensors="pt",
        ).to(self._transformer.device)
        answer = encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        kept = [0, *range(1 - MAX_TOKENS, 0)]
        words = answer[0, kept].to(self._transformer.dtype)
        return Prompt(words, tokens.attention_mask[0, kept])

    def without(self, blocks: Sequence[int]) -> Sana:
        """The same expert with some of its transformer's blocks left out."""
        return self._with(_transformer=lacking(self._transformer, blocks))

    def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Prompt]) -> Tensor:
        """D(x) of n states under n sentences, in one forward pass."""
        words = torch.stack([prompt.words for prompt in conditions])
        present = torch.stack([prompt.present for prompt in conditions])
        scale = self._transformer.config.timestep_scale

        def network(state: Tensor, time: float) -> Tensor:
            answer = self._transformer(
                state.to(words),
                encoder_hidden_states=words,
                encoder_attention_mask=present,
                timestep=torch.full((len(x),), time * scale, device=x.device),
                return_dict=False,
            )[0]
            return answer[:, : x.shape[1]].to(x)  # a learned variance may ride behind

        return self._native.denoise(network, x, level)


@cache
def instruction() -> str:
    """What the pipeline says before every sentence, so that Gemma thinks of the picture."""
    call = cast("Any", SanaPipeline).__call__
    return "\n".join(signature(call).parameters["complex_human_instruction"].default)
