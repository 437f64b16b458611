"""The command line of the trainings: `python -m training autoencoder|latents|reading|expert|…`."""

import argparse
from dataclasses import replace

from training import autoencoder, experts, latents, reading, sheet
from training.budget import RUNS
from training.folders import MODELS, refresh_autoencoder
from training.judge import train as judge
from training.recipes import RECIPES


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = root.add_subparsers(dest="command", required=True)
    for name in ("autoencoder", "expert", "all"):
        command = commands.add_parser(name, help=f"train: {name}")
        budget = command.add_mutually_exclusive_group(required=True)
        budget.add_argument("--minutes", type=float, help="wall minutes to add")
        budget.add_argument("--steps", type=int, help="steps to add")
        command.add_argument("--lr", type=float, help="peak learning rate")
        command.add_argument("--batch", type=int, help="examples a step (and process)")
        command.add_argument("--decay", type=float, help="share of the budget with a falling rate")
        if name == "expert":
            command.add_argument("name", choices=RECIPES)
            command.add_argument("--fuse", action="store_true", help="compile the transformer")
        if name == "autoencoder":
            command.add_argument("--decoder-only", action="store_true", help="keep the latents")
            command.add_argument("--processes", type=int, default=2)
    for name, trained in (
        ("reading", "the text encoder on sentences alone"),
        ("judge", "the judge"),
    ):
        command = commands.add_parser(name, help=f"train {trained}")
        budget = command.add_mutually_exclusive_group(required=True)
        budget.add_argument("--minutes", type=float, help="wall minutes to add")
        budget.add_argument("--steps", type=int, help="steps to add")
    encode = commands.add_parser("latents", help="render and encode the experts' draws")
    encode.add_argument("names", nargs="*", help=f"any of {', '.join(RECIPES)}; default all")
    encode.add_argument("--pictures", type=int, help="pictures a draw")
    commands.add_parser("decoder", help="put the newest decoder into every shipped folder")
    show = commands.add_parser("sheet", help="draw samples of a shipped expert")
    show.add_argument("name", choices=RECIPES)
    show.add_argument("--guidance", type=float, default=3.0)
    show.add_argument("--steps", type=int, default=20)
    return root


def _changes(options: argparse.Namespace) -> dict[str, float | int]:
    chosen = {name: getattr(options, name) for name in ("lr", "batch", "decay")}
    return {name: value for name, value in chosen.items() if value is not None}


def _encode(names: list[str], pictures: int | None) -> None:
    for name in names or list(RECIPES):
        recipe = RECIPES[name]
        latents.cache(recipe, pictures or recipe.pictures)


def main() -> None:
    """Run one command."""
    options = parser().parse_args()
    match options.command:
        case "autoencoder":
            settings = autoencoder.Settings(
                decoder_only=options.decoder_only, processes=options.processes
            )
            settings = replace(settings, **_changes(options))
            autoencoder.train(settings, options.steps, options.minutes)
        case "latents":
            _encode(options.names, options.pictures)
        case "reading":
            reading.train(options.steps, options.minutes)
        case "judge":
            judge.train(options.steps, options.minutes)
        case "decoder":
            refresh_autoencoder(RUNS, MODELS)
        case "sheet":
            sheet.write(options.name, MODELS, RUNS, options.guidance, options.steps)
        case _:
            names = [options.name] if options.command == "expert" else list(RECIPES)
            fuse = options.command == "expert" and options.fuse
            settings = replace(experts.Settings(fuse=fuse), **_changes(options))
            if options.command == "all":
                autoencoder.train(autoencoder.Settings(), options.steps, options.minutes)
                reading.train(reading.ENOUGH, None)
                _encode(names, None)
            for name in names:
                experts.train(name, settings, options.steps, options.minutes, assets=MODELS)


if __name__ == "__main__":
    main()
