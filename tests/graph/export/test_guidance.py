"""Guidance by models in exported files: as the engine bends estimates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graph import guidance, likelihoods
from graph.events import Performance
from graph.export.parts import members
from graph.export.script import export
from graph.folders import network_hash
from graph.interfaces import GuidanceMethod, Likelihood
from graph.library import Library
from graph.plan import Plan
from graph.registry import choices
from tests.graph.adapters.making import picture
from tests.graph.adapters.workflows import stored
from tests.graph.classifiers import teach, write_classifier
from tests.graph.documents import Nodes
from tests.graph.experts import folders
from tests.graph.export.exported import agree, planned
from tests.graph.modules import write_modulator

LABELS = ["sea at night", "sea by day", "meadow by day"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A class expert and one of pixels, and models of every kind that look at pictures."""
    models = tmp_path_factory.mktemp("library") / "models"
    folders.dit(models / "scene", card={"condition": "class", "labels": LABELS})
    folders.pixels(models / "pixels", side=32)
    for kind in ("resnet", "vit", "segformer", "dpt", "depth_anything", "glpn"):
        write_classifier(models / kind, kind)
    library = Library(models, models.parent / "assets")
    base = library.model("scene")
    for name in ("knowing", "taught"):
        teach(
            write_classifier(models / name),
            sees="state" if name == "knowing" else "estimate",
            base=base.name,
            base_hash=network_hash(base.folder),
            space_id=base.space.id,
        )
    write_modulator(
        models / "maps",
        base=base.name,
        base_hash=network_hash(base.folder),
        space_id=base.space.id,
        shape=base.space.shape,
        factor=8,
    )
    return library


def plan_of(library: Library, *guides: dict[str, Any], **more: Any) -> Plan:
    """A class expert under guidances, one around the other."""
    colours = Image.new("RGB", (40, 40), (200, 30, 30))
    colours.paste((30, 200, 30), (0, 0, 40, 25))
    nodes: Nodes = {
        "label": ("label", {"name": LABELS[0]}),
        "scene": ("class_expert", {"model": "scene", "guidance": 2.0}),
        "pixels": ("unconditional_expert", {"model": "pixels"}),
        "class": ("label", {"name": LABELS[2]}),
        "mask": ("mask", {"picture": stored(library, colours)}),
        "depth": ("depth", {"picture": stored(library, Image.linear_gradient("L"))}),
        "sketch": ("sketch", {"picture": stored(library, picture().convert("L"))}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 4, "count": 2, **more.pop("sampler", {})}),
        "picture": ("picture", {}),
        **more.pop("nodes", {}),
    }
    wires, last = list(more.pop("wires", ())), more.pop("of", "scene")
    for number, settings in enumerate(guides):
        told = {"scale": 1.5, **settings}
        name, asks = f"guide{number}", told.pop("asks", "class")
        kind = "modulator" if asks == "sketch" else "guidance"
        if kind == "modulator":
            del told["scale"]
        nodes[name] = (kind, told)
        wires += [f"{last}.score > {name}.score", f"{asks}.{asks} > {name}.{asks}"]
        last = name
    wires += [
        "label.class > scene.class",
        f"{last}.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
    ]
    return planned(library, nodes, wires)


def test_every_likelihood_has_a_piece() -> None:
    assert set(members("likelihoods")) == set(choices(likelihoods, Likelihood))


@pytest.mark.parametrize("name", sorted(choices(guidance, GuidanceMethod)))
def test_every_method(library: Library, tmp_path: Path, name: str) -> None:
    guide = {"model": "resnet", "method": {"name": name}}
    text = agree(library, tmp_path, plan_of(library, guide))
    through = choices(guidance, GuidanceMethod)[name].through
    assert ("@torch.enable_grad()\n    def denoise(" in text) == through
    assert "    guide0_target = Classifier(resnet, scene_codec, 2)  # meadow by day\n" in text
    assert f"scene_guided = scene + 1.5 * {name}(" in text


