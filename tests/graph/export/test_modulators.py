"""Modulators in exported files: as the engine rewrites estimates from maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graph import modulators
from graph.events import Performance
from graph.export.parts import members
from graph.folders import network_hash
from graph.interfaces import Modulator
from graph.library import Library
from graph.plan import Plan
from graph.registry import choices
from tests.graph.adapters.making import picture
from tests.graph.adapters.workflows import stored
from tests.graph.documents import Nodes
from tests.graph.experts import folders
from tests.graph.export.exported import agree, planned
from tests.graph.modules import write_modulator

COLOURS = {"sky": (116, 176, 224), "sea": (20, 40, 120), "sand": (230, 200, 120)}
PALETTE = [{"name": name, "colour": list(colour)} for name, colour in COLOURS.items()]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A class expert and one that knows no condition, and modulators of their space."""
    models = tmp_path_factory.mktemp("library") / "models"
    folders.dit(models / "scene", card={"condition": "class", "labels": ["night", "day"]})
    folders.dit(models / "none", card={"condition": "none"}, prediction_type="sample")
    library = Library(models, models.parent / "assets")
    base = library.model("none")
    told: dict[str, Any] = {
        "base": base.name,
        "base_hash": network_hash(base.folder),
        "space_id": base.space.id,
        "shape": base.space.shape,
        "factor": 8,
    }
    write_modulator(models / "both", **told)
    write_modulator(models / "named", seed=2, palette=PALETTE, **told)
    write_modulator(models / "near", seed=3, kinds=("depth", "sketch"), **told)
    return library


def painted() -> Image.Image:
    """Sky over sea that mix between, where less and less is told; larger than the canvas."""
    found = Image.new("RGB", (66, 50), COLOURS["sky"])
    found.paste(COLOURS["sea"], (0, 30, 66, 50))
    mixed = found.resize((33, 25), Image.Resampling.BOX).resize((66, 50), Image.Resampling.BILINEAR)
    mixed.putalpha(Image.linear_gradient("L").resize((66, 50)))
    return mixed


def plan_of(library: Library, *models: str, maps: tuple[str, ...], **more: Any) -> Plan:
    """Two experts, the first under modulators, one around the other, each told these maps."""
    nodes: Nodes = {
        "label": ("label", {"name": "night"}),
        "anything": ("unconditional_expert", {"model": "none"}),
        "scene": ("class_expert", {"model": "scene", "guidance": 2.0}),
        "mask": ("mask", {"picture": stored(library, painted())}),
        "sketch": ("sketch", {"picture": stored(library, picture().convert("L"))}),
        "depth": ("depth", {"picture": stored(library, Image.linear_gradient("L"))}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 4, "count": 2, **more.pop("sampler", {})}),
        "picture": ("picture", {}),
        **more.pop("nodes", {}),
    }
    wires, last = list(more.pop("wires", ())), more.pop("of", "anything")
    for number, model in enumerate(models):
        nodes[f"bend{number}"] = ("modulator", {"model": model, **more})
        wires += [f"{last}.score > bend{number}.score"]
        wires += [f"{kind}.{kind} > bend{number}.{kind}" for kind in maps]
        last = f"bend{number}"
    wires += [
        "label.class > scene.class",
        "scene.score > fuse.scores",
        f"{last}.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
    ]
    return planned(library, nodes, wires)


def test_every_modulator_has_a_piece() -> None:
    assert set(members("modulators")) == set(choices(modulators, Modulator))


@pytest.mark.parametrize(
    ("model", "maps", "reads"),
    [
        ("both", ("mask", "sketch"), ("colours_of_mask(", "ink_of_sketch(")),
        ("both", ("sketch",), ("no_map(12, 4, 4)", "ink_of_sketch(")),
        ("named", ("mask",), ("shares_of_classes(", "no_map(64, 4, 4)")),
        ("near", ("depth", "sketch"), ("nearness_of_depth(", "ink_of_sketch(")),
    ],
)
def test_every_map(
    library: Library, tmp_path: Path, model: str, maps: tuple[str, ...], reads: tuple[str, ...]
) -> None:
    text = agree(library, tmp_path, plan_of(library, model, maps=maps))
    assert all(each in text for each in reads)
    assert f"anything_modulated = none_null + {model}(x, none_null, level, maps)\n" in text
    assert "return product([scene, anything_modulated], [2.0, 1.0], background)" in text


def test_several_with_faders_that_move(library: Library, tmp_path: Path) -> None:
    plan = plan_of(library, "both", "named", maps=("mask",), to_noise=0.3, reliability=0.5)
    moves = Performance(((1, "bend0.muted", True), (2, "bend0.muted", False)))
    text = agree(library, tmp_path, plan, moves)
    assert "        if bend0_weight:\n            anything_modulated = none_null + " in text
    assert "for steps in (range(0, 1), range(1, 2), range(2, 4)):" in text


def test_one_around_a_fusion_with_a_sweep_and_a_map(library: Library, tmp_path: Path) -> None:
    nodes: Nodes = {
        "amount": ("sweep", {"start": 0.0, "stop": 1.5, "count": 2}),
        "left": ("map", {"picture": stored(library, Image.linear_gradient("L"))}),
        "inner": ("fuse", {"rule": {"name": "mean"}}),
    }
    wires = (
        "scene.score > inner.scores",
        "anything.score > inner.scores",
        "amount.reliability > bend0.reliability",
        "left.reliability > bend0.reliability",
    )
    more = {"of": "inner", "sampler": {"count": 1, "method": {"name": "heun"}}}
    agree(
        library,
        tmp_path,
        plan_of(library, "both", maps=("mask",), nodes=nodes, wires=wires, **more),
    )


def test_one_that_is_never_heard_is_not_in_the_file(library: Library, tmp_path: Path) -> None:
    text = agree(library, tmp_path, plan_of(library, "both", maps=("mask",), muted=True))
    assert "Modulator" not in text


@pytest.mark.parametrize(
    ("model", "maps"), [("named", ("mask", "sketch")), ("near", ("depth",)), ("both", ("mask",))]
)
def test_every_window_of_a_panorama_is_told_its_part(
    library: Library, tmp_path: Path, model: str, maps: tuple[str, ...]
) -> None:
    text = agree(library, tmp_path, plan_of(library, model, maps=maps, sampler={"wide": 3}))
    assert f"bend0_{maps[0]}[window]" in text
    assert len(list(tmp_path.glob(f"exported-bend0-{maps[0]}-*"))) == 5
