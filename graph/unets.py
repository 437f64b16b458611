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
) -> Callable[[Tensor, float], Tensor]:
    """The UNet under `words` [n, tokens, width] as a network of state and time.

    `guidance` [n, size] is told to one into which guidance was distilled.
    """

    def network(state: Tensor, time: float) -> Tensor:
        answer = unet(
            state.to(unet.dtype),
            torch.full((len(state),), time, device=state.device),
            encoder_hidden_states=words,
            timestep_cond=guidance,
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return answer.to(state)

    return network
