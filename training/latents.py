"""Each expert's own draw, encoded once: clean latents and the one condition the expert sees."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from tqdm import tqdm

from training import codec
from training.budget import RUNS, device, save_atomically
from training.pictures import mask_picture, sketch_picture
from training.recipes import Recipe
from training.words import token_ids, tokenizer
from training.world import caption, draw

CHUNK = 500
CAPTIONS = 4


@dataclass(frozen=True)
class Examples:
    """Training examples of one expert; a modality it does not see is not there at all.

    Attributes:
        latents: [n, c, h, w], float16.
        text: token numbers [n, 4 captions, 32], int16.
        label: scene kinds [n].
        picture: latents of mask and sketch, [n, c·k, h, w], float16.
    """

    latents: Tensor
    text: Tensor | None = None
    label: Tensor | None = None
    picture: Tensor | None = None

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self.latents)

    def tensors(self) -> dict[str, Tensor]:
        """The parts that are there, by name."""
        return {name: part for name, part in vars(self).items() if part is not None}

    def to(self, where: torch.device) -> "Examples":
        """The same examples on another device."""
        return Examples(**{name: part.to(where) for name, part in self.tensors().items()})


def make(recipe: Recipe, vae: AutoencoderKL, draw_name: str, start: int, count: int) -> Examples:
    """Render, encode and caption pictures start..start+count-1 of a draw."""
    where = next(iter(vae.parameters())).device
    drawn = draw(draw_name, start, count)
    shown = {"mask": mask_picture, "sketch": sketch_picture}
    pictures = [codec.encode(vae, shown[m](drawn).to(where)) for m in recipe.spatial]
    text = None
    if "text" in recipe.sees:
        words = tokenizer()
        variants = [
            token_ids(words, [caption(scene, variant) for scene in drawn.scenes])
            for variant in range(CAPTIONS)
        ]
        text = torch.stack(variants, dim=1)
    return Examples(
        latents=codec.encode(vae, drawn.picture.to(where)).half().cpu(),
        text=text,
        label=drawn.scene_kind if "class" in recipe.sees else None,
        picture=torch.cat(pictures, 1).half().cpu() if pictures else None,
    )


def join(parts: list[Examples]) -> Examples:
    """Concatenate examples of one expert."""
    names = parts[0].tensors()
    return Examples(**{name: torch.cat([part.tensors()[name] for part in parts]) for name in names})


def folder(recipe: Recipe, runs: Path = RUNS) -> Path:
    """Where an expert's chunks lie."""
    return runs / "latents" / recipe.name


def cache(recipe: Recipe, count: int, runs: Path = RUNS) -> None:
    """Encode the first pictures of an expert's draw, in chunks; chunks that exist are kept."""
    vae = codec.open_frozen(runs / recipe.space.autoencoder / "vae").to(device())
    chunks = [(recipe.held_out, 0, "held-out")]
    chunks += [(recipe.draw, at, f"{at:06d}") for at in range(0, count, CHUNK)]
    began = time.monotonic()
    for draw_name, start, name in tqdm(chunks, desc=f"latents {recipe.name}", mininterval=10.0):
        path = folder(recipe, runs) / f"{name}.pt"
        if not path.exists():
            save_atomically(make(recipe, vae, draw_name, start, CHUNK).tensors(), path)
    print(f"{recipe.name}: {len(chunks)} chunks in {time.monotonic() - began:.0f} s", flush=True)


def load(recipe: Recipe, runs: Path = RUNS, *, held_out: bool = False) -> Examples:
    """Read an expert's chunks, or its held-out examples.

    Raises:
        FileNotFoundError: nothing is encoded yet.
    """
    pattern = "held-out.pt" if held_out else "[0-9]*.pt"
    paths = sorted(folder(recipe, runs).glob(pattern))
    if not paths:
        raise FileNotFoundError(
            f"No latents for '{recipe.name}' in {folder(recipe, runs)}. "
            f"Make them with: python -m training latents {recipe.name}"
        )
    return join([Examples(**torch.load(path, weights_only=True)) for path in paths])
