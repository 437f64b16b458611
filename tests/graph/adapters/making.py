"""Small adapters of the real classes with random weights, saved as diffusers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, T2IAdapter, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.graph.experts.folders import SIDE, conditional_unet, shake


def controlnet(folder: Path, base: Path, *, seed: int = 21, **changes: Any) -> Path:
    """One made from the UNet of a checkpoint, every layer shaken."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(base / "unet")
    made = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 4, 8, 8))
    made.register_to_config(**changes)
    shake(made.eval(), 0.2).save_pretrained(folder)
    return folder


def t2i_adapter(folder: Path, **changes: Any) -> Path:
    """One for a UNet of two levels."""
    torch.manual_seed(22)
    settings = {"channels": [8, 16], "downscale_factor": 8, "adapter_type": "full_adapter"}
    made = T2IAdapter(num_res_blocks=1, **{**settings, **changes})
    shake(made.eval(), 0.2).save_pretrained(folder)
    return folder


def t2i_adapter_xl(folder: Path, base: Path) -> Path:
    """One for SDXL, whose checkpoint is given a UNet of three levels, as the real one has."""
    unet = conditional_unet(
        **UNet2DConditionModel.load_config(base / "unet")
        | {
            "block_out_channels": (8, 16, 16),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        }
    )
    unet.save_pretrained(base / "unet")
    channels = [8, 16, 16, 16]
    return t2i_adapter(
        folder, channels=channels, downscale_factor=16, adapter_type="full_adapter_xl"
    )


def picture(seed: int = 1, side: int = 8 * SIDE) -> Image.Image:
    """Colours at random, of the experts' canvas."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (side, side, 3), generator=generator, dtype=torch.uint8)
    return Image.fromarray(pixels.numpy())


def ip_adapter(folder: Path, base: Path) -> Path:
    """One for the UNet of a checkpoint, with the image encoder beside it."""
    torch.manual_seed(23)
    unet = UNet2DConditionModel.from_pretrained(base / "unet")
    width = int(unet.config.cross_attention_dim)
    vision = CLIPVisionConfig(
        hidden_size=12,
        intermediate_size=16,
        projection_dim=10,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
    )
    encoder = shake(CLIPVisionModelWithProjection(vision).eval(), 0.3)
    encoder.save_pretrained(folder / "image_encoder")
    parts = {
        "image_proj.proj.weight": torch.randn(4 * width, 10),
        "image_proj.proj.bias": torch.randn(4 * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    for number, name in enumerate(unet.attn_processors):
        if "attn2" in name:
            inner = unet.get_submodule(name.removesuffix(".processor")).inner_dim
            for key in ("to_k_ip", "to_v_ip"):
                parts[f"ip_adapter.{number}.{key}.weight"] = torch.randn(inner, width)
    save_file({k: v.contiguous() for k, v in parts.items()}, folder / "ip-adapter_tiny.safetensors")
    return folder
