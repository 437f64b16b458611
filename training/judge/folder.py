"""The judge's folder: configuration, float16 weights, model card."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from training.judge.network import Judge, Shape, fast
from training.judge.objective import Scores
from training.trainer import Trainer

MODELS = Path(__file__).parents[2] / "assets" / "models" / "judge"
WEIGHTS, CONFIG = "judge.safetensors", "config.json"


class NobodyError(FileNotFoundError):
    """There is nobody to be measured, or nobody to judge."""


def write(
    judge: Judge, scores: Scores, trainer: Trainer, pictures: tuple[int, int], folder: Path
) -> None:
    """Write the folder; `pictures` are how many it learned from and was examined on."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in judge.state_dict().items()
    }
    save_file(state, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(judge.config, indent=2) + "\n")
    (folder / "README.md").write_text(_model_card(judge, scores, trainer, pictures, folder))


def load(folder: Path = MODELS, where: torch.device | None = None) -> Judge:
    """The judge, ready to read.

    Raises:
        NobodyError: there is no judge; `python -m training judge` makes one.
    """
    if not (folder / WEIGHTS).exists():
        raise NobodyError(f"There is no judge in {folder}. Make one with: python -m training judge")
    judge = Judge(Shape(**json.loads((folder / CONFIG).read_text())))
    stored = load_file(folder / WEIGHTS)
    judge.load_state_dict(
        {name: value.to(judge.state_dict()[name].dtype) for name, value in stored.items()}
    )
    return fast(judge.to(where or torch.device("cpu"))).eval().requires_grad_(False)


def digest(folder: Path = MODELS) -> str:
    """The SHA-256 of the judge's weights, to be published beside every FD-judge."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def _model_card(
    judge: Judge, scores: Scores, trainer: Trainer, pictures: tuple[int, int], folder: Path
) -> str:
    size = sum(p.numel() for p in judge.parameters())
    accuracies = "\n".join(f"| {fact} | {100 * v:.2f} % |" for fact, v in scores.accuracy.items())
    regions = ", ".join(f"{name} {value:.3f}" for name, value in scores.iou.items())
    return f"""---
license: apache-2.0
library_name: pytorch
pipeline_tag: image-segmentation
tags:
- chorale-playground
---

# The Playground's judge

A convnet of {size / 1e6:.2f} million parameters that says what a 128×128 picture of the
Playground's world shows: the region of every pixel, the lines a pen would draw, time, weather,
ground and background, and the object in each of three places with its colour and size. Its 64
features are the space of FD-judge. It judges what the experts paint, and shares nothing with them:
another architecture, another draw of the world, and no latents.

| held-out renders (draw "judge-test", {pictures[1]}) | |
|---|---|
{accuracies}
| mean accuracy | {100 * scores.mean_accuracy:.2f} % |
| mean IoU over the classes | {scores.mean_iou:.4f} |
| edge F1 within one pixel of the sketch | {scores.edges:.4f} |

IoU by class: {regions}.

| | |
|---|---|
| data | {pictures[0]} pictures of the draw "judge-train", some autoencoded, all weathered |
| training | {trainer.step} steps, {trainer.examples} examples |
| weights | float16, SHA-256 `{digest(folder)}` |

Made with `python -m training judge`. The pictures are synthetic and show no person; the weights may
be used under the Apache licence 2.0.
"""
