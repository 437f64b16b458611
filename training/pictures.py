"""What the autoencoder learns from: scenes, and masks and sketches seen as pictures."""

from pathlib import Path

import torch
from torch import Tensor

from training.world import Pictures, draw, mask_to_rgb

CHUNK = 50


def mask_picture(pictures: Pictures) -> Tensor:
    """The segmentation masks as colour pictures [n, 3, h, w] in [0, 1]."""
    return mask_to_rgb(pictures.mask)


def sketch_picture(pictures: Pictures) -> Tensor:
    """The sketches as black lines on white paper, [n, 3, h, w] in [0, 1]."""
    return (1 - pictures.sketch).expand(-1, 3, -1, -1)


def depth_picture(pictures: Pictures) -> Tensor:
    """How near every pixel is, from black for endlessly far to white, [n, 3, h, w] in [0, 1]."""
    return pictures.depth.expand(-1, 3, -1, -1)


def to_bytes(pictures: Tensor) -> Tensor:
    """Round pictures in [0, 1] to 8 bits."""
    return (pictures * 255).round().clamp(0, 255).to(torch.uint8)


def pool(
    count: int, part: int, parts: int, folder: Path | None = None, *, conditions: bool = True
) -> Tensor:
    """Render one process's share of the autoencoder's draw: [n, 3, 128, 128], uint8.

    Args:
        count: pictures of this share.
        part: number of the process.
        parts: processes that share the draw.
        folder: keeps the share, so that it is rendered only once.
        conditions: show one scene in five as its mask and one as its sketch, because the experts'
            conditions go through the same encoder. The decoder alone needs scenes only.
    """
    kind = "all" if conditions else "scenes"
    stored = None if folder is None else folder / f"pool-{kind}-{part}-of-{parts}-{count}.pt"
    if stored is not None and stored.exists():
        return torch.load(stored, weights_only=True)
    shares: list[Tensor] = []
    for start in range(0, count, CHUNK):
        drawn = draw("autoencoder", (start * parts) + part * CHUNK, min(CHUNK, count - start))
        fifth = max(1, len(drawn.picture) // 5) if conditions else 0
        shares.append(to_bytes(drawn.picture[2 * fifth :]))
        shares.append(to_bytes(mask_picture(drawn)[:fifth]))
        shares.append(to_bytes(sketch_picture(drawn)[fifth : 2 * fifth]))
    result = torch.cat(shares)
    if stored is not None:
        torch.save(result, stored)
    return result


def held_out(count: int, start: int = 0) -> Tensor:
    """Pictures that no training sees: [n, 3, 128, 128] in [0, 1]."""
    return draw("held-out", start, count).picture
