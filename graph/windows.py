"""Windows: a wide state as states of the experts' own width, and their estimates put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from graph.interfaces import Fused
from graph.panes import Panes
from graph.reliability import Weight

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Windows(Panes):
    """Cuts a wide state, and puts together what is said of its parts.

    What they estimate is put together as the mean of all that look at a place (MultiDiffusion,
    arXiv 2302.08113, equation 5), each weighed by how far the place is from the window's border.
    """

    def cut(self, x: Float[Tensor, "b *d w"]) -> Float[Tensor, "n *d v"]:
        """What every window shows, sample by sample: n is b times the number of windows."""
        parts = [x[..., start : start + self.width] for start in self.starts]
        return torch.stack(parts, 1).flatten(0, 1)

    def join(self, parts: Float[Tensor, "n *d v"]) -> Float[Tensor, "b *d w"]:
        """The weighed mean of what the windows say of every place."""
        count = len(self.starts)
        ramp = torch.arange(1, self.width + 1, device=parts.device)
        weight = torch.minimum(ramp, ramp.flip(0)).to(parts)
        total = parts.new_zeros(self.whole)
        joined = parts.new_zeros((len(parts) // count, *parts.shape[1:-1], self.whole))
        for number, start in enumerate(self.starts):
            place = slice(start, start + self.width)
            total[place] += weight
            joined[..., place] += weight * parts[number::count]
        return joined / total

    def joined(self, fused: Fused) -> Fused:
        """An update of the whole from those of the windows."""
        return Fused(self.join(fused.base), torch.stack([self.join(each) for each in fused.terms]))

    def weight(self, weight: Weight, samples: int) -> Weight:
        """The weight of a batch as its windows see it; what is one number stays so.

        It may be one of another space, as wide for its places as the whole is here.
        """
        if weight.spread is None:
            return weight
        if weight.spread.shape[-1] == 1:  # one number for all places, of whatever space
            spread = weight.spread.expand(samples, *weight.spread.shape[1:])
            return Weight(weight.number, spread.repeat_interleave(len(self.starts), 0))
        spread = weight.spread.expand(samples, *weight.spread.shape[1:])
        return Weight(weight.number, self.elsewhere(spread.shape[-1] // self.times).cut(spread))
