"""Choosing pieces: the function of a rule, sampler, form or schedule, and the class of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graph import correctors, forms, fusion, guidance, samplers, schedules
from graph.companions import Companion
from graph.export.parts import Part, members, piece
from graph.export.wording import row_of, short, text_of
from graph.folders import read_json
from graph.interfaces import (
    Corrector,
    FusionRule,
    GuidanceForm,
    GuidanceMethod,
    NoiseSchedule,
    Sampler,
)
from graph.library import Library, Model
from graph.pipelines import flows
from graph.plan import Asked, Choice, Condition
from graph.registry import choices

FAMILIES: Mapping[str, tuple[Any, Any]] = {
    "correctors": (correctors, Corrector),
    "forms": (forms, GuidanceForm),
    "fusion": (fusion, FusionRule),
    "guidance": (guidance, GuidanceMethod),
    "samplers": (samplers, Sampler),
    "schedules": (schedules, NoiseSchedule),
}
CURVES = {
    "linear": "linear",
    "scaled_linear": "scaled_linear",
    "squaredcos_cap_v2": "squared_cosine",
}
OUTPUTS = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
WORDS = {"text": "sentence", "class": "label", "mask": "picture", "sketch": "picture"}
"""What `encode` of a class calls a condition of a kind."""
PIXELS = ("codec", "Pixels")
"""What makes colours of states that are pictures themselves."""
FITTED = ("ControlNetModel", "FluxControlNetModel", "SD3ControlNetModel", "T2IAdapter")
"""The adapters that see a picture on the expert's canvas; others see all of it."""


def word(kind: str) -> str:
    """What the variable of a condition of a kind is called."""
    found = WORDS.get(kind, kind)
    return kind if found == "picture" else found


def conditions(asked: Asked) -> tuple[Condition, ...]:
    """The things that an expert is asked for at once."""
    if asked is None:
        return ()
    return asked if isinstance(asked, tuple) else (asked,)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The function of a member of a family, and its settings as keywords of a call."""

    part: Part
    keywords: tuple[str, ...]


def member(family: str, choice: Choice) -> Any:
    """The rule, form, sampler or schedule itself."""
    package, base = FAMILIES[family]
    return choices(package, base)[choice.name](**dict(choice.settings))


def chosen(family: str, choice: Choice) -> Chosen | None:
    """The function that has all settings which differ from their defaults; None if there is none.

    The one that is named as the member comes first. A setting that is a word is part of a name:
    `flow_even` has the ending `even`. What a file calls HELD is in the other arguments already.
    """
    if choice.name not in members(family):
        return None
    here = member(family, choice)
    fields = _fields(here)
    settings = {name: getattr(here, name) for name in fields if name != "name"}
    changed = {name for name, value in settings.items() if value != fields[name].default}
    source = piece(f"{family}.{choice.name}")
    changed -= set(source.value("HELD") or ())
    for part in sorted(source.parts.values(), key=lambda each: each.name != choice.name):
        word = part.name.removeprefix(choice.name).removeprefix("_")
        told = {name for name in changed if name in part.parameters or settings[name] == word}
        if part.name.startswith(choice.name) and told == changed:
            given = [each for each in part.parameters if each in settings]
            return Chosen(part, tuple(f"{name}={settings[name]!r}" for name in given))
    return None


def _fields(declared: Any) -> dict[str, Any]:
    return declared.__class__.model_fields


def network(model: Model) -> Part | None:
    """The class that loads a model and takes its kind of condition; None if there is none."""
    part = _family(model)
    if part is not None and _told_size(model):
        return piece(part.module).parts["PixArtToldSize"]
    if part is None or model.file is None:
        return part
    return piece("onefile").parts.get(f"{part.name}File")


def _told_size(model: Model) -> bool:
    """Whether it is a PixArt that is told the size of its picture."""
    if not model.pipeline.startswith("PixArt"):
        return False
    config = read_json(model.name, model.folder / "transformer" / "config.json")
    told = config.get("use_additional_conditions")
    return bool(config.get("sample_size") == 128 if told is None else told)  # as diffusers has it


def _family(model: Model) -> Part | None:
    for family in members("experts"):
        found = piece(f"experts.{family}")
        if model.pipeline in found.value("PIPELINES"):
            word = WORDS.get(model.card.condition)
            classes = [part for part in found.parts.values() if part.text.startswith("class")]
            fitting = (part for part in classes if word is None or word in part.parameters)
            return next(fitting, None)
    return None


def formula(choice: Choice) -> Part | None:
    """The class of an expert that is a formula; None if there is none for what it says."""
    settings = dict(choice.settings)
    if choice.name not in members("formulas") or settings.get("has_null"):
        return None
    found = piece(f"formulas.{choice.name}").parts.values()
    return next(part for part in found if part.text.startswith("class"))


def keywords(choice: Choice) -> str:
    """What a formula is made of, as keywords of a call; its shape is that of the state."""
    settings = dict(choice.settings)
    known = {name: settings[name] for name in settings if name not in ("shape", "has_null")}
    return ", ".join(f"{name}={_row(value)}" for name, value in known.items())


def _row(value: Any) -> str:
    """Numbers in tuples, each in nine digits."""
    if not isinstance(value, tuple):
        return short(float(value))
    row = ", ".join(map(_row, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return f"({row}{',' if len(value) == 1 else ''})"  # pyright: ignore[reportUnknownArgumentType]


def networks(model: Model) -> Mapping[str, str]:
    """Where the class of a model has the parts of its pipeline, by their names there."""
    part = _family(model)
    return {} if part is None else piece(part.module).value("PARTS") or {}


def codec(model: Model) -> tuple[str, str]:
    """The class of what makes colours of a model's states, with its module."""
    if not (model.folder / "vae").is_dir():
        return PIXELS
    if model.file is not None:
        return "onefile", "AutoencoderFile"
    return "codec", "DeepAutoencoder" if _deep(model) else "Autoencoder"


