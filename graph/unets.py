"""The conditional UNet of latent diffusion: what it must be, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from graph.errors import ChoraleError, Diagnostic
from graph.library import Model
from graph.machine import Machine
from graph.weights import frozen


def unet_of(model: Model, machine: Machine, addition: str | None = None) -> Any:
    """The UNet of a folder, fed latents, time and words, and beside them the named `addition`.

    ChoraleError M023 where it takes anything else: a second picture, a guidance scale, a class.
    """
    unet = frozen(UNet2DConditionModel, model.folder / "unet", machine)
    expected: Mapping[str, Any] = {
        "in_channels": model.space.shape[0],
        "addition_embed_type": addition,
        "class_embed_type": None,
        "encoder_hid_dim_type": None,
        "num_class_embeds": None,
        "time_cond_proj_dim": None,
    }
    for setting, wanted in expected.items():
        found = unet.config[setting]
        if found != wanted:
            raise ChoraleError(
                Diagnostic(
                    "M023",
                    f"The UNet of '{model.name}' takes other inputs than those of a "
                    f"{model.pipeline}: expected {setting} {_said(wanted)}, got {_said(found)}.",
                    "Choose a model that is asked with a sentence alone.",
                )
            )
    return unet


def answering(
    unet: Any, words: Tensor, added: Mapping[str, Tensor] | None = None
) -> Callable[[Tensor, float], Tensor]:
    """The UNet under `words` [n, tokens, width] as a network of state and time."""

    def network(state: Tensor, time: float) -> Tensor:
        answer = unet(
            state.to(unet.dtype),
            torch.full((len(state),), time, device=state.device),
            encoder_hidden_states=words,
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return answer.to(state)

    return network


def _said(value: Any) -> str:
    return "none" if value is None else str(value)
