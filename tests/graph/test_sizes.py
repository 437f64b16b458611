"""The size of a picture: what is refused while the workflow is checked, and what is painted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image

from graph.compile import Compiled, compile_workflow
from graph.ensemble import assemble
from graph.errors import Diagnostic
from graph.events import Progress
from graph.library import Library
from graph.pictures import squeezed
from graph.runtime import Runtime
from graph.scores import Bridged, Guided, Merge, Voice, bare
from nodes import catalogue
from tests.graph.classifiers import write_classifier
from tests.graph.documents import TEXT_AND_CLASS, Nodes, changed, document
from tests.graph.experts import folders, loras
from tests.graph.experts.alone import CPU, expert
from tests.graph.fakes import playground, write_json
from tests.graph.test_modulated_runs import result, train

OWN, OTHER = (32, 32), (56, 40)
"""Width and height: the experts' own, and what is asked for."""


def size(width: int, height: int) -> dict[str, int]:
    return {"width": width, "height": height}


@pytest.fixture
def fakes(tmp_path: Path) -> Library:
    """The Playground, 128 pixels a side, whose text expert has patches of two places."""
    library = playground(tmp_path)
    config = tmp_path / "models" / "playground" / "text" / "transformer" / "config.json"
    write_json(config, {"sample_size": 16, "in_channels": 12, "patch_size": 2})
    return library


def alone(library: Library, **sampler: Any) -> Compiled:
    """The text expert alone."""
    nodes: Nodes = {
        name: node
        for name, node in changed(sampler=sampler).items()
        if name not in ("scene", "class_expert")
    }
    wires = (
        "text.text > text_expert.text",
        "text_expert.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
    )
    return compile_workflow(document(nodes, wires), catalogue(), library)


def refused(found: Compiled) -> list[Diagnostic]:
    assert found.plan is None
    return [each for each in found.diagnostics if each.severity == "error"]


def test_a_plan_says_the_size_only_where_it_is_asked_for(fakes: Library) -> None:
    plain, other = alone(fakes).plan, alone(fakes, **size(192, 0)).plan
    assert plain is not None
    for same in (size(128, 0), size(0, 128), size(128, 128)):
        assert alone(fakes, **same).plan == plain
    noise = next(each for each in plain.operations if each.op == "noise")
    assert "size" not in dict(noise.settings)
    assert other is not None
    noise = next(each for each in other.operations if each.op == "noise")
    assert (noise["size"], noise["shape"]) == ((192, 128), (12, 16, 24))
    keys = {each.key for each in (plain, other, alone(fakes, **size(0, 192)).plan) if each}
    assert len(keys) == 3


def test_an_expert_that_paints_at_its_own_size_alone_is_named(fakes: Library) -> None:
    nodes = changed(TEXT_AND_CLASS, sampler=size(192, 128))
    found = refused(compile_workflow(document(nodes), catalogue(), fakes))
    assert [(each.code, each.node) for each in found] == [("C008", "class_expert")]
    assert found[0].message == (
        "'Class expert' paints at its own size alone, 128×128 pixels; the sampler asks for "
        "192×128 pixels."
    )
    nodes = changed(TEXT_AND_CLASS, sampler=size(128, 128))
    assert compile_workflow(document(nodes), catalogue(), fakes).plan is not None


@pytest.mark.parametrize("kind", ["gaussian_expert", "plane_expert"])
def test_a_formula_has_the_size_that_it_has(kind: str, fakes: Library) -> None:
    nodes: Nodes = {
        "formula": (kind, {}),
        "sampler": ("sampler", {"height": 200}),
        "picture": ("picture", {}),
    }
    wires = ("formula.score > picture.score", "sampler.sampling > picture.sampling")
    found = refused(compile_workflow(document(nodes, wires), catalogue(), fakes))
    assert [(each.code, each.node) for each in found] == [("C008", "formula")]


def test_sides_that_cannot_be_divided_are_told_the_nearest_that_can(fakes: Library) -> None:
    (found,) = refused(alone(fakes, **size(200, 137)))
    assert (found.code, found.node) == ("S019", "picture")
    assert "'Picture' is to have 200×137 pixels; 'Text expert' paints" in found.message
    assert "multiples of 16" in found.message
    assert found.hint == "The nearest that fits is 192×144."


def test_a_size_too_small_or_too_large_is_refused(fakes: Library) -> None:
    (found,) = refused(alone(fakes, **size(128, 16)))
    assert (found.code, found.node) == ("S020", "text_expert")
    assert "taught 128×128" in found.message
    assert found.hint == "Ask for 32×32 or more."
    assert [each.code for each in refused(alone(fakes, **size(8192, 8192)))] == ["R009"]


