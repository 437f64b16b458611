"""What an exported file samples is what the engine samples, for every member of every family."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from graph import forms, fusion, samplers, schedules
from graph.events import Performance
from graph.export.script import export
from graph.interfaces import FusionRule, GuidanceForm, NoiseSchedule, Sampler
from graph.library import Library
from graph.registry import choices
from graph.runtime import Runtime
from tests.graph.documents import Nodes
from tests.graph.experts import folders, onefiles
from tests.graph.experts.alone import CPU
from tests.graph.export.exported import agree, by_engine, opened, planned

PALETTE = [{"name": "sky", "colour": [116, 176, 224]}, {"name": "sea", "colour": [20, 40, 120]}]
DIFFUSING = {"superdiff_and", "superdiff_or"}
WIRES = (
    "text.text > words.text",
    "scene.class > scenery.class",
    "words.score > fuse.scores",
    "scenery.score > fuse.scores",
    "fuse.score > picture.score",
    "sampler.sampling > picture.sampling",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Experts of one latent space: a sentence, a class, a mask, a sketch and nothing."""
    root = tmp_path_factory.mktemp("library")
    models = root / "models" / "tiny"
    folders.pixart(models / "text")
    folders.dit(models / "class")
    folders.dit(models / "mask", pictures=1, card={"condition": "mask", "palette": PALETTE})
    folders.dit(models / "sketch", pictures=1, card={"condition": "sketch"}, beta_schedule="linear")
    folders.dit(models / "none", card={"condition": "none"}, prediction_type="sample")
    return Library(root / "models", root / "assets")


def stored(library: Library, picture: Image.Image) -> str:
    """The name of a picture in the store."""
    file = io.BytesIO()
    picture.save(file, "png")
    return library.assets.put(file.getvalue())


def painted() -> Image.Image:
    """Sky over sea, larger than any canvas here."""
    picture = Image.new("RGB", (70, 50), (116, 176, 224))
    picture.paste((20, 40, 120), (0, 30, 70, 50))
    return picture


def pair(**changes: Any) -> Nodes:
    """A sentence and a class, fused; `changes` are settings by node."""
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "text": ("text", {"text": "A red boat"}),
        "scene": ("label", {"name": "night"}),
        "words": ("text_expert", {"model": "tiny/text", "guidance": 2.0}),
        "scenery": ("class_expert", {"model": "tiny/class", "guidance": 1.5}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"seed": 5, "count": 2, "steps": 5}),
        "picture": ("picture", {}),
    }
    return {
        name: (kind, {**own, **changes.get(name, {})}) for name, (kind, own) in settings.items()
    }


@pytest.mark.parametrize("name", sorted(choices(samplers, Sampler)))
def test_every_sampler(library: Library, tmp_path: Path, name: str) -> None:
    plan = planned(library, pair(sampler={"method": {"name": name}}), WIRES)
    text = agree(library, tmp_path, plan)
    assert "[2.0, 1.5], background)" in text


@pytest.mark.parametrize("name", sorted(choices(schedules, NoiseSchedule)))
def test_every_schedule(library: Library, tmp_path: Path, name: str) -> None:
    agree(library, tmp_path, planned(library, pair(sampler={"schedule": {"name": name}}), WIRES))


@pytest.mark.parametrize("name", sorted(choices(fusion, FusionRule)))
def test_every_rule(library: Library, tmp_path: Path, name: str) -> None:
    method = {"name": "ddim", "eta": 1.0 if name in DIFFUSING else 0.4}
    nodes = pair(fuse={"rule": {"name": name}}, sampler={"method": method})
    agree(library, tmp_path, planned(library, nodes, WIRES))


