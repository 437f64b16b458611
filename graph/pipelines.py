"""Pipelines: which of diffusers' are loaded, and what their files must say; read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from graph.betas import BetaCurve
from graph.errors import ChoraleError, Diagnostic
from graph.folders import read_json

PIPELINES = (
    "DDIMPipeline",
    "DDPMPipeline",
    "DiTPipeline",
    "FluxPipeline",
    "LatentConsistencyModelPipeline",
    "PixArtAlphaPipeline",
    "PixArtSigmaPipeline",
    "SanaPipeline",
    "StableDiffusion3Pipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionInstructPix2PixPipeline",
    "StableDiffusionPipeline",
    "StableDiffusionXLPipeline",
)
"""What the families in graph/experts load; a test holds them together."""
ADDITIONS: Mapping[str, str | None] = {
    "LatentConsistencyModelPipeline": None,
    "StableDiffusionInpaintPipeline": None,
    "StableDiffusionInstructPix2PixPipeline": None,
    "StableDiffusionPipeline": None,
    "StableDiffusionXLPipeline": "text_time",
}
"""What a pipeline gives to its conditional UNet beside latents, time and words."""
BESIDE: Mapping[str, tuple[int, int, str]] = {
    "StableDiffusionInpaintPipeline": (1, 1, "a sentence, a photograph and a region"),
    "StableDiffusionInstructPix2PixPipeline": (1, 0, "a sentence and a photograph"),
}
"""How many pictures' latents and how many planes a UNet is shown beside its state, and in words."""
ADAPTABLE = (
    "FluxPipeline",
    "LatentConsistencyModelPipeline",
    "StableDiffusion3Pipeline",
    "StableDiffusionPipeline",
    "StableDiffusionXLPipeline",
)
"""Pipelines whose experts can be told more by adapters; a test holds them together."""
SIZED = (
    "FluxPipeline",
    "LatentConsistencyModelPipeline",
    "PixArtAlphaPipeline",
    "PixArtSigmaPipeline",
    "SanaPipeline",
    "StableDiffusion3Pipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionInstructPix2PixPipeline",
    "StableDiffusionPipeline",
    "StableDiffusionXLPipeline",
)
"""Pipelines whose experts paint at any size; a test holds them together."""
DISTILLED = "LatentConsistencyModelPipeline"
"""The pipeline whose UNet is told how strongly it was guided."""
LIBRARIES = ("diffusers", "transformers")
"""Whose classes the parts of a pipeline may be."""
SIZE = "a size"
"""Stands for any whole number."""
OF_PIXELS = ("DDIMPipeline", "DDPMPipeline")
"""Pipelines whose UNet is given nothing but the picture."""
PREDICTIONS = ("epsilon", "sample", "v_prediction", "flow_prediction")


def check_pipeline(name: str, folder: Path, pipeline: str, channels: int) -> None:
    """Refuse what would fail to load, or be read wrongly; ChoraleError M005 to M007 or M023.

    `channels` are those of its states.
    """
    check_index(name, read_json(name, folder / "model_index.json"))
    _check_scheduler(name, folder / "scheduler" / "scheduler_config.json")
    unet = folder / "unet" / "config.json"
    if pipeline in OF_PIXELS:
        expected = {"class_embed_type": None, "num_class_embeds": None}
        _check_unet(name, unet, pipeline, {"in_channels": channels, **expected}, "nothing")
    elif pipeline in ADDITIONS:
        pictures, planes, asked = BESIDE.get(pipeline, (0, 0, "a sentence alone"))
        expected = {
            "in_channels": channels * (1 + pictures) + planes,
            "addition_embed_type": ADDITIONS[pipeline],
            "class_embed_type": None,
            "encoder_hid_dim_type": None,
            "num_class_embeds": None,
            "time_cond_proj_dim": SIZE if pipeline == DISTILLED else None,
        }
        _check_unet(name, unet, pipeline, expected, asked)
    elif pipeline == "SanaPipeline":
        transformer = folder / "transformer" / "config.json"
        if read_json(name, transformer).get("guidance_embeds"):
            raise _refused(
                "M023",
                f"The transformer of '{name}' takes other inputs than those of a {pipeline}: "
                "expected no guidance_embeds, got some.",
                "Choose a model that is asked with a sentence alone.",
            )


