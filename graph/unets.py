"""The conditional UNet of latent diffusion: how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from graph.interfaces import Asking, Heard
from graph.telling import stacked, telling, told


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
        more = told(Asking(seen, times, words, added), heard)
        with ExitStack() as changes:
            for adapter, each in telling(heard):
                hints = stacked(each.hints)
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
