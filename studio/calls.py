"""The API: one call plays a workflow, as the page and the command line would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from graph.errors import ChoraleError, Diagnostic
from graph.events import Failure, Progress, Result
from graph.storage import import_assets, performance_of
from graph.workflow import read_workflow
from studio import piece
from studio.piece import Piece, seed_of

MAX_SETTINGS = 1_000


@dataclass(frozen=True, slots=True)
class Call:
    """A workflow that is asked for from outside, with what is to be different in it."""

    workflow: object
    settings: object = None
    seed: object = None
    count: object = None
    performance: object = None

    def piece(self) -> Piece:
        """The workflow as it is to be played. ChoraleError W001 to W012, S010, A001 to A008."""
        workflow = read_workflow(json.dumps(self.workflow))
        import_assets(workflow, piece.library())
        moves = None if self.performance is None else performance_of(self.performance)
        asked = Piece(workflow, moves)
        for address, value in self._settings().items():
            asked = asked.with_setting(address, value)
        sampling = {"seed": self.seed, "count": self.count}
        sampling = {name: value for name, value in sampling.items() if value is not None}
        return asked.with_sampling(**sampling) if sampling else asked

    def _settings(self) -> Mapping[str, Any]:
        if self.settings is None:
            return {}
        if isinstance(self.settings, dict) and len(cast("Any", self.settings)) <= MAX_SETTINGS:
            return {
                str(name): value for name, value in cast("dict[Any, Any]", self.settings).items()
            }
        raise ChoraleError(
            Diagnostic(
                "S017",
                f"Settings are an object of at most {MAX_SETTINGS} values by node.setting.",
                'For example {"text_expert.reliability": 0.5}.',
            )
        )


def answer(call: Call, folder: Path) -> Iterator[tuple[list[Path], dict[str, Any]]]:
    """Play a call: ([], progress) for every step, then the written pictures with their record.

    ChoraleError with the diagnostics of whatever forbids or ends the run.
    """
    asked = call.piece()
    plan = asked.plan()
    paths: list[Path] = []
    for event in asked.play():
        match event:
            case Progress():
                left = round(event.seconds_left, 2)
                yield [], {"step": event.step, "steps": event.steps, "seconds_left": left}
            case Result():
                paths += asked.save(event, folder)
                yield (
                    paths,
                    {
                        "seed": seed_of(plan),
                        "seconds": round(event.seconds, 3),
                        "share": dict(event.meters.share) if event.meters else {},
                        "performance": [list(move) for move in event.record.moves],
                    },
                )
            case Failure():
                raise ChoraleError(*event.diagnostics)
            case _:
                return
