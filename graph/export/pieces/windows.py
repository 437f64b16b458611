"""A state that is wider than its experts know, seen through windows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class DrawnByWindows:
    """Draws for all windows, of which every window takes its part, however often it draws."""

    def __init__(self, draw: Callable, places: list[tuple]) -> None:
        self.draw, self.places = draw, places  # of what is drawn
        self.waiting: list[list[Tensor]] = [[] for _ in places]

    def of(self, window: int) -> Callable:
        """The draws of one window; what it draws first waits for the others."""

        def drawn() -> Tensor:
            if not self.waiting[window]:
                whole = self.draw()
                for parts, place in zip(self.waiting, self.places):
                    parts.append(whole[place])
            return self.waiting[window].pop(0)

        return drawn


def joined(parts: list[Tensor], windows: list[slice]) -> Tensor:
    """The mean of what all windows say of a place (MultiDiffusion, arXiv 2302.08113, equation 5).

    Each is weighed by how far the place is from its border.
    """
    whole = windows[-1].stop
    ramp = torch.arange(1, parts[0].shape[-1] + 1, device=parts[0].device)
    weight = torch.minimum(ramp, ramp.flip(0)).to(parts[0])
    total = weight.new_zeros(whole)
    put = weight.new_zeros(*parts[0].shape[:-1], whole)
    for part, place in zip(parts, windows):
        total[place] += weight
        put[..., place] += weight * part
    return put / total
