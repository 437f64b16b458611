"""Wires: refused with a reason, unplugged, plugged elsewhere, bent."""

import pytest

from tests.studio.canvas.hands import (
    drag,
    draw,
    find,
    focused,
    middle,
    port,
    press,
    said,
    spot,
    until,
    wires,
)

pytestmark = pytest.mark.browser


def test_a_wrong_wire_is_refused_with_its_reason(visit):
    page = visit.page
    before = wires(visit)
    start, stop = port(visit, "Output text of What"), port(visit, "Input mask of Mask expert")
    page.mouse.move(*middle(start))
    page.mouse.down()
    page.mouse.move(*middle(stop), steps=8)
    page.mouse.move(*middle(stop))
    reason = page.locator(".reason")
    reason.wait_for()
    assert "gives text" in reason.inner_text()
    assert "takes mask" in reason.inner_text()
    assert page.locator(".port.fit").count() >= 1
    assert "unfit" in stop.get_attribute("class")
    visit.keep("wire-refused")
    page.mouse.up()
    assert "takes mask" in said(visit).inner_text()
    until(visit, lambda: wires(visit) == before)


def test_an_input_that_takes_one_wire_says_so_and_a_loop_is_refused(visit):
    before = wires(visit)
    draw(visit, "Output score of Text expert", "Input score of Picture")
    assert "takes one wire" in said(visit).inner_text()
    draw(visit, "Output score of Fuse", "Input background of Fuse")
    assert "cannot hear itself" in said(visit).inner_text()
    until(visit, lambda: wires(visit) == before)


def test_wires_are_unplugged_and_plugged_elsewhere(visit):
    before = wires(visit)
    # an input for one wire gives up its wire to the hand
    drag(visit, middle(port(visit, "Input score of Picture")), spot(visit, 0.5, 0.95))
    without = [wire for wire in before if wire[1] != "picture.score"]
    until(visit, lambda: wires(visit) == without)
    problems = visit.page.get_by_label("Problems").get_by_text("needs something wired")
    problems.wait_for()
    visit.page.wait_for_timeout(500)  # the canvas makes room for what is said
    draw(visit, "Input score of Picture", "Output score of Text expert")
    until(visit, lambda: ("text_expert.score", "picture.score") in wires(visit))
    problems.wait_for(state="detached")
    visit.page.wait_for_timeout(500)
    # the wire in hand keeps its other end: it may be plugged into another input
    draw(visit, "Input score of Picture", "Input background of Fuse")
    until(visit, lambda: ("text_expert.score", "fuse.background") in wires(visit))
    draw(visit, "Input background of Fuse", "Output score of Mask expert")
    assert "from an output to an input" in said(visit).inner_text()
    press(visit, "Control+z", "Control+z", "Control+z")
    until(visit, lambda: wires(visit) == before)
    port(visit, "Input mask of Mask expert").focus()
    press(visit, "Enter")
    find(visit, "unplug")  # and the focus returns to the node
    assert focused(visit) == "mask_expert"
    until(visit, lambda: ("mask.mask", "mask_expert.mask") not in wires(visit))


def test_reroutes_are_bends_that_carry_what_is_wired_into_them(visit):
    page = visit.page
    line = page.locator(".svelte-flow__edge[data-id='text.text>text_expert.text'] .reach")
    box = line.bounding_box()
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    port(visit, "Output out of Reroute").wait_for()
    assert "text" in port(visit, "Output out of Reroute").get_attribute("aria-label")
    until(visit, lambda: ("reroute.out", "text_expert.text") in wires(visit))
    draw(visit, "Output out of Reroute", "Input mask of Mask expert")
    assert "gives text" in said(visit).inner_text()
    page.locator(".svelte-flow__node-knot").click()
    press(visit, "Delete")
    until(visit, lambda: ("text.text", "text_expert.text") in wires(visit))
