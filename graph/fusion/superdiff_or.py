"""SuperDiff OR: every sample follows the expert that it likes best so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from graph.background import as_tensors, fill, inner, mix, portions, presence, reference, wide
from graph.interfaces import Estimate, Fused, FusionRule
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Followed:
    """The last state with the estimates made there, and each expert's log-density [b, 1, …].

    Densities are those of y = x/alpha, up to what they had in common at the start.
    """

    x: Tensor
    level: NoiseLevel
    denoised: tuple[Tensor, ...]
    densities: tuple[Tensor, ...]


class SuperdiffOr(FusionRule):
    """One expert or the other, sample by sample: together they paint the mixture of what they know.

    D̂ = R + g·Σ κᵢ·(Dᵢ − R) with κ = softmax(log wᵢ + T·log qᵢ). log qᵢ, the density that expert i
    gives the state, is followed along the path of the reverse diffusion: in y = x/alpha, with
    r = sigma/alpha and the score sᵢ = (Dᵢ − y)/r², a step adds ⟨sᵢ, y' − y⟩ − ½·(r² − r'²)·‖sᵢ‖²
    (Skreta et al., arXiv 2412.17762, OR). That is also how much likelier each expert makes a step
    of Euler and Maruyama, so that with that sampler the shares hold at any number of steps.

    R is the background; at g = 1 it cancels. The weights say how often each expert is followed: at
    T = 1 as wᵢ/Σw. Those below zero count as zero. T and g other than 1 draw from no known mixture.
    """

    name: Literal["superdiff_or"] = "superdiff_or"
    sharpness: float = Field(
        default=1.0,
        ge=0.0,
        le=100.0,
        description="T: 1 follows the densities as they are, 0 takes the mean, more takes sides.",
    )
    guidance: float = Field(
        default=1.0,
        ge=1.0,
        le=15.0,
        description="How far the experts are followed away from the background; 1 is as trained.",
    )
    signed: ClassVar[bool] = False
    diffusing: ClassVar[bool] = True

    @property
    def mixes(self) -> bool:
        """At T = 1 and g = 1."""
        return self.sharpness == self.guidance == 1.0

    def follow(
        self,
        memory: Followed | None,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
    ) -> tuple[Followed, Sequence[Tensor | float]]:
        """The densities up to here, and the weights wᵢ·qᵢ^T as parts of the greatest."""
        denoised = tuple(each.denoised for each in estimates)
        if memory is None or len(memory.denoised) != len(denoised):
            densities = tuple(inner(each, each) * 0.0 for each in denoised)
        else:
            before = zip(memory.denoised, memory.densities, strict=True)
            densities = tuple(log + _gained(memory, clean, x, level) for clean, log in before)
        faders = [wide(fader.clamp_min(0.0)) for fader in as_tensors(weights, x)]
        logs = [w.log() + self.sharpness * q for w, q in zip(faders, densities, strict=True)]
        top = reduce(lambda one, other: one.maximum(other), logs).nan_to_num(neginf=0.0)
        return Followed(x, level, denoised, densities), [(log - top).exp().to(x) for log in logs]

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
        shares: Sequence[float],
        background: Float[Tensor, "b *d"] | None,
    ) -> Fused:
        """Fuse by weights that `follow` gave; the base is R, without any the experts' mean."""
        faders = [weight.clamp_min(0.0) for weight in as_tensors(weights, x)]
        present = presence(faders, x)
        denoised = [estimate.denoised for estimate in estimates]
        base, guidance = reference(estimates, shares, present, background), self.guidance
        if base is None:
            base, guidance = mix(denoised, [1.0] * len(denoised), present), 1.0
        parts = zip(portions(faders), denoised, strict=True)
        return Fused(base, fill([guidance * part * (d - base) for part, d in parts], x))


def _gained(before: Followed, denoised: Tensor, x: Tensor, level: NoiseLevel) -> Tensor:
    """What log q of one expert gained on the way to here; nothing is known at pure noise."""
    if before.level.alpha == 0.0:
        return inner(x, x) * 0.0
    y = wide(before.x) / before.level.alpha
    moved = wide(x) / level.alpha - y
    score = (wide(denoised) - y) / before.level.ratio**2
    diffused = before.level.ratio**2 - level.ratio**2
    return inner(score, moved) - 0.5 * diffused * inner(score, score)
