"""Small adapters of the real classes with random weights, saved as diffusers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    FluxControlNetModel,
    FluxTransformer2DModel,
    SD3ControlNetModel,
    SD3Transformer2DModel,
    T2IAdapter,
    UNet2DConditionModel,
)
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.graph.experts import folders
from tests.graph.experts.folders import SIDE, conditional_unet, shake

SEEN, EMBEDDED = 12, 10
"""How wide an image encoder's answers are: for every place, and for the picture as a whole."""


def controlnet(folder: Path, base: Path, *, seed: int = 21, **changes: Any) -> Path:
    """One made from the UNet of a checkpoint, every layer shaken."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(base / "unet")
    made = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 4, 8, 8))
    made.register_to_config(**changes)
    shake(made.eval(), 0.2).save_pretrained(folder)
    return folder


def sd3_controlnet(folder: Path, base: Path, *, seed: int = 21, **changes: Any) -> Path:
    """One with fewer blocks than the transformer of a checkpoint."""
    torch.manual_seed(seed)
    config = dict(SD3Transformer2DModel.load_config(base / "transformer"))
    made = SD3ControlNetModel.from_config({**config, "num_layers": 1, **changes})
    shake(made.eval(), 0.2).save_pretrained(folder)
    return folder


def flux_controlnet(folder: Path, base: Path, *, seed: int = 21, **changes: Any) -> Path:
    """One with fewer blocks than the transformer of a checkpoint, of both kinds or one."""
    torch.manual_seed(seed)
    config = dict(FluxTransformer2DModel.load_config(base / "transformer"))
    made = FluxControlNetModel.from_config({**config, **changes})
    shake(made.eval(), 0.2).save_pretrained(folder)
    return folder


def certain(base: Path) -> Path:
    """A checkpoint whose autoencoder is so sure of a picture that drawing from it is its mean."""
    vae = AutoencoderKL.from_pretrained(base / "vae")
    with torch.no_grad():
        for part in (vae.quant_conv.weight, vae.quant_conv.bias):
            part[folders.CHANNELS :] = 0.0
        vae.quant_conv.bias[folders.CHANNELS :] = -30.0
    vae.save_pretrained(base / "vae")
    return base


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


def _plain(width: int) -> dict[str, tuple[int, ...]]:
    return {
        "proj.weight": (4 * width, EMBEDDED),
        "proj.bias": (4 * width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }


def _full(width: int) -> dict[str, tuple[int, ...]]:
    return {
        "proj.0.weight": (SEEN, SEEN),
        "proj.0.bias": (SEEN,),
        "proj.2.weight": (width, SEEN),
        "proj.2.bias": (width,),
        "proj.3.weight": (width,),
        "proj.3.bias": (width,),
    }


def _plus(width: int) -> dict[str, tuple[int, ...]]:
    """Two heads of 64, and the four layers that diffusers takes for granted."""
    inner, heads = 16, 128
    layer: dict[str, tuple[int, ...]] = {
        "0.norm1.weight": (inner,),
        "0.norm1.bias": (inner,),
        "0.norm2.weight": (inner,),
        "0.norm2.bias": (inner,),
        "0.to_q.weight": (heads, inner),
        "0.to_kv.weight": (2 * heads, inner),
        "0.to_out.weight": (inner, heads),
        "1.0.weight": (inner,),
        "1.0.bias": (inner,),
        "1.1.weight": (4 * inner, inner),
        "1.3.weight": (inner, 4 * inner),
    }
    return {
        "latents": (1, 6, inner),
        "proj_in.weight": (inner, SEEN),
        "proj_in.bias": (inner,),
        "proj_out.weight": (width, inner),
        "proj_out.bias": (width,),
        "norm_out.weight": (width,),
        "norm_out.bias": (width,),
    } | {f"layers.{n}.{name}": shape for n in range(4) for name, shape in layer.items()}


PROJECTIONS = {"plain": _plain, "full": _full, "plus": _plus}


def picture(seed: int = 1, side: int = 8 * SIDE) -> Image.Image:
    """Colours at random, of the experts' canvas."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (side, side, 3), generator=generator, dtype=torch.uint8)
    return Image.fromarray(pixels.numpy())


def ip_adapter(folder: Path, base: Path, kind: str = "plain") -> Path:
    """One for the UNet of a checkpoint, with the image encoder beside it.

    Of a `kind`: plain, full for the full face, or plus; its keys are those of its authors.
    """
    torch.manual_seed(23)
    unet = UNet2DConditionModel.from_pretrained(base / "unet")
    width = int(unet.config.cross_attention_dim)
    vision = CLIPVisionConfig(
        hidden_size=SEEN,
        intermediate_size=16,
        projection_dim=EMBEDDED,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
    )
    encoder = shake(CLIPVisionModelWithProjection(vision).eval(), 0.3)
    encoder.save_pretrained(folder / "image_encoder")
    parts = {
        f"image_proj.{name}": torch.randn(shape) / shape[-1] ** 0.5
        for name, shape in PROJECTIONS[kind](width).items()
    }
    for number, name in enumerate(unet.attn_processors):
        if "attn2" in name:
            inner = unet.get_submodule(name.removesuffix(".processor")).inner_dim
            for key in ("to_k_ip", "to_v_ip"):
                parts[f"ip_adapter.{number}.{key}.weight"] = torch.randn(inner, width)
    save_file({k: v.contiguous() for k, v in parts.items()}, folder / "ip-adapter_tiny.safetensors")
    return folder