@pytest.mark.parametrize("name", sorted(choices(forms, GuidanceForm)))
def test_every_form(library: Library, tmp_path: Path, name: str) -> None:
    nodes = {**pair(), "form": ("guidance_form", {"form": {"name": name}, "reliability": 0.7})}
    nodes["sampler"][1]["method"] = {"name": "euler"}
    wires = ("fuse.score > form.score", "form.score > picture.score")
    agree(library, tmp_path, planned(library, nodes, (*WIRES[:4], *wires, WIRES[5])))


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        (samplers, {"name": "ddim", "eta": 0.6}),
        (samplers, {"name": "euler_ancestral", "eta": 0.5}),
        (schedules, {"name": "karras", "rho": 5.0, "ratio_max": 40.0, "ratio_min": 0.01}),
        (schedules, {"name": "log_snr", "log_snr_min": -8.0, "log_snr_max": 6.0}),
        (schedules, {"name": "flow", "shift": 3.0, "ending": "even"}),
        (schedules, {"name": "flow", "shift": 2.0, "trained_times": 500}),
        (schedules, {"name": "discrete", "zero_snr": True}),
        (schedules, {"name": "discrete", "curve": "linear", "spacing": "leading"}),
        (fusion, {"name": "product", "reference": "own"}),
        (fusion, {"name": "switch", "boundaries": [0.7]}),
        (fusion, {"name": "superdiff_or", "sharpness": 0.5, "guidance": 2.0}),
        (forms, {"name": "apg", "eta": 0.3, "threshold": 2.0, "momentum": -0.5}),
        (forms, {"name": "interval", "from_noise": 0.7, "to_noise": 0.4}),
    ],
)
def test_settings_that_are_not_the_default(
    library: Library, tmp_path: Path, family: Any, settings: dict[str, Any]
) -> None:
    nodes, wires = pair(sampler={"method": {"name": "euler"}}), WIRES
    if family is fusion and settings["name"] in DIFFUSING:
        nodes["sampler"][1]["method"] = {"name": "euler_maruyama"}
    if family is forms:
        nodes["form"] = ("guidance_form", {"form": settings})
        wires = (*WIRES[:4], "fuse.score > form.score", "form.score > picture.score", WIRES[5])
    else:
        node, name = {
            samplers: ("sampler", "method"),
            schedules: ("sampler", "schedule"),
            fusion: ("fuse", "rule"),
        }[family]
        nodes[node][1][name] = settings
    agree(library, tmp_path, planned(library, nodes, wires))


def test_a_mask_a_traced_photograph_and_a_background_that_is_wired(
    library: Library, tmp_path: Path
) -> None:
    picture = stored(library, painted())
    nodes: Nodes = {
        "mask": ("mask", {"picture": picture}),
        "photo": ("photo", {"picture": picture}),
        "edges": ("edges", {"detail": 0.9}),
        "places": ("mask_expert", {"model": "tiny/mask", "guidance": 2.5}),
        "lines": ("sketch_expert", {"model": "tiny/sketch", "share": 2.0}),
        "ground": ("unconditional_expert", {"model": "tiny/none"}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 4, "seed": 1}),
        "picture": ("picture", {}),
    }
    wires = (
        "mask.mask > places.mask",
        "photo.photo > edges.photo",
        "edges.sketch > lines.sketch",
        "places.score > fuse.scores",
        "lines.score > fuse.scores",
        "fuse.score > picture.score",
        "sampler.sampling > picture.sampling",
    )
    text = agree(library, tmp_path / "mix", planned(library, nodes, wires))
    assert "mean_of([" in text
    assert sorted(path.name for path in (tmp_path / "mix").iterdir()) == [
        "exported-lines-shown.png",
        "exported-places-shown.png",
        "exported.py",
    ]
    wired = (*wires, "ground.score > fuse.background")
    text = agree(library, tmp_path / "wired", planned(library, nodes, wired))
    assert "mean_of" not in text


