"""What distinguishes the experts: what each one sees, predicts, and how large it is."""

from dataclasses import dataclass
from typing import Literal

from training.spaces import FINE, PLAYGROUND, Space

Modality = Literal["text", "class", "mask", "sketch"]


@dataclass(frozen=True)
class Recipe:
    """One expert.

    Attributes:
        name: its folder below assets/models/playground.
        sees: the modalities of its training examples, nothing else of a picture reaches it.
        draw: the named draw that belongs to it alone, so that experts never share a picture.
        objective: "v" on the variance preserving cosine schedule, or "flow".
        pictures: how many pictures of its draw are encoded by default.
        space: the latent space that it works in.
        width: channels of the transformer.
        layers: blocks of the transformer.
        dropout: probability that an example's condition is replaced by the null condition.
        lean: how far the levels of training lean to noise, see `training.objectives.noised`. A
            sentence says much about a picture of noise and next to nothing about one half formed.
    """

    name: str
    sees: tuple[Modality, ...]
    objective: Literal["v", "flow"]
    pictures: int
    space: Space = PLAYGROUND
    width: int = 192
    layers: int = 6
    dropout: float = 0.12
    lean: float = 0.0
    seed: int = 0

    @property
    def draw(self) -> str:
        """The named draw that this expert is trained on."""
        return f"expert {self.name}"

    @property
    def held_out(self) -> str:
        """The named draw that measures its validation loss."""
        return f"expert {self.name} held out"

    @property
    def condition(self) -> str:
        """The modality in the words of its card."""
        return "+".join(self.sees) or "none"

    @property
    def spatial(self) -> tuple[Modality, ...]:
        """The conditions that are pictures and enter as latents beside the noisy ones."""
        return tuple(m for m in self.sees if m in ("mask", "sketch"))


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("text", ("text",), "v", 24000, lean=2.0, seed=1),
        Recipe("mask", ("mask",), "flow", 16000, seed=2),
        Recipe("sketch", ("sketch",), "flow", 16000, seed=3),
        Recipe("class", ("class",), "v", 16000, seed=4),
        Recipe("unconditional", (), "v", 12000, seed=5),
        Recipe("joint", ("text", "mask", "sketch"), "flow", 16000, lean=1.0, seed=6),
        Recipe("mask-fine", ("mask",), "flow", 6000, FINE, seed=7),
    )
}
