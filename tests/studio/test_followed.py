"""A training that is followed by its lines, whatever cuts them."""

from __future__ import annotations

from pathlib import Path

from studio.followed import POINTS, Followed
from training.jobs.telling import EVENTS, append

STARTED = {"event": "started", "step": 0, "base": "b", "maps": ["mask"], "name": "x", "folder": ""}


def progress(step: int, loss: float = 1.0) -> dict[str, object]:
    return {"event": "progress", "step": step, "loss": loss, "progress": 0.5, "seconds_left": 9}


def validated(step: int) -> dict[str, object]:
    return {"event": "validated", "step": step, "held_out": 0.5, "base": 1.0}


def write(folder: Path, *events: dict[str, object]) -> None:
    for event in events:
        append(folder / EVENTS, event)


def test_events_become_curves_and_a_phase(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    assert followed.state(alive=True)["phase"] == "starting"
    write(tmp_path, STARTED, validated(0), progress(3, 0.7))
    state = followed.state(alive=True)
    assert state["phase"] == "running"
    assert state["losses"] == [[3, 0.7]]
    assert state["held_out"] == [[0, 0.5, 1.0]]
    assert state["seconds_left"] == 9
    write(tmp_path, validated(5), {"event": "stopped", "step": 5})
    assert followed.state(alive=True)["phase"] == "running"
    state = followed.state(alive=False)
    assert state["phase"] == "paused"
    assert [point[0] for point in state["held_out"]] == [0, 5]


def test_what_is_learned_again_is_drawn_once(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    write(tmp_path, STARTED, validated(0), progress(3), validated(4), progress(7))
    assert followed.state(alive=False)["phase"] == "lost"
    write(tmp_path, {**STARTED, "step": 4}, progress(6), validated(4))
    state = followed.state(alive=True)
    assert [point[0] for point in state["losses"]] == [3, 6]
    assert [point[0] for point in state["held_out"]] == [0, 4]


def test_a_failure_is_forgotten_when_it_goes_on(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    write(tmp_path, STARTED, {"event": "failure", "diagnostics": [{"code": "T006"}]})
    state = followed.state(alive=False)
    assert (state["phase"], state["diagnostics"]) == ("failed", [{"code": "T006"}])
    write(tmp_path, {"event": "material", "pairs": 2}, {**STARTED, "step": 2})
    state = followed.state(alive=True)
    assert state["phase"] == "running"
    assert "diagnostics" not in state
    assert state["material"] == {"pairs": 2}


def test_how_much_is_painted_is_told_until_it_goes_on(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    painted = {"event": "painted", "pictures": 3, "of": 9, "seconds_left": 4.0}
    started = {"event": "started", "step": 0, "base": "b", "onlooker": "o", "asks": "class"}
    write(tmp_path, {"event": "material", "pictures": 7}, painted)
    state = followed.state(alive=True)
    assert (state["phase"], state["pictures"], state["of"]) == ("starting", 3, 9)
    assert state["seconds_left"] == 4.0
    write(tmp_path, {**started, "sees": "state", "levels": [0.5], "folder": "/x"})
    state = followed.state(alive=True)
    assert "seconds_left" not in state
    assert (state["onlooker"], state["asks"], state["levels"]) == ("o", "class", [0.5])
    assert "folder" not in state
    write(tmp_path, {"event": "stopped", "step": None})
    assert followed.state(alive=False)["phase"] == "paused"
    write(tmp_path, {"event": "material", "pictures": 7})
    assert "of" not in followed.state(alive=True)


def test_a_line_that_is_cut_is_none_and_the_next_one_counts(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    write(tmp_path, STARTED)
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(b'{"event": "progress", "st')
    assert followed.state(alive=True)["losses"] == []
    write(tmp_path, progress(9))
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(b"\xff\n[1]\n")
    assert followed.state(alive=True)["losses"] == [[9, 1.0]]


def test_a_long_curve_is_thinned_and_keeps_both_ends(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    write(tmp_path, STARTED)
    lines = "".join(
        f'{{"event": "progress", "step": {n}, "loss": 1, "progress": 0, "seconds_left": 0}}\n'
        for n in range(3 * POINTS)
    )
    with (tmp_path / EVENTS).open("a") as file:
        file.write(lines)
    steps = [point[0] for point in followed.state(alive=True)["losses"]]
    assert POINTS / 2 <= len(steps) <= POINTS
    assert (steps[0], steps[-1]) == (0, 3 * POINTS - 1)
    assert steps == sorted(set(steps))
