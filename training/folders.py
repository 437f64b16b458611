"""The folder an expert is shipped in: a plain diffusers pipeline with a card."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file
from torch import Tensor, nn

from training.cards import card, model_card
from training.networks import Expert
from training.objectives import scheduler
from training.recipes import Recipe
from training.spaces import PLAYGROUND, Space
from training.trainer import Trainer
from training.words import tokenizer
from training.world import SCENE_KINDS

MODELS = Path(__file__).parent.parent / "assets" / "models" / "playground"


def _halves(model: nn.Module) -> Any:
    """A float16 copy for storage; loading into float32 modules widens it again."""
    return copy.deepcopy(model).half()


def write(network: Expert, vae: AutoencoderKL, preview: dict[str, Any], folder: Path) -> None:
    """Write the pipeline's parts and `card.json`, weights as float16 safetensors.

    Args:
        network: the expert with the weights to ship.
        vae: the autoencoder, the same in every folder of a space.
        preview: the linear map from latents to pictures, see `codec.fit_preview`.
        folder: replaced if it exists.
    """
    recipe = network.recipe
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _halves(vae).save_pretrained(folder / "vae")
    _halves(network.transformer).save_pretrained(folder / "transformer")
    native = scheduler(recipe.objective)
    native.save_pretrained(folder / "scheduler")
    if network.text_encoder is not None:
        _write_text_encoder(network.text_encoder, folder / "text_encoder")
        tokenizer().save_pretrained(folder / "tokenizer")
    index = model_index(recipe, type(native).__name__)
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    (folder / "card.json").write_text(json.dumps(card(recipe, preview), indent=2) + "\n")


def _write_text_encoder(model: nn.Module, folder: Path) -> None:
    """Store float16 weights under a configuration that says float32, so that they load as such."""
    _halves(model).save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["dtype"] = "float32"
    path.write_text(json.dumps(config, indent=2) + "\n")


def model_index(recipe: Recipe, scheduler_name: str) -> dict[str, Any]:
    """What `DiffusionPipeline.from_pretrained` reads first."""
    text = "text" in recipe.sees
    index: dict[str, Any] = {
        "_class_name": "PixArtSigmaPipeline" if text else "DiTPipeline",
        "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", scheduler_name],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    if text:
        index["transformer"] = ["diffusers", "PixArtTransformer2DModel"]
        index["text_encoder"] = ["transformers", "T5EncoderModel"]
        index["tokenizer"] = ["transformers", "T5Tokenizer"]
        return index
    index["transformer"] = ["diffusers", "DiTTransformer2DModel"]
    labels = SCENE_KINDS if "class" in recipe.sees else ("picture",)
    index["id2label"] = {str(number): label for number, label in enumerate(labels)}
    return index


def weights_of(folder: Path, network: Expert) -> dict[str, Tensor]:
    """The state of an expert from its shipped folder alone, in float32."""
    state: dict[str, Tensor] = {}
    for path in sorted(folder.glob("t*/*.safetensors")):
        part = path.parent.name
        stored = load_file(path)
        state |= {f"{part}.{key}": value.float() for key, value in stored.items()}
    # Weights that share storage are stored once, under one of their names.
    for key, value in network.state_dict().items():
        if key.endswith("embed_tokens.weight") and key not in state:
            state[key] = state["text_encoder.shared.weight"]
        elif key not in state and "pos_embed.pos_embed" in key:
            state[key] = value
    return state


def ship(network: Expert, trainer: Trainer, held_out: float, runs: Path, assets: Path) -> None:
    """Write the averaged weights with the current autoencoder, its preview and a model card."""
    recipe = network.recipe
    vae: Any = AutoencoderKL.from_pretrained(
        runs / recipe.space.autoencoder / "vae", torch_dtype=torch.float32
    )
    preview = json.loads((runs / recipe.space.autoencoder / "preview.json").read_text())
    folder = assets / recipe.name
    trainer.ema.swap()
    write(copy.deepcopy(network).cpu(), vae, preview, folder)
    trainer.ema.swap()
    facts = {"steps": trainer.step, "examples": trainer.examples, "held_out": held_out}
    (folder / "README.md").write_text(model_card(recipe, facts))
    print(f"shipped {folder}", flush=True)


def refresh_autoencoder(runs: Path, assets: Path, space: Space = PLAYGROUND) -> None:
    """Put a space's current autoencoder and preview into its shipped folders; experts stay."""
    vae: Any = AutoencoderKL.from_pretrained(
        runs / space.autoencoder / "vae", torch_dtype=torch.float32
    )
    preview = json.loads((runs / space.autoencoder / "preview.json").read_text())
    for folder in sorted(path.parent for path in assets.glob("*/model_index.json")):
        content = json.loads((folder / "card.json").read_text()) | {"preview": preview}
        if content["space"] != space.name:
            continue
        _halves(vae).save_pretrained(folder / "vae")
        (folder / "card.json").write_text(json.dumps(content, indent=2) + "\n")
