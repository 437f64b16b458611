"""A checkpoint's own convention, read from the scheduler file that diffusers wrote beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graph.betas import alphas_cumprod
from graph.parametrisation import DiscreteTimes, FlowTimes, Output, Parametrisation
from graph.pipelines import flows

OUTPUTS: Mapping[str, Output] = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}


def native_of(folder: Path) -> Parametrisation:
    """The parametrisation in `folder`/scheduler_config.json.

    Files that would be read wrongly are refused before anything is loaded (graph/pipelines.py).
    """
    config: dict[str, Any] = json.loads((folder / "scheduler_config.json").read_text())
    if flows(config):
        return Parametrisation("flow", FlowTimes())
    squares = alphas_cumprod(
        config.get("beta_schedule", "linear"),
        float(config.get("beta_start", 1e-4)),
        float(config.get("beta_end", 0.02)),
        int(config.get("num_train_timesteps", 1000)),
        zero_snr=bool(config.get("rescale_betas_zero_snr")),
    )
    return Parametrisation(
        OUTPUTS[config.get("prediction_type") or "epsilon"], DiscreteTimes(squares)
    )
