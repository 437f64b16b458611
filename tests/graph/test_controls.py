"""Controls: what is accepted, what is refused with which words, what is recorded."""

from __future__ import annotations

import math
from typing import Any

import pytest

from graph.controls import Controls
from graph.errors import ChoraleError
from graph.events import Performance
from graph.plan import Control

FADER = Control("text.reliability", "number", 1.0, 0.0, 2.0)
MUTE = Control("text.muted", "switch", False)
CURVE = Control("shape.points", "curve", ((1.0, 0.0), (0.0, 1.0)))
MAP = Control("where.picture", "map", "", 0.0, 1.0)
ALL = (FADER, MUTE, CURVE, MAP)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text.reliability", 2.5),
        ("text.reliability", math.nan),
        ("text.reliability", 10**400),
        ("text.reliability", "loud"),
        ("text.reliability", True),
        ("text.muted", 1),
        ("shape.points", []),
        ("shape.points", [[2.0, 1.0]]),
        ("shape.points", [[0.5, math.inf]]),
        ("shape.points", [[0.5, 1.0]] * 65),
        ("shape.points", 3),
        ("where.picture", "../../etc/passwd"),
        ("where.picture", None),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(name: str, value: Any) -> None:
    mailbox = Controls(ALL)
    before = mailbox.read(0)
    with pytest.raises(ChoraleError, match=rf"R002 '{name}' got .* expected"):
        mailbox.set(name, value)
    assert mailbox.read(1) == before


def test_an_unknown_control_is_named_with_those_there_are() -> None:
    with pytest.raises(ChoraleError, match=r"R001 .*'text.loudness'.*text\.reliability"):
        Controls(ALL).set("text.loudness", 1.0)


def test_step_zero_records_every_opening_value_and_later_steps_only_moves() -> None:
    mailbox = Controls(ALL)
    mailbox.set("text.reliability", 0.5)
    mailbox.read(0)
    mailbox.set("text.reliability", 0.5)
    mailbox.read(1)
    mailbox.set("shape.points", [[0.0, 2.0], [1.0, 0.0]])
    mailbox.read(2)
    moves = mailbox.performance.moves
    assert sorted(name for step, name, _ in moves if step == 0) == sorted(c.name for c in ALL)
    assert (0, "text.reliability", 0.5) in moves
    assert [move for move in moves if move[0] > 0] == [
        (2, "shape.points", ((1.0, 0.0), (0.0, 2.0)))
    ]


def test_the_last_of_several_moves_between_two_steps_is_the_one_heard() -> None:
    mailbox = Controls(ALL)
    mailbox.read(0)
    for value in (0.1, 0.2, 0.3):
        mailbox.set("text.reliability", value)
    assert mailbox.read(1)["text.reliability"] == 0.3
    assert [m for m in mailbox.performance.moves if m[0]] == [(1, "text.reliability", 0.3)]


def test_a_replayed_performance_moves_at_its_own_steps_and_ignores_other_controls() -> None:
    played = Performance(
        ((0, "text.reliability", 0.5), (2, "text.reliability", 1.5), (1, "x.y", 3.0))
    )
    mailbox = Controls(ALL, played)
    heard = [mailbox.read(step)["text.reliability"] for step in range(4)]
    assert heard == [0.5, 0.5, 1.5, 1.5]


def test_a_hostile_performance_is_refused() -> None:
    with pytest.raises(ChoraleError, match="R002"):
        Controls(ALL, Performance(((0, "text.reliability", 1e9),)))
