import pytest

from graph.errors import ChoraleError
from studio.runs import MAX_RUNS, Runs

NAME = "0123456789abcdef" * 2


def test_a_run_is_found_while_it_plays_and_stopped_when_it_is_left():
    runs = Runs()
    with runs.playing(NAME, "ann") as playing:
        assert runs.find(NAME) is playing
        assert not playing.stop.is_set()
    assert playing.stop.is_set()
    assert runs.find(NAME) is None


@pytest.mark.parametrize("name", [None, 7, "", NAME[:-1], NAME + "0", NAME.upper(), NAME + "\n"])
def test_a_name_that_could_be_guessed_is_refused(name):
    with pytest.raises(ChoraleError, match="P001"), Runs().playing(name, "ann"):
        pass


def test_two_runs_cannot_share_a_name():
    runs = Runs()
    with runs.playing(NAME, "ann") as playing:
        with pytest.raises(ChoraleError, match="P001"), runs.playing(NAME, "bob"):
            pass
        assert runs.find(NAME) is playing


def test_a_closed_page_stops_its_own_runs_only():
    runs = Runs()
    with runs.playing(NAME, "ann") as hers, runs.playing(NAME[::-1], "bob") as his:
        runs.leave("ann")
        assert hers.stop.is_set()
        assert not his.stop.is_set()


def test_the_number_of_runs_is_limited():
    runs, held = Runs(), []
    for number in range(MAX_RUNS):
        place = runs.playing(f"{number:032x}", "ann")
        place.__enter__()
        held.append(place)
    with pytest.raises(ChoraleError, match="P002"), runs.playing(NAME, "bob"):
        pass
    for place in held:
        place.__exit__(None, None, None)
