"""Guidance from folders, over real checkpoints, from workflow to picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from graph.codec import Codec
from graph.compile import compile_workflow
from graph.controls import Controls
from graph.library import Library
from graph.likelihoods.classifier import Classifier
from graph.plan import Plan
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.classifiers import write_classifier
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.test_modulated_runs import CPU, pixels, result

METHODS = ("dps", "estimate", "freedom", "state", "tfg", "universal")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A class expert of a small latent space, and a classifier of its pictures."""
    card = {"condition": "class", "labels": ["sea at night", "sea by day"]}
    folders.dit(tmp_path / "models" / "playground" / "class", card=card)
    write_classifier(tmp_path / "models" / "playground" / "classifier")
    return Library(tmp_path / "models", tmp_path / "assets")


def plan_of(library: Library, *targets: str, **settings: Any) -> Plan:
    """The class expert, guided towards every target, one around the other."""
    nodes: Nodes = {
        "scene": ("label", {"name": "sea by day"}),
        "expert": ("class_expert", {"guidance": 1.0}),
        "sampler": ("sampler", {"steps": 4, "count": 2}),
        "picture": ("picture", {}),
    }
    wires, last = ["scene.class > expert.class", "sampler.sampling > picture.sampling"], "expert"
    for number, target in enumerate(targets):
        nodes[f"target{number}"] = ("label", {"name": target})
        nodes[f"guide{number}"] = ("guidance", settings)
        wires += [
            f"{last}.score > guide{number}.score",
            f"target{number}.class > guide{number}.class",
        ]
        last = f"guide{number}"
    wires.append(f"{last}.score > picture.score")
    compiled = compile_workflow(document(nodes, tuple(wires)), catalogue(), library)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def density(library: Library, rows: np.ndarray, target: str) -> torch.Tensor:
    likelihood = Runtime(library, CPU).likelihood("playground/classifier")
    shown = torch.from_numpy(rows).movedim(-1, 1).float() / 127.5 - 1.0
    return likelihood.log_density(likelihood.read(shown), [likelihood.encode(target)] * len(rows))


@pytest.mark.parametrize("name", METHODS)
def test_a_guided_expert_paints_what_the_model_takes_for_the_class(
    name: str, library: Library
) -> None:
    """Over an expert of pixels that would paint grey."""
    nodes: Nodes = {
        "grey": ("gaussian_expert", {"shape": [3, 32, 32], "variance": 0.05}),
        "scene": ("label", {"name": "meadow by day"}),
        "guide": ("guidance", {"method": {"name": name}, "scale": 1.0}),
        "picture": ("picture", {}),
    }
    wires = ("grey.score > guide.score", "scene.class > guide.class", "guide.score > picture.score")
    plan = compile_workflow(document(nodes, wires), catalogue(), library).plan
    assert plan is not None

    def told(reliability: float) -> torch.Tensor:
        controls = Controls(plan.controls)
        controls.set("guide.reliability", reliability)
        done = result(Runtime(library, CPU).run(plan, controls))
        return density(library, pixels(done), "meadow by day")

    assert (told(2.0) > told(1.0)).all()
    assert (told(1.0) > told(0.0)).all()


def test_a_picture_comes_nearer_where_the_depth_map_is_white(library: Library) -> None:
    """From a workflow with a painted map, over an expert of pixels that would paint grey."""
    write_classifier(library.folder / "playground" / "depth", "depth_anything")
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((32, 32)).save(buffer, "PNG")
    painted = library.assets.put(buffer.getvalue())
    nodes: Nodes = {
        "grey": ("gaussian_expert", {"shape": [3, 32, 32], "variance": 0.05}),
        "near": ("depth", {"picture": painted}),
        "guide": (
            "guidance",
            {"model": "playground/depth", "method": {"name": "freedom"}, "scale": 1.0},
        ),
        "picture": ("picture", {}),
    }
    wires = ("grey.score > guide.score", "near.depth > guide.depth", "guide.score > picture.score")
    plan = compile_workflow(document(nodes, wires), catalogue(), library).plan
    assert plan is not None
    runtime = Runtime(library, CPU)
    likelihood = runtime.likelihood("playground/depth")
    target = likelihood.encode(library.picture(painted))

    def told(reliability: float) -> float:
        controls = Controls(plan.controls)
        controls.set("guide.reliability", reliability)
        rows = torch.from_numpy(pixels(result(runtime.run(plan, controls))))
        shown = rows.movedim(-1, 1).float() / 127.5 - 1.0
        return float(likelihood.log_density(likelihood.read(shown), [target]))

    assert told(2.0) > told(1.0) > told(0.0)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_heard_seen_on_the_meters_and_replayed(name: str, library: Library) -> None:
    runtime = Runtime(library, CPU)
    plain = pixels(result(runtime.run(plan_of(library))))
    plan = plan_of(library, "meadow by day", method={"name": name})
    done = result(runtime.run(plan))
    assert not np.array_equal(pixels(done), plain)
    assert done.meters.share["guide0"] > 0
    again = result(runtime.run(plan, Controls(plan.controls, done.record)))
    assert np.array_equal(pixels(again), pixels(done))


