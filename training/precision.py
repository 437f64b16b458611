"""Precision: training multiplies in bfloat16 where the device has instructions for it."""

from __future__ import annotations

import torch

NATIVE = ("avx512_bf16", "amx_bf16", "bf16")
"""What processors that multiply bfloat16 tell of themselves."""


def halved(device: str, *, wanted: bool = True) -> torch.autocast:
    """Autocast to bfloat16 on a kind of device, such as cuda, if it is wanted and of use.

    A processor without instructions for it emulates it: there a decoded picture took 70 times as
    long as in float32, which is kept.
    """
    useful = device != "cpu" or any(torch.cpu.get_capabilities().get(each) for each in NATIVE)
    return torch.autocast(device, torch.bfloat16, enabled=wanted and useful)
