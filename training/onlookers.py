"""The folder that an onlooker is kept in: as transformers writes it, with a model card."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any


def write(network: Any, task: Any, side: int, facts: dict[str, Any], folder: Path) -> None:
    """Write configuration, float16 weights, preprocessing, the masks' palette and README.

    A folder is replaced only when the new one is whole.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    copy.deepcopy(network).half().save_pretrained(partial)
    config = json.loads((partial / "config.json").read_text()) | {"dtype": "float32"}
    (partial / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    processing = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": side, "width": side},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (partial / "preprocessor_config.json").write_text(json.dumps(processing, indent=2) + "\n")
    if task.palette:
        palette = [{"name": each.name, "colour": each.colour} for each in task.palette]
        (partial / "card.json").write_text(json.dumps({"palette": palette}, indent=2) + "\n")
    (partial / "README.md").write_text(_read_me(network, task, facts))
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def _read_me(network: Any, task: Any, facts: dict[str, Any]) -> str:
    size = sum(part.numel() for part in network.parameters())
    settings = facts["settings"]
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: {task.pipeline}
tags:
- chorale-playground
---

# The Playground's {task.name}

A stock {type(network).__name__} of {size / 1e6:.2f} million parameters that
{task.purpose}, on clean
128×128 pictures. It has never seen noise: Chorale's guidance turns it into a likelihood that bends
any expert of the Playground.

| | |
|---|---|
| {task.measure} on {settings["held_out"]} held-out renders | {100 * facts["score"]:.1f} % |
| data | {settings["pictures"]} renders of the draw "{task.name}", weathered, half mirrored |
| training | {facts["steps"]} steps, {facts["examples"]} examples |
| weights | the moving average, stored as float16 |

Made with `python -m training {task.name}`. The pictures are synthetic and show no person; the
weights may be used under the Apache licence 2.0.
"""
