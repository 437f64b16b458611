"""Stable Diffusion 3: a sentence read by two CLIPs and T5, a flow answered by a transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import SD3Transformer2DModel
from torch import Tensor
from transformers import CLIPTextModelWithProjection, T5EncoderModel

from graph.clip import Clip, clip_of
from graph.codec import Codec, codec_of
from graph.folders import read_json
from graph.interfaces import Adaptable, Asking, Heard
from graph.levels import NoiseLevel
from graph.library import Model
from graph.machine import Machine
from graph.native import native_of
from graph.parametrisation import Parametrisation
from graph.telling import told
from graph.weights import frozen, frozen_reader, tokenizer_of

T5_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sentence as words [tokens, width], and as a whole [projections]."""

    words: Tensor
    pooled: Tensor


class StableDiffusion3(Adaptable):
    """SD 3 and 3.5 (arXiv 2403.03206) as StableDiffusion3Pipeline stores them.

    A folder without the third text encoder, T5, is asked with zeros in its place. No condition is
    the empty sentence.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("StableDiffusion3Pipeline",)
    sized: ClassVar[bool] = True

    def __init__(
        self,
        model: Model,
        transformer: Any,
        clips: tuple[Clip, Clip],
        t5: tuple[Any, Any] | None,
        codec: Codec,
        native: Parametrisation,
    ) -> None:
        self.codec, self.preview, self.canvas = codec, model.card.preview, model.canvas
        self._transformer, self._clips, self._t5 = transformer, clips, t5
        self._native = native

    @classmethod
    def load(cls, model: Model, machine: Machine) -> StableDiffusion3:
        """Load transformer, text encoders with their tokenizers, and autoencoder of a folder."""
        index = read_json(model.name, model.folder / "model_index.json")
        has_t5 = index.get("text_encoder_3", [None])[0] is not None
        return cls(
            model,
            frozen(SD3Transformer2DModel, model.folder / "transformer", machine),
            (
                clip_of(model, machine, CLIPTextModelWithProjection),
                clip_of(model, machine, CLIPTextModelWithProjection, "_2"),
            ),
            _t5(model, machine) if has_t5 else None,
            codec_of(model, machine),
            native_of(model.folder / "scheduler"),
        )

    def networks(self) -> Mapping[str, Any]:
        """Transformer, both CLIPs, and T5 where there is one."""
        first, second = self._clips
        found = {
            "transformer": self._transformer,
            "text_encoder": first.encoder,
            "text_encoder_2": second.encoder,
        }
        return found if self._t5 is None else {**found, "text_encoder_3": self._t5[1]}

    def exchanged(self, networks: Mapping[str, Any]) -> StableDiffusion3:
        """The same expert with another transformer, other CLIPs and another T5."""
        clips = tuple(
            clip.over(networks[part])
            for clip, part in zip(self._clips, ("text_encoder", "text_encoder_2"), strict=True)
        )
        t5 = self._t5 and (self._t5[0], networks["text_encoder_3"])
        return self._with(_transformer=networks["transformer"], _clips=clips, _t5=t5)

    def encode(self, value: str | None) -> Prompt:
        """A sentence, or None for no condition."""
        first, second = (clip.read(value or "") for clip in self._clips)
        words = torch.cat([first.hidden_states[-2][0], second.hidden_states[-2][0]], -1)
        more = self._read_by_t5(value or "")
        padded = F.pad(words, (0, more.shape[-1] - words.shape[-1]))
        pooled = torch.cat([first.text_embeds[0], second.text_embeds[0]])
        return Prompt(torch.cat([padded, more]), pooled)

    def _read_by_t5(self, sentence: str) -> Tensor:
        if self._t5 is None:
            network = self._transformer
            size = (T5_TOKENS, network.config.joint_attention_dim)
            return torch.zeros(size, device=network.device, dtype=network.dtype)
        tokenizer, encoder = self._t5
        tokens = tokenizer(
            sentence,
            padding="max_length",
            max_length=T5_TOKENS,
            truncation=True,
            return_tensors="pt",
        )
        return encoder(tokens.input_ids.to(encoder.device))[0][0]  # padding is read too

    def denoise(
        self,
        x: Tensor,
        level: NoiseLevel,
        conditions: Sequence[Prompt],
        heard: Sequence[Heard] = (),
    ) -> Tensor:
        """D(x) of n states under n sentences, in one forward pass."""
        words = torch.stack([prompt.words for prompt in conditions])
        pooled = torch.stack([prompt.pooled for prompt in conditions])

        transformer = self._transformer
        blocks = {"block_controlnet_hidden_states": len(transformer.transformer_blocks)}

        def network(state: Tensor, time: float) -> Tensor:
            seen = state.to(transformer.dtype)
            times = torch.full((len(x),), time, device=x.device)
            added = {"pooled_projections": pooled}
            first = partial(transformer.pos_embed, seen)
            answer = transformer(
                seen,
                encoder_hidden_states=words,
                timestep=times,
                return_dict=False,
                **added,
                **told(Asking(seen, times, words, added, blocks, first), heard),
            )[0]
            return answer.to(x)

        return self._native.denoise(network, x, level)


def _t5(model: Model, machine: Machine) -> tuple[Any, Any]:
    tokenizer = tokenizer_of(model.name, model.folder / "tokenizer_3")
    return tokenizer, frozen_reader(T5EncoderModel, model.folder / "text_encoder_3", machine)
