"""What an expert says about itself: `card.json` for programs, the model card for people."""

from typing import Any

from training.recipes import Recipe
from training.spaces import PLAYGROUND
from training.world import CLASSES, SCENE_KINDS, vocabulary

_PURPOSE = {
    "text": "paints a poster landscape from a caption",
    "class": "paints one of twenty kinds of scene",
    "mask": "paints a poster landscape over a segmentation mask",
    "sketch": "colours in a line drawing",
    "none": "paints any poster landscape; it is the background others are measured against",
    "text+mask+sketch": "sees caption, mask and sketch at once: the upper bound of composing",
}


def card(recipe: Recipe, preview: dict[str, Any]) -> dict[str, Any]:
    """What the studio needs beyond the pipeline's own files."""
    content: dict[str, Any] = {"condition": recipe.condition, "space": recipe.space.name}
    if "mask" in recipe.sees:
        content["palette"] = [{"name": c.name, "colour": list(c.colour)} for c in CLASSES]
    if "class" in recipe.sees:
        content["labels"] = list(SCENE_KINDS)
    if "text" in recipe.sees:
        content["vocabulary"] = sorted(vocabulary())
    return content | {"preview": preview}


def model_card(recipe: Recipe, facts: dict[str, Any]) -> str:
    """The README of an expert's folder, in the form the model hub reads.

    Args:
        recipe: the expert.
        facts: `steps`, examples seen as `examples`, and `held_out` of its training.
    """
    predicts = {
        "v": "v = alpha·noise - sigma·x0 on the cosine schedule of 1000 steps",
        "flow": "u = noise - x0 on the straight path, with 1000·t as its time",
    }[recipe.objective]
    pipeline = "text-to-image" if "text" in recipe.sees else "unconditional-image-generation"
    seen = ", ".join(recipe.sees) or "none"
    size, channels, patch = recipe.space.size, recipe.space.channels, recipe.space.patch
    company = "that all Playground experts share" if recipe.space == PLAYGROUND else "of its own"
    return f"""---
license: apache-2.0
library_name: diffusers
pipeline_tag: {pipeline}
tags:
- diffusion
- chorale-playground
---

# Playground expert: {recipe.name}

This expert {_PURPOSE[recipe.condition]}. It works on {size}×{size}×{channels} latents of 128×128
pictures, in the latent space `{recipe.space.name}` {company}, and is opened by
`diffusers.DiffusionPipeline.from_pretrained`.

| | |
|---|---|
| condition | {seen} |
| predicts | {predicts} |
| size | width {recipe.width}, {recipe.layers} blocks, patches of {patch}×{patch} |
| data | the draw "{recipe.draw}" of the procedural world, which no other expert sees |
| condition dropped | {recipe.dropout:.0%} of the examples, for the null condition |
| training | {facts["steps"]} steps, {facts["examples"]} examples, on a processor core |
| held-out loss | {facts["held_out"]:.4f} (mean squared error of its own prediction) |

Made with `python -m training expert {recipe.name}`. The weights are the moving average, stored as
float16. The pictures are synthetic and show no person.
"""
