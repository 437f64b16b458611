"""Small checkpoints of the real classes with random weights, saved as diffusers saves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
)
from transformers import T5Config, T5EncoderModel, T5Tokenizer

WORDS = ("a", "red", "blue", "house", "boat", "at", "night")
SIDE, CHANNELS = 4, 4


def autoencoder() -> AutoencoderKL:
    """Eight pixels to a latent place, four channels; the same weights every time."""
    torch.manual_seed(11)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8),
        norm_num_groups=2,
        latent_channels=CHANNELS,
        scaling_factor=0.7,
    )


def scheduler(**changes: Any) -> DDIMScheduler:
    """A DDIM file as the Playground ships it."""
    settings = {
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "v_prediction",
        "clip_sample": False,
        "timestep_spacing": "trailing",
    }
    return DDIMScheduler(**{**settings, **changes})


def pixart(
    folder: Path, *, pictures: int = 0, card: dict[str, Any] | None = None, **changes: Any
) -> Path:
    """A text expert; with `pictures`, so many are concatenated to the state."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    vocabulary = pieces + [(f"▁{word}", -1.0) for word in WORDS]
    tokenizer = T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=12)
    torch.manual_seed(1)
    text_encoder = T5EncoderModel(
        T5Config(vocab_size=len(vocabulary), d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    )
    transformer = PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=CHANNELS * (1 + pictures),
        out_channels=CHANNELS,
        num_layers=2,
        cross_attention_dim=16,
        sample_size=SIDE,
        caption_channels=8,
        use_additional_conditions=False,
    )
    _shake(transformer)
    PixArtSigmaPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder.eval(),
        vae=autoencoder(),
        transformer=transformer.eval(),
        scheduler=scheduler(**changes),
    ).save_pretrained(folder)
    return _with_card(folder, card or {"condition": "text"})


def dit(
    folder: Path, *, pictures: int = 0, card: dict[str, Any] | None = None, **changes: Any
) -> Path:
    """A class expert, or one that takes a picture."""
    torch.manual_seed(2)
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=CHANNELS * (1 + pictures),
        out_channels=CHANNELS,
        num_layers=2,
        sample_size=SIDE,
        num_embeds_ada_norm=1000,
    )
    _shake(transformer)
    DiTPipeline(
        transformer=transformer.eval(), vae=autoencoder(), scheduler=scheduler(**changes)
    ).save_pretrained(folder)
    return _with_card(folder, card or {"condition": "class", "labels": ["day", "night"]})


def _with_card(folder: Path, card: dict[str, Any]) -> Path:
    (folder / "card.json").write_text(json.dumps({"space": "tiny", **card}))
    return folder


def _shake(model: torch.nn.Module) -> None:
    """Random weights everywhere, so that no zero-initialised layer hides a mistake."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.15)
