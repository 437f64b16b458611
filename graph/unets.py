"""The conditional UNet of latent diffusion: how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor


def answering(
    unet: Any,
    words: Tensor,
    added: Mapping[str, Tensor] | None = None,
    guidance: Tensor | None = None,
    beside: Tensor | None = None,
) -> Callable[[Tensor, float], Tensor]:
    """The UNet under `words` [n, tokens, width] as a network of state and time.

    `guidance` [n, size] is told to one into which guidance was distilled; `beside` [n, c, h, w] is
    more channels of its input, after those of the state.
    """

    def network(state: Tensor, time: float) -> Tensor:
        seen = state.to(unet.dtype)
        answer = unet(
            seen if beside is None else torch.cat([seen, beside], 1),
            torch.full((len(state),), time, device=state.device),
            encoder_hidden_states=words,
            timestep_cond=guidance,
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return answer.to(state)

    return network
