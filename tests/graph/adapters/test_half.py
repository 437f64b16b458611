"""Adapters in half precision: what they tell is near what they tell in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graph.checkpoints import load_adapter, load_expert
from graph.interfaces import Heard
from graph.levels import NoiseLevel
from graph.library import Library
from graph.machine import Machine
from tests.graph.adapters import making
from tests.graph.experts import folders

pytestmark = pytest.mark.filterwarnings(
    "ignore:`FluxPosEmbed` is deprecated:FutureWarning:diffusers"
)
SD, SD3 = folders.stable_diffusion, folders.stable_diffusion_3
# the scale of distilled guidance is itself rounded, so a network without it is asked
FLUX = partial(folders.flux, guidance=False)
NETS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "ControlNet": (SD, making.controlnet),
    "T2I-Adapter": (SD, lambda folder, _: making.t2i_adapter(folder)),
    "IP-Adapter": (SD, making.ip_adapter),
    "of a full face": (SD, partial(making.ip_adapter, kind="full")),
    "Plus": (SD, partial(making.ip_adapter, kind="plus")),
    "of SD 3": (SD3, making.sd3_controlnet),
    "of Flux": (FLUX, making.flux_controlnet),
}
FULL = torch.float32
LEVEL = NoiseLevel.from_noise(0.5)


@pytest.mark.parametrize("net", NETS)
def test_an_adapter_tells_in_half_what_it_tells_in_full(tmp_path: Path, net: str) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    base, make = NETS[net]
    base(library.folder / "base")
    make(library.folder / "net", library.folder / "base")
    generator = torch.Generator().manual_seed(6)
    side = folders.SIDE
    x = torch.randn(1, library.model("base").space.shape[0], side, side, generator=generator)
    places = torch.rand(1, 1, side, side, generator=generator)

    def answer(precision: torch.dtype, *, told: bool = True) -> Tensor:
        machine = Machine(torch.device("cpu"), precision)
        who: Any = load_expert("base", library, machine)
        adapter = load_adapter(library.companion("net"), machine)
        shown = adapter.encode(making.picture(), (8 * side, 8 * side), who.codec)
        heard = (Heard(adapter, [shown], places),) if told else ()
        with torch.inference_mode():
            return who.denoise(x, LEVEL, [who.encode("a red boat")], heard)

    exact = answer(FULL)
    change = (exact - answer(FULL, told=False)).abs().mean()
    for half, most in ((torch.bfloat16, 0.1 * exact.abs().mean()), (torch.float16, 0.2 * change)):
        rough = answer(half)
        assert rough.dtype == FULL
        assert 1e-6 < (rough - exact).abs().mean() < most
