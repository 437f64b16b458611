"""Several nodes at once: selected in a box, moved, deleted, aligned, tidied, undone."""

from functools import partial
from itertools import combinations

import pytest
from playwright.sync_api import expect

from tests.studio.canvas.hands import (
    CARD,
    card,
    drag,
    draw,
    focused,
    ground,
    kept,
    middle,
    port,
    press,
    rests,
    spot,
    until,
    wires,
)

pytestmark = pytest.mark.browser

CONDITIONS = {"text", "mask", "sketch"}
TITLES = {"text": "What", "mask": "Where", "sketch": "Lines"}


def boxes(visit):
    """What every node covers on the screen, by id."""
    return {
        node.get_attribute("data-id"): node.bounding_box()
        for node in visit.page.locator(CARD).all()
    }


def chosen(visit):
    nodes = visit.page.locator(f"{CARD}.selected")
    return set(nodes.evaluate_all("(nodes) => nodes.map((node) => node.dataset.id)"))


def corners(visit):
    """Where every node stands on the screen, to the pixel."""
    return {name: (round(box["x"]), round(box["y"])) for name, box in boxes(visit).items()}


def still(visit):
    """The corners, once the view no longer glides."""
    rests(visit)
    return corners(visit)


def near(one, other):
    return one.keys() == other.keys() and all(
        abs(a - b) <= 1 for name in one for a, b in zip(one[name], other[name], strict=True)
    )


def undone(visit, before):
    """Undo once: every node stands where it stood."""
    press(visit, "Control+z")
    until(visit, lambda: near(corners(visit), before))


def overlapping(visit):
    """The pairs of nodes that cover one another."""
    return [
        (one, other)
        for (one, a), (other, b) in combinations(boxes(visit).items(), 2)
        if min(a["x"] + a["width"], b["x"] + b["width"]) > max(a["x"], b["x"]) + 1
        and min(a["y"] + a["height"], b["y"] + b["height"]) > max(a["y"], b["y"]) + 1
    ]


def box_select(visit, names):
    """Draw a box over some nodes on the bare ground, Shift held."""
    around = [box for name, box in boxes(visit).items() if name in names]
    left, top = (min(box[side] for box in around) - 8 for side in "xy")
    right = max(box["x"] + box["width"] for box in around) - 20
    bottom = max(box["y"] + box["height"] for box in around) - 20
    visit.page.keyboard.down("Shift")
    drag(visit, (left, top), (right, bottom))
    visit.page.keyboard.up("Shift")


def ways(before, after):
    """How far each node went."""
    return {
        name: tuple(b - a for a, b in zip(at, after[name], strict=True))
        for name, at in before.items()
    }


def others_stand(before, after, names):
    found = ways(before, after)
    return all(abs(step) <= 1 for name in found.keys() - names for step in found[name])


def moved_together(before, after, names):
    """The one way that some nodes went while the others stood; places are whole once kept."""
    assert others_stand(before, after, names)
    found = [way for name, way in ways(before, after).items() if name in names]
    assert all(abs(a - b) <= 1 for way in found for a, b in zip(way, found[0], strict=True))
    return found[0]


def test_a_box_drawn_with_the_mouse_selects_moves_and_deletes(visit):
    first, before = kept(visit), still(visit)
    box_select(visit, CONDITIONS)
    until(visit, lambda: chosen(visit) == CONDITIONS)
    assert near(corners(visit), before)
    assert overlapping(visit) == []  # tools come out for one paper alone
    visit.keep("box-selected")
    x, y = middle(card(visit, "Where").get_by_role("heading"))
    drag(visit, (x, y), (x - 66, y + 44))
    until(visit, lambda: not near(corners(visit), before))
    across, down = moved_together(before, corners(visit), CONDITIONS)
    assert abs(across + 66) <= 12
    assert abs(down - 44) <= 12
    undone(visit, before)
    card(visit, "Where").get_by_role("heading").click(button="right")
    visit.page.get_by_role("menuitem", name="Delete").click()
    until(visit, lambda: not CONDITIONS & {node["id"] for node in kept(visit)["nodes"]})
    assert not any(wire["from"].split(".")[0] in CONDITIONS for wire in kept(visit)["wires"])
    undone(visit, before)
    until(visit, lambda: kept(visit) == first)


def test_nodes_are_selected_moved_and_deleted_with_the_keyboard(visit):
    first, before = kept(visit), still(visit)
    ground(visit).focus()
    press(visit, "Control+ArrowRight")
    for _ in range(3):  # to the upper end of the first column
        press(visit, "Control+ArrowLeft", "Control+ArrowUp")
    until(visit, lambda: focused(visit) in CONDITIONS)
    press(visit, "Control+Shift+ArrowDown", "Control+Shift+ArrowDown")
    until(visit, lambda: chosen(visit) == CONDITIONS)
    press(visit, "Shift+ArrowLeft", "ArrowUp")
    until(visit, lambda: not near(corners(visit), before))
    across, down = moved_together(before, corners(visit), CONDITIONS)
    assert across < 0
    assert down < 0
    undone(visit, before)
    press(visit, "Delete")
    until(visit, lambda: not CONDITIONS & {node["id"] for node in kept(visit)["nodes"]})
    undone(visit, before)
    until(visit, lambda: kept(visit) == first)
    press(visit, "Control+a", "ArrowDown")
    until(visit, lambda: not near(corners(visit), before))
    across, down = moved_together(before, corners(visit), before.keys())
    assert abs(across) <= 1
    assert down > 0
    undone(visit, before)


