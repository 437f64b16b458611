"""What every exported file says at its top; the values here are those of tests alone."""

from __future__ import annotations

from pathlib import Path

import torch

MODELS = Path("assets/models")
DEVICE = "cpu"
PRECISION = torch.float32
