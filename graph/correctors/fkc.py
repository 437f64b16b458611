"""Feynman–Kac correctors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from graph.background import inner, uniform
from graph.interfaces import Corrected, Corrector, Part, Seen, Step
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Fkc(Corrector):
    """The pictures of a batch are particles: those that the experts like too little are replaced.

    The reverse diffusion with the score ŝ = Σ kⱼ·sⱼ does not carry π = Π pⱼ^kⱼ from level to level.
    What it lacks is a weight of the path: with r = sigma/alpha a step adds
    ½·(r² − r'²)·(‖ŝ‖² − Σ kⱼ·‖sⱼ‖²) to log W (Skreta et al., arXiv 2503.02819), for scores in
    y = x/alpha. Where the effective number of particles 1/Σ W² falls below `share` of them, and at
    the end, they are drawn anew in proportion to W, systematically (Douc et al., arXiv cs/0507025).

    The samples depend on one another. It holds for weights that stand still and for a sampler that
    diffuses, as steps and particles are added. Where Σ kⱼ = K is not one, particles start from
    noise divided by √K.
    """

    name: Literal["fkc"] = "fkc"
    share: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="Particles are drawn anew when fewer than this part of them count.",
    )
    needs: ClassVar[Literal["scores", "parts", "densities"]] = "parts"
    diffusing: ClassVar[bool] = True
    couples: ClassVar[bool] = True

    def __call__(
        self,
        memory: Tensor | None,
        seen: Seen,
        step: Step,
        ask: Callable[[Float[Tensor, "b *d"], NoiseLevel], Seen],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Corrected:
        """Weigh the step that was taken; asks nothing."""
        logs = _gained(seen, step.level) if memory is None else memory + _gained(seen, step.level)
        weights = logs.softmax(0)
        effective = 1.0 / float((weights**2).sum())
        readings = {"effective": effective}
        if step.level.sigma > 0.0 and effective >= self.share * len(weights):
            return Corrected(step.x, logs, readings)
        copies = systematic(weights.flatten(), float(uniform(draw()).flatten()[0]))
        return Corrected(step.x.repeat_interleave(copies, 0), logs * 0.0, readings)


def systematic(weights: Tensor, chance: float) -> Tensor:
    """How often each particle is drawn: weights [b] summing to 1, chance between 0 and 1.

    Points stand at (i + chance)/b; a particle is drawn for each that falls into its part of [0, 1].
    """
    count = len(weights)
    ends = (count * weights.cumsum(0) - chance).ceil().clamp(0, count).long()
    ends[-1] = count  # whatever the weights were rounded to
    return ends.diff(prepend=ends.new_zeros(1))


def _gained(seen: Seen, to: NoiseLevel) -> Tensor:
    """What a step adds to log W, [b, 1, …]; nothing is known at pure noise."""
    level = seen.level
    if level.alpha == 0.0:
        return inner(seen.x, seen.x) * 0.0

    def force(clean: Tensor) -> Tensor:
        score = level.alpha / level.sigma**2 * (level.alpha * clean - seen.x)
        return inner(score, score)

    def each(part: Part) -> Tensor:
        return force(part.denoised)

    return 0.5 * (level.ratio**2 - to.ratio**2) * (force(seen.denoised) - seen.weighed(each))
