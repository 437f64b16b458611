"""The judge's table in markdown, the same on the screen and in the docs."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.judge.summary import CONDITIONS, Fader, Figure, Lead, Line
from training.judge.worth import Worth

SHARED = ("all at once", "keeps", "FD-judge", "diversity", "pictures", "calls")


@dataclass(frozen=True)
class Floors:
    """What real pictures score: the scale that painted ones are read on.

    Attributes:
        pictures: how many real pictures stand for a row.
        distance: their FD-judge.
        retold: diversity of renders of one scene.
        any_two: diversity of any renders.
    """

    pictures: int
    distance: float
    retold: float
    any_two: float


@dataclass(frozen=True)
class Table:
    """Everything that a run of the judge measured."""

    lines: list[Line]
    leads: list[Lead]
    worths: list[Worth]
    faders: list[Fader]
    floors: Floors | None
    settings: dict[str, str]


def markdown(table: Table) -> str:
    """The table, its floors, what leads over what, what guidance is worth, and the faders."""
    shown = [c for c in CONDITIONS if c != "depth" or any(c in line.asks for line in table.lines)]
    timed = any(line.seconds is not None for line in table.lines)
    head = ("row", *shown, *SHARED, *(("CPU seconds",) if timed else ()))
    parts = [_grid(head, [_cells(line, shown, timed) for line in table.lines])]
    if table.floors:
        parts.append(_floors(table.floors))
    if table.leads:
        head = ("the lead of", "over", *shown, "all at once", "keeps")
        parts.append(_grid(head, [_lead(each, shown) for each in table.leads]))
    if table.worths:
        head = ("led", "error", "of that when nobody leads", "gap to labels closed")
        rows = [
            (each.row, *map(_figure, (each.error, each.left, each.closed))) for each in table.worths
        ]
        parts.append(_grid(head, rows))
    if table.faders:
        head = (
            "fader",
            *(f"{level:.2f}" for level in table.faders[0].levels),
            "Spearman",
            "pictures",
        )
        rows = [
            (f.expert, *(f"{v:.3f}" for v in f.fidelity), _figure(f.spearman), str(f.pictures))
            for f in table.faders
        ]
        parts.append(_grid(head, rows))
    parts.append("\n".join(f"- {name}: {value}" for name, value in table.settings.items()))
    return "\n\n".join(parts) + "\n"


def _cells(line: Line, shown: Sequence[str], timed: bool) -> tuple[str, ...]:
    scores = (
        f"**{_figure(line.fidelity[c])}**" if c in line.asks else f"{line.fidelity[c].value:.3f}"
        for c in shown
    )
    seconds = "–" if line.seconds is None else f"{line.seconds:.2f}"
    return (
        line.name,
        *scores,
        _figure(line.together),
        _figure(line.keeps),
        "–" if line.distance is None else f"{line.distance:.2f}",
        _figure(line.spread, 2),
        f"{line.pictures} × {line.seeds}",
        str(line.calls),
        *((seconds,) if timed else ()),
    )


def _lead(lead: Lead, shown: Sequence[str]) -> tuple[str, ...]:
    each = (_figure(lead.fidelity.get(condition)) for condition in shown)
    return (
        lead.row,
        lead.rival.rpartition(", ")[2],
        *each,
        _figure(lead.together),
        _figure(lead.keeps),
    )


def _figure(figure: Figure | None, digits: int = 3) -> str:
    if figure is None:
        return "–"
    return f"{figure.value:.{digits}f} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"


def _floors(floors: Floors) -> str:
    return (
        f"Real against real: FD-judge {floors.distance:.2f} for {floors.pictures} pictures, "
        f"diversity {floors.retold:.2f} for one scene drawn anew, {floors.any_two:.2f} for any two."
    )


def _grid(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: tuple[str, ...]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])