@pytest.mark.parametrize("patch", [[[1]], {}, 0, "2", 1.5, True])
def test_a_patch_that_is_no_count_is_refused(fakes: Library, patch: Any) -> None:
    config = fakes.folder / "playground" / "text" / "transformer" / "config.json"
    write_json(config, {"sample_size": 16, "in_channels": 12, "patch_size": patch})
    found = refused(alone(Library(fakes.folder, fakes.folder), **size(192, 128)))
    assert [each.code for each in found] == ["M012"]
    assert "says patch_size" in found[0].message


def test_a_network_with_a_table_of_places_says_how_many(tmp_path: Path) -> None:
    folders.stable_diffusion_3(tmp_path / "models" / "playground" / "text")
    library = Library(tmp_path / "models", tmp_path / "assets")
    assert alone(library, **size(128, 16)).plan is not None
    (found,) = refused(alone(library, **size(144, 32)))
    assert (found.code, found.hint) == ("S020", "Ask for no side over 128.")


def test_notes_on_pictures_speak_of_the_size_that_is_painted(library: Library) -> None:
    def notes(**sampler: Any) -> list[str]:
        nodes: Nodes = {
            "photo": ("photo", {"picture": stored(library, Image.new("RGB", OTHER, "red"))}),
            "edit": ("edit_expert", {"model": "edit"}),
            "sampler": ("sampler", sampler),
            "picture": ("picture", {}),
        }
        wires = (
            "photo.photo > edit.photo",
            "edit.score > picture.score",
            "sampler.sampling > picture.sampling",
        )
        found = compile_workflow(document(nodes, wires), catalogue(), library)
        assert found.plan is not None
        return [each.message for each in found.diagnostics if each.code == "A010"]

    assert "resized to 32×32" in notes()[0]
    assert notes(**size(*OTHER)) == []


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Experts of a sentence of two latent spaces, one that edits, a LoRA, and a segmenter."""
    models = tmp_path_factory.mktemp("sizes") / "models"
    folders.stable_diffusion(models / "base")
    folders.stable_diffusion(models / "foreign", seed=4)
    torch.manual_seed(5)
    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(4, 4, 8),
        norm_num_groups=2,
        latent_channels=folders.CHANNELS,
    ).save_pretrained(models / "foreign" / "vae")
    folders.instruct_pix2pix(models / "edit")
    folders.stable_diffusion_xl(models / "xl")
    pipeline: Any = StableDiffusionPipeline.from_pretrained(models / "base")
    networks = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    loras.kohya(models / "ink.safetensors", networks, 1)
    write_classifier(models / "looking", "segformer")
    return Library(models, models.parent / "assets")


def stored(library: Library, picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "png")
    return library.assets.put(file.getvalue())


def workflow(library: Library, nodes: Nodes, *wires: str, **sampler: Any) -> Compiled:
    """One sentence for the expert `a`, and what is wired beside it."""
    every: Nodes = {
        "text": ("text", {"text": "a red boat"}),
        "a": ("text_expert", {"model": "base"}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 2, "seed": 3, **sampler}),
        "picture": ("picture", {}),
        **nodes,
    }
    drawn = (
        "text.text > a.text",
        "a.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
        *wires,
    )
    return compile_workflow(document(every, drawn), catalogue(), library)


def plan_of(found: Compiled) -> Any:
    assert found.plan is not None, found.diagnostics
    return found.plan


def test_two_tracks_of_one_network_have_sizes_of_their_own(library: Library) -> None:
    nodes: Nodes = {
        "own": ("sampler", {"steps": 2, "seed": 3}),
        "small": ("picture", {}),
    }
    wires = "fuse.score > small.score", "own.sampling > small.sampling"
    plan = plan_of(workflow(library, nodes, *wires, **size(*OTHER)))
    runtime = Runtime(library, CPU)
    events = list(runtime.run(plan, previews=float("inf")))
    ended = {each.track: each.pictures[0].size for each in events if hasattr(each, "pictures")}
    assert ended == {"picture": OTHER, "small": OWN}
    shown = {
        (each.track, each.preview[0].size)
        for each in events
        if isinstance(each, Progress) and each.preview
    }
    assert shown == {("picture", OTHER), ("small", OWN)}
    one, other = (voice(each.score) for each in assemble(plan, runtime).tracks)
    assert one.expert is not other.expert
    assert vars(one.expert)["_unet"] is vars(other.expert)["_unet"]
    assert {one.expert.canvas, other.expert.canvas} == {OWN, OTHER}


def voice(score: Any) -> Voice:
    found = bare(score)
    while isinstance(found, Merge):
        found = bare(found.inputs[0])
    assert isinstance(found, Voice)
    return found


def test_meters_and_maps_lie_over_what_is_painted(library: Library) -> None:
    white = Image.new("L", OTHER, 255)
    white.paste(0, (0, 0, 24, 40))  # three of seven places
    nodes: Nodes = {
        "b": ("text_expert", {"model": "base", "guidance": -2.0}),
        "map": ("map", {"picture": stored(library, white)}),
    }
    wires = "text.text > b.text", "b.score > fuse.scores", "map.reliability > b.reliability"
    ended = result(
        Runtime(library, CPU).run(plan_of(workflow(library, nodes, *wires, **size(*OTHER))))
    )
    assert ended.meters is not None
    part = ended.meters.map["b"][0]
    assert part.shape == (5, 7)
    assert (part[:, :3] == 0).all()
    assert (part[:, 3:] > 0).all()


def test_windows_of_a_panorama_have_the_size_that_is_asked_for(library: Library) -> None:
    plan = plan_of(workflow(library, {}, wide=2, **size(*OTHER)))
    (track,) = assemble(plan, Runtime(library, CPU)).tracks
    assert track.windows is not None
    assert (track.windows.width, track.shape) == (7, (folders.CHANNELS, 5, 14))
    assert result(Runtime(library, CPU).run(plan)).pictures[0].size == (112, 40)


def test_an_expert_with_a_lora_paints_at_other_sizes_too(library: Library) -> None:
    nodes: Nodes = {"ink": ("lora", {"model": "ink.safetensors", "reliability": 0.0})}

    def painted(reliability: float) -> np.ndarray:
        loud = changed(nodes, ink={"reliability": reliability})
        plan = plan_of(workflow(library, loud, "ink.adapter > a.adapters", **size(*OTHER)))
        (track,) = assemble(plan, runtime).tracks
        assert voice(track.score).expert.canvas == OTHER
        return np.asarray(result(runtime.run(plan)).pictures[0])

    runtime = Runtime(library, CPU)
    plain = result(runtime.run(plan_of(workflow(library, {}, **size(*OTHER)))))
    silent, heard = painted(0.0), painted(1.0)
    assert silent.shape == (40, 56, 3)
    assert np.array_equal(silent, np.asarray(plain.pictures[0]))
    assert not np.array_equal(silent, heard)


def bridged(library: Library, model: str, **sampler: Any) -> Compiled:
    nodes: Nodes = {
        "b": ("text_expert", {"model": model}),
        "bridge": ("bridge", {}),
    }
    wires = (
        "text.text > b.text",
        "a.score > bridge.anchor",
        "b.score > bridge.score",
        "bridge.score > fuse.scores",
    )
    return workflow(library, nodes, *wires, **sampler)


def test_beyond_a_bridge_pictures_have_as_many_pixels(library: Library) -> None:
    plan = plan_of(bridged(library, "foreign", **size(*OTHER)))
    (track,) = assemble(plan, Runtime(library, CPU)).tracks
    assert isinstance(track.score, Merge)
    across = track.score.inputs[1]
    assert isinstance(across, Bridged)
    assert across.shape == (folders.CHANNELS, 10, 14)  # of four pixels, not eight
    assert (across.home.canvas, across.abroad.canvas) == (OTHER, OTHER)
    ended = result(Runtime(library, CPU).run(plan))
    assert ended.pictures[0].size == OTHER
    assert ended.meters is not None
    assert ended.meters.share["b"] > 0.0


def test_a_bridge_to_an_expert_of_one_size_is_refused(tmp_path: Path) -> None:
    folders.stable_diffusion(tmp_path / "models" / "base")
    folders.pixels(tmp_path / "models" / "pixels", side=48)
    library = Library(tmp_path / "models", tmp_path / "assets")
    nodes: Nodes = {
        "b": ("unconditional_expert", {"model": "pixels"}),
        "bridge": ("bridge", {}),
    }
    wires = (
        "a.score > bridge.anchor",
        "b.score > bridge.score",
        "bridge.score > fuse.scores",
    )
    found = refused(workflow(library, nodes, *wires, **size(*OTHER)))
    assert [(each.code, each.node) for each in found] == [("C008", "b")]
    plan = plan_of(workflow(library, nodes, *wires, **size(48, 48)))
    assert result(Runtime(library, CPU).run(plan)).pictures[0].size == (48, 48)


def test_experts_of_other_proportions_meet_at_a_size_that_both_paint(library: Library) -> None:
    found = refused(bridged(library, "xl"))
    assert [each.code for each in found] == ["F014"]
    plan = plan_of(bridged(library, "xl", **size(*OTHER)))
    assert result(Runtime(library, CPU).run(plan)).pictures[0].size == OTHER


@pytest.mark.parametrize("asked", [OTHER, OWN])
def test_experts_of_one_autoencoder_meet_at_a_size_that_both_paint(
    library: Library, asked: tuple[int, int]
) -> None:
    nodes: Nodes = {"b": ("text_expert", {"model": "xl"})}
    wires = ("text.text > b.text", "b.score > fuse.scores")
    (found,) = refused(workflow(library, nodes, *wires))
    assert (found.code, found.hint) == (
        "F002",
        "Let the sampler's width and height be a size that both can paint.",
    )
    assert [each.code for each in refused(workflow(library, nodes, *wires, height=40))] == ["F002"]
    plan = plan_of(workflow(library, nodes, *wires, **size(*asked)))
    (track,) = assemble(plan, Runtime(library, CPU)).tracks
    assert isinstance(track.score, Merge)
    assert {bare(each).expert.canvas for each in track.score.inputs} == {asked}
    ended = result(Runtime(library, CPU).run(plan))
    assert ended.pictures[0].size == asked
    assert ended.meters is not None
    assert ended.meters.share["b"] > 0.0


def test_a_modulator_bends_at_the_size_that_it_was_trained_for(tmp_path: Path) -> None:
    card = {"condition": "class", "labels": ["sea by day"]}
    folders.dit(tmp_path / "models" / "playground" / "class", card=card)
    folders.pixart(tmp_path / "models" / "text")
    library = Library(tmp_path / "models", tmp_path / "assets")
    train(library, 1)
    mask = stored(library, Image.new("RGB", OWN, "red"))
    nodes: Nodes = {
        "a": ("text_expert", {"model": "text"}),
        "mask": ("mask", {"picture": mask}),
        "bend": ("modulator", {"model": "playground/modulator-maps"}),
        "fuse": ("fuse", {}),
    }
    wires = "mask.mask > bend.mask", "a.score > bend.score", "bend.score > fuse.scores"
    found = refused(workflow(library, nodes, *wires, **size(48, 32)))
    assert [(each.code, each.node) for each in found] == [("C008", "bend")]


def test_what_guides_is_shown_its_target_as_it_sees_the_picture(library: Library) -> None:
    """A mask of 2:1 in three stripes, for a picture of 7:5: of its sides a part is cut off."""
    palette = library.companion("looking").card.palette  # type: ignore[union-attr]
    stripes = Image.new("RGB", (800, 400), palette[0].colour)
    stripes.paste(palette[1].colour, (200, 0, 600, 400))
    nodes: Nodes = {
        "mask": ("mask", {"picture": stored(library, stripes)}),
        "guide": ("guidance", {"model": "looking", "method": {"name": "freedom"}}),
        "last": ("picture", {}),
    }
    wires = "mask.mask > guide.mask", "fuse.score > guide.score", "guide.score > last.score"
    shared = "sampler.sampling > last.sampling"
    plan = plan_of(workflow(library, nodes, *wires, shared, **size(*OTHER)))
    tracks = assemble(plan, Runtime(library, CPU)).tracks
    (score,) = (each.score for each in tracks if isinstance(each.score, Guided))
    (target,) = score.target.values
    assert tuple(target.shape) == (32, 32)
    middle = (target == 1).float().mean().item()
    assert middle == pytest.approx(400 / 560, abs=0.03)


def test_a_picture_is_squeezed_as_a_whole_of_its_form() -> None:
    ramp = np.repeat(np.arange(120, dtype=np.uint8)[None], 40, 0)
    found = np.asarray(squeezed(Image.fromarray(ramp), (60, 40), (30, 40)))
    assert found.shape == (40, 30)
    assert (found[0] >= 30).all()
    assert (found[0] < 90).all()
    assert set(np.diff(found[0].astype(int)).tolist()) == {2}
    deep = Image.fromarray(ramp.astype(np.uint16) * 500)
    assert np.asarray(squeezed(deep, (60, 40), (60, 40))).max() == 89 * 500


def test_pictures_beside_the_state_are_as_large_as_it(tmp_path: Path) -> None:
    card = {"condition": "text+mask+sketch", "palette": [{"name": "a", "colour": [9, 9, 9]}]}
    own = expert(folders.pixart(tmp_path / "text", pictures=2, card=card))
    who = own.resized((48, 32)).without((0,))
    told = who.encode({"text": "a boat", "mask": Image.new("RGB", (48, 32), "white")})
    assert told.pictures.shape == (2 * folders.CHANNELS, 4, 6)
    assert own.encode({}).pictures.shape == (2 * folders.CHANNELS, 4, 4)
    assert own.canvas == OWN
