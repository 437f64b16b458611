"""Trainings that the page asks for: real processes that rest, go on, are killed and found."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image

from graph.library import Library
from studio.jobs import KINDS
from studio.page import private
from studio.piece import ROOT
from studio.session import Session
from studio.training import Trainings
from tests.graph.classifiers import write_classifier
from tests.graph.experts import folders
from training.jobs.config import Config
from training.jobs.telling import EVENTS, append
from training.world import SCENE_KINDS

PATIENCE = 60
UPLOAD = "ab" * 16


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    folders.dit(root / "playground/class", card={"condition": "class", "labels": SCENE_KINDS})
    return root


@pytest.fixture
def trainings(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = Trainings(tmp_path, [models])
    found.allowed = True
    yield found
    for each in found.answer({"do": "list"})["trainings"]:
        found.answer({"do": "discard", "name": each["name"]})


def config(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "chorale_training": 1,
        "kind": "modulator",
        "name": name,
        "base": "playground/class",
        "maps": ["mask"],
        "material": {"source": "playground", "pairs": 4},
        "steps": 4,
        "settings": {"batch": 4, "levels": 2, "widths": [8], "views": 1},
        **changes,
    }


def asked(trainings: Trainings, act: str, **told: Any) -> dict[str, Any]:
    found = trainings.answer({"do": act, **told})
    assert "diagnostics" not in found, found
    return found


def refused(trainings: Trainings, act: str, **told: Any) -> str:
    (said,) = trainings.answer({"do": act, **told})["diagnostics"]
    return f"{said['code']} {said['message']}"


def until(trainings: Trainings, name: str, *phases: str, step: int = 0) -> dict[str, Any]:
    """The state of a training once it is in one of the phases."""
    found: dict[str, Any] = {}
    for _ in range(5 * PATIENCE):
        found = asked(trainings, "state", name=name)["training"]
        if found["phase"] in phases and found["step"] >= step:
            return found
        time.sleep(0.2)
    raise AssertionError(found)


def test_a_training_ends_in_the_library_that_the_page_shows(
    trainings: Trainings, models: Path, tmp_path: Path
) -> None:
    session = Session(Library(models, tmp_path), training=trainings)
    assert "mine/done" not in session.models()
    asked(trainings, "start", config=config("done"))
    found = until(trainings, "done", "finished", "failed")
    assert found["phase"] == "finished", found
    assert found["module"] == "mine/done"
    assert [point[0] for point in found["held_out"]] == [0, 4]
    assert session.models()["mine/done"]["condition"] == "score"
    told = asked(trainings, "state", name="done")["grid"]
    assert told["name"] == "grid-0000004.png"
    picture = Image.open(io.BytesIO(base64.b64decode(told["address"].partition(",")[2])))
    assert picture.width > picture.height
    assert "grid" not in asked(trainings, "state", name="done", seen=told["name"])
    assert "T015 There is a training 'done' already" in refused(
        trainings, "start", config=config("done")
    )
    assert asked(trainings, "discard", name="done") == {"trainings": []}
    assert (models / "mine/done/card.json").exists()


STUDIO = """
import json, pathlib, sys
from studio.training import Trainings
trainings = Trainings(pathlib.Path(sys.argv[1]), [pathlib.Path(sys.argv[2])])
trainings.allowed = True
print(json.dumps(trainings.answer({"do": "start", "config": json.loads(sys.argv[3])})), flush=True)
sys.stdin.read()
"""


def test_the_training_of_a_killed_studio_is_found_by_the_next_which_resumes_and_pauses_it(
    trainings: Trainings, models: Path, tmp_path: Path
) -> None:
    told = json.dumps(config("long", steps=1_000_000))
    with subprocess.Popen(
        [sys.executable, "-c", STUDIO, str(tmp_path), str(models), told],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as studio:
        assert json.loads(studio.stdout.readline())["training"]["phase"] == "starting"
        until(trainings, "long", "running", step=2)
        assert "T014 The training 'long' runs; one runs at a time" in refused(
            trainings, "start", config=config("other")
        )
        assert "T014" in refused(trainings, "resume", name="long")
        studio.kill()
    rested = until(trainings, "long", "paused")
    assert rested["step"] >= 2
    asked(trainings, "resume", name="long")
    until(trainings, "long", "running", step=rested["step"] + 1)
    asked(trainings, "pause", name="long")
    later = until(trainings, "long", "paused")
    assert later["step"] > rested["step"]
    asked(trainings, "discard", name="long")
    assert not (tmp_path / "trainings/modulators/long").exists()


def test_a_training_that_ended_without_a_word_says_so(trainings: Trainings, tmp_path: Path) -> None:
    folder = tmp_path / "trainings/modulators/killed"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config("killed")))
    (folder / "lock").write_text(str(os.getpid()))
    append(folder / EVENTS, {"event": "started", "step": 7, "base": "b", "maps": ["mask"]})
    (folder / "errors.txt").write_text("Traceback\nMemoryError: no more\n")
    (listed,) = asked(trainings, "list")["trainings"]
    assert (listed["phase"], listed["step"]) == ("failed", 7)
    (said,) = asked(trainings, "state", name="killed")["training"]["diagnostics"]
    assert said["code"] == "T016"
    assert "It said: MemoryError: no more" in said["message"]


def guided(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "chorale_training": 1,
        "kind": "guidance",
        "name": name,
        "onlooker": "playground/classifier",
        "base": "playground/class",
        "samples": 6,
        "steps": 2,
        "settings": {"ranges": 2, "share": 0.5, "batch": 4, "held_out": 2, "steps": 2},
        **changes,
    }


def test_a_guidance_expert_is_checked_made_and_listed_beside_the_others(
    trainings: Trainings, models: Path, tmp_path: Path
) -> None:
    write_classifier(models / "playground" / "classifier")
    told = asked(trainings, "check", config=guided("seer"))["material"]
    assert (told["pictures"], told["asks"], len(told["shown"])) == (6, "class", 6)
    asked(trainings, "start", config=guided("seer"))
    found = until(trainings, "seer", "finished", "failed")
    assert (found["phase"], found["kind"], found["module"]) == ("finished", "guidance", "mine/seer")
    assert (found["asks"], found["sees"], len(found["levels"])) == ("class", "state", 2)
    assert [point[0] for point in found["held_out"]] == [0, 2]
    assert Session(Library(models, tmp_path)).models()["mine/seer"]["taught"]
    for other in (config("seer"), guided("seer")):
        said = refused(trainings, "start", config=other)
        assert "T015 There is a training 'seer' already" in said
    asked(trainings, "start", config=config("pairs", steps=1))
    until(trainings, "pairs", "finished", "failed")
    listed = [(each["name"], each["kind"]) for each in asked(trainings, "list")["trainings"]]
    assert listed == [("pairs", "modulator"), ("seer", "guidance")]
    asked(trainings, "discard", name="seer")
    assert not (tmp_path / "trainings/guidances/seer").exists()


def test_a_painting_that_is_paused_goes_on(trainings: Trainings, models: Path) -> None:
    write_classifier(models / "playground" / "classifier")
    long = guided("long", samples=2000, settings={"ranges": 2, "share": 0.5, "batch": 4})
    asked(trainings, "start", config=long)
    while asked(trainings, "state", name="long")["training"].get("pictures", 0) < 40:
        time.sleep(0.2)
    asked(trainings, "pause", name="long")
    found = until(trainings, "long", "paused", "failed")
    assert found["phase"] == "paused", found
    asked(trainings, "resume", name="long")
    while not (state := asked(trainings, "state", name="long")["training"]).get("of"):
        time.sleep(0.2)
    assert state["pictures"] >= 32


@pytest.mark.parametrize("kind", ["upload", "expert", "../x", None, ["guidance"]])
def test_what_is_no_kind_of_training_is_refused(
    trainings: Trainings, kind: Any, tmp_path: Path
) -> None:
    said = refused(trainings, "start", config=config("x", kind=kind))
    assert said.startswith("T002 There is no training of ")
    assert list(tmp_path.rglob("config.json")) == []


def test_the_page_and_the_command_know_the_same_kinds() -> None:
    kinds = [get_args(each.model_fields["kind"].annotation) for each in get_args(Config)]
    assert [kind for (kind,) in kinds] == list(KINDS)


def zipped(count: int) -> bytes:
    stream, picture = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (40, 40), (90, 60, 30)).save(picture, "PNG")
    with zipfile.ZipFile(stream, "w") as packed:
        for number in range(count):
            for place in ("pictures", "mask"):
                packed.writestr(f"mine/{place}/{number}.png", picture.getvalue())
        packed.writestr("mine/pictures/lone.png", picture.getvalue())
        packed.writestr("mine/readme.txt", b"x")
    return stream.getvalue()


def test_an_upload_is_checked_and_said_to_be_what_it_is(trainings: Trainings) -> None:
    data = base64.b64encode(zipped(3)).decode()
    answer = asked(trainings, "upload", upload=UPLOAD, start=0, data=data, last=True)
    assert answer["left_out"] == [
        "mine/readme.txt: it is in no folder pictures, mask, sketch, depth"
    ]
    mine = config("uploaded", material={"upload": UPLOAD})
    told = asked(trainings, "check", config=mine)["material"]
    assert (told["pairs"], told["held_out"], told["sizes"]) == (2, 1, [["40×40", 3]])
    assert told["left_out"] == ["lone: it is not in mask"]
    assert len(told["shown"]) == 2


def test_a_page_names_no_folders(trainings: Trainings, tmp_path: Path) -> None:
    for material in (
        {"source": "folder", "path": "/etc"},
        {"upload": "../../etc"},
        {"upload": "0" * 31 + "/"},
        "/etc",
    ):
        answer = trainings.answer({"do": "check", "config": config("x", material=material)})
        assert answer["diagnostics"][0]["code"] in ("T002", "T012")
        assert "/etc" not in json.dumps(answer["diagnostics"]).replace("got '/etc'", "")
    assert not (tmp_path / "trainings/modulators").exists()


@pytest.mark.parametrize("name", ["../x", "", "x/y", "X", None, 7, "n" * 41])
def test_a_training_has_a_plain_name(trainings: Trainings, name: Any, tmp_path: Path) -> None:
    assert "T002" in refused(trainings, "start", config=config(name))
    for act in ("state", "pause", "resume", "discard"):
        assert "T015 There is no training" in refused(trainings, act, name=name)
    assert "T002" in refused(trainings, "start", config=[1])
    assert asked(trainings, "list") == {"trainings": []}


def test_a_page_that_may_not_train_does_nothing(tmp_path: Path, models: Path) -> None:
    trainings = Trainings(tmp_path, [models])
    for act in ("list", "state", "upload", "check", "start", "resume", "pause", "discard", "", 3):
        assert "T011 This page does not train" in refused(trainings, act, config=config("x"))
    assert list(tmp_path.iterdir()) == []


def test_whom_a_proxy_brings_may_train_where_everyone_may(trainings: Trainings) -> None:
    (said,) = trainings.answer({"do": "list"}, near=False)["diagnostics"]
    assert said["code"] == "T011"
    trainings.everyone = True
    assert trainings.answer({"do": "list"}, near=False) == {"trainings": []}


def test_a_page_tells_a_proxy_from_its_own_machine(studio, tmp_path: Path) -> None:
    with studio(data=tmp_path) as address:
        alone = called(address, "training", {"do": "list"})
        proxy = {"X-Forwarded-For": "203.0.113.7"}
        brought = called(address, "training", {"do": "list"}, proxy)
    assert alone == {"trainings": []}
    assert brought["diagnostics"][0]["code"] == "T011"


def called(
    address: str, function: str, asked: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """What a function of the page answers, asked as a browser does."""
    with urllib.request.urlopen(f"{address}config") as answer:
        components = json.load(answer)["components"]
    (editor,) = (each["id"] for each in components if each["props"].get("elem_id") == "editor")
    told = {"data": asked, "component_id": editor, "fn_name": function}
    request = urllib.request.Request(
        f"{address}gradio_api/component_server",
        json.dumps({**told, "session_hash": "a"}).encode(),
        {"Content-Type": "application/json", **(headers or {})},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("launch", "environment", "alone"),
    [
        ({}, {}, True),
        ({"server_name": "0.0.0.0"}, {}, False),
        ({"server_name": "127.0.0.1"}, {"GRADIO_SERVER_NAME": "0.0.0.0"}, True),
        ({}, {"GRADIO_SERVER_NAME": "0.0.0.0"}, False),
        ({}, {"GRADIO_SERVER_NAME": "127.0.0.1"}, True),
        ({"share": True}, {}, False),
        ({}, {"GRADIO_SHARE": "True"}, False),
        ({"share": False}, {"GRADIO_SHARE": "True"}, True),
        ({}, {"SPACE_ID": "somebody/chorale"}, False),
    ],
)
def test_who_may_train_unless_it_is_said(
    launch: dict[str, Any],
    environment: dict[str, str],
    alone: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SHARE", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert private(launch) is alone
