"""LoRA's kin in exported files: DoRA, LoHa, LoKr and full differences as the engine hears them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from graph.events import Performance
from graph.library import Library
from graph.runtime import Runtime
from tests.graph.adapters.test_lora_runs import drawn
from tests.graph.experts import folders, loras, lycoris, onefiles
from tests.graph.experts.alone import CPU
from tests.graph.export.exported import agree

SAMPLER = {"steps": 3, "count": 1, "method": {"name": "euler"}}
KINDS = ("rows", "columns", "loha", "lokr", "whole", "core")
pytestmark = pytest.mark.filterwarnings(
    "ignore:Already found a .peft_config. attribute:UserWarning:peft"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A base, and a file of every kind."""
    models = tmp_path_factory.mktemp("library") / "models"
    base = folders.stable_diffusion(models / "base")
    onefiles.onefile(models / "one.safetensors", base)
    pipeline = StableDiffusionPipeline.from_pretrained(base)
    networks = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    place = models / "loras"
    loras.peft(place / "rows.safetensors", networks, 1, dora=True, wanted=loras.everything)
    loras.kohya(place / "columns.safetensors", networks, 2, axis=1, wanted=loras.everything)
    lycoris.differences(place / "whole.safetensors", networks, 3)
    lycoris.file_of(place / "loha.safetensors", base, "loha with cores", 4)
    lycoris.file_of(place / "lokr.safetensors", base, "lokr with cores", 5)
    loras.kohya(place / "ink.safetensors", networks, 6)
    generator, key = torch.Generator().manual_seed(7), "lora_unet_conv_in"
    shapes = {"down": (2, 4, 1, 1), "mid": (2, 2, 3, 3), "up": (8, 2, 1, 1)}
    core = {
        f"{key}.lora_{role}.weight": torch.randn(shape, generator=generator)
        for role, shape in shapes.items()
    }
    save_file({**core, f"{key}.alpha": torch.tensor(1.0)}, place / "core.safetensors")
    return Library(models, models.parent / "assets")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(library: Library, tmp_path: Path, kind: str) -> None:
    found = drawn(library, {kind: {"reliability": 0.7}}, sampler=SAMPLER)
    assert found.plan is not None, found.diagnostics
    text = agree(library, tmp_path, found.plan)
    assert f'{kind} = Changes("loras/{kind}.safetensors", HERE / "exported-{kind}.json"' in text
    assert "class Lora" not in text


def test_kinds_beside_each_other_in_their_order(library: Library, tmp_path: Path) -> None:
    """A DoRA finds what was before it; a fader moves, and another expert hears the first alone."""
    told: dict[str, Any] = {kind: {"reliability": 0.6} for kind in ("ink", "rows", "lokr")}
    told["columns"] = {"reliability": -0.5}
    order = ("ink", "rows", "lokr", "columns")
    found = drawn(library, told, {"one": order, "two": ("rows",)}, SAMPLER)
    assert found.plan is not None, found.diagnostics
    text = agree(library, tmp_path, found.plan, Performance(((1, "rows.reliability", -0.3),)))
    assert "class Lora" in text
    assert "class Changes" in text


@pytest.mark.parametrize("kind", ["rows", "columns"])
def test_a_sweep_of_one(library: Library, tmp_path: Path, kind: str) -> None:
    """Every sample has lengths of its own, and one at zero is the base."""
    place = library.folder / "loras"
    stored = load_file(place / f"{kind}.safetensors")
    of_unet = {key: each for key, each in stored.items() if "unet" in key}
    save_file(of_unet, place / f"unet-{kind}.safetensors")
    found = drawn(
        library,
        {f"unet-{kind}": {}},
        sampler=SAMPLER,
        more=(f"amount.reliability > unet-{kind}.reliability",),
        nodes={"amount": ("sweep", {"start": 0.0, "stop": 1.0, "count": 3})},
    )
    assert found.plan is not None, found.diagnostics
    agree(library, tmp_path, found.plan)


@pytest.mark.parametrize("kind", ["columns", "loha"])
def test_one_of_a_checkpoint_of_one_file(library: Library, tmp_path: Path, kind: str) -> None:
    found = drawn(library, {kind: {}}, sampler=SAMPLER, model="one.safetensors")
    assert found.plan is not None, found.diagnostics
    agree(library, tmp_path, found.plan)


def test_layers_of_flux_that_were_one(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    folders.flux(library.folder / "base")
    _, base = Runtime(library, CPU).expert("base")
    networks = {"transformer": base.networks()["transformer"]}
    file = loras.bfl(library.folder / "loras" / "ink.safetensors", networks, 1, "dotted")
    stored = load_file(file)
    generator = torch.Generator().manual_seed(2)
    for key, up in [*stored.items()]:
        if key.endswith("lora_up.weight"):
            lengths = 0.5 + torch.rand(len(up), 1, generator=generator)
            stored[key.replace("lora_up.weight", "dora_scale")] = lengths
    key = "diffusion_model.double_blocks.0.img_attn.qkv"
    stored = {name: each for name, each in stored.items() if not name.startswith(f"{key}.")}
    factors = {"lokr_w1": (6, 4), "lokr_w2": (8, 4)}
    for role, size in factors.items():
        stored[f"{key}.{role}"] = torch.randn(size, generator=generator) * 0.3
    save_file(stored, file)
    found = drawn(library, {"ink": {"reliability": 0.6}}, sampler={**SAMPLER, "steps": 2})
    assert found.plan is not None, found.diagnostics
    agree(library, tmp_path / "out", found.plan)
    layers = json.loads((tmp_path / "out" / "exported-ink.json").read_text())["transformer"]
    assert layers["transformer_blocks.0.attn.to_k"]["rows"] == [[16, 32]]
    assert layers["norm_out.linear"]["rows"] == [[16, 32], [0, 16]]
    assert layers["norm_out.linear"]["axis"] == 0
