"""A checkpoint's own convention, read from the scheduler file that diffusers wrote beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from graph.betas import BetaCurve, alphas_cumprod
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
    zero_snr = bool(config.get("rescale_betas_zero_snr"))
    strange = _strange(kind, config, zero_snr)
    if strange:
        raise ChoraleError(
            Diagnostic(
                "M007",
                f"{kind} with {strange} is not understood. "
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
        zero_snr=zero_snr,
    )
    return Parametrisation(OUTPUTS[prediction], DiscreteTimes(squares))


def _strange(kind: str, config: Mapping[str, Any], zero_snr: bool) -> str:
    """What of a discrete scheduler's file would be read wrongly; nothing if all is understood."""
    curve, prediction = config.get("beta_schedule", "linear"), config.get("prediction_type")
    if kind.startswith("EDM") or config.get("timestep_type") == "continuous":
        return "the continuous levels of EDM"
    if config.get("trained_betas") is not None:
        return "betas of its own"
    if zero_snr and prediction in (None, "epsilon"):
        return "prediction 'epsilon' at the pure noise of zero terminal SNR"
    if (prediction or "epsilon") not in OUTPUTS or curve not in get_args(BetaCurve):
        return f"prediction '{prediction or 'epsilon'}' and betas '{curve}'"
    return ""
