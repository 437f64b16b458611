"""Stories at the mixing desk and inside the nodes, played in Chromium against the real engine."""

import json

import pytest

from studio.piece import WORKFLOWS
from tests.studio.test_around import opened

pytestmark = pytest.mark.browser

FAR = 1000 * 120
LONG = 200
"""Steps of a run in which a hand has time for a stroke, on a slow machine too."""
GUIDED = "Led by an onlooker"


def node(visit, name):
    return visit.page.locator(f"[data-node='{name}']").first


def strip(visit, name):
    return visit.page.locator(f"[data-strip='{name}']")


def kept(visit):
    """The workflow as the page keeps it for a reload."""
    visit.page.wait_for_function("() => localStorage.getItem('chorale.kept')")
    return json.loads(visit.page.evaluate("localStorage.getItem('chorale.kept')"))["workflow"]


def keeps(visit, claim, argument=None):
    """Wait until the page keeps a workflow of which a JavaScript claim holds."""
    visit.page.wait_for_function(
        f"""(argument) => {{
            const workflow = JSON.parse(localStorage.getItem('chorale.kept') ?? 'null')?.workflow;
            return workflow && ({claim})(workflow, argument);
        }}""",
        arg=argument,
    )


def dial(visit, label, value):
    field = visit.page.get_by_role("group", name="Master").get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Enter")
    return field


def play(visit, steps):
    """Run to the end and return the picture's address."""
    dial(visit, "steps", steps)
    visit.page.get_by_role("button", name="Run", exact=True).click()
    return finished(visit)


def finished(visit):
    """The picture at the end of the run that a click has begun: its phase changes at once."""
    visit.phase("done")
    return visit.page.locator(".sheet img").first.get_attribute("src")


def colours(page, address, top, bottom):
    """The mean red, green and blue of a picture between two heights, 0 to 1."""
    return page.evaluate(
        """async ([address, top, bottom]) => {
            const image = new Image();
            image.src = address;
            await image.decode();
            const [w, h] = [image.naturalWidth, image.naturalHeight];
            const context = Object.assign(document.createElement('canvas'), { width: w, height: h })
                .getContext('2d');
            context.drawImage(image, 0, 0);
            const { data } = context.getImageData(0, top * h, w, (bottom - top) * h);
            const sum = [0, 0, 0];
            for (let at = 0; at < data.length; at += 4) {
                for (const part of [0, 1, 2]) sum[part] += data[at + part];
            }
            return sum.map((part) => part / (data.length / 4));
        }""",
        [address, top, bottom],
    )


def mute(visit, name):
    strip(visit, name).get_by_role("button", name="muted").click()


def shares(visit):
    """Each strip's meter, in per cent."""
    meters = visit.page.locator("[data-strip] [role=meter]").all()
    return [int(meter.get_attribute("aria-valuenow")) for meter in meters]


def test_the_picture_follows_what_is_painted(visit):
    page = visit.page
    mute(visit, "text_expert")
    mute(visit, "sketch_expert")
    sea = colours(page, play(visit, 8), 0.75, 1.0)
    mask = node(visit, "mask")
    paper = mask.locator("canvas")
    paper.focus()
    mask.get_by_role("button", name="Paint large").click()
    mask.get_by_role("radio", name="grass").click()
    mask.get_by_role("button", name="fill").click()
    box = paper.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.95 * box["height"])
    visit.keep("painting-large")
    page.keyboard.press("Escape")
    meadow = colours(page, play(visit, 8), 0.75, 1.0)
    visit.keep("picture-follows-mask")
    assert sea[2] > sea[1]
    assert meadow[1] > meadow[2]


def test_a_panorama_is_shown_as_wide_as_it_is(visit):
    page = visit.page
    page.get_by_role("button", name="Templates").click()
    page.get_by_role("menuitem", name="From evening into night").click()
    play(visit, 3)
    visit.keep("panorama")
    shown = page.get_by_role("img", name="Result of From evening into night")
    for picture in (shown, node(visit, "picture").locator(".picture img")):
        box = picture.bounding_box()
        assert box["width"] == pytest.approx(4 * box["height"], rel=0.02)
        assert picture.evaluate("(image) => image.naturalWidth") == 512


