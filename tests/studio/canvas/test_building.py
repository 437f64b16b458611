"""A workflow from nothing: by the mouse alone, and by the keyboard alone."""

import pytest

from tests.studio.canvas.hands import (
    card,
    choose,
    clear,
    drag,
    draw,
    find,
    focused,
    middle,
    port,
    press,
    spot,
    until,
    wires,
)

pytestmark = pytest.mark.browser


TEXT_TIMES_MASK = {
    ("text.text", "text_expert.text"),
    ("mask.mask", "mask_expert.mask"),
    ("text_expert.score", "fuse.scores"),
    ("mask_expert.score", "fuse.scores"),
    ("fuse.score", "picture.score"),
}


def add_by_mouse(visit, name, x, y):
    visit.page.mouse.dblclick(*spot(visit, x, y))
    choose(visit, name)


def test_text_and_mask_are_wired_and_run_by_the_mouse_alone(visit):
    page = visit.page
    clear(visit)
    add_by_mouse(visit, "Text expert Paints", 0.3, 0.12)
    add_by_mouse(visit, "Mask expert", 0.3, 0.5)
    add_by_mouse(visit, "Fuse", 0.55, 0.3)
    draw(visit, "Output score of Text expert", "Input scores of Fuse")
    # a wire dropped on a node finds its port
    drag(
        visit,
        middle(port(visit, "Output score of Mask expert")),
        middle(card(visit, "Fuse").get_by_role("heading")),
    )
    for name, x, y in (("Text", 0.06, 0.15), ("Mask", 0.06, 0.45)):
        # a wire dropped on the ground offers what fits
        drag(
            visit,
            middle(port(visit, f"Input {name.lower()} of {name} expert")),
            spot(visit, x + 0.12, y),
        )
        choose(visit)
        card(visit, name).wait_for()
    drag(visit, middle(port(visit, "Output score of Fuse")), spot(visit, 0.78, 0.3))
    choose(visit, "Picture")
    until(visit, lambda: set(wires(visit)) == TEXT_TIMES_MASK)
    paper = card(visit, "Mask").locator("canvas").first
    box = paper.bounding_box()
    drag(visit, (box["x"] + 20, box["y"] + 60), (box["x"] + 90, box["y"] + 60))
    visit.keep("built-by-mouse")
    page.wait_for_function(
        "() => Object.keys(JSON.parse(localStorage['chorale.kept']).workflow.assets).length"
    )
    page.get_by_role("button", name="Run", exact=True).click()
    visit.phase("done")
    picture = card(visit, "Picture").locator("img")
    assert picture.get_attribute("src").startswith("data:image/png")
    visit.keep("built-by-mouse-done")


def test_text_and_mask_are_wired_and_run_by_the_keyboard_alone(visit):
    page = visit.page
    press(visit, "F6", "F6", "Control+a", "Delete")
    page.get_by_text("Double-click the ground").wait_for()
    press(visit, "/")
    find(visit, "prompt")
    until(visit, lambda: focused(visit) == "text")
    press(visit, "w")
    find(visit, "new text expert")
    until(visit, lambda: focused(visit) == "text_expert")
    press(visit, "w")
    find(visit, "new fuse")
    press(visit, "/")
    find(visit, "mask")
    until(visit, lambda: focused(visit) == "mask")
    press(visit, "w")
    find(visit, "new mask expert")
    press(visit, "w")
    find(visit, "fuse scores")
    press(visit, "Control+ArrowRight")
    while focused(visit) != "fuse":
        press(visit, "Control+ArrowRight")
    # Enter on a port does what W does on a node
    port(visit, "Output score of Fuse").focus()
    press(visit, "Enter")
    find(visit, "new picture")
    until(visit, lambda: set(wires(visit)) == TEXT_TIMES_MASK)
    press(visit, "t")
    visit.keep("built-by-keyboard")
    # a paper's tools come out when its node has the focus
    page.locator(".svelte-flow__node[data-id=mask]").focus()
    card(visit, "Mask").get_by_role("button", name="Clear").focus()
    press(visit, "Enter")
    page.wait_for_function(
        "() => Object.keys(JSON.parse(localStorage['chorale.kept']).workflow.assets).length"
    )
    press(visit, "Control+Enter")
    visit.phase("done")
    visit.keep("built-by-keyboard-done")


def test_a_node_is_found_by_a_synonym_and_stands_where_the_pointer_is(visit):
    page = visit.page
    where = spot(visit, 0.9, 0.2)
    page.mouse.click(*where)
    press(visit, "Tab")
    finder = page.get_by_role("dialog", name="Add a node")
    finder.wait_for()
    page.keyboard.type("prompt")
    assert finder.get_by_role("option").first.inner_text().startswith("Text")
    visit.keep("search")
    press(visit, "Enter")
    added = page.locator(".svelte-flow__node[data-id=text_2]")
    added.wait_for()
    box = added.bounding_box()
    assert abs(box["x"] - where[0]) < 12
    assert abs(box["y"] - where[1]) < 12
    # with the keyboard, Tab goes on to the next control as everywhere
    port(visit, "Output text of Text").focus()
    press(visit, "Tab")
    assert page.locator(".finder").count() == 0
