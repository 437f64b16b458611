"""The command line: run, check, plan, export, models, fetch, train, judge, prove and more."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from graph.assets import SHA256
from graph.errors import ChoraleError, Diagnostic, has_errors
from graph.events import Event, Failure, Performance, Progress, Result, Stopped
from graph.inventory import Entry, inventory
from graph.jsontext import read_limited
from graph.library import Library
from graph.sounds import MAX_BYTES
from graph.storage import read_any, read_performance
from graph.writing import write_atomically
from studio.piece import JOBS, MODELS, Piece, load


def main(argv: Sequence[str]) -> int:
    """Run one subcommand; the exit status is 1 when something was wrong."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments)
    except ChoraleError as error:
        for diagnostic in error.diagnostics:
            print(_mark(diagnostic), file=sys.stderr)
        return 1
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        what = f"The result could not be written: {file}{error.strerror}."
        hint = "Make room or choose another --out; what was written before is whole."
        print(_mark(Diagnostic("W021", what, hint)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; everything already made is whole.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py", description="Chorale: compose diffusion models as one mixes sound."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    workflow = argparse.ArgumentParser(add_help=False)
    workflow.add_argument(
        "workflow", metavar="WORKFLOW", help="a workflow .json, or a .png made by Chorale"
    )
    workflow.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.FIELD=VALUE",
        help="replace a setting; of a picture or sound, VALUE is the path of a file",
    )

    run = commands.add_parser(
        "run", parents=[workflow], help="sample a workflow and save its pictures"
    )
    run.add_argument("--seed", type=int)
    run.add_argument("--count", type=int, help="pictures in one batch")
    run.add_argument("--out", type=Path, default=Path("outputs"), metavar="DIR")
    run.add_argument("--json", action="store_true", help="one JSON event a line on standard output")
    run.add_argument(
        "--replay", type=Path, metavar="FILE", help="play the faders as FILE recorded them"
    )
    run.set_defaults(command=_run)

    check = commands.add_parser(
        "check", parents=[workflow], help="print what is wrong; exit 1 if errors"
    )
    check.set_defaults(command=_check)
    plan = commands.add_parser("plan", parents=[workflow], help="print the compiled plan")
    plan.set_defaults(command=_plan)
    export = commands.add_parser(
        "export", parents=[workflow], help="write a Python file on diffusers that paints the same"
    )
    export.add_argument("--out", type=Path, metavar="FILE.py", help="replaced if it is there")
    export.add_argument(
        "--replay", type=Path, metavar="FILE", help="move the faders as FILE recorded them"
    )
    export.set_defaults(command=_export)
    nodes = commands.add_parser("nodes", help="list what can be wired")
    nodes.add_argument("--json", action="store_true")
    nodes.set_defaults(command=_nodes)
    models = commands.add_parser("models", help="list the models that are there; exit 1 if faulty")
    models.add_argument("--json", action="store_true")
    models.set_defaults(command=_models)
    fetch = commands.add_parser("fetch", help="download a model or LoRA of the Hugging Face hub")
    fetch.add_argument("model", metavar="OWNER/NAME[@REVISION]")
    part = fetch.add_mutually_exclusive_group()
    part.add_argument(
        "--file",
        metavar="PATH",
        help="one file of it: a LoRA, a checkpoint or ControlNet of one file, or an IP-Adapter",
    )
    part.add_argument(
        "--configs",
        action="store_true",
        help="its configurations and tokenizers alone, for checkpoints of one file",
    )
    fetch.add_argument("--as", dest="name", metavar="NAME", help="its name here, if another")
    fetch.add_argument(
        "--variant", default="", metavar="NAME", help="weights to prefer, such as fp16"
    )
    fetch.set_defaults(command=_fetch)
    schema = commands.add_parser("schema", help="print the JSON Schema of workflow files")
    schema.set_defaults(command=_schema)
    for name, what, start in (
        ("train", "train a module as a file says", _train),
        ("judge", "measure the experts and their fusions", _judge),
        ("prove", "hold the fusion rules against closed forms", _prove),
    ):
        # these read their options themselves: no character marks one here
        command = commands.add_parser(name, help=what, add_help=False, prefix_chars="\0")
        command.add_argument("rest", nargs=argparse.REMAINDER)
        command.set_defaults(command=start)
    return parser


def _open(arguments: argparse.Namespace) -> Piece:
    piece = load(arguments.workflow)
    for assignment in arguments.set:
        address, equals, text = assignment.partition("=")
        if not equals:
            raise ChoraleError(
                Diagnostic("S011", f"--set got '{assignment}', expected NODE.FIELD=VALUE.")
            )
        piece = _with(piece, address, text)
    return piece


def _with(piece: Piece, address: str, text: str) -> Piece:
    """The piece with one setting replaced; where it is a picture or sound, the text is a path."""
    if piece.takes_file(address) and text and not SHA256.fullmatch(text):
        data = read_limited(Path(text), MAX_BYTES, "Give the path of a picture or sound.")
        return piece.with_file(address, data)
    return piece.with_setting(address, _value(text))


def _value(text: str) -> Any:
    """JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _run(arguments: argparse.Namespace) -> int:
    piece = _open(arguments)
    sampling = {name: getattr(arguments, name) for name in ("seed", "count")}
    sampling = {name: value for name, value in sampling.items() if value is not None}
    if sampling:
        piece = piece.with_sampling(**sampling)
    if arguments.replay:
        piece = Piece(piece.workflow, _performance(arguments.replay))
    status = 0
    for event in piece.play() if arguments.json else _bar(piece.play()):
        paths = piece.save(event, arguments.out) if isinstance(event, Result) else []
        if arguments.json:
            print(json.dumps(_line(event, paths)), flush=True)
        elif isinstance(event, Result):
            print(*paths, f"({event.seconds:.1f} s)", sep="\n")
        if isinstance(event, Failure):
            status = 1
            for diagnostic in event.diagnostics:
                print(_mark(diagnostic), file=sys.stderr)
    return status


def _performance(path: Path) -> Performance:
    """The performance inside a picture, or in a JSON file of [step, control, value] rows."""
    if path.suffix.lower() == ".json":
        return read_performance(path)
    performance = read_any(path)[1]
    if performance is None:
        raise ChoraleError(
            Diagnostic("W020", f"{path} holds no performance.", "Choose a picture made by a run.")
        )
    return performance


def _bar(events: Iterator[Event]) -> Iterator[Event]:
    """The same events, with a progress bar that counts steps and seconds left."""
    with tqdm(unit="step", leave=False) as bar:
        for event in events:
            if isinstance(event, Progress):
                bar.total = event.steps
                bar.n = event.step
                read = "".join(f", {name} {each:.3g}" for name, each in event.readings.items())
                bar.set_postfix_str(f"{event.seconds_left:.1f} s left{read}")
            yield event


def _line(event: Event, paths: list[Path]) -> dict[str, Any]:
    """An event as one JSON object."""
    match event:
        case Progress():
            return {
                "event": "progress",
                "track": event.track,
                "step": event.step,
                "steps": event.steps,
                "noise": round(event.level.noise, 6),
                "seconds_left": round(event.seconds_left, 3),
                "weights": dict(event.weights),
                "readings": {name: round(each, 4) for name, each in event.readings.items()},
            }
        case Result():
            return {
                "event": "result",
                "track": event.track,
                "files": [str(path) for path in paths],
                "seconds": round(event.seconds, 3),
                "share": dict(event.meters.share) if event.meters else {},
                "performance": [list(move) for move in event.record.moves],
            }
        case Stopped():
            return {"event": "stopped", "step": event.step}
        case Failure():
            diagnostics = [diagnostic.as_json() for diagnostic in event.diagnostics]
            return {"event": "failure", "diagnostics": diagnostics}


def _check(arguments: argparse.Namespace) -> int:
    diagnostics = _open(arguments).check()
    for diagnostic in diagnostics:
        print(_mark(diagnostic))
    if not diagnostics:
        print("Nothing is wrong.")
    return 1 if has_errors(diagnostics) else 0


def _plan(arguments: argparse.Namespace) -> int:
    print(_open(arguments).plan())
    return 0


def _export(arguments: argparse.Namespace) -> int:
    piece = _open(arguments)
    if arguments.replay:
        piece = Piece(piece.workflow, _performance(arguments.replay))
    path: Path = arguments.out or Path(f"{piece.stem}.py")
    exported = piece.export(re.sub(r"[^\w.-]+", "-", path.stem))
    for name, data in exported.files.items():
        write_atomically(path.parent / name, data)
    write_atomically(path, exported.text.encode())
    print(path, *(path.parent / name for name in exported.files), sep="\n")
    return 0


def _nodes(arguments: argparse.Namespace) -> int:
    from nodes import catalogue, catalogue_json

    if arguments.json:
        print(json.dumps(catalogue_json(), indent=2, ensure_ascii=False))
        return 0
    for name, node in sorted(catalogue().items(), key=lambda item: (item[1].family, item[0])):
        own = "what its subgraph has" if node.ports == "definition" else ""
        takes = own or ", ".join(port.name for port in node.inputs) or "nothing"
        gives = own or ", ".join(port.name for port in node.outputs) or "a result"
        help_line = (node.__doc__ or "").strip().splitlines()[0]
        print(f"{node.family:12} {name:22} {takes} → {gives}\n{'':35} {help_line}")
    return 0


def _models(arguments: argparse.Namespace) -> int:
    found = list(inventory(Library(MODELS, JOBS)))
    entries = [each for each in found if isinstance(each, Entry)]
    if arguments.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
    else:
        head = ("model", "role", "family", "asked", "latent space", "stored", "MiB", "licence")
        rows = [
            (
                *(each.name, each.role, each.family, each.asked, each.space or "any"),
                *(each.precision, f"{each.size / 2**20:.1f}", each.licence or "unknown"),
                each.hash,
            )
            for each in entries
        ]
        _columns([(*head, "hash"), *rows])
    problems = [each for each in found if not isinstance(each, Entry)]
    for problem in problems:
        print(_mark(problem), file=sys.stderr)
    return 1 if problems else 0


def _fetch(arguments: argparse.Namespace) -> int:
    from studio.hub import fetch

    fetch(
        MODELS[0],
        arguments.model,
        file=arguments.file,
        name=arguments.name,
        variant=arguments.variant,
        configs=arguments.configs,
    )
    return 0


def _columns(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())


def _schema(_: argparse.Namespace) -> int:
    from graph.workflow import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from training.jobs.command import main as train

    return train(arguments.rest, MODELS, JOBS)


def _judge(arguments: argparse.Namespace) -> int:
    from training.judge import main as judge

    return judge(arguments.rest)


def _prove(arguments: argparse.Namespace) -> int:
    from bench.prove import main as prove

    return prove(arguments.rest)


def _mark(diagnostic: Diagnostic) -> str:
    where = "/".join(part for part in (diagnostic.node, diagnostic.port) if part)
    return f"{diagnostic.severity}: {diagnostic}" + (f"  [{where}]" if where else "")
