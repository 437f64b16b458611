"""The command line of the trainings: `python -m training autoencoder|expert|modulator|…`."""

import argparse
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from graph.companions import MAPS, USUAL_MAPS
from training import (
    autoencoder,
    curves,
    experts,
    guidance,
    labelled,
    latents,
    modulators,
    onlooker,
    reading,
    rivals,
    sheet,
)
from training.budget import RUNS
from training.classifier import CLASSIFIER
from training.classifier_vit import CLASSIFIER_VIT
from training.depth import DEPTH
from training.folders import MODELS, refresh_autoencoder
from training.judge import train as judge
from training.recipes import RECIPES
from training.segmenter import SEGMENTER
from training.spaces import PLAYGROUND, SPACES

ONLOOKERS = {task.name: task for task in (CLASSIFIER, CLASSIFIER_VIT, SEGMENTER, DEPTH)}


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = root.add_subparsers(dest="command", required=True)
    for name in ("autoencoder", "expert", "all"):
        command = commands.add_parser(name, help=f"train: {name}")
        _add_budget(command)
        command.add_argument("--lr", type=float, help="peak learning rate")
        command.add_argument("--batch", type=int, help="examples a step (and process)")
        command.add_argument("--decay", type=float, help="share of the budget with a falling rate")
        if name == "expert":
            command.add_argument("name", choices=RECIPES)
            command.add_argument("--fuse", action="store_true", help="compile the transformer")
        if name == "autoencoder":
            command.add_argument("--decoder-only", action="store_true", help="keep the latents")
            command.add_argument("--processes", type=int, default=2)
            _add_space(command)
    for name, trained in (
        ("reading", "the text encoder on sentences alone"),
        ("judge", "the judge"),
    ):
        command = commands.add_parser(name, help=f"train {trained}")
        _add_budget(command)
    _add_modulator(commands)
    _add_rival(commands)
    _add_curves(commands)
    _add_guidance(commands)
    _add_labelled(commands)
    for task in ONLOOKERS.values():
        _add_onlooker(commands, task)
    encode = commands.add_parser("latents", help="render and encode the experts' draws")
    encode.add_argument("names", nargs="*", help=f"any of {', '.join(RECIPES)}; default all")
    encode.add_argument("--pictures", type=int, help="pictures a draw")
    _add_space(commands.add_parser("decoder", help="put the newest decoder into shipped folders"))
    show = commands.add_parser("sheet", help="draw samples of a shipped expert")
    show.add_argument("name", choices=RECIPES)
    show.add_argument("--guidance", type=float, default=3.0)
    show.add_argument("--steps", type=int, default=20)
    return root


def _add_space(command: Any) -> None:
    command.add_argument("--space", choices=SPACES, default=PLAYGROUND.name, help="whose latents")


def _add_budget(command: Any) -> None:
    budget = command.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="wall minutes to add")
    budget.add_argument("--steps", type=int, help="steps to add")


def _add_tuning(command: Any, batch: str) -> None:
    command.add_argument("--ship", action="store_true", help="put it among the models when done")
    command.add_argument("--lr", type=float, help="peak learning rate")
    command.add_argument("--batch", type=int, help=batch)
    command.add_argument("--decay", type=float, help="share of the budget with a falling rate")
    _add_budget(command)


def _add_modulator(commands: Any) -> None:
    command = commands.add_parser("modulator", help="train a module that bends a frozen expert")
    command.add_argument("name", type=_name, help="its run, and modulator-NAME among the models")
    command.add_argument("--base", default="playground/unconditional", help="the expert it bends")
    command.add_argument("--maps", nargs="+", choices=MAPS, default=list(USUAL_MAPS))
    command.add_argument("--pairs", type=int, default=200, help="pictures with their maps")
    command.add_argument("--folder", type=Path, help="own pairs: pictures/ and a folder a map")
    command.add_argument("--loose", type=float, help="share of softer, coarser or partial maps")
    _add_tuning(command, "states a step")


def _add_rival(commands: Any) -> None:
    command = commands.add_parser("rival", help="what else the modulator's pairs can make")
    command.add_argument("name", choices=rivals.NETWORKS)
    command.add_argument("--pairs", type=int, default=200, help="pictures with their maps")
    _add_budget(command)


def _add_guidance(commands: Any) -> None:
    command = commands.add_parser(
        "guidance", help="teach a model of clean pictures to see in noise"
    )
    command.add_argument("name", type=_name, help="its run, and its folder among the models")
    command.add_argument("--onlooker", default="playground/classifier", help="the model")
    command.add_argument("--base", default="playground/unconditional", help="whom it will guide")
    command.add_argument("--ranges", type=int, help="parts of the noise with an adapter each")
    command.add_argument("--sees", choices=("state", "estimate"), help="what it is shown")
    command.add_argument("--samples", type=int, help="pictures of the expert to learn from")
    _add_tuning(command, "pictures a step")


def _add_labelled(commands: Any) -> None:
    command = commands.add_parser("labelled", help="what guidance experts are measured against")
    command.add_argument("name", choices=ONLOOKERS, help="the model that learns from labels")
    command.add_argument("--pictures", type=int, help="renders that are learned from")
    _add_budget(command)


