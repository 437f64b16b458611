"""The conditional UNet of latent diffusion: how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graph.interfaces import Adapter, Asking, Heard


def answering(
    unet: Any,
    words: Tensor,
    added: Mapping[str, Tensor] | None = None,
    guidance: Tensor | None = None,
    beside: Tensor | None = None,
    heard: Sequence[Heard] = (),
) -> Callable[[Tensor, float], Tensor]:
    """The UNet under `words` [n, tokens, width] as a network of state and time.

    `guidance` [n, size] is told to one into which guidance was distilled; `beside` [n, c, h, w] is
    more channels of its input, after those of the state. The adapters that are `heard` add to what
    it makes of it.
    """

    def network(state: Tensor, time: float) -> Tensor:
        seen = state.to(unet.dtype)
        times = torch.full((len(state),), time, device=state.device)
        more = _told(Asking(seen, times, words, added), heard)
        with ExitStack() as changes:
            for adapter, each in _telling(heard):
                hints = _stacked(each.hints)
                changes.enter_context(adapter.within(unet, hints, each.weight))
            answer = unet(
                seen if beside is None else torch.cat([seen, beside], 1),
                times,
                encoder_hidden_states=words,
                timestep_cond=guidance,
                added_cond_kwargs=added,
                return_dict=False,
                **more,
            )[0]
        return answer.to(state)

    return network


def _told(asking: Asking, heard: Sequence[Heard]) -> dict[str, Any]:
    """What adapters add to the UNet's own, each as loudly as it is heard, summed by argument."""
    found: dict[str, list[Any]] = {}
    for adapter, each in _telling(heard):
        told = adapter.told(asking, _stacked(each.hints))
        for name, parts in told.items():
            louder = [_loud(each.weight, part) * part for part in parts]
            sums = found.get(name, [0.0] * len(louder))
            found[name] = [one + more for one, more in zip(sums, louder, strict=True)]
    middle = {name: parts[0] for name, parts in found.items() if name.startswith("mid_")}
    return {**found, **middle}


def _telling(heard: Sequence[Heard]) -> list[tuple[Adapter, Heard]]:
    """The adapters that tell a UNet more; what tunes it has changed it before it is asked."""
    return [(each.adapter, each) for each in heard if isinstance(each.adapter, Adapter)]


def _stacked(hints: Sequence[Any]) -> Any:
    if isinstance(hints[0], Tensor):
        return torch.stack([*hints])
    return [torch.stack(parts) for parts in zip(*hints, strict=True)]


def _loud(weight: Tensor, part: Tensor) -> Tensor:
    """The weight over the places of one part: those of a map are brought to its size."""
    size = part.shape[-2:]
    if weight.shape[-2:] not in ((1, 1), size):
        weight = F.interpolate(weight.float(), size, mode="area")
    return weight.to(part)