def check_index(name: str, index: Mapping[str, Any]) -> None:
    """Refuse a pipeline that no family loads, or that names code of its own; ChoraleError M006."""
    pipeline = index.get("_class_name", "unknown")
    if pipeline not in PIPELINES:
        raise _refused(
            "M006",
            f"'{name}' is a {_class(pipeline)}, which Chorale cannot load. "
            f"It loads: {', '.join(PIPELINES)}.",
            "Choose a model of one of these families.",
        )
    for part, value in index.items():
        if not isinstance(value, list) or part.startswith("_"):
            continue
        library, kind = (*map(str, value), "", "")[:2]  # pyright: ignore[reportUnknownArgumentType]
        if library not in (*LIBRARIES, "None") and not kind.endswith("SafetyChecker"):
            raise _refused(
                "M006",
                f"'{name}' wants {_class(value)} for its part '{part}', code that Chorale does not "
                f"know and never runs. It knows the classes of {' and '.join(LIBRARIES)}.",
                "Choose a model without code of its own.",
            )


def _class(named: Any) -> str:
    """A class as an index names it: by itself, or after the library that has it."""
    return ".".join(map(str, named)) if isinstance(named, list) else str(named)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def flows(config: Mapping[str, Any]) -> bool:
    """Whether a scheduler's file is that of flow matching."""
    kind, prediction = str(config.get("_class_name", "")), config.get("prediction_type")
    return (
        kind.startswith("FlowMatch")
        or bool(config.get("use_flow_sigmas"))
        or prediction == "flow_prediction"
    )


def _check_scheduler(name: str, path: Path) -> None:
    """M007 for a convention that would be read wrongly."""
    config = read_json(name, path)
    strange = "" if flows(config) else _strange(config)
    if strange:
        raise _refused(
            "M007",
            f"The {config.get('_class_name')} of '{name}' with {strange} is not understood. "
            f"Chorale reads predictions {', '.join(PREDICTIONS)} on linear, scaled_linear and "
            "squaredcos_cap_v2 betas, and flow matching.",
            "Choose another model.",
        )


def _strange(config: Mapping[str, Any]) -> str:
    """What of a discrete scheduler's file would be read wrongly; nothing if all is understood."""
    curve = config.get("beta_schedule", "linear")
    prediction = config.get("prediction_type") or "epsilon"
    continuous = config.get("timestep_type") == "continuous"
    if continuous or str(config.get("_class_name")).startswith("EDM"):
        return "the continuous levels of EDM"
    if config.get("trained_betas") is not None:
        return "betas of its own"
    if config.get("rescale_betas_zero_snr") and prediction == "epsilon":
        return "prediction 'epsilon' at the pure noise of zero terminal SNR"
    if prediction not in PREDICTIONS or curve not in get_args(BetaCurve):
        return f"prediction '{prediction}' and betas '{curve}'"
    return ""


def _check_unet(
    name: str, path: Path, pipeline: str, expected: Mapping[str, Any], asked: str
) -> None:
    """M023 for a UNet that takes a second picture, a guidance scale or a class."""
    config = read_json(name, path)
    for setting, wanted in expected.items():
        found = config.get(setting, 4 if setting == "in_channels" else None)
        if found != wanted and not (wanted == SIZE and isinstance(found, int)):
            raise _refused(
                "M023",
                f"The UNet of '{name}' takes other inputs than those of a {pipeline}: "
                f"expected {setting} {_said(wanted)}, got {_said(found)}.",
                f"Choose a model that is asked with {asked}.",
            )


def _said(value: Any) -> str:
    return "none" if value is None else str(value)


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))
