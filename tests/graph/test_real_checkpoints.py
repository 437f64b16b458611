"""Checkpoints as people own them, from workflow to picture, alone and fused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from torch import Tensor

from graph.compile import compile_workflow
from graph.ensemble import assemble
from graph.events import Result
from graph.library import Library
from graph.player import Player
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


class ByHand:
    """A checkpoint's D(x) from diffusers' own pipeline and schedule alone."""

    def __init__(self, folder: Path) -> None:
        self.pipeline = StableDiffusionPipeline.from_pretrained(folder)
        config = self.pipeline.scheduler.config
        squares = DDIMScheduler.from_config(config).alphas_cumprod.double().numpy()
        self.log_ratios = 0.5 * np.log((1.0 - squares) / np.maximum(squares, 1e-300))
        self.ends_in_noise = squares[-1] == 0.0
        self.predicts_v = config.prediction_type == "v_prediction"
        self.words = self.pipeline.encode_prompt(SENTENCE, "cpu", 1, True)

    def estimates(self, x: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
        """D under the sentence and under none, at x = alpha·x0 + sigma·noise."""
        if alpha == 0.0 and self.ends_in_noise:
            time = 999.0
        else:
            log_ratio = min(math.log(sigma / max(alpha, 1e-300)), self.log_ratios[-1])
            time = float(np.interp(log_ratio, self.log_ratios, np.arange(1000.0)))
            alpha = 1.0 / math.hypot(1.0, math.exp(log_ratio))
            sigma = math.sqrt(1.0 - alpha**2)
        found = []
        for words in self.words:
            answer = self.pipeline.unet(x, torch.tensor(time), encoder_hidden_states=words)[0]
            found.append(
                alpha * x - sigma * answer if self.predicts_v else (x - sigma * answer) / alpha
            )
        return found[0], found[1]


def test_the_fused_estimate_of_every_step_is_the_one_worked_out_by_hand(
    library: Library,
) -> None:
    found = compiled(library, document(nodes("mine/eps", "mine/v"), WIRES))
    (track,) = assemble(found.plan, Runtime(library, CPU)).tracks
    assert track.levels[0].alpha == 0.0
    player = Player(track)
    hands = [ByHand(library.folder / "mine" / name) for name in ("eps", "v")]
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
