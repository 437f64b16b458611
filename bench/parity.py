"""One expert with classifier-free guidance beside diffusers' own pipeline on the same folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, PixArtSigmaPipeline

from bench.timing import Row, compare
from graph.controls import Controls
from graph.ensemble import assemble
from graph.loop import play
from graph.preview import Watch
from graph.randomness import Draws
from studio.piece import SHIPPED, WORKFLOWS, Piece, load, runtime

# 25 divides 1,000: otherwise DDIMScheduler steps to times beside those that it visits.
STEPS, GUIDANCE = 25, 3.0
SENTENCE = "a red sailboat on the sea at sunset"


def rows() -> Iterator[Row]:
    """Largest difference of a picture's values in [0, 1], and the ratio of seconds."""
    pipeline = PixArtSigmaPipeline.from_pretrained(SHIPPED / "playground" / "text")
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing", clip_sample=False
    )
    piece = (
        load(WORKFLOWS / "text.json")
        .with_setting("text.text", SENTENCE)
        .with_setting("text_expert.guidance", GUIDANCE)
        .with_sampling(
            seed=7,
            steps=STEPS,
            count=1,
            method={"name": "ddim", "eta": 0.0},
            schedule={"name": "discrete", "curve": "squaredcos_cap_v2", "spacing": "trailing"},
        )
    )
    shape = tuple(
        pipeline.transformer.config[k] for k in ("out_channels", "sample_size", "sample_size")
    )
    like = torch.empty(0, device=runtime().machine.device)
    noise = Draws(7, 0, (0,), "noise", shape, like)()

    def diffusers() -> np.ndarray:
        made: Any = pipeline(
            SENTENCE,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            latents=noise.clone(),
            use_resolution_binning=False,
            clean_caption=False,
            max_sequence_length=32,
            height=128,
            width=128,
            output_type="np",
        )
        return made.images[0]

    difference = float(np.abs(diffusers() - _pixels(piece)).max())
    yield Row("greatest difference from diffusers' picture", difference, "of 1", "≤ 1e-3")
    ratio, ours, theirs = compare(piece.run, diffusers)
    yield Row(
        "one guided expert over diffusers' pipeline",
        ratio,
        "×",
        "≤ 1.0",
        f"{ours:.2f} / {theirs:.2f} s",
    )


@torch.inference_mode()
def _pixels(piece: Piece) -> np.ndarray:
    """The picture [h, w, 3] in [0, 1] before it is rounded to eight bits."""
    plan = piece.plan()
    cast = assemble(plan, runtime())
    events = play(cast.tracks, Controls(plan.controls), threading.Event(), Watch(0.0, {}))
    track, state, _ = next(event for event in events if isinstance(event, tuple))
    codec: Any = cast.codecs[track.name]
    pixels = (codec.pixels(state) * 0.5 + 0.5).clamp(0.0, 1.0)
    return pixels[0].movedim(0, -1).cpu().numpy()
