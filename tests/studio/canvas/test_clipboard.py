"""What is copied, cut and pasted, from here and from elsewhere."""

import json

import pytest

from tests.studio.canvas.hands import CARD, card, ground, kept, press, said, spot, until, wires

pytestmark = pytest.mark.browser


HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def paste(visit, text):
    visit.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    visit.page.mouse.move(*spot(visit, 0.5, 0.5))
    visit.page.keyboard.press("Control+v")


def test_what_is_pasted_is_data_or_refused(visit):
    page = visit.page
    before = kept(visit)
    ground(visit).focus()
    for text in (
        "a sentence",
        HOSTILE,
        "[1]",
        '{"chorale": 1, "nodes": [{"id": "__proto__", "type": "text"}]}',
        "[" * 9000,
    ):
        paste(visit, text)
        page.wait_for_timeout(100)
        assert "clipboard holds no nodes" in said(visit).inner_text()
    paste(visit, "x" * 5_000_001)
    page.get_by_text("more than 5 MB").wait_for()
    until(visit, lambda: kept(visit)["nodes"] == before["nodes"])
    foreign = {
        "chorale": 1,
        "nodes": [
            {
                "id": "constructor",
                "type": "constructor",
                "title": HOSTILE,
                "settings": {"toString": HOSTILE},
            },
            {"id": "text", "type": "text", "title": HOSTILE, "settings": {"text": HOSTILE}},
        ],
        "wires": [{"from": "text.text", "to": "constructor.__proto__"}],
        "view": {
            "groups": [{"id": "g", "title": HOSTILE, "x": 0, "y": 0, "w": 300, "h": 300}],
            "notes": [{"id": "n", "text": HOSTILE, "x": 0, "y": 0, "w": 300, "h": 300}, {"id": 7}],
            "places": {"text": ["a", {}]},
        },
    }
    paste(visit, json.dumps(foreign))
    page.get_by_role("heading", name=HOSTILE).first.wait_for()
    visit.keep("hostile-paste")
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "owned"
    pasted = [node for node in kept(visit)["nodes"] if node["id"] in ("constructor", "text_2")]
    assert [node["title"] for node in pasted] == [HOSTILE, HOSTILE]
    press(visit, "Control+z")
    until(visit, lambda: kept(visit)["nodes"] == before["nodes"])


def test_nodes_are_copied_cut_and_pasted_into_another_window(visit, browser, address):
    page = visit.page
    card(visit, "What").get_by_role("heading").click()
    card(visit, "Text expert").get_by_role("heading").click(modifiers=["Shift"])
    press(visit, "Control+c")
    press(visit, "Control+v")
    until(visit, lambda: {("text_2.text", "text_expert_2.text")} <= set(wires(visit)))
    press(visit, "Control+x")
    until(visit, lambda: not any("_2" in end for wire in wires(visit) for end in wire))
    other = page.context.new_page()
    other.goto(address)
    other.wait_for_selector(".canvas.ready")
    other.keyboard.press("Control+v")
    other.locator(CARD).nth(9).wait_for()
    other.close()
