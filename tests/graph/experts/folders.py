"""Small checkpoints of the real classes with random weights, saved as diffusers saves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

WORDS = ("a", "red", "blue", "house", "boat", "at", "night")
SIDE, CHANNELS = 4, 4
XL_SIDES = (4, 6)  # height and width


def autoencoder(seed: int = 11, **changes: Any) -> AutoencoderKL:
    """Eight pixels to a latent place, four channels; the weights of a seed."""
    torch.manual_seed(seed)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8),
        norm_num_groups=2,
        latent_channels=CHANNELS,
        scaling_factor=0.7,
        **changes,
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
    folder: Path,
    *,
    pictures: int = 0,
    card: dict[str, Any] | None = None,
    family: Any = PixArtSigmaPipeline,
    network: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """A text expert; with `pictures`, so many are concatenated to the state."""
    tokenizer = t5_tokenizer()
    torch.manual_seed(1)
    text_encoder = t5(8)
    settings = {
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "in_channels": CHANNELS * (1 + pictures),
        "out_channels": CHANNELS,
        "num_layers": 2,
        "cross_attention_dim": 16,
        "sample_size": SIDE,
        "caption_channels": 8,
        "use_additional_conditions": False,
    }
    transformer = PixArtTransformer2DModel(**{**settings, **(network or {})})
    shake(transformer)
    family(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=autoencoder(),
        transformer=transformer.eval(),
        scheduler=scheduler(**changes),
    ).save_pretrained(folder)
    return _with_card(folder, card or {"condition": "text"})


def pixels(
    folder: Path,
    *,
    side: int = 16,
    channels: int = 3,
    family: Any = DDPMPipeline,
    network: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """An expert of pictures without an autoencoder, which takes no condition."""
    torch.manual_seed(9)
    unet = UNet2DModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=4,
        norm_num_groups=4,
        **(network or {}),
    )
    made = {DDPMPipeline: DDPMScheduler, DDIMPipeline: DDIMScheduler}[family](**changes)
    family(unet=shake(unet.eval()), scheduler=made).save_pretrained(folder)
    return folder


def t5_tokenizer() -> T5Tokenizer:
    """Whole words, and no others."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    vocabulary = pieces + [(f"▁{word}", -1.0) for word in WORDS]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=12)


def t5(width: int) -> T5EncoderModel:
    """A text encoder of one layer for `t5_tokenizer`."""
    config = T5Config(
        vocab_size=3 + len(WORDS), d_model=width, d_kv=4, d_ff=16, num_layers=1, num_heads=2
    )
    return T5EncoderModel(config).eval()