def test_one_that_draws_is_the_same_in_all_of_its_places(library: Library) -> None:
    """So that what is wired twice counts as it does once."""
    nodes: Nodes = {
        "scene": ("label", {"name": "sea by day"}),
        "expert": ("class_expert", {"guidance": 1.0}),
        "guide": ("guidance", {"method": {"name": "tfg"}}),
        "inner": ("fuse", {"rule": {"name": "mean"}}),
        "outer": ("fuse", {"rule": {"name": "mean"}}),
        "sampler": ("sampler", {"steps": 4, "count": 2}),
        "picture": ("picture", {}),
    }
    wires = ["scene.class > expert.class", "scene.class > guide.class"]
    wires += ["expert.score > guide.score", "guide.score > inner.scores"]
    wires += ["inner.score > outer.scores", "outer.score > picture.score"]
    wires += ["sampler.sampling > picture.sampling"]

    def painted(*more: str) -> np.ndarray:
        found = compile_workflow(document(nodes, (*wires, *more)), catalogue(), library)
        assert found.plan is not None, found.diagnostics
        return pixels(result(Runtime(library, CPU).run(found.plan))).astype(int)

    assert np.abs(painted() - painted("guide.score > outer.scores")).max() <= 1


@pytest.mark.parametrize("name", METHODS)
def test_at_zero_every_bit_is_the_experts_and_the_model_is_not_asked(
    name: str, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Runtime(library, CPU)
    plain = pixels(result(runtime.run(plan_of(library))))
    plan = plan_of(library, "sea at night", method={"name": name}, reliability=0.0)
    monkeypatch.setattr(Classifier, "read", lambda *_: pytest.fail("it was asked"))
    assert np.array_equal(pixels(result(runtime.run(plan))), plain)


@pytest.mark.parametrize("name", ["dps", "estimate"])
def test_several_guidances_share_one_decoding_and_one_reading_a_step(
    name: str, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(owner: type, method: str) -> None:
        kept = getattr(owner, method)

        def also(self: Any, *values: Any) -> Any:
            asked.append(method)
            return kept(self, *values)

        monkeypatch.setattr(owner, method, also)

    counted(Codec, "pixels")
    counted(Classifier, "read")
    plan = plan_of(library, "sea at night", "meadow by day", method={"name": name})
    result(Runtime(library, CPU).run(plan))
    assert asked.count("read") == 4
    assert asked.count("pixels") == 4 + 1, "one a step, and the finished picture"


def test_a_latent_is_decoded_before_the_model_looks(library: Library) -> None:
    """Against the gradient by hand: codec, model, logarithm, back to the latents."""
    runtime = Runtime(library, CPU)
    _, expert = runtime.expert("playground/class")
    likelihood = runtime.likelihood("playground/classifier")
    latents = torch.randn(1, folders.CHANNELS, folders.SIDE, folders.SIDE, requires_grad=True)
    shown = expert.codec.pixels(latents)
    assert shown.shape == (1, 3, 32, 32)
    (slope,) = torch.autograd.grad(likelihood.log_density(likelihood.read(shown), [0]), latents)
    assert slope.abs().max() > 0
    (picture,) = expert.codec.decode(latents.detach())
    rows = ((shown.detach()[0] * 0.5 + 0.5).clamp(0, 1) * 255).round().movedim(0, -1)
    assert np.array_equal(np.asarray(picture), rows.byte().numpy())