def test_fusions_are_fused_and_tracks_are_sampled_apart(library: Library, tmp_path: Path) -> None:
    nodes = {
        **pair(),
        "inner": ("fuse", {"rule": {"name": "mean"}}),
        "form": ("guidance_form", {"form": {"name": "rescale"}}),
        "ground": ("unconditional_expert", {"model": "tiny/none"}),
        "second": ("picture", {}),
    }
    wires = (
        *WIRES[:2],
        "words.score > inner.scores",
        "scenery.score > inner.scores",
        "inner.score > fuse.scores",
        "ground.score > fuse.scores",
        "fuse.score > form.score",
        "form.score > picture.score",
        "inner.score > second.score",
        "sampler.sampling > picture.sampling",
        "sampler.sampling > second.sampling",
    )
    text = agree(library, tmp_path, planned(library, nodes, wires))
    assert "def sample_2()" in text


def test_curves_ranges_and_silence_become_numbers(library: Library, tmp_path: Path) -> None:
    nodes = {
        **pair(words={"from_noise": 0.7}, scenery={"muted": False, "to_noise": 0.3}),
        "rise": ("curve", {"points": [[1.0, 0.2], [0.5, 1.5], [0.0, 1.0]]}),
    }
    wires = (*WIRES, "rise.reliability > words.reliability")
    plan = planned(library, nodes, wires)
    text = agree(library, tmp_path / "curve", plan)
    assert "WEIGHTS = [" in text
    assert "for steps in (range(0, " in text
    nodes["sampler"][1]["method"] = {"name": "heun"}
    agree(library, tmp_path / "heun", planned(library, nodes, wires))
    nodes["words"][1]["muted"] = True
    agree(library, tmp_path / "muted", planned(library, nodes, wires))


def test_a_panorama_is_put_together_of_windows(library: Library, tmp_path: Path) -> None:
    picture = stored(library, painted())
    nodes: Nodes = {
        **pair(sampler={"wide": 3, "count": 1}),
        "mask": ("mask", {"picture": picture}),
        "places": ("mask_expert", {"model": "tiny/mask", "guidance": 2.5, "to_noise": 0.4}),
        "edges": ("edges", {"detail": 0.9}),
        "photo": ("photo", {"picture": picture}),
        "lines": ("sketch_expert", {"model": "tiny/sketch"}),
        "left": ("map", {"picture": stored(library, Image.linear_gradient("L").rotate(90))}),
        "amount": ("sweep", {"start": 0.0, "stop": 1.5, "count": 3}),
        "form": ("guidance_form", {"form": {"name": "apg", "momentum": -0.5, "threshold": 3.0}}),
    }
    wires = (
        *WIRES[:4],
        "mask.mask > places.mask",
        "photo.photo > edges.photo",
        "edges.sketch > lines.sketch",
        "places.score > fuse.scores",
        "lines.score > fuse.scores",
        "amount.reliability > words.reliability",
        "left.reliability > scenery.reliability",
        "fuse.score > form.score",
        "form.score > picture.score",
        WIRES[5],
    )
    text = agree(library, tmp_path / "shown", planned(library, nodes, wires))
    assert "slice(start, start + 4) for start in range(0, 10, 2)]" in text
    assert "left = by_place(" in text
    assert "left[..., windows[window]]" in text
    shown = sorted(path.name for path in (tmp_path / "shown").glob("*places-shown-*.png"))
    assert len(shown) == 5
    nodes["sampler"][1].update(method={"name": "heun"}, corrector={"name": "ula", "rounds": 1})
    agree(library, tmp_path / "corrected", planned(library, nodes, wires))


def test_a_panorama_of_a_changed_photograph(tmp_path: Path) -> None:
    library, nodes, wires = changing(tmp_path, "edit_expert")
    nodes["sampler"][1]["wide"] = 2
    nodes["text"][1]["text"] = "{number} boats"
    plan = planned(library, nodes, [*wires, "change.score > picture.score"])
    text = agree(library, tmp_path / "out", plan)
    assert "photo[window]" in text
    nodes["sampler"][1]["wide"] = 1
    plan = planned(library, nodes, [*wires, "change.score > picture.score"])
    agree(library, tmp_path / "narrow", plan)


