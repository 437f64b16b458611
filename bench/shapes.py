"""Checkpoints of the shape of SD 1.5 and SDXL with random weights, beside diffusers' pipelines.

Each side runs in a process of its own, so that the peak of its memory is its own: on a CUDA device
in its half precision, else on the CPU, where a step of SDXL takes a minute.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from bench.checkpoints import GUIDANCE, SENTENCES, one_expert
from bench.timing import Row
from graph.events import Failure, Progress, Result
from graph.library import Library
from graph.machine import Machine
from graph.runtime import Runtime
from graph.speed import Speed
from tests.graph.experts.folders import clip_tokenizer, stable_scheduler

SD: dict[str, Any] = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
XL: dict[str, Any] = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
}
LARGE = {"hidden_size": 768, "intermediate_size": 3072, "layers": 12, "heads": 12}
BIG = {"hidden_size": 1280, "intermediate_size": 5120, "layers": 32, "heads": 20}
"""The widths of the published configurations (arXiv 2112.10752 and 2307.01952)."""


@dataclass(frozen=True)
class Measured:
    """What one side took: steps a second, seconds to the first picture seen, bytes at the most."""

    speed: float
    first: float
    peak: float


def rows() -> Iterator[Row]:
    """Chorale over diffusers, shape by shape; on the CPU that of SD 1.5 alone."""
    shapes: Mapping[str, Callable[[Path], None]] = {"SD 1.5": stable_diffusion}
    if torch.cuda.is_available():
        shapes = {**shapes, "SDXL": stable_diffusion_xl}
    for shape, make in shapes.items():
        with tempfile.TemporaryDirectory() as place:
            make(Path(place) / "models" / "own")
            theirs = _aside("diffusers", place)
            words = ("", "channels-last", "compile", "graphs") if len(shapes) > 1 else ("",)
            for each in words:
                ours = _aside("chorale", place, each)
                name = f"{shape}, guided" + (f", {each}" if each else "")
                yield from _beside(name, ours, theirs)


def _beside(name: str, ours: Measured, theirs: Measured) -> Iterator[Row]:
    detail = f"{ours.speed:.3g} / {theirs.speed:.3g} steps/s"
    yield Row(f"{name}: a step over diffusers'", theirs.speed / ours.speed, "×", "≤ 1.0", detail)
    detail = f"{theirs.first:.2f} s until diffusers calls back"
    yield Row(f"{name}: first preview", ours.first, "s", "–", detail)
    detail = f"{ours.peak / 2**30:.2f} / {theirs.peak / 2**30:.2f} GiB"
    yield Row(f"{name}: peak of memory over diffusers'", ours.peak / theirs.peak, "×", "–", detail)


def stable_diffusion(folder: Path) -> None:
    """The shape of Stable Diffusion 1.5."""
    StableDiffusionPipeline(
        tokenizer=clip_tokenizer(),
        text_encoder=_clip(CLIPTextModel, **LARGE),
        vae=AutoencoderKL(**VAE),
        unet=UNet2DConditionModel(**SD),
        scheduler=stable_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def stable_diffusion_xl(folder: Path) -> None:
    """The shape of SDXL."""
    StableDiffusionXLPipeline(
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(pad="!"),
        text_encoder=_clip(CLIPTextModel, **LARGE),
        text_encoder_2=_clip(CLIPTextModelWithProjection, **BIG),
        vae=AutoencoderKL(**VAE, sample_size=1024, scaling_factor=0.13025),
        unet=UNet2DConditionModel(**XL),
        scheduler=stable_scheduler(),
        add_watermarker=False,
    ).save_pretrained(folder)


def _clip(family: Any, *, hidden_size: int, intermediate_size: int, layers: int, heads: int) -> Any:
    """A text encoder of these widths for the short tokenizer of the tests."""
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=hidden_size,
        intermediate_size=intermediate_size,
        projection_dim=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        bos_token_id=55,
        eos_token_id=56,
        pad_token_id=56,
    )
    return family(config)


def _aside(side: str, place: str, words: str = "") -> Measured:
    """What a process of its own measures."""
    command = [sys.executable, "-m", "bench.shapes", side, place, words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def chorale(place: Path, machine: Machine, steps: int) -> list[float]:
    """Seconds until every step was done; the first is shown."""
    library = Library(place / "models", place / "assets")
    plan = one_expert(library, steps)
    began, seen = time.perf_counter(), list[float]()
    for event in Runtime(library, machine).run(plan, previews=1e-9):
        if isinstance(event, Failure):
            raise RuntimeError(event.diagnostics)
        if isinstance(event, Progress):
            seen.append(time.perf_counter() - began)
        if isinstance(event, Result):
            event.pictures[0].load()
    return seen


def diffusers(place: Path, machine: Machine, steps: int) -> list[float]:
    """Seconds until every step was done."""
    folder = place / "models" / "own"
    began, seen = time.perf_counter(), list[float]()
    xl = json.loads((folder / "model_index.json").read_text())["_class_name"].endswith("XLPipeline")
    family: Any = StableDiffusionXLPipeline if xl else StableDiffusionPipeline
    more: dict[str, Any] = {"add_watermarker": False} if xl else {}
    pipeline = family.from_pretrained(folder, torch_dtype=machine.precision, **more)
    pipeline = pipeline.to(machine.device)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing", set_alpha_to_one=True
    )

    def called(_pipe: Any, _step: int, _time: Any, kept: dict[str, Any]) -> dict[str, Any]:
        kept["latents"][0, 0, 0, 0].item()  # waits for the device, as showing would
        seen.append(time.perf_counter() - began)
        return kept

    pipeline(
        SENTENCES[0],
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        callback_on_step_end=called,
    )
    return seen


def main(side: str, place: str, words: str) -> None:
    """Print what one side took, as JSON."""
    best = Machine.best()
    machine = Machine(best.device, best.precision, speed=Speed.read(words))
    there = machine.device.type == "cuda"
    steps, runs, warm = (25, 2, 4) if there else (5, 1, 1)  # a graph is recorded in three steps
    play = partial({"chorale": chorale, "diffusers": diffusers}[side], Path(place), machine, steps)
    seen = [play() for _ in range(runs)][-1]
    speed = (steps - warm) / (seen[-1] - seen[warm - 1])
    cuda: Any = torch.cuda
    peak = (
        cuda.max_memory_allocated()
        if there
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    print(json.dumps({"speed": speed, "first": seen[0], "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
