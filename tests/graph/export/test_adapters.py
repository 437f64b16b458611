"""Adapters and LoRAs in exported files: as the engine hears them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image

from graph import adapters
from graph.compile import Compiled
from graph.errors import ChoraleError
from graph.events import Performance
from graph.export import choosing
from graph.export.parts import members, piece
from graph.export.script import export
from graph.interfaces import Adapter
from graph.library import Library
from graph.plan import Plan
from graph.registry import choices
from graph.runtime import Runtime
from studio.piece import ROOT
from tests.graph.adapters import making
from tests.graph.adapters.test_lora_runs import drawn
from tests.graph.adapters.workflows import compiled, stored
from tests.graph.documents import Nodes
from tests.graph.experts import folders, loras, onefiles
from tests.graph.experts.alone import CPU, expert
from tests.graph.export.exported import agree, opened, planned

SAMPLER = {"steps": 4, "count": 2, "method": {"name": "euler"}}
IP_ADAPTERS = ("likeness", "plus", "face")
SHOWN = {"photo": making.picture()}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A base with adapters of every kind, and LoRAs as tools write them."""
    models = tmp_path_factory.mktemp("library") / "models"
    base = folders.stable_diffusion(models / "base")
    making.controlnet(models / "depth", base)
    making.controlnet(models / "lines", base, seed=31)
    making.t2i_adapter(models / "sketches")
    making.t2i_adapter(models / "grey", in_channels=1)
    making.ip_adapter(models / "likeness", base)
    making.ip_adapter(models / "plus", base, "plus")
    making.ip_adapter(models / "face", base, "full")
    pipeline = StableDiffusionPipeline.from_pretrained(base)
    networks = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    loras.kohya(models / "loras" / "ink.safetensors", networks, 1, wanted=loras.everything)
    loras.peft(models / "loras" / "oil.safetensors", networks, 2, alpha=3.0)
    unet = {"unet": pipeline.unet}
    loras.kohya(models / "loras" / "line.safetensors", unet, 3, ldm=True)
    loras.diffusers(models / "loras" / "old.safetensors", networks, 4)
    return Library(models, models.parent / "assets")


def plan_of(library: Library, told: dict[str, Any], **more: Any) -> Plan:
    found = compiled(library, told, more.pop("sampler", SAMPLER), **more)
    assert found.plan is not None, found.diagnostics
    return found.plan


def planned_of(found: Compiled) -> Plan:
    assert found.plan is not None, found.diagnostics
    return found.plan


def test_every_adapter_has_a_piece() -> None:
    heard = {name for each in choices(adapters, Adapter).values() for name in each.networks}
    written = [
        n for each in members("adapters") for n in piece(f"adapters.{each}").value("NETWORKS")
    ]
    assert sorted(written) == sorted(heard)


