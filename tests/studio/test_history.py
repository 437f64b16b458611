"""The run history: kept, private, limited, and mended when its files are not as they were."""

import json
import shutil
import sqlite3
import threading

import pytest

from graph.errors import ChoraleError
from studio.history import History, Limits, owner_of

ANN, BOB = "a" * 32, "b" * 32


def told(title="First light", **more):
    return {"workflow": {"chorale": 1, "title": title}, "seed": 7, "seconds": 1.5, **more}


def keep(history, key=ANN, title="First light", size=10):
    return history.keep(key, told(title), [b"x" * size], b"small")


def titles(history, key=ANN):
    return [entry.title for entry in history.list(key)[0]]


def test_a_kept_run_is_there_after_a_restart_with_everything(tmp_path):
    name = History(tmp_path).keep(ANN, told(record=[[0, "a.muted", True]]), [b"1", b"22"], b"small")
    again = History(tmp_path)
    (entry,), said = again.list(ANN)
    assert said == []
    assert (entry.name, entry.seed, entry.seconds, entry.pictures) == (name, 7, 1.5, 2)
    kept = again.open(ANN, name)
    assert kept.pictures == (b"1", b"22")
    assert kept.told["record"] == [[0, "a.muted", True]]
    assert again.thumb(entry) == b"small"


def test_the_newest_comes_first(tmp_path):
    history = History(tmp_path)
    for title in "abc":
        keep(history, title=title)
    assert titles(history) == ["c", "b", "a"]


def test_visitors_do_not_see_each_other(tmp_path):
    history = History(tmp_path)
    name = keep(history, ANN)
    assert titles(history, BOB) == []
    for attempt in (history.open, history.delete):
        with pytest.raises(ChoraleError, match="H002"):
            attempt(BOB, name)
    assert titles(history, ANN) == ["First light"]


def test_no_file_or_row_tells_a_visitors_key(tmp_path):
    keep(History(tmp_path))
    found = [path for path in tmp_path.rglob("*") if ANN in path.name]
    found += [path for path in tmp_path.rglob("*") if path.is_file() and ANN.encode() in read(path)]
    assert found == []


def read(path):
    return path.read_bytes()


@pytest.mark.parametrize(
    "key", [None, 7, "", ANN[:-1], ANN + "a", "A" * 32, "../" + ANN, ANN + "\n"]
)
def test_a_key_of_another_form_is_refused(tmp_path, key):
    history = History(tmp_path)
    for attempt in (lambda: keep(history, key), lambda: history.list(key)):
        with pytest.raises(ChoraleError, match="H001"):
            attempt()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [None, 3, "..", "../..", "c" * 32, "%"])
def test_a_name_of_no_run_is_refused(tmp_path, name):
    history = History(tmp_path)
    keep(history)
    with pytest.raises(ChoraleError, match="H002"):
        history.open(ANN, name)


def test_deleting_removes_the_files_too(tmp_path):
    history = History(tmp_path)
    name = keep(history)
    history.delete(ANN, name)
    assert titles(history) == []
    assert list((tmp_path / owner_of(ANN)).iterdir()) == []
    assert titles(History(tmp_path)) == []


def test_the_oldest_go_when_there_are_too_many(tmp_path):
    history = History(tmp_path, Limits(runs=2))
    for title in "abc":
        keep(history, title=title)
    keep(history, BOB, "other")
    assert titles(history) == ["c", "b"]
    assert len(list((tmp_path / owner_of(ANN)).iterdir())) == 2
    assert titles(history, BOB) == ["other"]


def test_the_oldest_go_when_they_are_too_large(tmp_path):
    history = History(tmp_path, Limits(bytes=5_000))
    for title in "abc":
        keep(history, title=title, size=2_000)
    assert titles(history) == ["c", "b"]
    keep(history, title="larger than all", size=9_000)
    assert titles(history) == ["larger than all"]


def test_all_visitors_together_have_a_limit(tmp_path):
    history = History(tmp_path, Limits(total=5_000))
    keep(history, ANN, "old", 3_000)
    keep(history, BOB, "new", 3_000)
    assert (titles(history, ANN), titles(history, BOB)) == ([], ["new"])


def damage(path):
    path.write_bytes(b"this is no database" * 100)


def truncate(path):
    path.write_bytes(path.read_bytes()[:1500])


def strange(path):
    path.unlink()
    with sqlite3.connect(path) as table:
        table.execute("CREATE TABLE runs (owner TEXT)")
    table.close()


@pytest.mark.parametrize("spoil", [damage, truncate, strange])
@pytest.mark.parametrize("restarted", [True, False])
def test_a_damaged_index_is_said_and_built_anew_from_the_files(tmp_path, spoil, restarted):
    history = History(tmp_path)
    name = keep(history)
    keep(history, BOB, "his")
    spoil(tmp_path / "index.sqlite")
    history = History(tmp_path) if restarted else history
    entries, said = history.list(ANN)
    assert [each.code for each in said] == ["H004"]
    assert [entry.name for entry in entries] == [name]
    assert history.list(ANN)[1] == []
    assert titles(history, BOB) == ["his"]


def test_an_index_that_is_gone_is_built_anew(tmp_path):
    keep(History(tmp_path))
    (tmp_path / "index.sqlite").unlink()
    assert titles(History(tmp_path)) == ["First light"]


def test_a_run_without_its_files_is_said_and_taken_out(tmp_path):
    history = History(tmp_path)
    keep(history, title="stays")
    name = keep(history, title="lost")
    shutil.rmtree(tmp_path / owner_of(ANN) / name)
    entries, said = history.list(ANN)
    assert [entry.title for entry in entries] == ["stays"]
    assert [each.code for each in said] == ["H003"]
    assert "'lost'" in said[0].message
    assert history.list(ANN)[1] == []


@pytest.mark.parametrize("spoil", ["0.png", "run.json"])
def test_a_run_that_misses_a_file_is_said_when_it_is_opened(tmp_path, spoil):
    history = History(tmp_path)
    name = keep(history)
    file = tmp_path / owner_of(ANN) / name / spoil
    file.unlink() if spoil == "0.png" else file.write_text("[1, 2")
    with pytest.raises(ChoraleError, match="H003"):
        history.open(ANN, name)
    assert titles(history) == []


def test_a_run_that_was_never_finished_is_not_listed(tmp_path):
    keep(History(tmp_path))
    half = tmp_path / owner_of(ANN) / f".{'d' * 32}"
    half.mkdir()
    (half / "run.json").write_text(json.dumps({**told(), "made": 1.0, "pictures": 0}))
    whole = tmp_path / owner_of(ANN) / ("e" * 32)
    shutil.copytree(half, whole)
    assert len(titles(History(tmp_path))) == 2


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "history").write_text("a file is in the way")
    history = History(tmp_path / "history")
    with pytest.raises(ChoraleError, match="H005"):
        keep(history)
    with pytest.raises(ChoraleError, match="H005"):
        history.list(ANN)


def test_runs_that_end_together_are_all_kept(tmp_path):
    histories = [History(tmp_path), History(tmp_path)]
    threads = [
        threading.Thread(target=keep, args=(histories[number % 2], ANN, str(number)))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, titles(histories[0]))) == list(range(12))
