"""The machine: where networks run and in which precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch


@dataclass(frozen=True, slots=True)
class Machine:
    """Where networks run and in which precision; the state itself stays in float32."""

    device: torch.device
    precision: torch.dtype

    @classmethod
    def best(cls) -> Machine:
        """CUDA in bfloat16 (float16 on older cards), MPS in float16, else the CPU in float32."""
        if torch.cuda.is_available():
            half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
            return cls(torch.device("cuda"), half)
        if torch.backends.mps.is_available():
            return cls(torch.device("mps"), torch.float16)
        return cls(torch.device("cpu"), torch.float32)

    def usual_memory(self) -> int | None:
        """Bytes that networks may take where nothing else is said; None where there is no bound.

        Of a CUDA device four fifths: a step needs room beside the weights.
        """
        if self.device.type != "cuda":
            return None
        found = cast("Any", torch.cuda).get_device_properties(self.device)
        return int(found.total_memory) * 4 // 5