def test_one_that_cannot_be_written_is_named(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version may hear what no piece is written of."""
    plan = plan_of(library, {"net": {"model": "plus", **SHOWN}})
    monkeypatch.setattr(
        choosing,
        "members",
        lambda family: [each for each in members(family) if not each.endswith("plus")],
    )
    with pytest.raises(
        ChoraleError, match=r"W024 .* uses plus, an adapter of the kind IPAdapterPlus \('net'\)"
    ):
        export(plan, library, title="Plus")


@pytest.mark.parametrize(
    ("make", "parts"),
    [(folders.pixart, ("transformer", "text_encoder")), (folders.sana, ("transformer",))],
)
def test_a_lora_of_another_transformer(tmp_path: Path, make: Any, parts: tuple[str, ...]) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    make(library.folder / "base")
    who: Any = expert(library.folder / "base")
    networks = {part: who.networks()[part] for part in parts}
    loras.peft(
        library.folder / "loras" / "ink.safetensors", networks, 1, wanted=loras.attention_or_t5
    )
    found = drawn(library, {"ink": {"reliability": 0.7}}, sampler=SAMPLER)
    assert found.plan is not None, found.diagnostics
    agree(library, tmp_path / "out", found.plan)


def test_adapters_are_shown_pictures_of_the_size_that_is_painted(
    library: Library, tmp_path: Path
) -> None:
    told = {each: {"model": each, **SHOWN} for each in ("depth", "likeness")}
    sampler = {**SAMPLER, "width": 56, "height": 40}
    agree(library, tmp_path, plan_of(library, told, sampler=sampler))


@pytest.mark.parametrize("name", ["depth", "sketches", "grey", *IP_ADAPTERS])
def test_every_adapter(library: Library, tmp_path: Path, name: str) -> None:
    told = {"net": {"model": name, **SHOWN, "reliability": 0.7}}
    text = agree(library, tmp_path / "both", plan_of(library, told))
    nothing = ", no_picture" if name in IP_ADAPTERS else ""
    assert f"        with {name}.heard([net_shown{nothing}], 0.7):\n" in text
    told["net"]["in_null"] = False
    text = agree(library, tmp_path / "one", plan_of(library, told))
    assert f"        with {name}.heard([net_shown], 0.7):\n" in text
    assert "        base_null, = ask_base(x, level, [no_base])\n" in text


def test_a_file_without_adapters_has_nothing_of_them(library: Library, tmp_path: Path) -> None:
    text = agree(library, tmp_path, plan_of(library, {}))
    assert not any(word in text for word in ("heard", "hook", "light", "PARTS"))


@pytest.mark.parametrize(
    ("family", "net"),
    [
        (folders.stable_diffusion_xl, making.controlnet),
        (folders.stable_diffusion_xl, making.t2i_adapter_xl),
        (folders.stable_diffusion_xl, making.ip_adapter),
        (folders.latent_consistency, making.controlnet),
        (folders.latent_consistency, making.ip_adapter),
    ],
)
def test_every_family_hears_them(tmp_path: Path, family: Any, net: Any) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    base = family(library.folder / "base")
    if family is folders.latent_consistency:
        base = folders.stable_diffusion(tmp_path / "undistilled")
    net(library.folder / "net", base)
    told = {"net": {"model": "net", **SHOWN, "reliability": 0.7}}
    agree(library, tmp_path / "out", plan_of(library, told))


def test_several_are_heard_at_once_and_move(library: Library, tmp_path: Path) -> None:
    told = {
        "one": {"model": "depth", **SHOWN, "reliability": 0.7, "to_noise": 0.6},
        "two": {"model": "lines", "photo": making.picture(2), "in_null": False},
        "three": {"model": "sketches", **SHOWN},
        "four": {"model": "likeness", **SHOWN, "from_noise": 0.8},
    }
    plan = plan_of(library, told)
    text = agree(library, tmp_path / "ranges", plan)
    assert "        with (\n" in text
    assert "one_weight, four_weight = WEIGHTS[step]\n" in text
    moves = Performance(
        ((1, "two.solo", True), (2, "two.reliability", 0.3), (3, "two.solo", False))
    )
    text = agree(library, tmp_path / "moves", plan, moves)
    assert "for steps in (range(0, 1), range(1, " in text


def test_two_experts_of_one_base_hear_each_its_own(library: Library, tmp_path: Path) -> None:
    told = {
        "one": {"model": "depth", **SHOWN, "in_null": False},
        "two": {"model": "depth", "photo": making.picture(2), "reliability": 1.5},
        "three": {"model": "likeness", **SHOWN},
    }
    heard = {"left": ("one", "three"), "right": ("two",)}
    agree(library, tmp_path / "loud", plan_of(library, told, experts=heard))
    told["two"]["reliability"] = 0.0
    text = agree(library, tmp_path / "silent", plan_of(library, told, experts=heard))
    assert "two_shown" not in text


def test_sweeps_and_maps_say_how_loudly_and_where(library: Library, tmp_path: Path) -> None:
    nodes: Any = {
        "amount": ("sweep", {"start": 0.0, "stop": 1.5, "count": 3}),
        "left": ("map", {"picture": stored(library, Image.linear_gradient("L")), "white": 1.5}),
    }
    for name in ("depth", "likeness"):
        told = {"net": {"model": name, **SHOWN}}
        more = ["amount.reliability > net.reliability", "left.reliability > net.reliability"]
        sampler = {**SAMPLER, "count": 1}
        plan = plan_of(library, told, sampler=sampler, beside=nodes, more=more)
        text = agree(library, tmp_path / name, plan)
        assert ", 1.0 * amount * left)" in text or ", 1.0 * left * amount)" in text


def test_a_sketch_is_shown_as_chalk(library: Library, tmp_path: Path) -> None:
    beside: Any = {"drawing": ("sketch", {"picture": stored(library, Image.new("RGB", (40, 30)))})}
    told = {"net": {"model": "lines"}}
    plan = plan_of(library, told, beside=beside, more=["drawing.sketch > net.sketch"])
    agree(library, tmp_path, plan)
    with Image.open(tmp_path / "exported-net-shown.png") as shown:
        assert shown.size == (8 * folders.SIDE, 8 * folders.SIDE)
        assert shown.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("name", ["ink", "oil", "line", "old"])
def test_a_lora_of_every_tool(library: Library, tmp_path: Path, name: str) -> None:
    found = drawn(library, {name: {"reliability": 0.8}}, sampler=SAMPLER)
    assert found.plan is not None, found.diagnostics
    text = agree(library, tmp_path, found.plan)
    assert f"        with {name}.heard(0.8):\n            expert, base_null = ask_base(" in text
    reads = f"    with {name}.heard(0.8):\n        sentence = ask_base.encode("
    assert (reads in text) == (name != "line")
    assert (
        f'{name} = Lora("loras/{name}.safetensors", HERE / "exported-{name}.json", ask_base)'
        in text
    )


def test_loras_of_two_experts_a_sweep_and_a_fader_that_moves(
    library: Library, tmp_path: Path
) -> None:
    told = {"ink": {"reliability": 0.8}, "oil": {"from_noise": 0.8}, "line": {}}
    nodes: Any = {"amount": ("sweep", {"start": 0.5, "stop": 1.0, "count": 2})}
    found = drawn(
        library,
        told,
        {"one": ("ink", "oil", "line"), "two": ("ink",), "three": ()},
        {**SAMPLER, "count": 1},
        ("amount.reliability > line.reliability",),
        nodes,
    )
    assert found.plan is not None, found.diagnostics
    moves = Performance(((2, "ink.reliability", -0.5),))
    text = agree(library, tmp_path, found.plan, moves)
    assert "    with ink.heard(0.8), oil.heard(1.0):\n" in text


def test_a_lora_beside_adapters(library: Library, tmp_path: Path) -> None:
    photo = stored(library, making.picture())
    more = ("photo.photo > net.photo", "photo.photo > ip.photo")
    found = drawn(
        library,
        {"ink": {"reliability": 0.8}},
        sampler=SAMPLER,
        more=(*more, "net.adapter > expert.adapters", "ip.adapter > expert.adapters"),
        nodes={
            "photo": ("photo", {"picture": photo}),
            "net": ("adapter", {"model": "depth"}),
            "ip": ("adapter", {"model": "likeness", "reliability": 0.5}),
        },
    )
    assert found.plan is not None, found.diagnostics
    agree(library, tmp_path, found.plan)
    half = opened(export(found.plan, library, title="Half"), tmp_path / "half")
    whole = half["sample"]()
    half["PRECISION"] = torch.bfloat16
    assert 0 < (half["sample"]() - whole).abs().mean() < 0.2 * whole.abs().mean()


def test_the_example_of_the_docs_is_what_is_exported(library: Library, tmp_path: Path) -> None:
    photo = stored(library, making.picture())
    found = drawn(
        library,
        {"ink": {"to_noise": 0.6}},
        {"text_expert": ("net", "ink")},
        SAMPLER,
        ("photo.photo > net.photo",),
        {
            "photo": ("photo", {"picture": photo}),
            "net": ("adapter", {"model": "depth", "reliability": 0.7}),
        },
    )
    assert found.plan is not None, found.diagnostics
    text = agree(library, tmp_path, found.plan)
    page = (ROOT / "docs" / "export.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n( +with .+?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block in text


FAMILIES = {
    "stable_diffusion_xl": folders.stable_diffusion_xl,
    "stable_diffusion_3": folders.stable_diffusion_3,
    "latent_consistency": folders.latent_consistency,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_loras_of_every_family(tmp_path: Path, name: str) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    FAMILIES[name](library.folder / "base")
    _, base = Runtime(library, CPU).expert("base")
    wanted = loras.attention_or_t5
    loras.peft(library.folder / "loras" / "ink.safetensors", base.networks(), 1, wanted=wanted)
    found = drawn(library, {"ink": {"reliability": 0.8}}, sampler=SAMPLER)
    assert found.plan is not None, found.diagnostics
    agree(library, tmp_path / "out", found.plan)


def test_loras_of_flux_with_names_of_diffusers_and_of_the_original(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    folders.flux(library.folder / "base")
    _, base = Runtime(library, CPU).expert("base")
    loras.peft(library.folder / "loras" / "oil.safetensors", base.networks(), 2)
    networks = {part: base.networks()[part] for part in ("transformer", "text_encoder")}
    loras.bfl(library.folder / "loras" / "ink.safetensors", networks, 1)
    once = {**SAMPLER, "steps": 2, "count": 1}
    found = drawn(library, {"ink": {"reliability": 0.8}, "oil": {}}, sampler=once)
    assert found.plan is not None, found.diagnostics
    agree(library, tmp_path / "out", found.plan)
    layers = json.loads((tmp_path / "out" / "exported-ink.json").read_text())["transformer"]
    assert layers["single_transformer_blocks.0.proj_mlp"][3:] == [[48, 112]]
    assert layers["norm_out.linear"][3:] == [[16, 32], [0, 16]]
    assert len(layers["single_transformer_blocks.0.proj_out"]) == 3


def test_sweeps_of_loras_read_the_sentence_anew_in_every_sample(
    library: Library, tmp_path: Path
) -> None:
    """Beside one that stays, and a null that is read by the same; in a panorama it is read once."""
    nodes: Any = {
        "amount": ("sweep", {"start": 0.0, "stop": 1.0, "count": 2}),
        "other": ("sweep", {"start": 0.5, "stop": -0.5, "count": 2}),
    }
    more = ["amount.reliability > ink.reliability", "other.reliability > oil.reliability"]
    told: Any = {"ink": {"reliability": 0.9}, "oil": {}, "old": {"reliability": 0.4}, "line": {}}
    sampler = {**SAMPLER, "count": 1}
    found = drawn(library, told, sampler=sampler, more=more[:1], nodes=nodes)
    text = agree(library, tmp_path / "one", planned_of(found))
    assert "    for ink_loud in [0.0, 0.9]:\n        with ink.heard(ink_loud), oil.heard" in text
    found = drawn(library, told, sampler=sampler, more=more, nodes=nodes)
    text = agree(library, tmp_path / "two", planned_of(found))
    assert "    for ink_loud, oil_loud in [(0.0, 0.5), (0.0, -0.5), (0.9, 0.5)," in text
    wide = drawn(library, told, sampler={**sampler, "wide": 2}, more=more, nodes=nodes)
    text = agree(library, tmp_path / "wide", planned_of(wide))
    assert "_loud" not in text


@pytest.mark.parametrize(
    "make",
    [
        folders.stable_diffusion_xl,
        folders.stable_diffusion_3,
        folders.flux,
        folders.pixart,
        folders.latent_consistency,
    ],
)
def test_a_sweep_is_read_by_every_family(tmp_path: Path, make: Any) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    make(library.folder / "base")
    networks: Any = expert(library.folder / "base").networks()  # type: ignore[attr-defined]
    loras.peft(
        library.folder / "loras" / "ink.safetensors", networks, 1, wanted=loras.attention_or_t5
    )
    nodes: Any = {"amount": ("sweep", {"start": 0.0, "stop": 1.5, "count": 3})}
    wire = ("amount.reliability > ink.reliability",)
    found = drawn(library, {"ink": {}}, sampler={"steps": 2}, more=wire, nodes=nodes)
    assert found.plan is not None, found.diagnostics
    text = agree(library, tmp_path / "out", found.plan)
    assert "for ink_loud in [0.0, 0.75, 1.5]:" in text


def test_every_window_of_a_panorama_is_shown_its_part(library: Library, tmp_path: Path) -> None:
    wide = making.picture().resize((96, 32))
    told = {
        "one": {"model": "depth", "photo": wide, "reliability": 0.7},
        "two": {"model": "likeness", "photo": wide, "in_null": False},
    }
    plan = plan_of(library, told, sampler={**SAMPLER, "wide": 3})
    text = agree(library, tmp_path, plan)
    assert "depth.heard([one_shown[window]], 0.7)" in text
    assert len([*tmp_path.glob("exported-one-shown-*.png")]) == 5


@pytest.mark.parametrize(
    ("family", "ldm"),
    [
        (folders.stable_diffusion, False),
        (folders.stable_diffusion, True),
        (folders.stable_diffusion_xl, True),
    ],
)
def test_a_lora_of_a_checkpoint_of_one_file(tmp_path: Path, family: Any, ldm: bool) -> None:
    """Whatever its layers are called, those that are convolutions too."""
    library = Library(tmp_path / "models", tmp_path / "assets")
    base = family(library.folder / "base")
    _, expert = Runtime(library, CPU).expert("base")
    made: Any = expert
    file = library.folder / "loras" / "ink.safetensors"
    loras.kohya(file, made.networks(), 1, wanted=loras.everything, ldm=ldm)
    onefiles.onefile(library.folder / "one.safetensors", base)
    onefiles.bare(base)
    found = drawn(library, {"ink": {"reliability": 0.8}}, sampler=SAMPLER, model="one.safetensors")
    assert found.plan is not None, found.diagnostics
    agree(library, tmp_path / "out", found.plan)


def test_one_adapter_of_two_bases(library: Library, tmp_path: Path) -> None:
    if not (library.folder / "other").is_dir():
        shutil.copytree(library.folder / "base", library.folder / "other")
        unet = library.folder / "other" / "unet"
        torch.manual_seed(7)
        folders.conditional_unet(**UNet2DConditionModel.load_config(unet)).save_pretrained(unet)
    nodes: Nodes = {
        "text": ("text", {"text": "a red boat"}),
        "photo": ("photo", {"picture": stored(library, making.picture())}),
        "net": ("adapter", {"model": "depth"}),
        "ink": ("lora", {"model": "loras/ink.safetensors"}),
        "one": ("text_expert", {"model": "base"}),
        "two": ("text_expert", {"model": "other"}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", SAMPLER),
        "picture": ("picture", {}),
    }
    wires = [
        f"{each}.adapter > {one}.adapters" for each in ("net", "ink") for one in ("one", "two")
    ]
    wires += ["photo.photo > net.photo", "text.text > one.text", "text.text > two.text"]
    wires += ["one.score > fuse.scores", "two.score > fuse.scores"]
    wires += ["fuse.score > picture.score", "sampler.sampling > picture.sampling"]
    text = agree(library, tmp_path, planned(library, nodes, wires))
    assert "with depth_2.heard([net_shown_2], 1.0), ink_2.heard(1.0):" in text
