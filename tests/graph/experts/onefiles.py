"""Checkpoints of one file, made of small diffusers folders: every layer by its original name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from graph.ldm import ldm_names

Tensors = dict[str, torch.Tensor]
VAE_NAMES = (
    (r"conv_norm_out", "norm_out"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_(q|k|v)", r"mid.attn_1.\1"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"down_blocks\.(\d+)\.resnets", r"down.\1.block"),
    (r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample"),
    (r"up_blocks\.(\d+)\.resnets", r"up.\1.block"),
    (r"up_blocks\.(\d+)\.upsamplers\.0", r"up.\1.upsample"),
    (r"conv_shortcut", "nin_shortcut"),
)
OPEN_CLIP = (
    (r"encoder\.layers\.", "transformer.resblocks."),
    (r"layer_norm(?=\d)", "ln_"),
    (r"mlp\.fc1", "mlp.c_fc"),
    (r"mlp\.fc2", "mlp.c_proj"),
    (r"self_attn\.out_proj", "attn.out_proj"),
    (r"final_layer_norm", "ln_final"),
    (r"embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"embeddings\.token_embedding", "token_embedding"),
    (r"text_projection\.weight", "text_projection"),
)


def onefile(path: Path, folder: Path, *, open_clip: bool = False) -> Path:
    """The folder's weights in one file; with `open_clip` the first reader is that of SD 2."""
    tensors = dict(_unet(folder)) | dict(_vae(folder))
    xl = (folder / "text_encoder_2").is_dir()
    first = _stored(folder / "text_encoder")
    start = "conditioner.embedders.0." if xl else "cond_stage_model."
    if open_clip:
        tensors |= _open_clip(first, f"{start}model.")
    else:
        tensors |= {f"{start}transformer.text_model.{key}": each for key, each in first.items()}
        ids = f"{start}transformer.text_model.embeddings.position_ids"
        tensors[ids] = torch.arange(16)[None]  # as old files have
    if xl:
        second = _stored(folder / "text_encoder_2")
        tensors |= _open_clip(second, "conditioner.embedders.1.model.")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: each.contiguous() for key, each in tensors.items()}, path)
    return path


def bare(folder: Path) -> Path:
    """The folder without its weights: what a checkpoint of one file is loaded with."""
    for file in folder.rglob("*.safetensors"):
        file.unlink()
    return folder


def _stored(folder: Path) -> Tensors:
    stored = load_file(next(folder.glob("*.safetensors")))
    return {key.removeprefix("text_model."): each for key, each in stored.items()}


def _unet(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    stored = _stored(folder / "unet")
    names = ldm_names(dict.fromkeys(key.rpartition(".")[0] for key in stored))
    for key, each in stored.items():
        layer, _, kind = key.rpartition(".")
        yield f"model.diffusion_model.{names[layer]}.{kind}", each


def _vae(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    stored = _stored(folder / "vae")
    last = max(int(key.split(".")[2]) for key in stored if key.startswith("decoder.up_blocks"))
    for key, each in stored.items():
        name = _renamed(key, VAE_NAMES)
        name = re.sub(r"\bup\.(\d+)", lambda found: f"up.{last - int(found[1])}", name)
        kernel = re.search(r"attn_1\.(q|k|v|proj_out)\.weight", name)
        yield f"first_stage_model.{name}", each[:, :, None, None] if kernel else each


def _open_clip(stored: Tensors, start: str) -> Tensors:
    """In one matrix what CLIP asks, offers and gives, as OpenCLIP has it."""
    made: dict[str, Any] = {}
    for key, each in stored.items():
        found = re.fullmatch(r"encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)", key)
        if found:
            name = f"{start}transformer.resblocks.{found[1]}.attn.in_proj_{found[3]}"
            made.setdefault(name, {})[found[2]] = each
        else:
            name = start + _renamed(key, OPEN_CLIP)
            made[name] = each.T if key == "text_projection.weight" else each
    return {
        key: torch.cat([each[part] for part in "qkv"]) if isinstance(each, dict) else each
        for key, each in made.items()
    }


def _renamed(key: str, names: tuple[tuple[str, str], ...]) -> str:
    for old, new in names:
        key = re.sub(old, new, key)
    return key
