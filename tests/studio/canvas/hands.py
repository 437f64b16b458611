"""A visitor's hands on the canvas: what is touched is named as it is said on the page."""

import json
import re

CARD = ".svelte-flow__node-card"
FOLLOWED = "() => document.activeElement.closest('.svelte-flow__node')"
"""The focus goes to the node that is drawn next, some frames later."""
RESTS = """() => new Promise((done) => {
    const view = document.querySelector('.svelte-flow__viewport');
    let [before, still] = ['', 0];
    const look = () => {
        const now = getComputedStyle(view).transform;
        still = now === before ? still + 1 : 0;
        before = now;
        if (still < 12) requestAnimationFrame(look);
        else done();
    };
    look();
})"""


def kept(visit):
    """The workflow as the page keeps it, once it has kept what was done last."""
    visit.passes(700)
    return json.loads(visit.page.evaluate("localStorage.getItem('chorale.kept')"))["workflow"]


def until(visit, holds):
    """Wait for what must become so; the page keeps its workflow a moment after an edit."""
    for _ in range(60):
        if holds():
            return
        visit.page.wait_for_timeout(300)
    assert holds()


def rests(visit):
    """Wait until the view no longer glides, however slowly frames come."""
    visit.page.evaluate(RESTS)


def wires(visit):
    return sorted((wire["from"], wire["to"]) for wire in kept(visit)["wires"])


def card(visit, title):
    heading = visit.page.get_by_role("heading", name=title, exact=True)
    return visit.page.locator(CARD, has=heading).first


def port(visit, name):
    """A port by how it is said, such as 'Input text of Text expert'."""
    return visit.page.locator(f"[aria-label^='{name},']")


def said(visit):
    return visit.page.locator(".foot.said")


def ground(visit):
    return visit.page.locator(".canvas")


def spot(visit, x, y):
    """A place of the ground, in parts of the canvas."""
    box = ground(visit).bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(visit, start, stop, steps=8):
    visit.page.mouse.move(*start)
    visit.page.mouse.down()
    visit.page.mouse.move(*stop, steps=steps)
    visit.page.mouse.move(*stop)
    visit.page.mouse.up()


def draw(visit, start, stop):
    """Draw a wire between two ports."""
    drag(visit, middle(port(visit, start)), middle(port(visit, stop)))


def clear(visit):
    """An empty canvas, by the mouse alone."""
    visit.page.mouse.click(*spot(visit, 0.02, 0.5), button="right")
    visit.page.get_by_role("menuitem", name="Select all").click()
    card(visit, "Fuse").get_by_role("heading").click(button="right")
    visit.page.get_by_role("menuitem", name="Delete").click()
    visit.page.get_by_text("Double-click the ground").wait_for()


def choose(visit, name=""):
    """Click the first entry of the finder that begins so."""
    begins = re.compile(f"^{re.escape(name)}")
    visit.page.locator(".finder").get_by_role("option", name=begins).first.click()


def press(visit, *keys):
    for key in keys:
        visit.page.keyboard.press(key)


def find(visit, words):
    """Type into the finder that is open, and take the first entry."""
    field = visit.page.locator(".finder").get_by_role("combobox")
    field.wait_for()
    visit.page.keyboard.type(words)
    visit.page.keyboard.press("Enter")
    field.wait_for(state="detached")
    visit.page.wait_for_function(FOLLOWED)


def focused(visit):
    return visit.page.evaluate("document.activeElement.closest('.svelte-flow__node')?.dataset.id")
