"""The faces of the page: nodes, form, and the sheet of keys."""

import pytest

from tests.studio.canvas.hands import card, press
from tests.studio.test_around import opened

pytestmark = pytest.mark.browser


def test_both_faces_show_the_same_workflow_and_the_choice_is_kept(visit):
    page = visit.page
    card(visit, "What").get_by_role("textbox").fill("a red balloon")
    page.get_by_role("button", name="Form", exact=True).click()
    form = page.locator(".board article").first
    form.wait_for()
    assert page.locator(".board").get_by_role("textbox").first.input_value() == "a red balloon"
    visit.keep("form")
    page.reload()
    page.locator(".board article").first.wait_for()
    press(visit, "v")
    page.wait_for_selector(".canvas.ready")


@pytest.mark.parametrize("visit", [(1280, 720), (1440, 900)], indirect=True)
def test_the_keyboard_sheet_lists_every_shortcut(visit):
    press(visit, "?")
    sheet = visit.page.get_by_role("dialog", name="Keyboard")
    sheet.wait_for()
    for label in ("Make a subgraph", "Wire, or unplug", "Undo", "Tidy up", "Copy"):
        assert sheet.get_by_text(label).first.is_visible()
    visit.keep(f"keys-{visit.page.viewport_size['width']}")
    press(visit, "Escape")
    sheet.wait_for(state="detached")


def test_what_is_said_of_a_card_covers_no_other_until_it_is_looked_at(visit):
    page = visit.page
    workflow = {
        "chorale": 1,
        "title": "Close together",
        "nodes": [
            {"id": "photo", "type": "photo"},
            {"id": "text", "type": "text", "settings": {"text": "a red sailboat"}},
            {"id": "out", "type": "picture"},
        ],
        "wires": [],
        "view": {"places": {"photo": [0, 0], "text": [0, 212], "out": [400, 0]}},
    }
    opened(visit, workflow)
    page.get_by_label("Problems").get_by_text("'Photo' is empty").wait_for()
    above, below = (page.locator(f"#node-{name}") for name in ("photo", "text"))
    said = above.get_by_role("note")
    page.mouse.move(5, 5)
    first, second = above.bounding_box(), below.bounding_box()
    assert first["y"] + first["height"] <= second["y"]
    assert said.inner_text() == "'Photo' is empty."
    assert above.locator(".said").bounding_box()["height"] <= 1
    above.get_by_role("heading").hover()
    page.wait_for_function("() => document.querySelector('.said').clientHeight > 20")
    assert above.bounding_box()["height"] == first["height"]
    lies = """(said) => {
        const { left, top, width, height } = said.getBoundingClientRect();
        said.style.pointerEvents = 'auto';
        const found = document.elementFromPoint(left + width / 2, top + height / 2);
        said.style.pointerEvents = '';
        return said.contains(found);
    }"""
    assert above.locator(".said").evaluate(lies)
    visit.keep("said-of-a-card")
