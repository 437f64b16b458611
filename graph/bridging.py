"""Bridging: what an expert of another latent space changes, brought home through pictures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from graph.scores import Bank, Bridged


def away(bridge: Bridged, anchor: Estimate, noise: Tensor, level: NoiseLevel) -> Tensor:
    """The state abroad at the level of the one at home: alpha·T(D_A) + sigma·noise.

    D_A is the anchor's estimate, T decodes it and encodes the picture abroad.
    """
    clean = crossed(anchor.denoised, bridge.home, bridge.abroad)
    return level.alpha * clean + level.sigma * noise


def remainder(x: Tensor, foreign: Estimate, level: NoiseLevel) -> Tensor:
    """What the foreign estimate takes for noise in its state: (x − alpha·D_B)/sigma."""
    return (x - level.alpha * foreign.denoised) / level.sigma


def back(bridge: Bridged, anchor: Estimate, foreign: Estimate) -> Estimate:
    """What the foreign condition changes, at home: (B + S(D_B) − S(N_B), B), with S as T reversed.

    N_B is the foreign score without its condition; where it knows none, z = T(D_A), and what comes
    home is what the foreign expert makes of the anchor's picture. B is the anchor's null, or D_A
    where it has none. The round trip's loss is on both sides of the difference: a condition that
    changes nothing abroad changes nothing at home, bit for bit
    (docs/decisions/0020-bridges-bring-the-condition-home.md).
    """
    base = unmoved(anchor).denoised
    there, here = bridge.abroad, bridge.home
    null = foreign.null
    if null is None or null is foreign.denoised:  # whose only answer is that to no condition
        null = crossed(anchor.denoised, here, there)
    both = crossed(torch.cat([foreign.denoised, null]), there, here).to(base)
    heard, unheard = both.chunk(2)
    return Estimate(base + (heard - unheard), base)


def unmoved(anchor: Estimate) -> Estimate:
    """What a bridge says that brings nothing: its background as estimate and null."""
    base = anchor.denoised if anchor.null is None else anchor.null
    return Estimate(base, base)


def crossed(clean: Tensor, here: Bank, there: Bank) -> Tensor:
    """Clean states [n, *d] of one space as those of the other, by way of pictures."""
    pictures = clean if here.codec is None else here.codec.pixels(clean)
    if there.canvas is not None and here.canvas != there.canvas:
        size = there.canvas[::-1]
        pictures = F.interpolate(
            pictures, size, mode="bilinear", antialias=True, align_corners=False
        )
    return pictures.to(clean) if there.codec is None else there.codec.latents(pictures).to(clean)
