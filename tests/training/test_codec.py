"""The autoencoder's latents, their scale and their preview."""

from dataclasses import replace

import pytest
import torch

from training import codec
from training.spaces import FINE, PLAYGROUND, PREVIEW_SIZE, SPACES
from training.world import draw


@pytest.fixture(scope="module")
def pictures():
    return draw("test codec", 0, 12).picture


@pytest.fixture
def vae():
    torch.manual_seed(0)
    return codec.build(replace(PLAYGROUND, widths=(8, 8, 8, 8))).eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("space", "shape"), [(PLAYGROUND, (12, 16, 16)), (FINE, (4, 32, 32))], ids=SPACES
)
def test_a_picture_has_latents_of_its_space(space, shape, pictures):
    torch.manual_seed(0)
    small = codec.build(replace(space, widths=(8,) * len(space.widths))).eval()
    latents = codec.encode(small, pictures[:2])
    assert latents.shape[1:] == shape == (space.channels, space.size, space.size)
    assert codec.decode(small, latents).shape == pictures[:2].shape
    assert space.size // space.patch == 8


def test_the_autoencoders_fit_their_budget():
    sizes = [sum(p.numel() for p in codec.build(space).parameters()) for space in SPACES.values()]
    assert 0.5e6 < min(sizes) < max(sizes) < 2.6e6


def test_standardising_moves_the_latents_and_not_the_pictures(vae, pictures):
    vae.float()
    with torch.no_grad():
        vae.quant_conv.bias[:12] += torch.arange(12.0)
        posterior = vae.encode(pictures * 2 - 1).latent_dist
        before = vae.decode(posterior.mode()).sample
        ratio = posterior.std / posterior.mode().std(dim=(0, 2, 3), keepdim=True)
    codec.standardise(vae, pictures)
    with torch.no_grad():
        after = vae.encode(pictures * 2 - 1).latent_dist
        latents = after.mode()
        assert torch.allclose(latents.mean(dim=(0, 2, 3)), torch.zeros(12), atol=0.05)
        assert torch.allclose(latents.std(dim=(0, 2, 3)), torch.ones(12), atol=0.05)
        assert torch.allclose(vae.decode(latents).sample, before, atol=1e-3)
        assert torch.allclose(after.std, ratio, rtol=0.05)
    assert vae.config.scaling_factor == 1.0


def test_the_preview_recovers_a_linear_decoder():
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(4, 12, 16, 16, generator=generator)
    weight = torch.randn(12 * 9, 48, generator=generator) * 0.1
    around = torch.nn.functional.pad(latents, (1, 1, 1, 1), mode="replicate")
    kernel = weight.T.reshape(48, 12, 3, 3)
    patches = torch.nn.functional.conv2d(around, kernel) + 0.5
    small = torch.nn.functional.pixel_shuffle(patches, PREVIEW_SIZE // 16)
    fitted = codec.fit_preview(latents, small.repeat_interleave(2, -1).repeat_interleave(2, -2))
    assert fitted["window"] == 3
    assert torch.allclose(torch.tensor(fitted["weight"]), weight, atol=1e-4)
    assert torch.allclose(torch.tensor(fitted["bias"]), torch.full((48,), 0.5), atol=1e-4)


def test_psnr_of_a_known_error():
    black = torch.zeros(2, 3, 8, 8)
    assert codec.psnr(black, black + 0.1) == pytest.approx(20.0, abs=1e-4)