def test_a_soft_brush_mixes_the_classes_of_a_mask(visit):
    """Every pixel of the stroke lies between what was there and what is painted."""
    page = visit.page
    mask = node(visit, "mask")
    paper = mask.locator("canvas")
    paper.focus()
    mask.get_by_role("button", name="Paint large").click()
    mask.get_by_role("button", name="Clear").click()
    box = paper.bounding_box()
    pixels = "(canvas) => [...canvas.getContext('2d').getImageData(0, 64, 128, 1).data]"
    plain = paper.evaluate(pixels)
    mask.get_by_role("radio", name="grass").click()
    mask.get_by_role("button", name="soft brush").click()
    mask.get_by_role("slider", name="Brush size").fill("30")
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    visit.keep("soft-brush")
    painted = paper.evaluate(pixels)
    middle = painted[4 * 64 : 4 * 64 + 3]
    assert middle[1] > middle[2]  # grass
    ways = [
        (painted[4 * x + 2] - plain[4 * x + 2]) / (middle[2] - plain[4 * x + 2]) for x in range(128)
    ]
    assert max(ways) <= 1.01
    assert sum(0.2 < way < 0.8 for way in ways) > 6
    page.keyboard.press("Escape")


STROKE = """(paper) => addEventListener('chorale:event', ({ detail }) => {
    if (detail?.type !== 'progress') return;
    const box = paper.getBoundingClientRect();
    const share = Math.min(1, detail.step / 20);
    const clientX = box.x + (0.1 + 0.3 * share) * box.width;
    const clientY = box.y + (0.2 + 0.6 * share) * box.height;
    paper.dispatchEvent(new PointerEvent('pointermove', { clientX, clientY, bubbles: true }));
})"""
"""A brush that is down goes on with every step that the page hears of: a hand may be too slow."""


def test_a_map_is_heard_while_its_stroke_is_drawn(visit):
    page = visit.page
    page.get_by_role("button", name="Templates").click()
    page.get_by_role("menuitem", name="Half a canvas each").click()
    still = colours(page, play(visit, 100), 0.0, 1.0)
    paper = node(visit, "left_map").locator("canvas")
    node(visit, "left_map").get_by_role("heading").click()
    node(visit, "left_map").get_by_role("button", name="Paint large").click()
    box = paper.bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    paper.evaluate(STROKE)
    page.keyboard.press("Control+Enter")
    drawn = colours(page, finished(visit), 0.0, 1.0)  # the brush is still down
    visit.keep("map-stroke")
    page.mouse.up()
    page.keyboard.press("Escape")
    replay = page.get_by_role("button", name="Replay")
    assert "move" in replay.get_attribute("title")
    assert drawn != still
    visit.plays(replay.click)
    assert colours(page, finished(visit), 0.0, 1.0) == drawn


def test_a_class_that_guides_is_chosen_among_those_of_its_classifier(visit):
    page = visit.page
    page.get_by_role("button", name="Templates").click()
    page.get_by_role("menuitem", name=GUIDED).click()
    card = page.locator("article", has=page.get_by_role("combobox", name="name", exact=True)).first
    classes = card.get_by_role("combobox", name="name", exact=True)
    classes.wait_for()
    assert "snowfield at night" in classes.locator("option").all_inner_texts()
    classes.select_option("snowfield at night")
    keeps(visit, "(w) => w.nodes.some((each) => each.settings?.name === 'snowfield at night')")
    visit.keep("class-that-guides")


def test_a_mask_is_painted_from_the_keyboard(visit):
    page = visit.page
    paper = node(visit, "mask").locator("canvas")
    before = next(each for each in kept(visit)["nodes"] if each["id"] == "mask")["settings"]
    paper.focus()
    for _ in range(4):
        page.keyboard.press("]")
    page.keyboard.down("Space")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.up("Space")
    keeps(
        visit,
        "(w, old) => w.nodes.find((each) => each.id === 'mask').settings.picture !== old",
        before["picture"],
    )


