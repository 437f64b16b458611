"""Stories of how large a picture is: in the sampler's fields, on new paper, and on the canvas."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from studio.piece import WORKFLOWS
from tests.studio.canvas.hands import drag, middle, until
from tests.studio.test_around import opened

pytestmark = pytest.mark.browser
OWN, STEP, LEAST = 128, 16, 32
"""Pixels of the text expert of the Playground."""
NODES = ("text", "text_expert", "sampler", "mask", "mask_expert", "fuse", "picture")
NARROW = {"text": [0, 0], "text_expert": [270, 0], "sampler": [270, 330]}
PLACES = NARROW | {"mask": [0, 330], "mask_expert": [540, 330], "fuse": [540, 0]}


def document(title, mask=False, picture=(820, 0), **sampler) -> dict[str, Any]:
    """A sentence, and an unpainted mask if it is wanted, for a picture that stands anywhere."""
    types = {name: name for name in NODES if mask or "mask" not in name}
    settings = {"text": {"text": "a red sailboat"}, "sampler": {"steps": 2, **sampler}}
    wires = ["text.text > text_expert.text", "text_expert.score > fuse.scores"]
    wires += ["fuse.score > picture.score", "sampler.sampling > picture.sampling"]
    wires += ["mask.mask > mask_expert.mask", "mask_expert.score > fuse.scores"] if mask else []
    # beside a mask the tall sampler stands below the expert; elsewhere it leaves the view room
    places = PLACES if mask else PLACES | {"sampler": [-270, 0]}
    return {
        "chorale": 1,
        "title": title,
        "nodes": [
            {"id": name, "type": kind, "settings": settings.get(name, {})}
            for name, kind in types.items()
        ],
        "wires": [dict(zip(("from", "to"), wire.split(" > "), strict=True)) for wire in wires],
        "view": {"places": {**{n: places[n] for n in types if n in places}, "picture": picture}},
    }


def field(visit, name):
    return visit.page.locator(f"[data-node='sampler'] input[aria-label='{name}']")


def known(visit, name="width"):
    """Wait until the page has heard what the experts' own size is."""
    visit.page.wait_for_selector(
        f"[data-node=sampler] input[aria-label={name}][title*='Their own']"
    )
    return field(visit, name)


def shows(visit, name, value):
    expect(field(visit, name)).to_have_value(str(value))


def paper(visit, name="mask"):
    return visit.page.locator(f"[data-node='{name}'] .paper canvas")


def form(visit, name="mask"):
    """Width and height of a paper in its own pixels."""
    return paper(visit, name).evaluate("(canvas) => [canvas.width, canvas.height]")


def said(visit):
    return visit.page.locator("[data-node='sampler'] p[role=status]")


def test_from_own_a_key_goes_to_a_size_beside_the_experts_own(visit):
    opened(visit, document("Own"))
    width = known(visit)
    for key, value in (("ArrowUp", OWN + STEP), ("ArrowDown", OWN - STEP), ("PageDown", LEAST)):
        assert width.input_value() == "own"
        width.press(key)
        shows(visit, "width", value)
        width.fill("")
        width.press("Enter")
        shows(visit, "width", "own")
    width.fill("8")
    width.fill("own")
    width.press("Enter")
    width.press("ArrowUp")
    width.press("ArrowUp")
    shows(visit, "width", OWN + 2 * STEP)
    visit.keep("own-size")


AT_ONCE = """async (input, times) => {
  const key = { key: 'ArrowUp', cancelable: true };
  input.focus();
  for (let each = 0; each < times; each += 1) {
    input.dispatchEvent(new KeyboardEvent('keydown', { ...key, bubbles: true }));
    await new Promise((done) => {  // the next task, as keys come, before anything is drawn
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = done;
      port2.postMessage(0);
    });
  }
}"""


def test_keys_within_one_frame_each_make_the_picture_wider(visit):
    opened(visit, document("At once"))
    known(visit).evaluate(AT_ONCE, 5)
    shows(visit, "width", OWN + 5 * STEP)


