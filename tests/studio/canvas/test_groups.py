"""Groups and notes, which lie among the nodes."""

import json

import pytest

from tests.studio.canvas.hands import card, drag, kept, middle, press, rests, spot, until

pytestmark = pytest.mark.browser


def test_groups_and_notes_survive_saving_and_reloading(visit, tmp_path):
    page = visit.page
    for title in ("What", "Where"):
        card(visit, title).get_by_role("heading").click(modifiers=["Shift"])
    press(visit, "g")
    page.get_by_role("textbox", name="Title", exact=True).fill("Conditions")
    press(visit, "Enter", "Escape")
    page.mouse.move(*spot(visit, 0.6, 0.9))
    press(visit, "n")
    page.get_by_role("textbox", name="Note").fill("remember the sea")
    press(visit, "Escape")
    first = kept(visit)["view"]
    assert first["groups"][0]["title"] == "Conditions"
    page.get_by_role("button", name="See everything").click()
    rests(visit)
    grip = page.locator(".grip").first
    x, y = middle(grip)
    drag(visit, (x, y), (x + 60, y + 10))
    moved = kept(visit)["view"]
    assert moved["places"]["text"][0] > first["places"]["text"][0]
    assert moved["places"]["fuse"] == first["places"]["fuse"]
    visit.keep("groups-and-notes")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    path = tmp_path / "saved.json"
    download.value.save_as(path)
    assert json.loads(path.read_text())["view"] == moved
    page.reload()
    page.wait_for_selector(".canvas.ready")
    assert page.get_by_role("textbox", name="Note").input_value() == "remember the sea"
    until(visit, lambda: kept(visit)["view"] == moved)
    press(visit, "Control+z")
    page.set_input_files("input[aria-label='Workflow file']", path)
    page.get_by_text("Conditions").first.wait_for()
