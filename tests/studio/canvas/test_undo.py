"""Undo and redo of whatever the hand did."""

import pytest

from tests.studio.canvas.hands import card, choose, drag, kept, middle, press, spot, until

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