def test_a_drag_goes_from_own_and_leaves_no_size_that_nobody_wants(visit):
    opened(visit, document("Dragged"))
    x, y = middle(known(visit, "height"))
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    for by in (-4, -10, -300, 6, 0):
        visit.page.mouse.move(x + by, y)
        value = "own" if by == 0 else str(max(LEAST, OWN + by * STEP))
        shows(visit, "height", value)
    visit.page.mouse.up()
    drag(visit, (x, y), (x + 5, y))
    shows(visit, "height", OWN + 5 * STEP)


def test_what_is_typed_is_taken_and_refused_by_name(visit):
    opened(visit, document("Typed"))
    known(visit).fill("8")
    field(visit, "width").press("Enter")
    visit.page.get_by_label("Problems").get_by_text("at least a quarter").wait_for()
    known(visit).press("ArrowUp")  # what is wrong takes nothing of what is known away
    shows(visit, "width", LEAST)


def test_what_own_is_stays_unknown_until_experts_are_wired(visit):
    alone = document("Alone")
    alone["wires"] = [wire for wire in alone["wires"] if "expert" not in wire["from"]]
    opened(visit, alone)
    width = field(visit, "width")
    width.press("ArrowUp")
    said(visit).get_by_text("not known until experts are wired").wait_for()
    assert width.input_value() == "own"


FORMS = (
    ({}, [128, 128]),
    ({"width": 192}, [192, 128]),
    ({"width": 128, "height": 256}, [128, 256]),
    ({"wide": 4}, [512, 128]),
    ({"wide": 8, "width": 256}, [1024, 64]),
)


def test_new_paper_has_the_form_of_the_picture_that_it_is_for(visit):
    for sampler, (wide, high) in FORMS:
        opened(visit, document(f"Paper of {wide} by {high}", mask=True, **sampler))
        until(visit, lambda: form(visit) == [wide, high])  # noqa: B023
        box = paper(visit).bounding_box()
        assert box["width"] / box["height"] == pytest.approx(wide / high, rel=0.05)
        visit.keep(f"paper-{wide}-{high}")


def test_paper_follows_its_picture_until_it_is_painted(visit):
    opened(visit, document("Paper follows", mask=True, width=192))
    until(visit, lambda: form(visit) == [192, 128])
    field(visit, "width").fill("256")
    field(visit, "width").press("Enter")
    until(visit, lambda: form(visit) == [256, 128])
    paper(visit).focus()
    visit.page.keyboard.press("Space")
    visit.page.wait_for_function(
        """() => JSON.parse(localStorage.getItem('chorale.kept')).workflow.nodes
            .some((each) => each.id === 'mask' && each.settings.picture)"""
    )
    field(visit, "width").fill("128")
    field(visit, "width").press("Enter")
    visit.page.wait_for_function(
        """() => JSON.parse(localStorage.getItem('chorale.kept')).workflow.nodes
            .some((each) => each.id === 'sampler' && each.settings.width === 128)"""
    )
    visit.page.wait_for_timeout(900)  # longer than a check takes
    assert form(visit) == [256, 128]
    visit.page.locator("[data-node='mask']").get_by_role("heading").click()
    visit.page.locator("[data-node='mask']").get_by_role("button", name="Clear").click()
    until(visit, lambda: form(visit) == [128, 128])


def test_paper_of_any_form_is_painted_large_within_the_window(visit):
    for wide, high in ((1, 256), (4, 128), (8, 128)):
        opened(visit, document(f"Large {wide}", mask=True, wide=wide, width=128, height=high))
        until(visit, lambda: form(visit) == [128 * wide, high])  # noqa: B023
        visit.page.locator("[data-node='mask']").get_by_role("heading").click()
        visit.page.locator("[data-node='mask']").get_by_role("button", name="Paint large").click()
        easel = visit.page.locator(".painter.large")
        easel.wait_for()
        visit.keep(f"easel-{wide}")
        box, window = easel.bounding_box(), visit.page.viewport_size
        assert min(box["x"], box["y"]) >= 0
        assert box["x"] + box["width"] <= window["width"]
        assert box["y"] + box["height"] <= window["height"]
        inner = paper(visit).bounding_box()
        assert inner["width"] / inner["height"] == pytest.approx(128 * wide / high, rel=0.02)
        visit.page.keyboard.press("Escape")
        easel.wait_for(state="detached")