AT_ONCE = """([times, key]) => {
  for (let each = 0; each < times; each += 1)
    document.activeElement.dispatchEvent(
      new KeyboardEvent('keydown', { ...key, bubbles: true, cancelable: true }));
}"""


def test_keys_that_come_faster_than_the_page_draws_each_take_a_step(visit):
    still(visit)
    ground(visit).focus()
    press(visit, "Control+ArrowRight")
    for _ in range(3):
        press(visit, "Control+ArrowLeft", "Control+ArrowUp")
    until(visit, lambda: focused(visit) in CONDITIONS)
    key = {"key": "ArrowDown", "ctrlKey": True, "shiftKey": True}
    visit.page.evaluate(AT_ONCE, [2, key])  # both within one frame
    until(visit, lambda: chosen(visit) == CONDITIONS)


def by_menu(visit, label, key):
    """Align with the mouse alone."""
    card(visit, "Where").get_by_role("heading").click(button="right")
    visit.page.get_by_role("menuitem", name=label).click()


def by_key(visit, label, key):
    press(visit, key)


def edges(visit, side, size):
    """Where the selected nodes begin along an axis, or end if a size is named."""
    found = boxes(visit)
    return [found[name][side] + found[name].get(size, 0) for name in CONDITIONS]


def level_at(visit, side, size, level):
    return all(abs(edge - level) <= 1 for edge in edges(visit, side, size))


@pytest.mark.parametrize("align", [by_menu, by_key])
def test_selected_nodes_are_aligned(visit, align):
    for number, title in enumerate(TITLES.values()):
        x, y = middle(card(visit, title).get_by_role("heading"))
        drag(visit, (x, y), (x + 22 * number, y + 11 * number))
    box_select(visit, CONDITIONS)
    until(visit, lambda: chosen(visit) == CONDITIONS)
    before = still(visit)
    for label, key, side, size, outermost in (
        ("Align left", "Alt+ArrowLeft", "x", "", min),
        ("Align right", "Alt+ArrowRight", "x", "width", max),
        ("Align top", "Alt+ArrowUp", "y", "", min),
        ("Align bottom", "Alt+ArrowDown", "y", "height", max),
    ):
        level = outermost(edges(visit, side, size))
        assert not level_at(visit, side, size, level)
        align(visit, label, key)
        until(visit, partial(level_at, visit, side, size, level))
        assert others_stand(before, corners(visit), CONDITIONS)
        undone(visit, before)


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_what_is_tidied_does_not_overlap_and_is_undone(visit, by):
    page = visit.page
    place = middle(card(visit, "Fuse").get_by_role("heading"))
    for title in ("Text expert", "Mask expert", "What"):
        drag(visit, middle(card(visit, title).get_by_role("heading")), place)
    page.mouse.click(*spot(visit, 0.02, 0.5))
    before, first = still(visit), kept(visit)
    assert overlapping(visit)
    if by == "mouse":
        page.get_by_role("button", name="Tidy up").click()
    else:
        press(visit, "t")
    until(visit, lambda: not overlapping(visit))
    rests(visit)
    assert overlapping(visit) == []
    visit.keep("tidied")
    press(visit, "Control+z")
    until(visit, lambda: kept(visit) == first)
    # tidying looks at everything, so only what lies between the nodes is as it was
    again = still(visit)
    assert len(overlapping(visit)) > 0
    scale = (again["picture"][0] - again["text"][0]) / (before["picture"][0] - before["text"][0])
    for one, other in combinations(before, 2):
        for axis in (0, 1):
            gap = (before[other][axis] - before[one][axis]) * scale
            assert abs(again[other][axis] - again[one][axis] - gap) <= 2


def test_a_selection_is_tidied_alone(visit):
    x, y = middle(card(visit, "Where").get_by_role("heading"))
    drag(visit, (x, y), middle(card(visit, "Lines").get_by_role("heading")))
    box_select(visit, {"mask", "sketch"})
    until(visit, lambda: chosen(visit) == {"mask", "sketch"})
    before = still(visit)
    assert ("mask", "sketch") in overlapping(visit)
    press(visit, "t")
    until(visit, lambda: ("mask", "sketch") not in overlapping(visit))
    assert others_stand(before, corners(visit), {"mask", "sketch"})
    undone(visit, before)


def test_from_afar_cards_are_signs_and_pictures_that_still_move_and_wire(visit):
    page, before = visit.page, wires(visit)
    slider = page.locator("#text_expert-reliability")
    expect(slider).to_be_visible()
    ground(visit).focus()
    page.evaluate(AT_ONCE, [6, {"key": "-"}])
    expect(slider).to_be_hidden()
    expect(page.locator("#node-mask .paper")).to_be_visible()
    visit.keep("from-afar")
    sign = page.locator(f"{CARD}[data-id=text]")
    x, y = middle(sign)
    box = sign.bounding_box()
    drag(visit, (x, y), (x - 44, y - 33))
    until(visit, lambda: sign.bounding_box()["x"] < box["x"] - 30)
    press(visit, "Control+z")
    until(visit, lambda: abs(sign.bounding_box()["x"] - box["x"]) <= 1)
    draw(visit, "Output text of What", "Input mask of Mask expert")
    assert wires(visit) == before  # a sentence is no mask, near or far
    press(visit, "Escape")
    page.mouse.click(*middle(port(visit, "Output text of What")))
    page.locator(".finder").wait_for()
    press(visit, "Escape", "0")
    expect(slider).to_be_visible()
