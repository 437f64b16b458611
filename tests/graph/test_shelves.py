"""Several model folders: what is found, in which order, and what stays outside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graph.errors import ChoraleError
from graph.inventory import Entry, inventory
from graph.library import Library
from graph.shelves import Shelves
from studio.piece import ROOT, SHIPPED
from tests.graph.classifiers import write_classifier
from tests.graph.experts import folders


@pytest.fixture
def shelves(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders: an expert of one name in both, something of its own in each."""
    one, other = tmp_path / "one", tmp_path / "other"
    folders.stable_diffusion(one / "both")
    folders.stable_diffusion(other / "both", unet={"layers_per_block": 2})
    folders.dit(one / "near")
    write_classifier(other / "deep/onlooker")
    return one, other


def test_what_lies_on_any_shelf_is_found_and_of_two_of_one_name_the_first(
    shelves: tuple[Path, Path], tmp_path: Path
) -> None:
    one, other = shelves
    for order in (shelves, (other, one)):
        library = Library(order, tmp_path / "assets")
        assert library.names() == ("both", "near")
        assert library.model("both").folder == order[0] / "both"
        assert library.model("near").folder == one / "near"
        assert library.companion("deep/onlooker").folder == other / "deep/onlooker"
        assert library.folder == order[0]
        assert {each.name for each in inventory(library) if isinstance(each, Entry)} == {
            "both",
            "near",
            "deep/onlooker",
        }
    hashes = {Library(each, each).model("both").hash for each in shelves}
    assert len(hashes) == 2


def test_a_name_is_told_for_every_place(shelves: tuple[Path, Path], tmp_path: Path) -> None:
    found = Shelves((*shelves, shelves[0]))
    assert found.folders == shelves
    assert found.name(shelves[1] / "deep/onlooker") == "deep/onlooker"
    with pytest.raises(ValueError, match="none of the model folders"):
        found.name(tmp_path / "elsewhere")


def test_a_link_between_shelves_is_followed_and_one_that_leads_out_is_not(
    shelves: tuple[Path, Path], tmp_path: Path
) -> None:
    one, other = shelves
    folders.dit(tmp_path / "secret")
    (one / "linked").symlink_to(other / "both", target_is_directory=True)
    (one / "outside").symlink_to(tmp_path / "secret", target_is_directory=True)
    library = Library(shelves, tmp_path / "assets")
    assert library.model("linked").hash == Library(other, other).model("both").hash
    with pytest.raises(ChoraleError) as raised:
        library.model("outside")
    (said,) = raised.value.diagnostics
    assert said.code == "M010"
    assert "CHORALE_MODELS" in said.hint
    with pytest.raises(ChoraleError):
        Library(one, one).model("linked")


def test_a_folder_that_is_not_there_is_told(shelves: tuple[Path, Path], tmp_path: Path) -> None:
    library = Library((tmp_path / "gone", *shelves), tmp_path / "assets")
    said = [each for each in inventory(library) if not isinstance(each, Entry)]
    assert [each.code for each in said] == ["M058"]
    assert str(tmp_path / "gone") in said[0].message
    assert library.names() == ("both", "near")


def test_what_ships_is_there_beside_the_folders_of_the_host(shelves: tuple[Path, Path]) -> None:
    def asked(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, str(ROOT / "app.py"), *words],
            env={**os.environ, "CHORALE_MODELS": os.pathsep.join(map(str, shelves))},
            capture_output=True,
            text=True,
            check=False,
        )

    told = asked("models", "--json")
    assert told.returncode == 0, told.stderr
    names = {each["name"] for each in json.loads(told.stdout)}
    shipped = {
        each.name for each in inventory(Library(SHIPPED, SHIPPED)) if isinstance(each, Entry)
    }
    assert names == shipped | {"both", "near", "deep/onlooker"}
    checked = asked("check", str(ROOT / "assets" / "workflows" / "first-light.json"))
    assert checked.returncode == 0, checked.stderr
