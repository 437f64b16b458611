"""Stories of how large a picture is: in the sampler's fields, on new paper, and on the canvas."""

import pytest
from playwright.sync_api import expect

from tests.studio.canvas.hands import drag, middle
from tests.studio.test_around import opened

pytestmark = pytest.mark.browser
OWN, STEP, LEAST = 128, 16, 32
"""Pixels of the text expert of the Playground."""
NODES = ("text", "text_expert", "sampler", "mask", "mask_expert", "fuse", "picture")
NARROW = {"text": [0, 0], "text_expert": [270, 0], "sampler": [270, 330]}
PLACES = NARROW | {"mask": [0, 330], "mask_expert": [540, 330], "fuse": [540, 0]}


def document(title, mask=False, picture=(820, 0), **sampler):
    """A sentence, and an unpainted mask if it is wanted, for a picture that stands anywhere."""
    types = {name: name for name in NODES if mask or "mask" not in name}
    settings = {"text": {"text": "a red sailboat"}, "sampler": {"steps": 2, **sampler}}
    wires = ["text.text > text_expert.text", "text_expert.score > fuse.scores"]
    wires += ["fuse.score > picture.score", "sampler.sampling > picture.sampling"]
    wires += ["mask.mask > mask_expert.mask", "mask_expert.score > fuse.scores"] if mask else []
    return {
        "chorale": 1,
        "title": title,
        "nodes": [
            {"id": name, "type": kind, "settings": settings.get(name, {})}
            for name, kind in types.items()
        ],
        "wires": [dict(zip(("from", "to"), wire.split(" > "), strict=True)) for wire in wires],
        "view": {"places": {**{n: PLACES[n] for n in types if n in PLACES}, "picture": picture}},
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
