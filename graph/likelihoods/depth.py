"""Depth estimators of transformers as likelihoods: log p(depth map | picture)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModelForDepthEstimation

from graph.companions import DEPTH_ESTIMATOR, Companion
from graph.interfaces import Likelihood
from graph.levels import CLEAN, NoiseLevel
from graph.machine import Machine
from graph.onlookers import Onlooker
from graph.pictures import nearness
from graph.planes import standardised

if TYPE_CHECKING:
    from jaxtyping import Float

PLACES = 1024
"""How many independent places a map counts for, whatever its size: neighbours say the same."""
NEAREST = 1e-3
"""Metres; what is said to be nearer still counts as that near."""
METRES = frozenset({"glpn", "tipsv2_dpt", "zoedepth"})
"""Kinds of network that answer with a distance; the others answer with a nearness."""


class DepthEstimator(Likelihood):
    """Any depth estimator of transformers: log p(depth map | picture), white being near.

    What such a model says is known up to a scale and a shift only (arXiv 1907.01341), and so is
    what a person paints. Both are therefore brought to mean 0 and variance 1, as z, and
    log p = −½·PLACES·mean (z_answer − z_map)², which is −PLACES·(1 − their correlation). A distance
    in metres counts as its inverse.
    """

    networks: ClassVar[tuple[str, ...]] = (DEPTH_ESTIMATOR,)

    def __init__(self, onlooker: Onlooker) -> None:
        self.onlooker = onlooker
        config = onlooker.network.config
        told = getattr(config, "depth_estimation_type", "relative")
        self.in_metres = told == "metric" or config.model_type in METRES
        self.canvas = onlooker.sight.canvas

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> DepthEstimator:
        """Load the network of a folder."""
        return cls(Onlooker.open(companion, AutoModelForDepthEstimation, machine))

    def encode(self, value: Image.Image) -> Float[Tensor, "h w"]:
        """How near every pixel of a grey map is, from 0 in black to 1 in white."""
        grey = nearness(value, self.canvas or value.size)
        return torch.from_numpy(grey).to(self.onlooker.network.device)

    def read(
        self, pictures: Float[Tensor, "b c h w"], level: NoiseLevel = CLEAN
    ) -> Float[Tensor, "b v u"]:
        """The map, in whatever unit the network has."""
        return self.onlooker.answer(pictures, level).predicted_depth.float()

    def log_density(
        self, answer: Float[Tensor, "b v u"], targets: Sequence[Float[Tensor, "_ _"]]
    ) -> Float[Tensor, "b"]:
        """The squared distance of the standardised maps, negative."""
        size = answer.shape[-2:]
        maps = torch.stack([_brought(each, size) for each in targets])
        return -0.5 * PLACES * (self._near(answer) - standardised(maps)).square().mean((1, 2))

    def divergence(
        self, answer: Float[Tensor, "b v u"], teacher: Float[Tensor, "b v u"]
    ) -> Float[Tensor, "b"]:
        """The mean squared distance of the standardised maps."""
        return (self._near(answer) - self._near(teacher)).square().mean((1, 2))

    def _near(self, answer: Tensor) -> Tensor:
        """How near every place is, standardised."""
        return standardised(answer.clamp_min(NEAREST).reciprocal() if self.in_metres else answer)


def _brought(grey: Tensor, size: Sequence[int]) -> Tensor:
    """A map in another size, [h, w]."""
    return F.interpolate(
        grey[None, None], tuple(size), mode="bilinear", antialias=True, align_corners=False
    )[0, 0]
