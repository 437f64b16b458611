"""Experts of real families beside diffusers: a UNet and a transformer, alone, four times, again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, DiTPipeline, StableDiffusionPipeline
from torch.nn import Module

from bench.timing import Row, compare, seconds
from graph.compile import compile_workflow
from graph.events import Failure
from graph.library import Library
from graph.machine import Machine
from graph.plan import Plan
from graph.runtime import Runtime
from graph.workflow import Workflow
from nodes import catalogue
from tests.graph.experts import folders

CPU = Machine(torch.device("cpu"), torch.float32)
STEPS, GUIDANCE = 10, 4.0  # 10 divides 1,000: DDIMScheduler visits the times that we visit
SENTENCES = ("a red boat", "a blue house", "a house at night", "a boat at night")
UNET: dict[str, Any] = {
    "sample_size": 32,
    "block_out_channels": (64, 128, 256, 256),
    "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
    "layers_per_block": 2,
    "attention_head_dim": 8,
    "norm_num_groups": 32,
    "cross_attention_dim": 64,
}
"""The levels, blocks and attention of Stable Diffusion 1's UNet, a fifth as wide."""
TRANSFORMER: dict[str, Any] = {
    "sample_size": 32,
    "num_layers": 12,
    "num_attention_heads": 6,
    "attention_head_dim": 64,
}
"""DiT-S/2 (arXiv 2212.09748) over the tokens of Stable Diffusion's pictures at 256 pixels."""


def rows() -> Iterator[Row]:
    """Ratios of seconds and bytes, each side in turn in one process."""
    with tempfile.TemporaryDirectory() as place:
        models = Path(place) / "models"
        folders.stable_diffusion(models / "unet", width=64, unet=UNET)
        folders.dit(models / "dit", transformer=TRANSFORMER)
        library = Library(models, Path(place) / "assets")
        yield from _again(library)
        yield from _alone(library)
        yield _together(library)
        yield _held(library)


def _again(library: Library) -> Iterator[Row]:
    """What comes before the first step: loading and reading, and after a fader has moved."""
    runtime = Runtime(library, CPU)
    first = seconds(lambda: runtime.prepare(plan_of(library, SENTENCES)))
    moved = plan_of(library, SENTENCES, guidance=GUIDANCE / 2)
    second = seconds(lambda: runtime.prepare(moved))
    detail = f"{1000 * second:.1f} ms / {first:.2f} s"
    yield Row(
        "before the first step, again with another guidance", second / first, "×", "≤ 0.05", detail
    )


def _alone(library: Library) -> Iterator[Row]:
    """One guided expert over the pipeline of the same folder, pictures and all."""
    runtime = Runtime(library, CPU)
    unet = _pipeline(StableDiffusionPipeline, library.folder / "unet")
    dit = _pipeline(DiTPipeline, library.folder / "dit")
    sides = {
        "a UNet of SD's form": (
            plan_of(library, SENTENCES[:1]),
            lambda: unet(SENTENCES[0], num_inference_steps=STEPS, guidance_scale=GUIDANCE),
        ),
        "a DiT": (
            plan_of(library, ("night",), "class"),
            lambda: dit([1], num_inference_steps=STEPS, guidance_scale=GUIDANCE),
        ),
    }
    for name, (plan, theirs) in sides.items():
        ratio, one, two = compare(lambda plan=plan: play(runtime, plan), theirs)
        yield Row(
            f"{name}, guided, over its pipeline", ratio, "×", "≤ 1.0", f"{one:.2f} / {two:.2f} s"
        )


def _together(library: Library) -> Row:
    """Four sentences in one product over four guided runs of the pipeline."""
    runtime, plan = Runtime(library, CPU), plan_of(library, SENTENCES)
    unet = _pipeline(StableDiffusionPipeline, library.folder / "unet")

    def theirs() -> None:
        for sentence in SENTENCES:
            unet(sentence, num_inference_steps=STEPS, guidance_scale=GUIDANCE)

    ratio, one, two = compare(lambda: play(runtime, plan), theirs)
    return Row(
        "four sentences on one UNet over four guided pipelines",
        ratio,
        "×",
        "≤ 0.9",
        f"{one:.2f} / {two:.2f} s",
    )


def _held(library: Library) -> Row:
    """Bytes of the networks that four experts on one base hold, over those of the UNet itself."""
    runtime = Runtime(library, CPU)
    play(runtime, plan_of(library, SENTENCES))
    kept = [each.network for each in runtime._loaded.values()]  # noqa: SLF001 - the bench looks inside
    held = {
        weight.data_ptr(): weight.nbytes
        for expert in kept
        for network in vars(expert).values()
        if isinstance(network, Module)
        for weight in network.parameters()
    }
    stored = sum(
        path.stat().st_size for path in (library.folder / "unet" / "unet").glob("*.safetensors")
    )
    return Row(
        "weights of four experts on one base over its file",
        sum(held.values()) / stored,
        "×",
        "≤ 1.05",
    )


def _pipeline(family: Any, folder: Path) -> Any:
    pipeline = family.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    changes = {"timestep_spacing": "trailing", "set_alpha_to_one": True}
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, **changes)
    return pipeline


def play(runtime: Runtime, plan: Plan) -> None:
    """Play to the end; RuntimeError where that fails."""
    for event in runtime.run(plan):
        if isinstance(event, Failure):
            raise RuntimeError(event.diagnostics)


def one_expert(library: Library, steps: int) -> Plan:
    """One guided sentence for the model `own`."""
    return plan_of(library, SENTENCES[:1], model="own", steps=steps)


def plan_of(
    library: Library,
    asked: Sequence[str],
    kind: str = "text",
    guidance: float = GUIDANCE,
    model: str = "",
    steps: int = STEPS,
) -> Plan:
    """So many experts of one folder in a product, sampled by DDIM."""
    word, usual, said = {
        "text": ("text", "unet", "text"),
        "class": ("label", "dit", "name"),
    }[kind]
    sampler = {
        "steps": steps,
        "method": {"name": "ddim"},
        "schedule": {"name": "discrete", "spacing": "trailing"},
    }
    nodes: list[Mapping[str, Any]] = [
        {"id": "fuse", "type": "fuse"},
        {"id": "sampler", "type": "sampler", "settings": sampler},
        {"id": "out", "type": "picture"},
    ]
    wires = [("fuse.score", "out.score"), ("sampler.sampling", "out.sampling")]
    for number, words in enumerate(asked):
        expert = {"model": model or usual, "guidance": guidance}
        nodes += [
            {"id": f"{kind}{number}", "type": word, "settings": {said: words}},
            {"id": f"expert{number}", "type": f"{kind}_expert", "settings": expert},
        ]
        wires += [
            (f"{kind}{number}.{kind}", f"expert{number}.{kind}"),
            (f"expert{number}.score", "fuse.scores"),
        ]
    drawn = [{"from": origin, "to": target} for origin, target in wires]
    workflow = Workflow.model_validate({"nodes": nodes, "wires": drawn})
    plan = compile_workflow(workflow, catalogue(), library).plan
    if plan is None:
        raise RuntimeError("the workflow of the bench does not compile")
    return plan