def _add_curves(commands: Any) -> None:
    command = commands.add_parser("curves", help="what modulators learn from how many pairs")
    command.add_argument("--pairs", nargs="+", type=int, default=list(curves.PAIRS))
    command.add_argument("--pictures", type=int, default=100, help="held-out pictures a point")
    command.add_argument("--out", type=Path, help="where the plot is written")
    budget = command.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="wall minutes of each that is not there yet")
    budget.add_argument("--steps", type=int, help="steps of each that is not there yet")


def _guide(options: argparse.Namespace) -> None:
    task = guidance.Task(options.name, options.onlooker, options.base)
    own = {name: getattr(options, name) for name in ("ranges", "sees", "samples")}
    changes: dict[str, Any] = _changes(options) | {
        name: value for name, value in own.items() if value is not None
    }
    settings = replace(guidance.Settings(), **changes)
    guidance.train(
        task, settings, options.steps, options.minutes, models=MODELS.parent, ship=options.ship
    )


def _add_onlooker(commands: Any, task: onlooker.Task) -> None:
    command = commands.add_parser(task.name, help=f"train a stock model that {task.purpose}")
    command.add_argument("--pictures", type=int, help="renders that are learned from")
    _add_tuning(command, "pictures a step")


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", text):
        raise argparse.ArgumentTypeError("expected small letters, digits and hyphens")
    return text


def _modulate(options: argparse.Namespace) -> None:
    maps = tuple(kind for kind in MAPS if kind in options.maps)
    task = modulators.Task(options.name, options.base, maps, options.pairs, options.folder)
    loose = {} if options.loose is None else {"loose": options.loose}
    settings = replace(modulators.Settings(), **_changes(options), **loose)
    modulators.train(
        task, settings, options.steps, options.minutes, models=MODELS.parent, ship=options.ship
    )


def _curves(options: argparse.Namespace) -> None:
    curves.train(options.pairs, options.steps, options.minutes, MODELS.parent)
    points = list(curves.measure(options.pairs, options.pictures, MODELS.parent))
    print(curves.table(points))
    if options.out:
        curves.plot(points).save(options.out, quality=90, method=6)


def _look(options: argparse.Namespace) -> None:
    settings = _seeing(options, **_changes(options))
    task = ONLOOKERS[options.command]
    onlooker.train(task, settings, options.steps, options.minutes, ship=options.ship)


def _label(options: argparse.Namespace) -> None:
    task, settings = ONLOOKERS[options.name], _seeing(options)
    labelled.train(task, settings, options.steps, options.minutes, MODELS.parent)


def _seeing(options: argparse.Namespace, **changes: Any) -> onlooker.Settings:
    if options.pictures:
        changes["pictures"] = options.pictures
    return replace(onlooker.Settings(), **changes)


def _changes(options: argparse.Namespace) -> dict[str, float | int]:
    chosen = {name: getattr(options, name) for name in ("lr", "batch", "decay")}
    return {name: value for name, value in chosen.items() if value is not None}


def _encode(names: list[str], pictures: int | None) -> None:
    for name in names or list(RECIPES):
        recipe = RECIPES[name]
        latents.cache(recipe, pictures or recipe.pictures)


def _autoencode(options: argparse.Namespace) -> None:
    settings = autoencoder.Settings(
        decoder_only=options.decoder_only,
        processes=options.processes,
        space=SPACES[options.space],
    )
    autoencoder.train(replace(settings, **_changes(options)), options.steps, options.minutes)


def _expert(options: argparse.Namespace) -> None:
    settings = replace(experts.Settings(fuse=options.fuse), **_changes(options))
    experts.train(options.name, settings, options.steps, options.minutes, assets=MODELS)


def _all(options: argparse.Namespace) -> None:
    for space in SPACES.values():
        autoencoder.train(autoencoder.Settings(space=space), options.steps, options.minutes)
    reading.train(reading.ENOUGH, None)
    _encode([], None)
    settings = replace(experts.Settings(), **_changes(options))
    for name in RECIPES:
        experts.train(name, settings, options.steps, options.minutes, assets=MODELS)


COMMANDS: dict[str, Callable[[argparse.Namespace], object]] = {
    "autoencoder": _autoencode,
    "expert": _expert,
    "all": _all,
    "latents": lambda options: _encode(options.names, options.pictures),
    "reading": lambda options: reading.train(options.steps, options.minutes),
    "judge": lambda options: judge.train(options.steps, options.minutes),
    "guidance": _guide,
    "labelled": _label,
    "modulator": _modulate,
    "curves": _curves,
    "rival": lambda options: rivals.train(
        options.name, options.pairs, options.steps, options.minutes, MODELS.parent
    ),
    **dict.fromkeys(ONLOOKERS, _look),
    "decoder": lambda options: refresh_autoencoder(RUNS, MODELS, SPACES[options.space]),
    "sheet": lambda options: sheet.write(
        options.name, MODELS, RUNS, options.guidance, options.steps
    ),
}


def main() -> None:
    """Run one command."""
    options = parser().parse_args()
    COMMANDS[options.command](options)


if __name__ == "__main__":
    main()
