"""The faces of the page: nodes, form, and the sheet of keys."""

import pytest

from tests.studio.canvas.hands import card, press

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