def dit(
    folder: Path,
    *,
    pictures: int = 0,
    card: dict[str, Any] | None = None,
    transformer: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """A class expert, or one that takes a picture."""
    torch.manual_seed(2)
    settings = {
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "in_channels": CHANNELS * (1 + pictures),
        "out_channels": CHANNELS,
        "num_layers": 2,
        "sample_size": SIDE,
        "num_embeds_ada_norm": 1000,
    }
    network = DiTTransformer2DModel(**{**settings, **(transformer or {})})
    DiTPipeline(
        transformer=shake(network.eval()), vae=autoencoder(), scheduler=scheduler(**changes)
    ).save_pretrained(folder)
    return _with_card(folder, card or {"condition": "class", "labels": ["day", "night"]})


def stable_diffusion(
    folder: Path,
    *,
    seed: int = 3,
    width: int = 8,
    unet: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Stable Diffusion as people find it, without a card; `changes` are those of its scheduler."""
    torch.manual_seed(seed)
    StableDiffusionPipeline(
        tokenizer=clip_tokenizer(),
        text_encoder=clip(CLIPTextModel, width),
        vae=autoencoder(),
        unet=conditional_unet(**{"cross_attention_dim": width, **(unet or {})}),
        scheduler=stable_scheduler(**changes),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def instruct_pix2pix(folder: Path, **changes: Any) -> Path:
    """A UNet that is shown a picture's latents after those of the state."""
    return _shown_pictures(folder, StableDiffusionInstructPix2PixPipeline, 2 * CHANNELS, **changes)


def inpaint(folder: Path, *, shown: int = 2 * CHANNELS + 1, **changes: Any) -> Path:
    """A UNet that is shown a region and a picture's latents after those of the state."""
    return _shown_pictures(folder, StableDiffusionInpaintPipeline, shown, **changes)


def _shown_pictures(folder: Path, family: Any, channels: int, **changes: Any) -> Path:
    """With an autoencoder that is sure of its latents: where a pipeline draws, it gets the mean."""
    torch.manual_seed(13)
    vae = autoencoder()
    with torch.no_grad():
        vae.quant_conv.weight[CHANNELS:] = 0.0
        vae.quant_conv.bias[CHANNELS:] = -30.0
    family(
        tokenizer=clip_tokenizer(),
        text_encoder=clip(CLIPTextModel, 8),
        vae=vae,
        unet=conditional_unet(cross_attention_dim=8, in_channels=channels),
        scheduler=stable_scheduler(**changes),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def latent_consistency(folder: Path, **changes: Any) -> Path:
    """A latent consistency model, whose UNet is told how strongly it was guided."""
    torch.manual_seed(4)
    made = LCMScheduler(beta_schedule="scaled_linear", **changes)
    LatentConsistencyModelPipeline(
        tokenizer=clip_tokenizer(),
        text_encoder=clip(CLIPTextModel, 8),
        vae=autoencoder(),
        unet=conditional_unet(cross_attention_dim=8, time_cond_proj_dim=8),
        scheduler=made,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def stable_diffusion_xl(folder: Path, *, zeros: bool = True, **changes: Any) -> Path:
    """SDXL, whose null is zeros or the empty sentence; both tokenizers pad differently."""
    torch.manual_seed(6)
    StableDiffusionXLPipeline(
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(pad="!"),
        text_encoder=clip(CLIPTextModel, 8),
        text_encoder_2=clip(CLIPTextModelWithProjection, 12),
        vae=autoencoder(),
        unet=conditional_unet(
            sample_size=XL_SIDES,
            cross_attention_dim=20,
            addition_embed_type="text_time",
            addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=12 + 6 * 4,
        ),
        scheduler=stable_scheduler(**changes),
        force_zeros_for_empty_prompt=zeros,
        add_watermarker=False,
    ).save_pretrained(folder)
    return folder


def stable_diffusion_3(folder: Path, *, reads_t5: bool = True, layers: int = 2) -> Path:
    """SD 3, with its third text encoder or as people save memory, without."""
    torch.manual_seed(7)
    transformer = SD3Transformer2DModel(
        sample_size=SIDE,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_layers=layers,
        attention_head_dim=4,
        num_attention_heads=2,
        joint_attention_dim=24,
        caption_projection_dim=8,
        pooled_projection_dim=20,
        pos_embed_max_size=8,
    )
    StableDiffusion3Pipeline(
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(pad="!"),
        tokenizer_3=t5_tokenizer() if reads_t5 else None,
        text_encoder=clip(CLIPTextModelWithProjection, 8),
        text_encoder_2=clip(CLIPTextModelWithProjection, 12),
        text_encoder_3=shake(t5(24), 0.5) if reads_t5 else None,
        vae=autoencoder(12, shift_factor=0.2),
        transformer=shake(transformer.eval(), 0.3),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    ).save_pretrained(folder)
    return folder


def flux(folder: Path, *, guidance: bool = True, layers: tuple[int, int] = (1, 1)) -> Path:
    """Flux, with the guidance of the dev model or without as schnell."""
    torch.manual_seed(8)
    transformer = FluxTransformer2DModel(
        in_channels=4 * CHANNELS,
        num_layers=layers[0],
        num_single_layers=layers[1],
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=24,
        pooled_projection_dim=8,
        guidance_embeds=guidance,
        axes_dims_rope=(2, 2, 4),
    )
    FluxPipeline(
        tokenizer=clip_tokenizer(),
        tokenizer_2=t5_tokenizer(),
        text_encoder=clip(CLIPTextModel, 8),
        text_encoder_2=shake(t5(24), 0.5),
        vae=autoencoder(12, shift_factor=0.2),
        transformer=shake(transformer.eval(), 0.2),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    ).save_pretrained(folder)
    return folder


def sana(folder: Path, made: Any = None, **changes: Any) -> Path:
    """Sana with the scheduler file `made`, and an autoencoder of four pixels to a latent place."""
    torch.manual_seed(14)
    tokenizer = gemma_tokenizer()
    reader = Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )
    transformer = SanaTransformer2DModel(
        in_channels=CHANNELS,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=16,
        sample_size=SIDE,
        **{"out_channels": CHANNELS, "timestep_scale": 0.5, **changes},
    )
    deep = AutoencoderDC(
        latent_channels=CHANNELS,
        attention_head_dim=4,
        encoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8, 16),
        decoder_block_out_channels=(8, 8, 16),
        encoder_layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        encoder_qkv_multiscales=((), (), (5,)),
        decoder_qkv_multiscales=((), (), (5,)),
        scaling_factor=0.41,
    )
    SanaPipeline(
        tokenizer=tokenizer,
        text_encoder=Gemma2Model(reader).eval(),
        vae=deep.eval(),
        transformer=shake(transformer.eval(), 0.2),
        scheduler=made or FlowMatchEulerDiscreteScheduler(shift=3.0),
    ).save_pretrained(folder)
    return folder


def gemma_tokenizer() -> GemmaTokenizer:
    """Bytes, small letters, and a word that is merged of two pieces of itself."""
    marks = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    pieces = [*marks, *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += [*"abcdefghijklmnopqrstuvwxyz▁", "re", "red"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return GemmaTokenizer(vocab=vocabulary, merges=[("r", "e"), ("re", "d")])


def stable_scheduler(**changes: Any) -> DDIMScheduler:
    """The scheduler file of Stable Diffusion."""
    settings = {
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "prediction_type": "epsilon",
        "timestep_spacing": "leading",
        "steps_offset": 1,
        "set_alpha_to_one": False,
    }
    return scheduler(**{**settings, **changes})


def clip_tokenizer(pad: str = "<|endoftext|>") -> CLIPTokenizer:
    """Letters, and a word that is merged of two pieces of itself."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    ends = [f"{letter}</w>" for letter in letters]
    pieces = [*letters, *ends, "re", "red</w>", "!", "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    merges = [("r", "e"), ("re", "d</w>")]
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=16, pad_token=pad)


def clip(family: Any, width: int) -> Any:
    """A text encoder of two layers for `clip_tokenizer`."""
    config = CLIPTextConfig(
        vocab_size=57,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=55,
        eos_token_id=56,
        pad_token_id=56,
    )
    return shake(family(config).eval(), 0.5)


def conditional_unet(**changes: Any) -> UNet2DConditionModel:
    """Two resolutions, one with cross-attention."""
    settings = {
        "sample_size": SIDE,
        "in_channels": CHANNELS,
        "out_channels": CHANNELS,
        "block_out_channels": (8, 16),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "layers_per_block": 1,
        "attention_head_dim": 2,
        "norm_num_groups": 2,
    }
    return shake(UNet2DConditionModel(**{**settings, **changes}).eval(), 0.3)


def _with_card(folder: Path, card: dict[str, Any]) -> Path:
    (folder / "card.json").write_text(json.dumps({"space": "tiny", **card}))
    return folder


def shake(model: Any, deviation: float = 0.15) -> Any:
    """Random weights everywhere, so that no zero-initialised layer hides a mistake."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=deviation)
    return model
