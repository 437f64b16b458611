"""Stories of sound: dropped, recorded, played back, wired to a fader and heard by a run."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from bench.chromium import FLAGS
from graph.envelopes import curve
from graph.plan import Asset, Envelope
from graph.schedules.log_snr import LogSnr
from graph.sounds import open_sound
from studio.piece import load
from tests.graph.recordings import RATE, buzz, ramp, recorded
from tests.graph.test_sounds import png
from tests.studio.canvas.hands import card, find, kept, port, press, until, wires
from tests.studio.conftest import Visit
from tests.studio.test_access import AXE, violations
from tests.studio.test_around import opened as open_file

pytestmark = pytest.mark.browser
WORKFLOWS = Path(__file__).resolve().parents[2] / "assets" / "workflows"
STEPS = 6
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module")
def hearing(browser, chromium):
    """A browser with a microphone that beeps once a second."""
    running = browser.browser_type.launch(executable_path=chromium, args=[*FLAGS, *MICROPHONE])
    yield running
    running.close()


@pytest.fixture(scope="module")
def deaf(browser, chromium):
    """A browser that has a microphone and does not lend it."""
    running = browser.browser_type.launch(executable_path=chromium, args=[*FLAGS, MICROPHONE[0]])
    yield running
    running.close()


@pytest.fixture
def visit(request, address):
    """A visit with the microphone allowed, or refused; the story fails if the console complains."""
    chosen = request.getfixturevalue(getattr(request, "param", "hearing"))
    context = chosen.new_context(viewport={"width": 1440, "height": 900})
    visiting = Visit(context.new_page()).open(address)
    visiting.page.wait_for_selector(".canvas.ready")
    visiting.page.evaluate(
        "() => { window.told = [];"
        " window.addEventListener('chorale:event', (event) => told.push(event.detail)); }"
    )
    yield visiting
    context.close()
    assert visiting.complaints == []


def opened(visit, name):
    open_file(visit, json.loads((WORKFLOWS / f"{name}.json").read_text()))
    visit.page.wait_for_selector(".canvas.ready")


def drop(visit, target, name, data):
    """Let a file go over an element."""
    visit.page.evaluate(
        """([name, data]) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            window.held = new DataTransfer();
            held.items.add(new File([bytes], name, { type: 'audio/wav' }));
        }""",
        [name, base64.b64encode(data).decode()],
    )
    held = visit.page.evaluate_handle("held")
    for step in ("dragover", "drop"):
        target.dispatch_event(step, {"dataTransfer": held})


def add(visit, words):
    press(visit, "/")
    find(visit, words)


def sound(visit, title="Audio"):
    return card(visit, title).get_by_role("group", name="file")


def bars(visit, title="Audio"):
    """How high the columns of the waveform are, 0 to 46."""
    path = sound(visit, title).locator("svg path").first.get_attribute("d")
    return [
        50 - float(column.partition(" ")[2].partition("V")[0]) for column in path.split("M")[1:]
    ]


def asset(visit):
    """The one stored sound of the workflow, as bytes."""
    workflow = kept(visit)
    (node,) = (each for each in workflow["nodes"] if each["type"] == "audio")
    return base64.b64decode(workflow["assets"][node["settings"]["file"]])


def told(visit, kind):
    return [each for each in visit.page.evaluate("told") if each and each["type"] == kind]


def test_a_dropped_sound_plays_a_fader(visit):
    page, data = visit.page, ramp(2.0)
    opened(visit, "text-mask")
    add(visit, "audio")
    drop(visit, sound(visit), "swell.wav", data)
    sound(visit).get_by_role("slider").wait_for()
    heights = bars(visit)
    assert heights == sorted(heights) and heights[0] < 2 and heights[-1] == 46
    assert asset(visit) == data
    port(visit, "Output audio of Audio").press("Enter")
    find(visit, "loudness")
    port(visit, "Output reliability of Loudness").press("Enter")
    find(visit, "text expert")
    until(visit, lambda: ("loudness.reliability", "text_expert.reliability") in wires(visit))
    steps = page.get_by_role("group", name="Master").get_by_label("steps", exact=True)
    steps.fill(str(STEPS))
    steps.press("Enter")
    card(visit, "Loudness").get_by_role("img", name="Factor over the steps").wait_for()
    card(visit, "Loudness").get_by_role("heading").click()
    press(visit, "Escape", "t", "f")
    page.wait_for_timeout(1_000)
    visit.keep("sound-wired")
    page.get_by_role("button", name="Run", exact=True).click()
    visit.phase("done")
    visit.keep("sound-played")
    levels = LogSnr().levels(STEPS)[:-1]
    expected = curve(open_sound(data), Envelope("", Asset(""), 0.1, 0.0, 1.0), levels)
    record = told(visit, "result")[-1]["record"]
    played = {name: value for step, name, value in record if step == 0}
    assert [tuple(point) for point in played["loudness.curve"]] == list(expected)
    weights = {each["step"]: each["weights"]["text_expert"] for each in told(visit, "progress")}
    guidance = load(WORKFLOWS / "text-mask.json").workflow.find("text_expert").settings["guidance"]
    assert list(weights.values()) == pytest.approx([guidance * height for _, height in expected])


def test_two_seconds_are_recorded_played_back_and_removed(visit):
    page = visit.page
    page.evaluate(AXE.read_text("utf-8"))
    add(visit, "audio")
    field = sound(visit)
    assert violations(page) == {}
    field.get_by_role("button", name="Record from the microphone").press("Enter")
    field.get_by_role("meter", name="Level of the microphone").wait_for()
    field.get_by_text("0:02 of 1:00").wait_for()
    visit.keep("sound-recording")
    assert violations(page) == {}
    field.get_by_role("button", name="Stop recording").press("Enter")
    place = field.get_by_role("slider")
    place.wait_for()
    until(visit, lambda: float(place.get_attribute("aria-valuemax")) > 0)
    visit.keep("sound-recorded")
    assert violations(page) == {}
    taken = open_sound(asset(visit))
    assert 1.5 < taken.seconds <= 60.0
    assert taken.peak > 0.01
    assert max(bars(visit)) == 46
    place.press("End")
    end = place.get_attribute("aria-valuemax")
    until(visit, lambda: place.get_attribute("aria-valuenow") == end)
    place.press("Home")
    field.get_by_role("button", name="Play the sound").press("Enter")
    until(visit, lambda: float(place.get_attribute("aria-valuenow")) > 0)
    field.get_by_role("button", name="Remove the sound").click()
    field.get_by_role("button", name="choose a sound").wait_for()
    press(visit, "Control+z")
    place.wait_for()
    assert open_sound(asset(visit)).seconds == taken.seconds
    page.get_by_role("button", name="Form").click()
    form = page.get_by_role("group", name="file")
    form.get_by_role("slider").wait_for()
    form.scroll_into_view_if_needed()
    visit.keep("sound-form")


def test_a_picture_renamed_is_refused_in_a_sentence_and_nothing_is_lost(visit):
    add(visit, "audio")
    drop(visit, sound(visit), "swell.wav", ramp(1.0))
    sound(visit).get_by_role("slider").wait_for()
    before = asset(visit)
    drop(visit, sound(visit), "renamed.wav", png())
    alert = card(visit, "Audio").get_by_role("alert")
    alert.wait_for()
    assert "'renamed.wav' is no sound that the browser can read." in alert.inner_text()
    assert asset(visit) == before
    long = recorded(np.zeros(61 * RATE))
    drop(visit, sound(visit), "long.wav", long)
    alert.get_by_text("'long.wav' lasts 61 s; at most 60 are taken.").wait_for()
    assert asset(visit) == before
    drop(visit, sound(visit), "swell.flac", recorded(buzz(np.linspace(0, 1, RATE)), "FLAC"))
    alert.wait_for(state="detached")
    until(visit, lambda: asset(visit) != before)
    assert asset(visit).startswith(b"fLaC")


def test_a_large_stereo_sound_becomes_a_small_one(visit):
    add(visit, "audio")
    left = buzz(np.linspace(0, 1, 8 * 44_100))
    drop(visit, sound(visit), "wide.wav", recorded(np.stack([left, 0 * left], 1), rate=44_100))
    sound(visit).get_by_role("slider").wait_for()
    kept_sound = open_sound(asset(visit))
    assert kept_sound.seconds == pytest.approx(8.0, abs=0.01)
    assert len(asset(visit)) == 44 + 2 * 8 * 16_000


@pytest.mark.parametrize("visit", ["deaf"], indirect=True)
def test_a_refused_microphone_is_a_plain_notice(visit):
    add(visit, "audio")
    sound(visit).get_by_role("button", name="Record from the microphone").click()
    alert = card(visit, "Audio").get_by_role("alert")
    alert.get_by_text("The microphone is not allowed. Allow it beside the address").wait_for()
    assert sound(visit).get_by_role("button", name="choose a sound").is_visible()


def test_what_is_set_while_it_plays_is_heard_recorded_and_replayed(visit):
    page = visit.page
    opened(visit, "sound")
    card(visit, "As loud").get_by_role("img", name="Factor over the steps").wait_for()
    visit.keep("sound-example")
    steps = page.get_by_role("group", name="Master").get_by_label("steps", exact=True)
    steps.fill("80")
    steps.press("Enter")
    strip = page.locator("[data-strip='sketch_expert']")
    until(visit, lambda: kept(visit)["nodes"][-2]["settings"]["steps"] == 80)
    page.get_by_role("button", name="Run", exact=True).click()
    visit.phase("playing")
    card(visit, "As loud").get_by_role("slider", name="high").press("Home")
    visit.phase("done")
    record = told(visit, "result")[-1]["record"]
    moves = [(step, value) for step, name, value in record if name == "loudness.curve"]
    assert [step > 0 for step, _ in moves] == [False, True]
    assert max(height for _, height in moves[0][1]) == 1.5
    assert max(height for _, height in moves[1][1]) <= 0.1
    assert strip.get_by_role("button", name="Automation of").is_visible()
    visit.page.evaluate("told.length = 0")
    page.get_by_role("button", name="Replay").click()
    visit.phase("waiting", "preparing", "playing")
    visit.phase("done")
    assert told(visit, "result")[-1]["record"] == record


def test_the_curve_that_makes_a_card_taller_leaves_the_whole_workflow_in_sight(visit):
    opened(visit, "sound")
    page = visit.page
    page.get_by_role("img", name="Factor over the steps").first.wait_for()
    ground = page.locator(".canvas").bounding_box()

    def in_sight():
        boxes = [each.bounding_box() for each in page.locator(".svelte-flow__node").all()]
        return all(
            box["y"] >= ground["y"] and box["y"] + box["height"] <= ground["y"] + ground["height"]
            for box in boxes
        )

    until(visit, in_sight)
    visit.keep("sound-opened")
