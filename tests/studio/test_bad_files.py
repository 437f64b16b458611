"""Files from outside that are damaged, huge, hostile or of another studio, opened on the page."""

import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.studio.test_page import kept

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "workflows"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def choose(visit, name, kind, content):
    visit.page.set_input_files(
        "input[aria-label='Workflow file']", {"name": name, "mimeType": kind, "buffer": content}
    )


def document(visit, workflow):
    choose(visit, "w.json", "application/json", json.dumps(workflow).encode())


def example():
    return json.loads((EXAMPLES / "text-mask.json").read_text())


def broken(png):
    """The picture with one byte of its first text chunk turned over, so that its sum is wrong."""
    at = re.search(b"[it][TE][Xx]t", png)
    assert at is not None
    spot = at.end() + 40
    return png[:spot] + bytes([png[spot] ^ 0x20]) + png[spot + 1 :]


def test_a_picture_with_a_broken_chunk_is_refused_in_words(visit):
    before = kept(visit)
    choose(visit, "torn.png", "image/png", broken((EXAMPLES / "text.png").read_bytes()))
    visit.page.get_by_text("a text in it is damaged").wait_for()
    visit.keep("broken-chunk")
    assert kept(visit) == before


def test_a_picture_that_carries_nothing_says_so(visit):
    before = kept(visit)
    plain = io.BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "PNG")
    choose(visit, "plain.png", "image/png", plain.getvalue())
    visit.page.get_by_text("carries no workflow").wait_for()
    assert kept(visit) == before


def test_five_megabytes_of_json_that_are_no_workflow_are_refused(visit):
    before = kept(visit)
    page = visit.page
    choose(visit, "much.json", "application/json", b"[" + b"1," * 2_600_000 + b"1]")
    page.get_by_text("holds no workflow").wait_for()
    assert kept(visit) == before


def test_a_sentence_of_nearly_five_megabytes_is_named_and_the_page_stays_quick(visit):
    page = visit.page
    workflow = example() | {"title": "Endless"}
    (sentence,) = (node for node in workflow["nodes"] if node["type"] == "text")
    sentence["settings"]["text"] = "zebra " * 790_000
    document(visit, workflow)
    page.get_by_text("expected at most 500 characters, got 4740000").first.wait_for()
    visit.keep("endless-sentence")
    page.get_by_role("button", name="Form", exact=True).click()
    assert len(page.get_by_role("textbox", name="text").first.input_value()) == 500


def test_a_node_of_another_studio_is_shown_and_kept(visit, tmp_path):
    page = visit.page
    workflow = example()
    stranger = {
        "id": "choir",
        "type": "acme_choir",
        "title": HOSTILE,
        "settings": {"voices": 3, "say": HOSTILE, "deep": {"a": [1, None]}},
    }
    workflow["title"] = "From elsewhere"
    workflow["nodes"].append(stranger)
    workflow["wires"].append({"from": "choir.score", "to": "fuse.scores"})
    document(visit, workflow)
    page.locator("article", has_text="does not know this node").wait_for()
    page.get_by_label("Problems").get_by_text("acme_choir").first.wait_for()
    visit.keep("unknown-node")
    assert page.title() != "owned"
    assert page.locator("img[src=x]").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    path = tmp_path / "saved.json"
    download.value.save_as(path)
    page.reload()
    page.locator("article", has_text="does not know this node").wait_for()
    for again in (json.loads(path.read_text()), kept(visit)):
        assert next(each for each in again["nodes"] if each["id"] == "choir") == stranger
        assert {"from": "choir.score", "to": "fuse.scores"} in again["wires"]
