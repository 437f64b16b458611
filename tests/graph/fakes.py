"""Model folders as diffusers writes them, with weights of a few bytes; made without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from graph.library import Library

PIPELINES = {"text": "PixArtSigmaPipeline"}
CARDS: dict[str, dict[str, Any]] = {
    "text": {"vocabulary": ["a", "red", "blue", "sailboat", "on", "the", "sea", "at", "sunset"]},
    "class": {"labels": ["sea at night", "sea at sunset", "sea by day", "meadow by day"]},
    "mask": {"palette": [{"name": "sky", "colour": [116, 176, 224]}]},
    "sketch": {},
    "none": {},
}
WEIGHTS = "diffusion_pytorch_model.safetensors"
NAMES = {"none": "unconditional"}


def write_model(
    folder: Path,
    condition: str = "text",
    *,
    card: dict[str, Any] | None = None,
    autoencoder: int = 1,
    channels: int = 12,
    side: int = 16,
    **scheduler: Any,
) -> Path:
    """One expert; experts of one `autoencoder` number share a latent space."""
    pipeline = PIPELINES.get(condition, "DiTPipeline")
    index: dict[str, Any] = {
        "_class_name": pipeline,
        "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "transformer": ["diffusers", "PixArtTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    if condition == "text":
        index["text_encoder"] = ["transformers", "T5EncoderModel"]
        index["tokenizer"] = ["transformers", "T5Tokenizer"]
        write_network(folder / "text_encoder", "model.safetensors", 3, {"d_model": 8})
    write_json(folder / "model_index.json", index)
    core = {"sample_size": side, "in_channels": channels}
    vae = {"latent_channels": channels, "block_out_channels": [16, 32, 64, 96]}
    write_network(folder / "transformer", WEIGHTS, 2, core)
    write_network(folder / "vae", WEIGHTS, autoencoder, vae)
    settings = {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction", **scheduler}
    write_json(folder / "scheduler" / "scheduler_config.json", settings)
    if card is None:
        card = {"condition": condition, "space": "playground", **CARDS[condition]}
    if card:
        write_json(folder / "card.json", card)
    return folder


def write_network(folder: Path, file: str, fill: int, config: dict[str, Any]) -> None:
    """A network's configuration with one tensor."""
    write_json(folder / "config.json", config)
    save_file({"weight": np.full(4, fill, dtype=np.float32)}, folder / file)


def write_hollow(path: Path, size: int) -> None:
    """A weight file with one tensor of so many zeros, which takes no room."""
    tensor = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({"weight": tensor}).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)


def write_json(path: Path, content: object) -> None:
    """A JSON file in a folder that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def playground(folder: Path) -> Library:
    """A library with the five experts of the Playground by their names."""
    for condition in CARDS:
        name = NAMES.get(condition, condition)
        write_model(folder / "models" / "playground" / name, condition)
    return Library(folder / "models", folder / "assets")