def picture(visit):
    return visit.page.locator("[data-node='picture']").first


def uncovered(visit):
    """Whether all of the picture's card lies within the canvas."""
    card, ground = picture(visit).bounding_box(), visit.page.locator(".canvas").bounding_box()
    return (
        card["x"] >= ground["x"]
        and card["y"] >= ground["y"]
        and card["x"] + card["width"] <= ground["x"] + ground["width"]
        and card["y"] + card["height"] <= ground["y"] + ground["height"]
    )


def view(visit):
    return visit.page.locator(".svelte-flow__viewport").evaluate("(each) => each.style.transform")


def pan(visit, by):
    """Drag the ground."""
    box = visit.page.locator(".canvas").bounding_box()
    start = box["x"] + 0.5 * box["width"], box["y"] + 14
    drag(visit, start, (start[0] + by, start[1]))


def places(visit):
    return json.loads(visit.page.evaluate("localStorage.getItem('chorale.kept')"))["workflow"][
        "view"
    ]


def play(visit, phase="done"):
    visit.plays(visit.page.get_by_role("button", name="Run", exact=True).click)
    visit.phase(phase)


def test_whoever_plays_sees_the_card_of_the_picture(visit):
    opened(visit, document("Far away", picture=[820, 0]))
    visit.page.wait_for_selector(".canvas.ready")
    known(visit)
    visit.page.wait_for_timeout(400)
    pan(visit, 500)
    assert not uncovered(visit)
    before = places(visit)
    play(visit)
    until(visit, lambda: uncovered(visit))
    visit.keep("picture-seen")
    assert places(visit) == before


def test_a_card_that_grows_while_it_plays_stays_in_sight(visit):
    opened(visit, document("Grows", wide=4, picture=[820, 0]))
    known(visit)
    visit.page.wait_for_timeout(400)
    assert uncovered(visit)
    play(visit)
    until(visit, lambda: picture(visit).evaluate("(card) => card.offsetWidth") > 300)
    until(visit, lambda: uncovered(visit))
    visit.keep("panorama-seen")


def test_a_view_in_which_the_picture_is_seen_does_not_move(visit):
    opened(visit, document("Seen"))
    known(visit)
    visit.page.wait_for_timeout(400)
    assert uncovered(visit)
    before = view(visit)
    play(visit)
    visit.page.wait_for_timeout(500)
    assert view(visit) == before


def test_a_view_that_somebody_moved_since_the_run_began_is_left_alone(visit):
    opened(visit, document("Moved", steps=200, wide=4, count=4))
    known(visit)
    visit.page.wait_for_timeout(400)
    visit.page.get_by_role("button", name="Run", exact=True).click()
    visit.page.wait_for_timeout(300)  # the view glides no longer
    pan(visit, 700)
    moved = view(visit)
    visit.phase("playing")
    until(visit, lambda: picture(visit).evaluate("(card) => card.offsetWidth") > 300)
    visit.page.wait_for_timeout(400)
    assert view(visit) == moved
    visit.page.keyboard.press("Control+Enter")
    visit.phase("stopped")


def test_papers_that_ship_keep_the_form_that_they_were_painted_in(visit):
    opened(visit, json.loads((WORKFLOWS / "panorama.json").read_text()))
    visit.page.wait_for_selector("[data-node='falling'] .paper canvas")
    visit.page.wait_for_timeout(900)
    assert form(visit, "falling") != [128, 128]
    assert form(visit, "falling") == form(visit, "rising")
