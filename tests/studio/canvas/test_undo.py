"""Undo and redo of whatever the hand did."""

import random
from pathlib import Path

import pytest

from tests.studio.canvas.hands import CARD, card, choose, drag, kept, middle, press, spot, until

pytestmark = pytest.mark.browser


def test_every_gesture_is_undone_and_redone(visit):
    page = visit.page
    first = kept(visit)
    x, y = middle(card(visit, "Fuse").get_by_role("heading"))
    drag(visit, (x, y), (x + 80, y + 40))
    press(visit, "b", "c", "ArrowDown", "Control+d", "Delete")
    page.mouse.dblclick(*spot(visit, 0.5, 0.95))
    choose(visit, "Curve")
    card(visit, "What").get_by_role("textbox").fill("a lighthouse")
    last = kept(visit)
    assert last != first
    for _ in range(8):
        press(visit, "Control+z")
    until(visit, lambda: kept(visit) == first)
    for _ in range(8):
        press(visit, "Control+Shift+z")
    until(visit, lambda: kept(visit) == last)


KEYS = ("b", "c", "t", "g", "n", "Control+d", "Delete", "ArrowDown", "Control+a", "Alt+ArrowLeft")


def act(visit, chance):
    """One gesture of many: a card chosen, dragged or changed by key, words typed, a fader moved."""
    page = visit.page
    cards = page.locator(f"{CARD} h2")
    match chance.randrange(5):
        case 0 | 1 if count := cards.count():
            box = cards.nth(chance.randrange(count)).bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            if page.evaluate("([x, y]) => document.elementFromPoint(x, y)?.matches('h2')", [x, y]):
                drag(visit, (x, y), (x + chance.choice((0, 33, -44)), y + chance.choice((0, 22))))
        case 2 if page.locator("[data-strip]").count():
            fader = page.locator("[data-strip] [role=slider]").first
            fader.press(chance.choice(("PageDown", "PageUp", "Home")))
            page.locator(".canvas").focus()
        case 3:
            page.get_by_label("Title of the workflow").fill(f"Take {chance.randrange(100)}")
            page.locator(".canvas").focus()
        case _:
            press(visit, chance.choice(KEYS), "Escape")


def test_sixty_gestures_of_mouse_and_keyboard_are_undone(visit):
    chance = random.Random(0)
    first = kept(visit)
    undo = visit.page.get_by_role("navigation").get_by_role("button", name="Undo")
    for _ in range(60):
        act(visit, chance)
    last = kept(visit)
    visit.keep("sixty-gestures")
    assert last != first
    steps = 0
    while undo.is_enabled():
        undo.click()
        steps += 1
    assert kept(visit) == first
    visit.page.locator(".canvas").focus()
    for _ in range(steps):
        press(visit, "Control+Shift+z")
    assert kept(visit) == last


GESTURES = Path(__file__).with_name("gestures.js").read_text()


HANDS = [range(start, start + 20) for start in range(0, 100, 20)]


@pytest.mark.parametrize("hands", HANDS, ids=str)
def test_sixty_gestures_of_many_hands_are_undone_and_redone(visit, hands):
    told = visit.page.evaluate(GESTURES, {"hands": list(hands), "gestures": 60})
    assert [each["hand"] for each in told] == list(hands)
    for each in told:
        assert each["changed"], each
        assert each["undone"], each
        assert each["standing"], each
        assert each["redone"], each
        assert each["steps"] >= 20, each  # most gestures did something
