"""A checkpoint's own convention, read from the scheduler file that diffusers wrote beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from graph.betas import alphas_cumprod
from graph.errors import ChoraleError, Diagnostic
from graph.levels import NoiseLevel
from graph.parametrisation import Discrete, Flow, Native, Output, Times, denoised

OUTPUTS: Mapping[str, Output] = {
    "epsilon": "eps",
    "sample": "x0",
    "v_prediction": "v",
    "flow_prediction": "flow",
}


@dataclass(frozen=True, slots=True)
class Convention:
    """How a network numbers noise levels and what it predicts."""

    times: Times
    output: Output

    def at(self, level: NoiseLevel) -> Native:
        """The level in the network's own coordinates."""
        return self.times.native(level)

    def feed(self, x: Tensor, native: Native) -> Tensor:
        """The state as the network expects it."""
        return x * native.scale

    def read(self, answer: Tensor, x: Tensor, native: Native) -> Tensor:
        """The expected clean sample from the network's answer, in the precision of the state."""
        answer = answer[:, : x.shape[1]].to(x)  # a learned variance rides behind the prediction
        return denoised(self.output, answer, x * native.scale, native)


def convention(folder: Path) -> Convention:
    """The convention in `folder`/scheduler_config.json; ChoraleError M007 if it is unknown."""
    config: dict[str, Any] = json.loads((folder / "scheduler_config.json").read_text())
    kind, prediction = str(config.get("_class_name", "")), config.get("prediction_type", "epsilon")
    if kind.startswith("FlowMatch") or config.get("use_flow_sigmas") or prediction == "flow_prediction":
        return Convention(Flow(), "flow")
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
    return Convention(Discrete(squares), OUTPUTS[prediction])
