"""Small pictures inside what a training tells."""

from __future__ import annotations

import base64
import io

from PIL import Image

SIDE = 96


def small(picture: Image.Image) -> str:
    """A picture of at most SIDE pixels a side as a data URL."""
    shown = picture.convert("RGB")
    shown.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    shown.save(stream, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