def test_a_background_is_a_fusion_itself(library: Library, tmp_path: Path) -> None:
    day = {"model": "tiny/class", "guidance": 0.8, "to_noise": 0.3}
    nodes = {
        **pair(words={"from_noise": 0.8}),
        "by_day": ("label", {"name": "day"}),
        "day": ("class_expert", {**day, "solo": True}),
        "none": ("unconditional_expert", {"model": "tiny/none", "guidance": 0.7}),
        "form": ("guidance_form", {"form": {"name": "rescale"}}),
        "mix": ("fuse", {}),
    }
    wires = (
        *WIRES,
        "by_day.class > day.class",
        "day.score > mix.scores",
        "none.score > mix.scores",
        "mix.score > form.score",
        "form.score > fuse.background",
    )
    plan = planned(library, nodes, wires)
    moves = ((1, "day.solo", False), (3, "none.muted", True), (4, "scenery.solo", True))
    text = agree(library, tmp_path / "apart", plan, Performance(moves))
    assert "mix = product([day, none_null], [day_weight, none_weight], background)" in text
    again = (*wires, "scenery.score > mix.scores")
    agree(library, tmp_path / "shared", planned(library, nodes, again), Performance(moves))


@pytest.mark.parametrize("method", ["euler", "heun", "dpmpp_2m"])
def test_langevin_steps_follow_every_step(library: Library, tmp_path: Path, method: str) -> None:
    corrector = {"name": "ula", "rounds": 2, "size": 0.15}
    nodes = {
        **pair(
            words={"from_noise": 0.7},
            scenery={"to_noise": 0.2},
            sampler={"method": {"name": method}, "corrector": corrector},
        ),
        "rise": ("curve", {"points": [[1.0, 0.2], [0.5, 1.5], [0.0, 1.0]]}),
        "form": ("guidance_form", {"form": {"name": "apg", "momentum": -0.5}}),
    }
    shaped = ("rise.reliability > scenery.reliability", "fuse.score > form.score")
    wires = (*WIRES[:4], *shaped, "form.score > picture.score", WIRES[5])
    plan = planned(library, nodes, wires)
    text = agree(library, tmp_path, plan, Performance(((2, "scenery.reliability", 0.5),)))
    looks = 9 if method == "heun" else 5
    assert f"ula(denoise, x, levels[step + 1], {looks} + step, draw_again, rounds=2" in text


def test_steps_of_langevin_without_a_table(library: Library, tmp_path: Path) -> None:
    nodes = pair(sampler={"corrector": {"name": "ula"}})
    text = agree(library, tmp_path, planned(library, nodes, WIRES))
    assert "ula(denoise, x, levels[step + 1], step, draw_again" in text


@pytest.mark.parametrize("rule", [{"name": "product", "reference": "own"}, {"name": "mean"}])
def test_particles_are_drawn_anew(library: Library, tmp_path: Path, rule: dict[str, Any]) -> None:
    method, corrector = {"name": "euler_maruyama"}, {"name": "fkc", "share": 0.9}
    sampler = {"method": method, "corrector": corrector, "count": 16, "steps": 6}
    ends = {"schedule": {"name": "log_snr", "log_snr_min": -3.0, "log_snr_max": 3.0}}
    nodes = pair(
        fuse={"rule": rule},
        words={"to_noise": 0.2, "guidance": 8.0},
        scenery={"guidance": 6.0},
        sampler={**sampler, **ends},
    )
    plan = planned(library, nodes, WIRES)
    text = agree(library, tmp_path, plan, Performance(((3, "scenery.guidance", 4.5),)))
    assert "x = fkc(x, levels[step + 1], draw_again, seen, particles, share=0.9)" in text
    states = by_engine(plan, library)[0]
    assert len({tuple(state.flatten().tolist()) for state in states}) < 16, "some were replaced"


