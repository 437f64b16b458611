"""CFG++: guidance that puts the background's noise back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from graph.interfaces import Fused, GuidanceForm
from graph.levels import NoiseLevel

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class CfgPp(GuidanceForm):
    """Interpolates towards what is asked for, and puts back what the background takes for noise.

    A step x' = alpha'·D̂ + c·(x − alpha·B)/sigma, with weights between 0 and 1 in D̂ (Chung et al.,
    arXiv 2406.08070, algorithm 2). A sampler whose step is x' = alpha'·D' + c·(x − alpha·D')/sigma
    makes that very step when it is shown D' = B + g·(D̂ − B) with
    g = 1/(1 − c·alpha/(alpha'·sigma)), which for `ddim` without fresh noise is r/(r − r') in
    r = sigma/alpha. So it is guidance whose weight follows from where the next step leads.
    """

    name: Literal["cfg_pp"] = "cfg_pp"
    renoises: ClassVar[bool] = True

    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        guided: Fused,
        plain: Fused,
        memory: Any,
        gain: float,
    ) -> Fused:
        """Stretch every term by the gain."""
        return Fused(plain.base + gain * (guided.base - plain.base), gain * guided.terms)
