"""Fitted previews: a latent space whose card has none is shown by its own autoencoder."""

from __future__ import annotations

import math
from pathlib import Path
from weakref import WeakKeyDictionary, WeakValueDictionary

import pytest
import torch

from graph import fitting
from graph.codec import codec_of
from graph.events import Progress
from graph.fitting import drifting, linear, preview_of
from graph.library import Library
from graph.machine import Machine
from graph.preview import Painter
from graph.runtime import Runtime
from studio.piece import library
from tests.graph.adapters.workflows import compiled
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU
from training.world import draw


def test_a_linear_decoder_is_recovered() -> None:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(3, 2, 8, 8, generator=generator)
    weight = torch.randn(2 * 9, 12, generator=generator) * 0.1
    around = torch.nn.functional.pad(latents, (1, 1, 1, 1), mode="replicate")
    patches = torch.nn.functional.conv2d(around, weight.T.reshape(12, 2, 3, 3)) + 0.5
    pictures = torch.nn.functional.pixel_shuffle(patches, 2).repeat_interleave(3, -1)
    found = linear(latents, pictures.repeat_interleave(3, -2), 2)
    assert torch.allclose(torch.tensor(found.weight), weight, atol=1e-3)
    assert torch.allclose(torch.tensor(found.bias), torch.full((12,), 0.5), atol=1e-3)


def test_a_channel_that_says_nothing_has_no_weight() -> None:
    pictures = drifting(2, 16)
    latents = torch.nn.functional.avg_pool2d(pictures, 2)
    still = torch.cat([latents, torch.zeros(2, 1, 8, 8)], 1)
    found = linear(still, pictures, 1, window=1)
    assert torch.tensor(found.weight)[3].abs().max() == 0.0
    assert torch.allclose(torch.tensor(found.weight)[:3], torch.eye(3), atol=1e-3)


def test_power_falls_with_the_square_of_the_frequency() -> None:
    spectrum = torch.fft.rfft2(drifting(64, 64)).abs().square().mean((0, 1))[0]
    slope = math.log(float(spectrum[2] / spectrum[16])) / math.log(8.0)
    assert slope == pytest.approx(2.0, abs=0.4)


def test_it_shows_a_world_that_it_never_saw_nearly_as_well_as_the_card_does() -> None:
    """The card's preview was fitted to pictures of this world, with four times the points."""
    model = library().model("playground/text")
    codec = codec_of(model, Machine(torch.device("cpu"), torch.float32))
    pictures = draw("fitted preview", 0, 4).picture
    assert model.card.preview
    with torch.inference_mode():
        latents = codec.latents(codec.placed(pictures * 2.0 - 1.0))
        told = codec.pixels(latents) * 0.5 + 0.5

    def decibels(preview: fitting.Preview) -> float:
        shown = Painter(preview, codec_size)(latents)
        pixels = torch.stack(
            [torch.frombuffer(bytearray(each.tobytes()), dtype=torch.uint8) for each in shown]
        ).reshape(4, *reversed(codec_size), 3)
        error = (pixels.movedim(-1, 1) / 255.0 - told).square().mean()
        return float(-10.0 * error.log10())

    codec_size = model.canvas
    assert decibels(preview_of(codec)) > decibels(model.card.preview) - 3.0 > 15.0


def test_an_autoencoder_in_half_precision_is_fitted_as_well() -> None:
    model, cpu = library().model("playground/text"), torch.device("cpu")
    halves = (torch.bfloat16, torch.float16)
    full, *others = (
        torch.tensor(preview_of(codec_of(model, Machine(cpu, each))).weight)
        for each in (torch.float32, *halves)
    )
    for each in others:
        assert (each - full).abs().max() < 0.1 * full.abs().max()


def test_a_folder_without_a_card_is_seen_forming_and_nothing_is_fitted_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # another test's expert of the same space may have been seen, or be let go meanwhile
    monkeypatch.setattr("graph.codec._CODECS", WeakValueDictionary())
    monkeypatch.setattr(fitting, "_FITTED", WeakKeyDictionary())
    folders.stable_diffusion(tmp_path / "models" / "base")
    here = Library(tmp_path / "models", tmp_path / "assets")
    assert here.model("base").card.preview is None
    runtime, plan = Runtime(here, CPU), compiled(here, {}, experts={"expert": ()}).plan
    assert plan
    assert all(not each.preview for each in runtime.run(plan) if isinstance(each, Progress))
    assert len(fitting._FITTED) == 0
    steps = [each for each in runtime.run(plan, previews=math.inf) if isinstance(each, Progress)]
    assert [each.preview[0].size for each in steps if each.preview] == [
        here.model("base").canvas
    ] * len(steps)
    assert len(fitting._FITTED) == 1