def test_a_form_that_asks_for_the_step_at_every_look(library: Library, tmp_path: Path) -> None:
    nodes = {**pair(), "form": ("guidance_form", {"form": {"name": "cfg_pp"}})}
    wires = (*WIRES[:4], "fuse.score > form.score", "form.score > picture.score", WIRES[5])
    nodes["sampler"][1].update(method={"name": "ddim"}, corrector={"name": "ula"})
    agree(library, tmp_path, planned(library, nodes, wires))


def test_what_forms_remember_is_void_where_an_expert_joins_within_a_step(
    library: Library, tmp_path: Path
) -> None:
    nodes = {
        **pair(words={"from_noise": 0.7}, sampler={"method": {"name": "heun"}}),
        "form": ("guidance_form", {"form": {"name": "apg", "momentum": -0.5}}),
        "outer": ("guidance_form", {"form": {"name": "apg", "momentum": 0.3}}),
    }
    wires = (*WIRES[:4], "fuse.score > form.score", "form.score > outer.score")
    plan = planned(library, nodes, (*wires, "outer.score > picture.score", WIRES[5]))
    text = agree(library, tmp_path, plan)
    assert "if step in [3]:  # an expert joins or leaves\n            outer_memory.clear()" in text


def test_an_expert_that_is_never_heard_is_not_in_the_file(library: Library, tmp_path: Path) -> None:
    text = agree(library, tmp_path, planned(library, pair(words={"muted": True}), WIRES))
    assert "PixArt" not in text


def test_who_is_not_on_turn_is_not_asked(library: Library, tmp_path: Path) -> None:
    plan = planned(library, pair(fuse={"rule": {"name": "switch"}}), WIRES)
    text = agree(library, tmp_path, plan)
    assert "[sentence, no_text]) if words_weight else (x, x)" in text


def test_where_all_are_silent_the_background_is_painted(library: Library, tmp_path: Path) -> None:
    late = {"from_noise": 0.6}
    plan = planned(library, pair(words=late, scenery={**late, "share": 3.0}), WIRES)
    text = agree(library, tmp_path, plan)
    assert " if " not in text[text.index("def denoise(x") : text.index("noise = Draws")]


def test_a_weak_twin_is_measured_against(library: Library, tmp_path: Path) -> None:
    nodes = {**pair(), "weak": ("weak_twin", {"first": 1, "guidance": 1.0})}
    wires = (*WIRES, "words.score > weak.score")
    text = agree(
        library,
        tmp_path / "against",
        planned(library, nodes, (*wires, "weak.score > fuse.background")),
    )
    assert "without(ask_text, [1])" in text
    nodes["weak"][1]["guidance"] = -0.5
    agree(
        library, tmp_path / "among", planned(library, nodes, (*wires, "weak.score > fuse.scores"))
    )


def test_sweeps_and_maps_are_weights_of_samples_and_places(
    library: Library, tmp_path: Path
) -> None:
    ramp = Image.linear_gradient("L")
    nodes = {
        **pair(sampler={"count": 1}),
        "amount": ("sweep", {"start": 0.0, "stop": 1.5, "count": 3}),
        "left": ("map", {"picture": stored(library, ramp)}),
    }
    wires = (
        *WIRES,
        "amount.reliability > words.reliability",
        "left.reliability > scenery.reliability",
    )
    text = agree(library, tmp_path, planned(library, nodes, wires))
    assert "by_sample(0.0, 0.75, 1.5)" in text
    assert "by_place(HERE / " in text


def test_a_map_is_changed_while_it_plays(library: Library, tmp_path: Path) -> None:
    ramp = Image.linear_gradient("L")
    first, second = stored(library, ramp), stored(library, ramp.rotate(90))
    nodes = {
        **pair(sampler={"method": {"name": "heun"}}),
        "left": ("map", {"picture": first, "black": 0.2, "white": 1.5}),
    }
    wires = (*WIRES, "left.reliability > scenery.reliability")
    moves = ((1, "left.picture", second), (2, "left.picture", ""), (4, "left.picture", first))
    text = agree(library, tmp_path / "one", planned(library, nodes, wires), Performance(moves))
    assert (
        "# which picture left is at every evaluation\nWHICH_LEFT = [0, 0, 1, 1, 2, 2, 2, 2, 0]"
        in text
    )
    nodes["sampler"][1].update(wide=2, corrector={"name": "ula"})
    agree(library, tmp_path / "wide", planned(library, nodes, wires), Performance(moves))
    gone = Performance(((0, "left.picture", ""),))
    text = agree(library, tmp_path / "gone", planned(library, nodes, wires), gone)
    assert "by_place" not in text