TWO_STROKES = """(paper) => {
    const key = (type, key, shiftKey) => paper.dispatchEvent(
        new KeyboardEvent(type, { key, shiftKey, bubbles: true, cancelable: true }));
    paper.focus();
    key('keydown', ' ');
    key('keyup', ' ');
    for (let each = 0; each < 5; each += 1) key('keydown', 'ArrowRight', true);
    key('keydown', ' ');
}"""
MIDDLE = "(paper) => [...paper.getContext('2d').getImageData(64, 64, 64, 1).data].join()"


def test_a_stroke_that_follows_within_a_frame_stays_while_the_one_before_is_stored(visit):
    paper = node(visit, "mask").locator("canvas")
    node(visit, "mask").get_by_role("heading").click()
    node(visit, "mask").get_by_role("radio", name="balloon").click()
    before = next(each for each in kept(visit)["nodes"] if each["id"] == "mask")["settings"]
    paper.evaluate(TWO_STROKES)
    painted = paper.evaluate(MIDDLE)
    kept_anew = "(w, old) => w.nodes.find((each) => each.id === 'mask').settings.picture !== old"
    keeps(visit, kept_anew, before["picture"])
    assert paper.evaluate(MIDDLE) == painted
    one = next(each for each in kept(visit)["nodes"] if each["id"] == "mask")["settings"]
    paper.dispatch_event("keyup", {"key": " "})
    keeps(visit, kept_anew, one["picture"])
    visit.passes(300)
    assert paper.evaluate(MIDDLE) == painted


def test_a_curve_is_drawn_heard_recorded_and_replayed(visit):
    page = visit.page
    before = len(kept(visit)["nodes"])
    strip(visit, "text_expert").get_by_role("button", name="Automation of").click()
    sheet = page.get_by_role("dialog", name="Automation of")
    sheet.get_by_role("slider").first.press("PageDown")
    keeps(visit, "(w, before) => w.nodes.length === before + 1", before)
    (wire,) = [each for each in kept(visit)["wires"] if each["to"] == "text_expert.reliability"]
    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    keeps(visit, "(w, before) => w.nodes.length === before", before)
    page.keyboard.press("Control+Shift+z")
    keeps(visit, "(w, before) => w.nodes.length === before + 1", before)
    dial(visit, "steps", LONG)
    strip(visit, "text_expert").get_by_role("button", name="Automation of").click()
    page.keyboard.press("Control+Enter")
    visit.phase("playing")
    point = sheet.get_by_role("slider").last
    point.press("End")
    point.press("Insert")
    visit.keep("automation")
    strip(visit, "mask_expert").get_by_role("slider").press("PageDown")
    played = finished(visit)
    curve = wire["from"].partition(".")[0]
    points = next(each for each in kept(visit)["nodes"] if each["id"] == curve)["settings"]
    assert len(points["points"]) == 3
    replay = page.get_by_role("button", name="Replay")
    assert "move" in replay.get_attribute("title")
    replay.click()
    assert colours(page, finished(visit), 0.0, 1.0) == colours(page, played, 0.0, 1.0)


def test_a_fader_is_moved_finely_and_back(visit):
    fader = strip(visit, "text_expert").get_by_role("slider")
    start = float(fader.get_attribute("aria-valuenow"))
    fader.press("Shift+ArrowDown")
    assert float(fader.get_attribute("aria-valuenow")) == pytest.approx(start - 0.01)
    fader.hover()
    visit.page.mouse.wheel(0, 100)
    visit.page.wait_for_function(
        "([fader, wanted]) => Math.abs(fader.ariaValueNow - wanted) < 1e-9",
        arg=[fader.element_handle(), start - 0.06],
    )
    fader.dblclick()
    assert float(fader.get_attribute("aria-valuenow")) == 1.0


def test_solo_leaves_one_expert_and_mute_the_others(visit):
    strip(visit, "mask_expert").get_by_role("button", name="solo").click()
    play(visit, 4)
    assert shares(visit) == [0, 100, 0]
    strip(visit, "mask_expert").get_by_role("button", name="solo").click()
    mute(visit, "mask_expert")
    play(visit, 4)
    text, mask, sketch = shares(visit)
    assert mask == 0
    assert text + sketch in (99, 100, 101)


