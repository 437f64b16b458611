"""ControlNets of transformers in exported files: as the engine hears them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graph.library import Library
from graph.plan import Plan
from tests.graph.adapters import making
from tests.graph.adapters.workflows import compiled, stored
from tests.graph.experts import folders
from tests.graph.export.exported import agree

pytestmark = pytest.mark.filterwarnings(
    "ignore:`FluxPosEmbed` is deprecated:FutureWarning:diffusers"
)
SAMPLER = {"steps": 4, "count": 2, "method": {"name": "euler"}}
SHOWN = {"photo": making.picture()}


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
FLUX = {
    "both kinds": {"num_layers": 2, "num_single_layers": 3, "guidance_embeds": True},
    "one kind": {"num_layers": 2, "num_single_layers": 0},
    "XLabs": {
        "num_layers": 2,
        "conditioning_embedding_channels": 4,
        "num_single_layers": 0,
        "patch_size": 2,
    },
}
TRANSFORMERS = {
    **{
        name: (partial(folders.stable_diffusion_3, layers=4), making.sd3_controlnet, changes)
        for name, changes in SD3.items()
    },
    **{
        name: (partial(folders.flux, layers=(3, 4), guidance=False), making.flux_controlnet, more)
        for name, more in FLUX.items()
    },
}
"""ControlNets of transformers: of which base, and how they were taught."""


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_controlnets_of_transformers(tmp_path: Path, name: str) -> None:
    base, net, taught = TRANSFORMERS[name]
    library = Library(tmp_path / "models", tmp_path / "assets")
    base(library.folder / "base")
    net(library.folder / "net", library.folder / "base", **taught)
    told = {"net": {"model": "net", **SHOWN, "reliability": 0.7}}
    text = agree(library, tmp_path / "out", plan_of(library, told))
    assert "    net_shown = net.encode(" in text
    assert "        with net.heard([net_shown], 0.7):\n" in text
    assert "def louder(" not in text


@pytest.mark.parametrize(
    ("base", "net", "one", "two"),
    [
        (
            partial(folders.stable_diffusion_3, layers=4),
            making.sd3_controlnet,
            {"num_layers": 3},
            {},
        ),
        (
            partial(folders.flux, layers=(3, 4)),
            making.flux_controlnet,
            {"num_layers": 2, "num_single_layers": 3, "guidance_embeds": False},
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
    sampler = {**SAMPLER, "count": 1}
    agree(
        library, tmp_path / "out", plan_of(library, told, sampler=sampler, beside=nodes, more=more)
    )