def test_faders_that_moved_and_a_solo_are_played(library: Library, tmp_path: Path) -> None:
    plan = planned(library, pair(), WIRES)
    moves = (
        (1, "words.reliability", 0.4),
        (2, "scenery.solo", True),
        (4, "scenery.solo", False),
        (4, "words.guidance", -1.0),
    )
    text = agree(library, tmp_path, plan, Performance(moves))
    assert "for steps in (range(0, 2), range(2, 4), range(4, 5)):" in text


def test_the_precision_of_the_networks_can_be_changed(library: Library, tmp_path: Path) -> None:
    found = opened(export(planned(library, pair(), WIRES), library, title="Half"), tmp_path)
    whole = found["sample"]()
    found["PRECISION"] = torch.bfloat16
    states = found["sample"]()
    assert states.dtype == torch.float32
    assert 0 < (states - whole).abs().mean() < 0.2 * whole.abs().mean()
    assert len(found["decode"]("tiny/class", states)) == 2


FAMILIES = {
    "stable_diffusion": folders.stable_diffusion,
    "stable_diffusion_xl": folders.stable_diffusion_xl,
    "stable_diffusion_3": folders.stable_diffusion_3,
    "flux": folders.flux,
    "latent_consistency": folders.latent_consistency,
    "sana": folders.sana,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_that_reads_sentences(tmp_path: Path, name: str) -> None:
    FAMILIES[name](tmp_path / "models" / "own")
    library = Library(tmp_path / "models", tmp_path / "assets")
    nodes: Nodes = {
        "text": ("text", {"text": "a red Boat"}),
        "words": ("text_expert", {"model": "own", "guidance": 2.0}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 4, "seed": 1, "method": {"name": "euler"}}),
        "picture": ("picture", {}),
    }
    wires = (WIRES[0], WIRES[2], *WIRES[4:])
    agree(library, tmp_path / "out", planned(library, nodes, wires))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
@pytest.mark.parametrize(
    ("family", "open_clip"), [("stable_diffusion", True), ("stable_diffusion_xl", False)]
)
def test_a_checkpoint_of_one_file(tmp_path: Path, family: str, open_clip: bool) -> None:
    base = FAMILIES[family](tmp_path / "models" / "bases" / "own")
    file = tmp_path / "models" / "mine" / "dreamy.safetensors"
    onefiles.onefile(file, base, open_clip=open_clip)
    onefiles.bare(base)
    if family == "stable_diffusion":  # as bases have it whose other folders nobody copies
        index = json.loads((base / "model_index.json").read_text())
        index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
        index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
        (base / "model_index.json").write_text(json.dumps(index))
    library = Library(tmp_path / "models", tmp_path / "assets")
    nodes: Nodes = {
        "text": ("text", {"text": "a red Boat"}),
        "words": ("text_expert", {"model": "mine/dreamy.safetensors", "guidance": 2.0}),
        "sampler": ("sampler", {"steps": 4, "seed": 1, "method": {"name": "euler"}}),
        "picture": ("picture", {}),
    }
    wires = (WIRES[0], "words.score > picture.score", WIRES[5])
    plan = planned(library, nodes, wires)
    text = agree(library, tmp_path / "out", plan)
    assert 'File("mine/dreamy.safetensors", "bases/own", eps_prediction(' in " ".join(
        text.replace("(\n", "(").split()
    ).replace("( ", "(")
    found = opened(export(plan, library, title="Test"), tmp_path / "again")
    exported = found["decode_file"]("mine/dreamy.safetensors", "bases/own", found["sample"]())
    *_, result = Runtime(library, CPU).run(plan)
    away = np.asarray(exported[0], dtype=int) - np.asarray(result.pictures[0], dtype=int)
    assert np.abs(away).max() <= 1