def decoder(model: Model) -> tuple[str, str]:
    """What makes pictures of a track's states, with its module."""
    if not (model.folder / "vae").is_dir():
        return "decoding", "pictures"
    if model.file is not None:
        return "onefile", "decode_file"
    return "decoding", "decode_deep" if _deep(model) else "decode"


def _deep(model: Model) -> bool:
    config = read_json(model.name, model.folder / "vae" / "config.json")
    return config.get("_class_name") == "AutoencoderDC"


def place(model: Model, library: Library) -> str:
    """Where a model lies, as it is told: its folder, or its file and the folder of its base."""
    if model.file is None:
        return text_of(model.name)
    return f"{text_of(model.name)}, {text_of(library.shelves.name(model.folder))}"


def companion(family: str, found: Companion) -> Part | None:
    """The class of a companion: adapters, modulators or likelihoods; None if there is none."""
    for each in members(family):
        source = piece(f"{family}.{each}")
        named = tuple(source.value("NETWORKS"))
        # classes of transformers are called by what they stand on too, such as ViT
        if found.network in named or (family == "likelihoods" and found.network.endswith(named)):
            classes = [each for each in source.parts.values() if each.text.startswith("class")]
            return classes[0 if found.file is None else -1]
    return None


def convention(model: Model) -> tuple[str, list[tuple[str, str]]]:
    """What turns a model's answers into clean pictures, with the parts that this takes."""
    config = read_json(model.name, model.folder / "scheduler" / "scheduler_config.json")
    if flows(config):
        return "flow_prediction", [("conventions", "flow_prediction")]
    text, parts = alphas_cumprod(
        config.get("beta_schedule", "linear"),
        int(config.get("num_train_timesteps", 1000)),
        (float(config.get("beta_start", 1e-4)), float(config.get("beta_end", 0.02))),
        zero_snr=bool(config.get("rescale_betas_zero_snr")),
    )
    name = f"{OUTPUTS[config.get('prediction_type') or 'epsilon']}_prediction"
    return f"{name}({text})", [*parts, ("conventions", name)]


def alphas_cumprod(
    curve: str, count: int, ends: tuple[float, float], *, zero_snr: bool
) -> tuple[str, list[tuple[str, str]]]:
    """The call that gives the squared alphas of every trained time, with the parts it takes."""
    name = CURVES[curve]
    inside = (count,) if name == "squared_cosine" else (count, *ends)
    text, parts = f"{name}({', '.join(map(repr, inside))})", [("betas", name)]
    if zero_snr:
        text, parts = f"ending_in_noise({text})", [*parts, ("betas", "ending_in_noise")]
    return text, parts


def levels(choice: Choice, steps: int, strength: float) -> tuple[str, list[tuple[str, str]]]:
    """The call that gives the noise levels of a run, with the parts that it takes.

    Below a `strength` of one that are those of its last steps.
    """
    found = chosen("schedules", choice)
    if found is None:
        raise LookupError(choice.name)
    schedule, parts = member("schedules", choice), [(found.part.module, found.part.name)]
    if "times" in found.part.parameters:
        ends = schedule.beta_start, schedule.beta_end
        count = schedule.trained_times
        squares, more = alphas_cumprod(schedule.curve, count, ends, zero_snr=schedule.zero_snr)
        words, parts = [row_of(schedule.times(steps, strength)), squares], [*parts, *more]
        return f"{found.part.name}({', '.join(words)})", parts
    words = [f"steps={steps}", *found.keywords]
    left_out = steps - schedule.taken(steps, strength)
    later = f"[{left_out}:]" if left_out else ""
    return f"{found.part.name}({', '.join(words)}){later}", parts
