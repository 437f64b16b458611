"""The export that the page hands out: a Python file, in a ZIP where pictures lie beside it."""

import ast
import base64
import io
import json
import zipfile

import pytest

from studio.exports import exported
from studio.piece import SHIPPED, WORKFLOWS, load
from tests.graph.export.exported import unwritten
from tests.studio.test_around import opened, played, share
from tests.studio.test_training import called

WORDS, MASK = {"text", "text_expert"}, {"mask", "mask_expert"}
MOVES = [[0, "text_expert.reliability", 1.0], [2, "text_expert.reliability", 0.5]]
PICTURE = "words-and-places-mask-expert-shown.png"


def painted(without=()):
    """*Words and places* in three steps, whole or without some of its nodes."""
    workflow = json.loads((WORKFLOWS / "text-mask.json").read_text())
    for node in workflow["nodes"]:
        if node["type"] == "sampler":
            node["settings"]["steps"] = 3
    workflow["nodes"] = [node for node in workflow["nodes"] if node["id"] not in without]
    workflow["wires"] = [
        wire
        for wire in workflow["wires"]
        if not {wire[end].partition(".")[0] for end in ("from", "to")} & set(without)
    ]
    return workflow


def content(told):
    """The bytes of a download."""
    assert told["said"] == []
    return base64.b64decode(told["address"].partition(",")[2])


def unzipped(data):
    folder = zipfile.ZipFile(io.BytesIO(data))
    return {name: folder.read(name) for name in folder.namelist()}


def models_of(text):
    """Where a file looks for checkpoints."""
    (line,) = (each for each in text.splitlines() if each.startswith("MODELS = "))
    return line


def test_a_workflow_of_words_is_one_file():
    told = exported({"workflow": painted(MASK)})
    assert told["name"] == "words-and-places.py"
    ast.parse(content(told))


def test_a_painted_workflow_is_a_zip_whose_file_reads_its_picture():
    told = exported({"workflow": painted(), "record": MOVES})
    assert told["name"] == "words-and-places.zip"
    files = unzipped(content(told))
    made = load(WORKFLOWS / "text-mask.json").export()
    assert list(files) == ["words-and-places.py", PICTURE]
    assert files[PICTURE] == made.files[PICTURE]
    text = files["words-and-places.py"].decode()
    assert f'HERE / "{PICTURE}"' in text
    assert "(2.7,),\n    (2.7,),\n    (1.35,),\n" in text


def test_where_models_lie_is_told_on_this_machine_alone():
    workflow = painted(MASK)
    near, far = (content(exported({"workflow": workflow}, near=near)).decode() for near in (1, 0))
    assert models_of(near) == f'MODELS = Path("{SHIPPED.resolve().as_posix()}")'
    assert models_of(far) == 'MODELS = Path("models")'
    assert str(SHIPPED.resolve()) not in far


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        ({}, ["W002"]),
        ({"workflow": painted(), "record": 7}, ["W012"]),
        ({"workflow": painted(), "record": [[2, "text_expert.reliability", 10**400]]}, ["R002"]),
        ({"workflow": painted(WORDS)}, []),
        ({"workflow": {**painted(), "nodes": painted()["nodes"][:-1]}}, ["G009", "G002", "G002"]),
        ({"workflow": unwritten()}, ["W024"]),
    ],
)
def test_what_cannot_be_exported_is_said(asked, codes):
    told = exported(asked)
    assert ("address" in told) is (not codes)
    assert [each["code"] for each in told["said"]] == codes


@pytest.mark.browser
def test_the_page_saves_the_file_that_paints_what_is_shown(visit, tmp_path):
    page = visit.page
    played(visit, painted(MASK))
    with page.expect_download() as download:
        share(visit).get_by_role("button", name="PY", exact=True).click()
    assert download.value.suggested_filename == "words-and-places.py"
    download.value.save_as(tmp_path / "one.py")
    assert models_of((tmp_path / "one.py").read_text()) == (
        f'MODELS = Path("{SHIPPED.resolve().as_posix()}")'
    )
    visit.keep("export")


@pytest.mark.browser
def test_what_stands_in_the_way_is_said_on_the_page(visit):
    page = visit.page
    opened(visit, unwritten())
    for _ in range(2):
        share(visit).get_by_role("button", name="PY", exact=True).click()
        page.get_by_role("dialog", name="Share").wait_for(state="detached")
        said = page.get_by_role("status", name="Notices").locator("p")
        (told,) = said.all_inner_texts()
        assert told.startswith("This workflow cannot be exported yet, because it uses weights that")
        assert "the command run plays it" in told
    visit.keep("export-refused")


def test_a_proxy_is_not_told_where_models_lie(address):
    asked = {"workflow": painted(MASK)}
    near = called(address, "export", asked)
    far = called(address, "export", asked, {"X-Forwarded-For": "203.0.113.7"})
    assert str(SHIPPED.resolve()) in content(near).decode()
    assert str(SHIPPED.resolve()) not in content(far).decode()