def changing(tmp_path: Path, kind: str, **settings: Any) -> tuple[Library, Nodes, list[str]]:
    """An expert that changes a photograph, within a region that cuts through latent places."""
    make = {"edit_expert": folders.instruct_pix2pix, "inpaint_expert": folders.inpaint}[kind]
    make(tmp_path / "models" / "own")
    library = Library(tmp_path / "models", tmp_path / "assets")
    ramp = Image.linear_gradient("L").resize((40, 24)).rotate(90, expand=True)
    nodes: Nodes = {
        "text": ("text", {"text": "make it Night"}),
        "photo": ("photo", {"picture": stored(library, painted())}),
        "region": ("region", {"picture": stored(library, ramp)}),
        "change": (kind, {"model": "own", **settings}),
        "sampler": ("sampler", {"steps": 4, "seed": 1, "method": {"name": "euler"}}),
        "picture": ("picture", {}),
    }
    shown = ["photo"] if kind == "edit_expert" else ["photo", "region"]
    if kind == "edit_expert":
        del nodes["region"]
    wires = [f"{each}.{each} > change.{each}" for each in ("text", *shown)]
    return library, nodes, [*wires, "sampler.sampling > picture.sampling"]


@pytest.mark.parametrize("kind", ["edit_expert", "inpaint_expert"])
def test_a_photograph_is_changed(tmp_path: Path, kind: str) -> None:
    library, nodes, wires = changing(tmp_path, kind, guidance=4.0)
    plan = planned(library, nodes, [*wires, "change.score > picture.score"])
    text = agree(library, tmp_path / "out", plan)
    if kind == "edit_expert":
        assert "sentence_photo = ask_own.encode(" in text
        assert "product_own(" in text
        assert "mean_of" not in text, "the sentence's voice has no share in the background"
    else:
        assert "photo_region = ask_own.encode(" in text
    without = [each for each in wires if not each.startswith("text")]
    del nodes["text"]
    plan = planned(library, nodes, [*without, "change.score > picture.score"])
    agree(library, tmp_path / "without", plan)


def test_an_edit_is_fused_by_its_share(tmp_path: Path) -> None:
    library, nodes, wires = changing(tmp_path, "edit_expert", share=0.25)
    other = folders.stable_diffusion(tmp_path / "models" / "other")
    shutil.copytree(tmp_path / "models" / "own" / "vae", other / "vae", dirs_exist_ok=True)
    nodes |= {
        "words": ("text_expert", {"model": "other", "guidance": 2.0}),
        "form": ("guidance_form", {"form": {"name": "rescale"}}),
        "fuse": ("fuse", {}),
    }
    wires = [
        *wires,
        "text.text > words.text",
        "change.score > form.score",
        "form.score > fuse.scores",
        "words.score > fuse.scores",
        "fuse.score > picture.score",
    ]
    text = agree(library, tmp_path / "out", planned(library, nodes, wires))
    assert ", [0.25, 1.0])" in text


@pytest.mark.parametrize("share", [(0.0, 0.0, 0.0), (0.0, 2.0, 1.0)])
def test_who_has_no_share_is_not_in_the_background(
    library: Library, tmp_path: Path, share: tuple[float, float, float]
) -> None:
    nodes = {
        **pair(words={"share": share[0]}, scenery={"share": share[1]}),
        "ground": ("unconditional_expert", {"model": "tiny/none", "share": share[2]}),
    }
    text = agree(library, tmp_path, planned(library, nodes, (*WIRES, "ground.score > fuse.scores")))
    among = "[class_null, none_null], [2.0, 1.0]"
    assert (among if any(share) else "[1.0, 1.0, 1.0]") in text


