"""The latent spaces of the Playground: what their latents and their autoencoders look like."""

from dataclasses import dataclass

PICTURE_SIZE = 128
PREVIEW_SIZE = 64
"""Points on a side of a linear preview."""


@dataclass(frozen=True)
class Space:
    """One latent space of 128×128 pictures.

    Attributes:
        name: what the cards of its experts say.
        channels: numbers at a place of the latents.
        widths: channels of its autoencoder's levels; each level but the first halves the picture.
        patch: places on a side of a token, so that every expert has 8×8 tokens.
    """

    name: str
    channels: int
    widths: tuple[int, ...]
    patch: int

    @property
    def size(self) -> int:
        """Places on a side of the latents."""
        return PICTURE_SIZE >> (len(self.widths) - 1)

    @property
    def autoencoder(self) -> str:
        """The folder of its autoencoder's training among the runs."""
        return self.name.replace("playground", "autoencoder")


PLAYGROUND = Space("playground", 12, (16, 32, 64, 96), 2)
FINE = Space("playground-fine", 4, (16, 32, 64), 4)
SPACES = {space.name: space for space in (PLAYGROUND, FINE)}