def dims(visit, *names):
    """Wait until the mixer dims these strips and no others."""
    visit.page.wait_for_function(
        """(names) => JSON.stringify(names) === JSON.stringify(
            [...document.querySelectorAll('.strip.silent')].map((each) => each.dataset.strip).sort()
        )""",
        arg=sorted(names),
        timeout=10_000,
    )


def test_the_mixer_dims_what_is_silent_and_nothing_else(visit):
    workflow = json.loads((WORKFLOWS / "modulator.json").read_text())
    modulator = next(each for each in workflow["nodes"] if each["id"] == "modulator")
    workflow["nodes"].append({**modulator, "id": "second", "title": "Second"})
    for wire in workflow["wires"]:
        wire["from"] = wire["from"].replace("text_expert.score", "second.score")
    ends = ("text_expert.score", "second.score"), ("mask.mask", "second.mask")
    workflow["wires"] += [{"from": origin, "to": target} for origin, target in ends]
    opened(visit, workflow)
    strip(visit, "modulator").get_by_role("button", name="solo").click()
    dims(visit, "second")
    strip(visit, "text_expert").get_by_role("button", name="solo").click()
    dims(visit, "second", "anything")
    visit.keep("mixer-silent")
    strip(visit, "modulator").get_by_role("button", name="solo").click()
    mute(visit, "text_expert")
    dims(visit, "anything", "text_expert")


def test_what_is_typed_out_of_range_is_clamped_with_a_sentence(visit):
    steps = dial(visit, "steps", 5000)
    assert steps.input_value() == "200"
    visit.page.get_by_text("steps goes from 1 to 200: 5000 became 200.").wait_for()
    dial(visit, "steps", 24)
    visit.page.get_by_text("5000 became 200").wait_for(state="detached")


def test_unknown_words_are_underlined_and_replaced(visit):
    text = node(visit, "text")
    text.get_by_text("all words known").wait_for()
    sentence = text.locator("textarea")
    sentence.fill("a red salboat on the sea by vermeer")
    assert text.locator("u").all_inner_texts() == ["salboat", "vermeer"]
    visit.keep("unknown-words")
    text.get_by_role("button", name="Write sailboat for salboat").click()
    assert sentence.input_value() == "a red sailboat on the sea by vermeer"
    assert text.locator("u").all_inner_texts() == ["vermeer"]


def test_a_class_is_chosen_by_its_picture(visit):
    page = visit.page
    page.get_by_role("button", name="Templates").click()
    page.get_by_role("menuitem", name="An object in a scene").click()
    chosen = page.get_by_role("radio", name="sea at night")
    chosen.click()
    keeps(visit, "(w) => w.nodes.some((each) => each.settings?.name === 'sea at night')")
    chosen.press("ArrowRight")
    keeps(visit, "(w) => w.nodes.some((each) => each.settings?.name === 'desert at dawn')")
    visit.keep("classes")


def test_who_painted_is_told_by_hatching_while_h_is_held(visit):
    page = visit.page
    play(visit, 4)
    assert page.locator("[data-strip] canvas").count() == 0
    page.locator("h1").click()
    page.keyboard.down("h")
    page.locator("aside canvas").first.wait_for()
    assert page.locator("[data-strip] h3 canvas").count() == 3
    visit.keep("who-painted-hatched")
    page.wait_for_timeout(600)
    page.keyboard.up("h")
    page.locator("aside .sheet canvas").wait_for(state="detached")


def test_the_desk_tells_what_a_corrector_reads(visit):
    page = visit.page
    reading = page.get_by_role("group", name="Master").get_by_text("effective")
    page.locator("#sampler-method").select_option("euler_maruyama")
    page.locator("#sampler-corrector").select_option("fkc")
    dial(visit, "count", 4)
    play(visit, 4)
    told, value = reading.inner_text().split()
    assert told == "effective"
    assert 1.0 <= float(value) <= 4.0
    visit.keep("corrector-read")
    page.locator("#sampler-corrector").select_option("none")
    play(visit, 2)
    assert reading.count() == 0