@pytest.mark.parametrize(
    "method",
    [
        {"name": "dps", "scaled": False},
        {"name": "freedom", "rho": 0.4},
        {"name": "universal", "steps": 1, "rate": 1.5},
        {"name": "tfg", "rho": 0.5, "mu": 1.0, "steps": 1, "smoothing": 0.0, "draws": 1},
        {"name": "tfg", "smoothing": 0.5, "draws": 3},
    ],
)
def test_settings_that_are_not_the_default(
    library: Library, tmp_path: Path, method: dict[str, Any]
) -> None:
    schedule = {"schedule": {"name": "discrete", "zero_snr": True}, "method": {"name": "euler"}}
    agree(library, tmp_path, plan_of(library, {"model": "vit", "method": method}, sampler=schedule))


@pytest.mark.parametrize(
    ("model", "asks"),
    [("segformer", "mask"), ("dpt", "depth"), ("depth_anything", "depth"), ("glpn", "depth")],
)
@pytest.mark.parametrize("method", ["estimate", "freedom"])
def test_every_model(library: Library, tmp_path: Path, model: str, asks: str, method: str) -> None:
    guide = {"model": model, "asks": asks, "method": {"name": method}, "scale": 0.5}
    agree(library, tmp_path, plan_of(library, guide))


@pytest.mark.parametrize(("model", "method"), [("knowing", "state"), ("taught", "freedom")])
def test_a_model_that_was_taught_noise(
    library: Library, tmp_path: Path, model: str, method: str
) -> None:
    text = agree(library, tmp_path, plan_of(library, {"model": model, "method": {"name": method}}))
    assert f'{model} = OnlookerInNoise("{model}", ' in text


def test_states_of_pixels(library: Library, tmp_path: Path) -> None:
    guide = {"model": "resnet", "method": {"name": "freedom"}}
    text = agree(library, tmp_path, plan_of(library, guide, of="pixels"))
    assert "pixels_codec = Pixels()" in text


@pytest.mark.parametrize(
    ("model", "asks", "method"),
    [
        ("resnet", "class", "freedom"),
        ("vit", "class", "tfg"),
        ("segformer", "mask", "dps"),
        ("dpt", "depth", "estimate"),
    ],
)
def test_states_of_a_formula(
    library: Library, tmp_path: Path, model: str, asks: str, method: str
) -> None:
    nodes: Nodes = {"grey": ("gaussian_expert", {"shape": [3, 32, 32]})}
    guide = {"model": model, "asks": asks, "method": {"name": method}}
    text = agree(library, tmp_path, plan_of(library, guide, nodes=nodes, of="grey"))
    assert "formula_codec = Pixels()" in text


def test_several_see_what_is_without_any_of_them(library: Library, tmp_path: Path) -> None:
    """And what a modulator between them makes of it, as long as it is heard."""
    guides = (
        {"model": "resnet", "method": {"name": "freedom"}},
        {"model": "vit", "method": {"name": "estimate"}},
        {"model": "maps", "asks": "sketch", "to_noise": 0.6},
        {"model": "resnet", "method": {"name": "dps"}, "scale": -1.0},
    )
    text = agree(library, tmp_path / "two", plan_of(library, *guides[:2]))
    assert "scene_guided_2 = scene_guided + 1.5 * estimate(level, scene, guide1_target)" in text
    text = agree(library, tmp_path / "four", plan_of(library, *guides))
    assert "(scene_modulated if guide2_weight else scene)" in text


def test_faders_that_move_and_a_sweep(library: Library, tmp_path: Path) -> None:
    guides = (
        {"model": "resnet", "method": {"name": "tfg"}, "from_noise": 0.8},
        {"model": "vit", "method": {"name": "dps"}},
    )
    nodes: Nodes = {"amount": ("sweep", {"start": 0.0, "stop": 1.5, "count": 2})}
    wires = ("amount.reliability > guide1.reliability",)
    plan = plan_of(library, *guides, nodes=nodes, wires=wires, sampler={"count": 1})
    moves = ((1, "guide1.solo", True), (2, "guide1.solo", False), (2, "guide1.scale", 3.0))
    text = agree(library, tmp_path / "moves", plan, Performance(moves))
    assert "        if guide0_weight:\n" in text
    silent = Performance(((1, "scene.muted", True), (2, "scene.muted", False)))
    plan = plan_of(library, {**guides[0], "from_noise": 1.0})
    text = agree(library, tmp_path / "silent", plan, silent)
    assert "        if guide0_asked:\n" in text


