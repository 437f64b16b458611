"""Checkpoints as people own them, from workflow to picture, alone and fused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiTPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
)
from torch import Tensor

from graph.compile import compile_workflow
from graph.ensemble import assemble
from graph.events import Result
from graph.library import Library
from graph.player import Player
from graph.randomness import Draws
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders
from tests.graph.experts.alone import CPU
from tests.graph.fakes import playground

SENTENCE, GUIDANCE, STEPS = "a red boat", 2.0, 5
LEVELS = {"name": "discrete", "spacing": "trailing", "zero_snr": True}
SAMPLER = {"steps": STEPS, "seed": 3, "method": {"name": "ddim"}, "schedule": LEVELS}
WIRES = (
    "text.text > first.text",
    "text.text > second.text",
    "first.score > fuse.scores",
    "second.score > fuse.scores",
    "fuse.score > picture.score",
    "sampler.sampling > picture.sampling",
)


def nodes(first: str, second: str) -> Nodes:
    """One sentence for two text experts, the second at half its reliability."""
    return {
        "text": ("text", {"text": SENTENCE}),
        "first": ("text_expert", {"model": first, "guidance": GUIDANCE}),
        "second": ("text_expert", {"model": second, "guidance": GUIDANCE, "reliability": 0.5}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", SAMPLER),
        "picture": ("picture", {}),
    }


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Two of one autoencoder: eps on linear betas, v on zero terminal SNR."""
    linear = {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}
    zero = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    folders.stable_diffusion(tmp_path / "models" / "mine" / "eps", **linear)
    folders.stable_diffusion(tmp_path / "models" / "mine" / "v", seed=4, **zero)
    return Library(tmp_path / "models", tmp_path / "assets")


def compiled(library: Library, workflow: Any) -> Any:
    return compile_workflow(workflow, catalogue(), library)


@pytest.mark.parametrize(
    ("family", "size"),
    [
        (folders.stable_diffusion, (32, 32)),
        (folders.stable_diffusion_xl, (48, 32)),
        (folders.stable_diffusion_3, (32, 32)),
        (folders.sana, (16, 16)),
    ],
)
def test_a_sentence_becomes_a_picture_of_the_checkpoints_own_size(
    tmp_path: Path, family: Callable[[Path], Path], size: tuple[int, int]
) -> None:
    family(tmp_path / "models" / "mine" / "own")
    library = Library(tmp_path / "models", tmp_path / "assets")
    wires = tuple(wire for wire in WIRES if "second" not in wire)
    alone = {name: node for name, node in nodes("mine/own", "").items() if name != "second"}
    found = compiled(library, document(alone, wires))
    assert found.diagnostics == ()
    last = list(Runtime(library, CPU).run(found.plan))[-1]
    assert isinstance(last, Result), last
    (picture,) = last.pictures
    assert picture.size == size
    assert np.asarray(picture).std() > 1.0


def test_two_conventions_are_fused_in_one_run(library: Library) -> None:
    found = compiled(library, document(nodes("mine/eps", "mine/v"), WIRES))
    last = list(Runtime(library, CPU).run(found.plan))[-1]
    assert isinstance(last, Result), last
    assert last.meters is not None
    assert set(last.meters.share) == {"first", "second"}
    assert min(last.meters.share.values()) > 0.0


