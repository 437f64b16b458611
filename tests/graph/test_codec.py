"""The codec in half precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from graph.codec import Codec, codec_of
from graph.library import Library
from graph.machine import Machine
from tests.graph.experts import folders

LATENTS = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(2))


def loaded(folder: Path, precision: torch.dtype) -> Codec:
    model = Library(folder.parent, folder.parent / "assets").model(folder.name)
    return codec_of(model, Machine(torch.device("cpu"), precision))


@pytest.fixture
def overflowing(tmp_path: Path) -> Path:
    """An autoencoder whose decoder leaves the numbers of float16 on the way, as that of SDXL."""
    folder = folders.stable_diffusion(tmp_path / "sd")
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    with torch.no_grad():
        vae.decoder.conv_in.weight.mul_(3e5)
    vae.save_pretrained(folder / "vae")
    return folder


def test_an_autoencoder_that_overflows_in_half_decodes_as_in_single(overflowing: Path) -> None:
    single = loaded(overflowing, torch.float32).pixels(LATENTS)
    half = loaded(overflowing, torch.float16).pixels(LATENTS)
    assert torch.isfinite(half).all()
    assert (half - single).abs().max() < 0.05


def test_what_is_encoded_is_of_the_machines_precision(tmp_path: Path) -> None:
    folder = folders.dit(tmp_path / "dit")
    picture = Image.fromarray(np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1)))
    for precision in (torch.float32, torch.float16, torch.bfloat16):
        assert loaded(folder, precision).encode([picture]).dtype == precision
