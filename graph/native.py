"""A checkpoint's own convention, read from the scheduler file that diffusers wrote beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graph.betas import alphas_cumprod
from graph.errors import ChoraleError, Diagnostic
from graph.parametrisation import DiscreteTimes, FlowTimes, Output, Parametrisation

OUTPUTS: Mapping[str, Output] = {
    "epsilon": "eps",
    "sample": "x0",
    "v_prediction": "v",
    "flow_prediction": "flow",
}


def native_of(folder: Path) -> Parametrisation:
    """The parametrisation in `folder`/scheduler_config.json; ChoraleError M007 if it is unknown."""
    config: dict[str, Any] = json.loads((folder / "scheduler_config.json").read_text())
    kind, prediction = str(config.get("_class_name", "")), config.get("prediction_type", "epsilon")
    if (
        kind.startswith("FlowMatch")
        or config.get("use_flow_sigmas")
        or prediction == "flow_prediction"
    ):
        return Parametrisation("flow", FlowTimes())
    curve = config.get("beta_schedule", "linear")
    if prediction not in OUTPUTS or curve not in ("linear", "scaled_linear", "squaredcos_cap_v2"):
        raise ChoraleError(
            Diagnostic(
                "M007",
                f"{kind} with prediction '{prediction}' and betas '{curve}' is not understood. "
                f"Chorale reads predictions {', '.join(OUTPUTS)} on linear, scaled_linear and "
                "squaredcos_cap_v2 betas, and flow matching.",
                "Choose another model.",
            )
        )
    squares = alphas_cumprod(
        curve,
        float(config.get("beta_start", 1e-4)),
        float(config.get("beta_end", 0.02)),
        int(config.get("num_train_timesteps", 1000)),
    )
    return Parametrisation(OUTPUTS[prediction], DiscreteTimes(squares))