class FlowByHand:
    """SD 3's D(x) from diffusers' own pipeline alone, and its way to pictures and back."""

    def __init__(self, folder: Path) -> None:
        self.pipeline = StableDiffusion3Pipeline.from_pretrained(folder)
        asked, null, pooled, pooled_null = self.pipeline.encode_prompt(SENTENCE, None, None)
        self.words = (asked, pooled), (null, pooled_null)
        self.way = Way(self.pipeline.vae)

    def estimates(self, x: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
        """D under the sentence and under none, of a state (1 − t)·x0 + t·noise."""
        time = sigma / (alpha + sigma)
        state = x / (alpha + sigma)
        found = [
            state
            - time
            * self.pipeline.transformer(
                state,
                encoder_hidden_states=words,
                pooled_projections=pooled,
                timestep=torch.tensor([1000.0 * time]),
            )[0]
            for words, pooled in self.words
        ]
        return found[0], found[1]


class Way:
    """What an autoencoder of diffusers makes of latents as its pipeline scales them."""

    def __init__(self, autoencoder: Any) -> None:
        self.autoencoder = autoencoder
        self.scale = autoencoder.config.scaling_factor
        self.shift = autoencoder.config.shift_factor or 0.0

    def pixels(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decode(latents / self.scale + self.shift).sample

    def latents(self, pixels: Tensor) -> Tensor:
        return (self.autoencoder.encode(pixels).latent_dist.mode() - self.shift) * self.scale


class ByHand:
    """A checkpoint's D(x) from diffusers' own networks and schedule alone."""

    def __init__(self, scheduler: Any, ask: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]):
        config = scheduler.config
        squares = DDIMScheduler.from_config(config).alphas_cumprod.double().numpy()
        self.log_ratios = 0.5 * np.log((1.0 - squares) / np.maximum(squares, 1e-300))
        self.ends_in_noise = squares[-1] == 0.0
        self.predicts_v = config.prediction_type == "v_prediction"
        self.ask = ask

    def estimates(self, x: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
        """D under the condition and under none, at x = alpha·x0 + sigma·noise."""
        if alpha == 0.0 and self.ends_in_noise:
            time = 999.0
        else:
            log_ratio = min(math.log(sigma / max(alpha, 1e-300)), self.log_ratios[-1])
            time = float(np.interp(log_ratio, self.log_ratios, np.arange(1000.0)))
            alpha = 1.0 / math.hypot(1.0, math.exp(log_ratio))
            sigma = math.sqrt(1.0 - alpha**2)
        asked, null = (
            alpha * x - sigma * answer if self.predicts_v else (x - sigma * answer) / alpha
            for answer in self.ask(x, torch.tensor([time]))
        )
        return asked, null


def of_sentence(folder: Path) -> ByHand:
    """Stable Diffusion under the sentence."""
    pipeline: Any = StableDiffusionPipeline.from_pretrained(folder)
    words = pipeline.encode_prompt(SENTENCE, "cpu", 1, True)

    def ask(x: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        asked, null = (pipeline.unet(x, time, encoder_hidden_states=each)[0] for each in words)
        return asked, null

    return ByHand(pipeline.scheduler, ask)


def of_class(folder: Path, number: int) -> ByHand:
    """A DiT under the class of that number; its null is the number behind the last."""
    pipeline: Any = DiTPipeline.from_pretrained(folder)

    def ask(x: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        asked, null = (
            pipeline.transformer(x, timestep=time, class_labels=torch.tensor([each]))[0]
            for each in (number, 1000)
        )
        return asked, null

    return ByHand(pipeline.scheduler, ask)


def test_the_fused_estimate_of_every_step_is_the_one_worked_out_by_hand(
    library: Library,
) -> None:
    found = compiled(library, document(nodes("mine/eps", "mine/v"), WIRES))
    (track,) = assemble(found.plan, Runtime(library, CPU)).tracks
    assert track.levels[0].alpha == 0.0
    player = Player(track)
    hands = [of_sentence(library.folder / "mine" / name) for name in ("eps", "v")]
    values = {each.name: each.default for each in found.plan.controls}
    with torch.inference_mode():
        for number, level in enumerate(track.levels[:-1]):
            x = player.x
            (eps, eps_null), (v, v_null) = (
                hand.estimates(x, level.alpha, level.sigma) for hand in hands
            )
            background = (eps_null + v_null) / 2
            weights = GUIDANCE, 0.5 * GUIDANCE
            asked = weights[0] * (eps - background) + weights[1] * (v - background)
            step = player.advance(number, values)
            expected = background + asked
            assert (step.denoised - expected).abs().max() <= 1e-5 * expected.abs().max()
            assert (step.denoised - (eps + v) / 2).abs().max() > 0.05


def test_a_class_and_a_sentence_are_fused_in_one_latent_space(tmp_path: Path) -> None:
    """A DiT on cosine betas and Stable Diffusion's UNet on its own: of one autoencoder, one run."""
    models = tmp_path / "models" / "mine"
    folders.stable_diffusion(models / "sd")
    folders.dit(models / "dit")
    library = Library(tmp_path / "models", tmp_path / "assets")
    both: Nodes = {
        **nodes("mine/sd", ""),
        "label": ("label", {"name": "night"}),
        "second": ("class_expert", {"model": "mine/dit", "guidance": GUIDANCE, "reliability": 0.5}),
    }
    wires = tuple(wire for wire in WIRES if wire != "text.text > second.text")
    found = compiled(library, document(both, (*wires, "label.class > second.class")))
    assert found.plan is not None, found.diagnostics
    (track,) = assemble(found.plan, Runtime(library, CPU)).tracks
    hands = of_sentence(models / "sd"), of_class(models / "dit", 1)
    values = {each.name: each.default for each in found.plan.controls}
    player = Player(track)
    with torch.inference_mode():
        for number, level in enumerate(track.levels[:-1]):
            (text, text_null), (scene, scene_null) = (
                hand.estimates(player.x, level.alpha, level.sigma) for hand in hands
            )
            background = (text_null + scene_null) / 2
            step = player.advance(number, values)
            alone = background + GUIDANCE * (text - background)
            expected = alone + 0.5 * GUIDANCE * (scene - background)
            assert (step.denoised - expected).abs().max() <= 1e-5 * expected.abs().max()
            assert (step.denoised - alone).abs().max() > 0.01


def test_stable_diffusion_and_a_flow_model_play_in_one_run_over_a_bridge(tmp_path: Path) -> None:
    """Every fused estimate is N + w·(D − N) + w_B·(S(D_B) − S(N_B)), by diffusers alone."""
    models = tmp_path / "models" / "mine"
    folders.stable_diffusion(models / "eps")
    folders.stable_diffusion_3(models / "flow")
    library = Library(tmp_path / "models", tmp_path / "assets")
    unbridged = compiled(library, document(nodes("mine/eps", "mine/flow"), WIRES))
    (refused,) = (each for each in unbridged.diagnostics if each.severity == "error")
    assert refused.code == "F002"
    assert "bridge" in f"{refused.message} {refused.hint}".lower()
    over = ("first.score > bridge.anchor", "second.score > bridge.score")
    wires = (*(wire for wire in WIRES if wire != "second.score > fuse.scores"), *over)
    both = {**nodes("mine/eps", "mine/flow"), "bridge": ("bridge", {})}
    found = compiled(library, document(both, (*wires, "bridge.score > fuse.scores")))
    assert found.plan is not None, found.diagnostics
    (track,) = assemble(found.plan, Runtime(library, CPU)).tracks
    here, there = of_sentence(models / "eps"), FlowByHand(models / "flow")
    home = Way(AutoencoderKL.from_pretrained(models / "eps" / "vae"))
    values = {each.name: each.default for each in found.plan.controls}
    player = Player(track)
    noise = Draws(3, 0, (0,), "bridge bridge", track.shape, torch.empty(0))()
    with torch.inference_mode():
        for number, level in enumerate(track.levels[:-1]):
            asked, null = here.estimates(player.x, level.alpha, level.sigma)
            clean = there.way.latents(home.pixels(asked))
            state = level.alpha * clean + level.sigma * noise
            told, untold = there.estimates(state, level.alpha, level.sigma)
            noise = (state - level.alpha * told) / level.sigma
            change = [home.latents(there.way.pixels(each)) for each in (told, untold)]
            step = player.advance(number, values)
            alone = null + GUIDANCE * (asked - null)
            expected = alone + 0.5 * GUIDANCE * (change[0] - change[1])
            assert (step.denoised - expected).abs().max() <= 1e-4 * expected.abs().max()
            assert (step.denoised - alone).abs().max() > 1e-3


def test_a_checkpoint_of_another_latent_space_is_not_fused_with_the_playground(
    tmp_path: Path,
) -> None:
    library = playground(tmp_path)
    folders.stable_diffusion(library.folder / "mine" / "sd")
    found = compiled(library, document(nodes("playground/text", "mine/sd"), WIRES))
    errors = [each for each in found.diagnostics if each.severity == "error"]
    assert [each.code for each in errors] == ["F002"]
    assert "works in playground (12×16×16)" in errors[0].message
    assert "in latent (4×4×4)" in errors[0].message
