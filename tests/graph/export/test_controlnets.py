"""ControlNets of transformers in exported files: as the engine hears them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from graph.export.script import export
from graph.folders import UNSAID_SIZES
from graph.library import Library
from graph.plan import Plan
from tests.graph.adapters import making
from tests.graph.adapters.test_controlnet_files import NAMED, shared
from tests.graph.adapters.workflows import compiled, stored
from tests.graph.experts import folders
from tests.graph.export.exported import agree, opened

pytestmark = pytest.mark.filterwarnings(
    "ignore:`FluxPosEmbed` is deprecated:FutureWarning:diffusers"
)
SAMPLER = {"steps": 4, "count": 2, "method": {"name": "euler"}}
SHOWN = {"photo": making.picture()}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flux without a size of its own paints this small here, not as large as the real one."""
    monkeypatch.setitem(UNSAID_SIZES, "FluxPipeline", 8)


def plan_of(library: Library, told: dict[str, Any], **more: Any) -> Plan:
    found = compiled(library, told, **{"sampler": SAMPLER, **more})
    assert found.plan is not None, found.diagnostics
    return found.plan


SD3 = {
    "by InstantX": {},
    "of three blocks": {"num_layers": 3, "force_zeros_for_pooled_projection": False},
    "of 8 billion": {
        "force_zeros_for_pooled_projection": False,
        "joint_attention_dim": None,
        "use_pos_embed": False,
    },
}
XLABS = {
    "num_layers": 2,
    "conditioning_embedding_channels": 4,
    "num_single_layers": 0,
    "patch_size": 2,
}
WIDE = partial(folders.stable_diffusion_3, layers=4)
SMALL = partial(folders.flux, layers=(3, 2), guidance=False)


@pytest.mark.parametrize(
    ("base", "net", "taught"),
    [
        *((WIDE, making.sd3_controlnet, each) for each in SD3.values()),
        (SMALL, making.flux_controlnet, XLABS),
        (partial(folders.flux, layers=(1, 2)), making.flux_controlnet, {"guidance_embeds": False}),
    ],
    ids=[*SD3, "XLabs", "told no guidance"],
)
def test_controlnets_of_transformers(tmp_path: Path, base: Any, net: Any, taught: Any) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    base(library.folder / "base")
    net(library.folder / "net", library.folder / "base", **taught)
    told = {"net": {"model": "net", **SHOWN, "reliability": 0.7}}
    text = agree(library, tmp_path / "out", plan_of(library, told))
    assert "    net_shown = net.encode(" in text
    assert "        with net.heard([net_shown], 0.7):\n" in text
    assert "def louder(" not in text
    half = opened(export(plan_of(library, told), library, title="Half"), tmp_path / "half")
    whole = half["sample"]()
    half["PRECISION"] = torch.bfloat16
    assert 0 < (half["sample"]() - whole).abs().mean() < 0.2 * whole.abs().mean()


@pytest.mark.parametrize("form", NAMED)
def test_a_controlnet_of_one_file(tmp_path: Path, form: str) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    shared(library, "nets/depth.safetensors", form)
    told = {"net": {"model": "nets/depth.safetensors", **SHOWN, "reliability": 0.7}}
    text = agree(library, tmp_path / "out", plan_of(library, told))
    assert 'depth = ControlNetFile("nets/depth.safetensors", (4, 4, 8, 8), ' in text
    assert "        with depth.heard([net_shown], 0.7):\n" in text


@pytest.mark.parametrize(
    ("base", "net", "one", "two"),
    [
        (WIDE, making.sd3_controlnet, {"num_layers": 3}, {}),
        (
            SMALL,
            making.flux_controlnet,
            {"num_layers": 2, "num_single_layers": 1, "guidance_embeds": True},
            {"num_layers": 1, "num_single_layers": 0},
        ),
    ],
)
def test_several_controlnets_of_a_transformer_by_a_sweep_a_map_and_a_range(
    tmp_path: Path, base: Any, net: Any, one: Any, two: Any
) -> None:
    """Whatever the number of their blocks, and whichever is heard first."""
    library = Library(tmp_path / "models", tmp_path / "assets")
    base(library.folder / "base")
    net(library.folder / "one", library.folder / "base", **one)
    net(library.folder / "two", library.folder / "base", seed=5, **two)
    nodes: Any = {
        "amount": ("sweep", {"start": 0.0, "stop": 1.5, "count": 2}),
        "left": ("map", {"picture": stored(library, Image.linear_gradient("L")), "white": 1.5}),
    }
    told = {
        "one": {"model": "one", **SHOWN, "in_null": False},
        "two": {"model": "two", "photo": making.picture(2)},
        "three": {"model": "two", "photo": making.picture(3), "from_noise": 0.8},
    }
    more = ["amount.reliability > one.reliability", "left.reliability > one.reliability"]
    more += ["left.reliability > two.reliability"]
    swept = {**SAMPLER, "count": 1}
    agree(library, tmp_path / "out", plan_of(library, told, sampler=swept, beside=nodes, more=more))


@pytest.mark.parametrize("sampler", [{"width": 64, "height": 96}, {"wide": 2}])
@pytest.mark.parametrize(
    ("base", "net"), [(WIDE, making.sd3_controlnet), (SMALL, making.flux_controlnet)]
)
def test_a_controlnet_sees_the_picture_that_is_painted(
    tmp_path: Path, base: Any, net: Any, sampler: Any
) -> None:
    """At another size, and window by window of a panorama."""
    library = Library(tmp_path / "models", tmp_path / "assets")
    base(library.folder / "base")
    net(library.folder / "net", library.folder / "base")
    nodes: Any = {"left": ("map", {"picture": stored(library, Image.linear_gradient("L"))})}
    told = {"net": {"model": "net", "photo": making.picture().resize((128, 64))}}
    more = ["left.reliability > net.reliability"]
    plan = plan_of(library, told, sampler={**SAMPLER, **sampler}, beside=nodes, more=more)
    agree(library, tmp_path / "out", plan)