@pytest.mark.parametrize(
    ("rule", "form"),
    [
        ({"name": "superdiff_or", "sharpness": 10.0, "guidance": 10.0}, None),
        ({"name": "superdiff_and"}, None),
        ({"name": "product"}, "apg"),
    ],
)
def test_one_around_a_fusion(
    library: Library, tmp_path: Path, rule: dict[str, Any], form: str | None
) -> None:
    """Whose weights and memories carry no gradient."""
    nodes: Nodes = {
        "day": ("label", {"name": LABELS[1]}),
        "other": ("class_expert", {"model": "scene", "guidance": 1.5}),
        "inner": ("fuse", {"rule": rule}),
    }
    wires, of = ["day.class > other.class", "scene.score > inner.scores"], "inner"
    wires.append("other.score > inner.scores")
    if form:
        nodes["formed"] = ("guidance_form", {"form": {"name": form}})
        wires.append("inner.score > formed.score")
        of = "formed"
    sampler = {"method": {"name": "euler_maruyama"}, "steps": 6}
    guide = {"model": "resnet", "method": {"name": "dps"}, "scale": 50.0}
    plan = plan_of(library, guide, nodes=nodes, wires=wires, of=of, sampler=sampler)
    agree(library, tmp_path, plan)


def test_one_that_is_never_heard_is_not_in_the_file(library: Library, tmp_path: Path) -> None:
    text = agree(library, tmp_path, plan_of(library, {"model": "resnet", "muted": True}))
    assert not any(word in text for word in ("Onlooker", "enable_grad", "codec"))


def test_one_that_draws_in_two_places_draws_once(library: Library, tmp_path: Path) -> None:
    nodes: Nodes = {"again": ("fuse", {"rule": {"name": "mean"}})}
    wires = ("guide0.score > again.scores", "again.score > fuse.scores")
    guide = {"model": "resnet", "method": {"name": "tfg"}}
    plan = plan_of(library, guide, nodes=nodes, wires=wires)
    text = agree(library, tmp_path, plan)
    assert text.count("guide0_draw,") == 1


def test_a_background_that_draws_does_so_where_its_expert_is_muted(
    library: Library, tmp_path: Path
) -> None:
    wires = ("guide0.score > fuse.background",)
    plan = plan_of(library, {"model": "resnet", "method": {"name": "tfg"}}, wires=wires)
    silent = (1, "scene.muted", True), (2, "guide0.muted", True), (3, "guide0.muted", False)
    text = agree(library, tmp_path, plan, Performance(silent))
    assert "        if guide0_weight:\n" in text


@pytest.mark.parametrize(
    ("model", "asks", "method"),
    [
        ("resnet", "class", "dps"),
        ("segformer", "mask", "freedom"),
        ("dpt", "depth", "estimate"),
    ],
)
def test_every_window_of_a_panorama_is_guided_by_its_part(
    library: Library, tmp_path: Path, model: str, asks: str, method: str
) -> None:
    nodes: Nodes = {"left": ("map", {"picture": stored(library, Image.linear_gradient("L"))})}
    guide = {"model": model, "asks": asks, "method": {"name": method}}
    wires = ("left.reliability > guide0.reliability",)
    plan = plan_of(library, guide, nodes=nodes, wires=wires, sampler={"wide": 2})
    text = agree(library, tmp_path, plan)
    whole = model == "resnet"  # it looks at no picture of the person's
    assert ("guide0_target[window]" in text) == (not whole)


def test_one_that_draws_gives_every_window_its_part(library: Library, tmp_path: Path) -> None:
    """Several draws at a look, at looks of which some are silent."""
    guide = {"model": "resnet", "method": {"name": "tfg", "draws": 3, "smoothing": 0.8}}
    plan = plan_of(library, {**guide, "from_noise": 0.9}, sampler={"wide": 2})
    text = agree(library, tmp_path, plan)
    assert "guide0_draw = DrawnByWindows(" in text
    assert "guide0_draw.of(window)" in text
    still = {**guide, "method": {"name": "dps"}}
    text = export(plan_of(library, still, sampler={"wide": 2}), library, title="Still").text
    assert "DrawnByWindows" not in text
