"""Sheets of samples, to see what an expert has learned."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from training import codec
from training.experts import condition_of, null_condition
from training.folders import weights_of
from training.latents import Examples, make
from training.networks import Expert
from training.objectives import scheduler
from training.recipes import RECIPES, Recipe
from training.words import tokenizer
from training.world import draw

SHOWN = 16


@torch.no_grad()
def sample(
    network: Expert, condition: dict[str, Tensor], guidance: float, steps: int, seed: int = 0
) -> Tensor:
    """Sample latents [n, c, h, w] on the expert's own schedule, with guidance."""
    recipe = network.recipe
    count = len(next(iter(condition.values())))
    null = null_condition(recipe, count)
    both = {name: torch.cat([part, null[name]]) for name, part in condition.items()}
    steps_of: Any = scheduler(recipe.objective)
    steps_of.set_timesteps(steps)
    shape = (count, recipe.space.channels, recipe.space.size, recipe.space.size)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    for time in steps_of.timesteps:
        told = time.expand(2 * count)
        seen, unseen = network(torch.cat([x, x]), told, both).chunk(2)
        x = steps_of.step(unseen + guidance * (seen - unseen), time, x).prev_sample
    return x


def held_out_condition(recipe: Recipe, vae: Any) -> tuple[dict[str, Tensor], Tensor]:
    """Conditions of the first held-out pictures, and those pictures [n, 3, 128, 128]."""
    examples: Examples = make(recipe, vae, recipe.held_out, 0, SHOWN)
    keep = {m: torch.zeros(SHOWN, dtype=torch.bool) for m in recipe.sees}
    generator = torch.Generator().manual_seed(0)
    condition = condition_of(recipe, examples, keep, generator)
    return condition, draw(recipe.held_out, 0, SHOWN).picture


def tile(pictures: Tensor, columns: int = 8) -> Image.Image:
    """Pictures [k·columns, 3, h, w] in [0, 1] as one image, `columns` a row."""
    count, _, height, width = pictures.shape
    grid = pictures.reshape(count // columns, columns, 3, height, width).permute(0, 3, 1, 4, 2)
    flat = grid.reshape(count // columns * height, columns * width, 3)
    return Image.fromarray((flat * 255).round().byte().numpy().astype(np.uint8))


def write(name: str, assets: Path, runs: Path, guidance: float, steps: int) -> Path:
    """Write runs/NAME/sheet.png: real pictures, their conditions where visible, and samples."""
    torch.set_num_threads(1)
    recipe = RECIPES[name]
    vae = codec.open_frozen(assets / name / "vae")
    network = Expert(recipe, len(tokenizer()))
    network.load_state_dict(weights_of(assets / name, network))
    condition, pictures = held_out_condition(recipe, vae)
    shown = [pictures]
    if recipe.spatial:
        shown += [
            codec.decode(vae, part)
            for part in condition["picture"].split(recipe.space.channels, dim=1)
        ]
    shown.append(codec.decode(vae, sample(network, condition, guidance, steps)))
    path = runs / name / "sheet.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    tile(torch.cat(shown)).save(path)
    print(path)
    return path
