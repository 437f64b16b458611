"""Training files: what is wrong is said with its place, and nothing unknown is read over."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from graph.errors import ChoraleError
from training.jobs.config import Folder, GuidanceTuning, Part, Tuning, read_config

GOOD: dict[str, Any] = {"chorale_training": 1, "kind": "modulator", "name": "mine", "steps": 3}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "t.json"
    path.write_text(json.dumps({**GOOD, **changes}))
    return path


def test_what_is_left_out_has_its_usual_value(tmp_path: Path) -> None:
    config = read_config(written(tmp_path)).config
    assert config.base == "playground/unconditional"
    assert config.maps == ("mask", "sketch")
    assert config.material.pairs == 200
    assert config.settings.given == {}


def test_maps_come_in_their_own_order(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, maps=["sketch", "mask"])).config.maps == ("mask", "sketch")


def test_a_folder_is_found_from_where_the_file_lies(tmp_path: Path) -> None:
    read = read_config(written(tmp_path, material={"source": "folder", "path": "pairs"}))
    assert isinstance(read.config.material, Folder)
    assert read.folder() == tmp_path / "pairs"
    assert read_config(written(tmp_path)).folder() is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "../x"}, "name: expected up to 40 small letters, digits and hyphens, got '../x'"),
        ({"kind": "expert"}, "kind: expected one of 'modulator', 'guidance', got 'expert'"),
        ({"kind": ["modulator"]}, "kind: expected"),
        ({"maps": ["smell"]}, "maps[0]: expected one of 'mask', 'sketch' or 'depth', got 'smell'"),
        ({"maps": ["mask", "mask"]}, "maps: expected every map once"),
        ({"maps": []}, "maps: expected at least 1 item"),
        ({"steps": None}, "needs either steps or minutes"),
        ({"minutes": 2}, "needs either steps or minutes"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"steps": 2.5}, "steps: expected a whole number"),
        ({"material": {"source": "web"}}, "material: expected one of 'playground', 'folder'"),
        ({"material": {"source": "folder"}}, "material.path: expected a value"),
        (
            {"material": {"source": "playground", "pairs": 10**9}},
            "material.pairs: expected at most",
        ),
        ({"settings": {"widths": [8, 12]}}, "settings.widths[1]: expected a multiple of 8, got 12"),
        ({"settings": {"lr": "fast"}}, "settings.lr: expected a number, got 'fast'"),
        ({"settings": {"momentum": 1}}, "settings.momentum: expected no setting of that name"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ChoraleError) as caught:
        read_config(written(tmp_path, **changes))
    assert [each.code for each in caught.value.diagnostics] == ["T002"]
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "settings"), [("modulator", Tuning), ("guidance expert", GuidanceTuning)]
)
def test_the_documents_name_every_setting(kind: str, settings: type[Part]) -> None:
    text = (Path(__file__).parents[3] / "docs/train.md").read_text()
    table = text.partition(f"field of a {kind}")[2].partition("| `settings` | ")[2]
    named = re.findall("`([a-z_]+)`", table.partition(";")[0])
    assert named == list(settings.model_fields)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ChoraleError) as caught:
        read_config(written(tmp_path, name="", steps=-1, settings={"drop": 2}))
    assert len(caught.value.diagnostics) == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "T001"),
        (b"\xff\xfe{}", "T001"),
        (b'{"chorale_training": NaN}', "T001"),
        (b"[" * 5000, "T001"),
        (b" " * 70_000 + b"{}", "T001"),
        (b"[1]", "T002"),
        (b"{}", "T002"),
        (b'{"chorale_training": 2}', "T003"),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(content)
    with pytest.raises(ChoraleError) as caught:
        read_config(path)
    assert caught.value.diagnostics[0].code == code


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChoraleError, match=r"T001.*'no\.json' cannot be read"):
        read_config(tmp_path / "no.json")