@pytest.mark.parametrize(
    ("name", "size"), [("stable_diffusion_xl", (56, 40)), ("flux", (288, 256))]
)
def test_a_picture_of_another_size(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    FAMILIES[name](tmp_path / "models" / "own")
    library = Library(tmp_path / "models", tmp_path / "assets")
    nodes: Nodes = {
        "text": ("text", {"text": "a red Boat"}),
        "words": ("text_expert", {"model": "own", "guidance": 2.0}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 3, "width": size[0], "height": size[1]}),
        "picture": ("picture", {}),
    }
    wires = (WIRES[0], WIRES[2], *WIRES[4:])
    text = agree(library, tmp_path / "out", planned(library, nodes, wires))
    assert f"shape=(4, {size[1] // 8}, {size[0] // 8})" in text


@pytest.mark.parametrize("kind", ["edit_expert", "inpaint_expert"])
def test_a_photograph_is_changed_at_another_size(tmp_path: Path, kind: str) -> None:
    library, nodes, wires = changing(tmp_path, kind, guidance=4.0)
    nodes["sampler"] = ("sampler", {"steps": 3, "width": 56, "height": 40})
    plan = planned(library, nodes, [*wires, "change.score > picture.score"])
    agree(library, tmp_path / "out", plan)


@pytest.mark.parametrize("size", [None, (304, 256)])
def test_a_model_that_is_told_its_size(tmp_path: Path, size: tuple[int, int] | None) -> None:
    """As its configuration says, or as diffusers takes it for where a side has 128 places."""
    side = {"sample_size": 128} if size else {"sample_size": 16}
    told = {**side, "use_additional_conditions": None if size else True}
    width = {"attention_head_dim": 12, "cross_attention_dim": 24}
    folders.pixart(tmp_path / "models" / "own", network={**told, **width})
    library = Library(tmp_path / "models", tmp_path / "assets")
    asked = dict(zip(("width", "height"), size, strict=True)) if size else {}
    nodes: Nodes = {
        "text": ("text", {"text": "a boat"}),
        "words": ("text_expert", {"model": "own", "guidance": 4.0}),
        "sampler": ("sampler", {"steps": 3, "count": 2, **asked}),
        "picture": ("picture", {}),
    }
    wires = (WIRES[0], "words.score > picture.score", "sampler.sampling > picture.sampling")
    text = agree(library, tmp_path / "out", planned(library, nodes, wires))
    assert "ask_own = PixArtToldSize(" in text


def test_a_model_of_pixels(tmp_path: Path) -> None:
    folders.pixels(tmp_path / "models" / "own", clip_sample=True)
    library = Library(tmp_path / "models", tmp_path / "assets")
    nodes: Nodes = {
        "ground": ("unconditional_expert", {"model": "own"}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 4, "seed": 1}),
        "picture": ("picture", {}),
    }
    wires = ("ground.score > fuse.scores", *WIRES[4:])
    text = agree(library, tmp_path / "out", planned(library, nodes, wires))
    assert "pictures(sample())" in text


@pytest.mark.parametrize("name", sorted(choices(fusion, FusionRule)))
def test_every_rule_among_four_of_whom_some_are_not_wanted(
    library: Library, tmp_path: Path, name: str
) -> None:
    signed = choices(fusion, FusionRule)[name].signed
    nodes = {
        **pair(fuse={"rule": {"name": name}}, sampler={"method": {"name": "ddim", "eta": 1.0}}),
        "not": ("text", {"text": "a blue house"}),
        "unwanted": ("text_expert", {"model": "tiny/text", "guidance": -2.5 if signed else 0.5}),
        "day": ("label", {"name": "day"}),
        "neither": ("class_expert", {"model": "tiny/class", "guidance": -1.0 if signed else 1.0}),
    }
    wires = (
        *WIRES,
        "not.text > unwanted.text",
        "unwanted.score > fuse.scores",
        "day.class > neither.class",
        "neither.score > fuse.scores",
    )
    agree(library, tmp_path, planned(library, nodes, wires))
