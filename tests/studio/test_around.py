"""Stories of what surrounds the editor: history, sharing, sweeps, waiting, a studio that leaves."""

import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from PIL import Image
from playwright.sync_api import expect

from studio.page import QUEUE
from studio.piece import load
from tests.studio.canvas.hands import until
from tests.studio.conftest import PASSES, Visit, free_port
from tests.studio.documents import TWO

pytestmark = pytest.mark.browser
SLOW = 120_000


def opened(visit, workflow):
    """Open a workflow as a file is opened."""
    visit.page.set_input_files(
        "input[aria-label='Workflow file']",
        {"name": "w.json", "mimeType": "application/json", "buffer": json.dumps(workflow).encode()},
    )
    visit.page.wait_for_function(
        "title => document.querySelector('.title input').value === title", arg=workflow["title"]
    )


def quick(title="Two Gaussians", seed=5, **settings):
    """A workflow of formulas, which plays at once."""
    workflow = json.loads(json.dumps(TWO))
    workflow["title"] = title
    workflow["nodes"][0]["settings"].update(settings)
    workflow["nodes"][3]["settings"]["seed"] = seed
    return workflow


def slow(title="A long run", steps=200):
    """The workflow that ships, with so many steps that it plays for a while."""
    path = Path(__file__).resolve().parents[2] / "assets/workflows/first-light.json"
    workflow = json.loads(path.read_text())
    workflow["title"] = title
    for node in workflow["nodes"]:
        if node["type"] == "sampler":
            node["settings"] |= {"steps": steps, "count": 8}
    return workflow


def run(visit):
    visit.page.get_by_role("button", name="Run", exact=True).click()


def played(visit, workflow):
    opened(visit, workflow)
    visit.plays(lambda: run(visit))


def drawer(visit):
    visit.page.get_by_role("button", name="History", exact=True).click()
    shown = visit.page.get_by_role("region", name="History")
    shown.wait_for()
    # its heading takes the focus once the list is there
    visit.page.wait_for_function("() => document.activeElement.matches('.drawer h2')")
    return shown


def titles(visit):
    shown = drawer(visit)
    found = shown.locator("li b").all_inner_texts()
    visit.page.get_by_role("button", name="Close the history").click()
    return found


def shown_picture(visit):
    return visit.page.locator(".sheet img").first.get_attribute("src")


def test_a_run_is_reopened_with_workflow_picture_and_moves(visit):
    page = visit.page
    played(visit, quick("The first", mean=0.2))
    first = shown_picture(visit)
    played(visit, quick("The second", seed=6))
    page.get_by_role("button", name="Reopen The first").first.wait_for()
    shown = drawer(visit)
    expect(shown.locator("li b")).to_have_text(["The second", "The first"])
    visit.keep("history")
    shown.get_by_role("button", name="Reopen The first").click()
    page.wait_for_function("() => document.querySelector('.title input').value === 'The first'")
    assert shown_picture(visit) == first
    visit.plays(page.get_by_role("button", name="Replay").click)
    assert pixels(shown_picture(visit)).tolist() == pixels(first).tolist()


def pixels(address):
    import base64

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_the_picture_before_is_held_beside_the_new_one(visit):
    page = visit.page
    before = page.get_by_role("button", name="Before", exact=True)
    played(visit, quick("Once", mean=0.9))
    first = shown_picture(visit)
    seed = page.get_by_role("group", name="Master").get_by_label("seed", exact=True)
    seed.fill("9")
    seed.press("Enter")
    assert before.is_disabled()
    visit.plays(lambda: run(visit))
    before.click()
    page.wait_for_selector(".sheet .split")
    slider = page.locator(".sheet").get_by_label("Where one picture becomes the other")
    slider.fill("30")
    old, new = page.locator(".sheet .split img").all()
    assert old.get_attribute("src") == first
    assert "30%" in new.evaluate("image => getComputedStyle(image).clipPath")
    assert page.locator(".svelte-flow__node .split").count() == 1
    visit.keep("before-and-after")
    page.get_by_role("button", name="Picture", exact=True).click()
    page.wait_for_selector(".sheet .split", state="detached")


def test_two_runs_are_compared_with_a_slider(visit):
    page = visit.page
    played(visit, quick("Left", mean=0.9))
    played(visit, quick("Right", mean=-0.9))
    shown = drawer(visit)
    for title in ("Left", "Right"):
        shown.get_by_role("button", name=f"Compare {title}").click()
    visit.keep("history-picked")
    shown.get_by_role("button", name="Compare", exact=True).click()
    dialog = page.get_by_role("dialog", name="Compare two runs")
    dialog.get_by_role("row", name=re.compile("mean")).wait_for()
    slider = dialog.get_by_role("slider")
    for _ in range(4):
        slider.press("ArrowLeft")
    assert slider.input_value() == "48"
    visit.keep("compare")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_runs_are_downloaded_and_deleted(visit, tmp_path):
    page = visit.page
    played(visit, quick("One picture"))
    many = quick("Three pictures")
    many["nodes"][3]["settings"]["count"] = 3
    played(visit, many)
    shown = drawer(visit)
    with page.expect_download() as one:
        shown.get_by_role("button", name="Download One picture").click()
    one.value.save_as(tmp_path / "one.png")
    assert load(tmp_path / "one.png").workflow.title == "One picture"
    with page.expect_download() as three:
        shown.get_by_role("button", name="Download Three pictures").click()
    three.value.save_as(tmp_path / "three.zip")
    assert len(zipfile.ZipFile(tmp_path / "three.zip").namelist()) == 3
    shown.get_by_role("button", name="Delete One picture").click()
    shown.get_by_role("button", name="Delete for good").click()
    shown.get_by_text("1 run ·").wait_for()
    assert shown.locator("li b").all_inner_texts() == ["Three pictures"]


def test_two_browsers_do_not_see_each_other(visit, browser, address):
    played(visit, quick("Mine alone"))
    other = browser.new_context()
    theirs = Visit(other.new_page()).open(address)
    assert titles(theirs) == []
    until(visit, lambda: titles(visit) == ["Mine alone"])
    visit.page.reload()
    visit.page.wait_for_selector(".chorale h1")
    visit.page.get_by_role("button", name="Reopen Mine alone").wait_for()
    other.close()


def test_the_history_survives_a_restart_and_says_what_was_mended(browser, studio, tmp_path):
    port = free_port()
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    with studio(data=tmp_path, port=port) as address:
        visit = Visit(context.new_page()).open(address)
        played(visit, quick("Before the restart"))
        visit.page.close()
    (tmp_path / "history" / "index.sqlite").write_bytes(b"no database at all")
    with studio(data=tmp_path, port=port) as address:
        visit = Visit(context.new_page()).open(address)
        visit.page.get_by_role("button", name="Reopen Before the restart").wait_for()
        visit.page.get_by_text("it was built anew from the files").wait_for()
        (picture,) = (tmp_path / "history").glob("*/*/0.png")
        picture.unlink()
        shown = drawer(visit)
        shown.get_by_role("button", name="Reopen Before the restart").click()
        shown.get_by_text("H003").wait_for()
        visit.keep("history-mended")
        assert visit.complaints == []
    context.close()


def share(visit, tab="Python"):
    menu = visit.page.get_by_role("dialog", name="Share")
    if not menu.is_visible():
        visit.page.get_by_role("button", name="Share").click()
    menu.get_by_role("button", name=tab, exact=True).click()
    return menu


def test_a_link_opens_the_workflow_and_plays_nothing(visit, browser, address):
    played(visit, quick("By link", seed=77))
    menu = share(visit)
    visit.page.wait_for_function(
        "() => document.querySelector('[aria-label=\"Link to this workflow\"]').value.length > 99"
    )
    link = menu.get_by_label("Link to this workflow").input_value()
    visit.keep("share")
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    theirs = Visit(context.new_page()).open(link)
    theirs.page.get_by_text("came with a link").wait_for()
    assert theirs.page.get_by_label("Title of the workflow").input_value() == "By link"
    assert "#" not in theirs.page.url
    theirs.phase("idle")
    theirs.keep("opened-link")
    assert theirs.complaints == []
    context.close()


@pytest.mark.parametrize("fragment", ["#workflow=AAAA", "#workflow=", "HOSTILE"])
def test_a_hostile_link_is_refused_in_words(browser, address, fragment):
    if fragment == "HOSTILE":
        import base64
        import zlib

        text = json.dumps({"chorale": 1, "title": 7, "nodes": [1, "<script>alert(1)</script>"]})
        packed = base64.urlsafe_b64encode(zlib.compress(text.encode())).decode().rstrip("=")
        fragment = f"#workflow={packed}"
    context = browser.new_context()
    visit = Visit(context.new_page()).open(address + fragment)
    visit.page.get_by_text("Ask for the workflow file instead").wait_for()
    assert visit.page.get_by_label("Title of the workflow").input_value() == "First light"
    assert visit.complaints == []
    context.close()


def test_a_link_that_would_be_too_long_says_so(visit):
    workflow = quick("Too long")
    noise = np.random.default_rng(0).integers(0, 255, 40_000).tolist()
    workflow["view"] = {"noise": noise}
    opened(visit, workflow)
    menu = share(visit)
    menu.get_by_text("many programs cut links after 32,000").wait_for()
    assert menu.get_by_label("Link to this workflow").count() == 0


def test_the_python_and_the_calls_of_a_run_make_its_picture(visit, address, tmp_path):
    played(visit, quick("Called again", seed=21))
    page, menu = visit.page, share(visit)
    for name in ("JSON", "PNG"):
        with page.expect_download() as download:
            menu.get_by_role("button", name=name).click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    mine = np.asarray(Image.open(tmp_path / "called-again.png"))
    code = {}
    for tab in ("Python", "gradio_client", "curl"):
        code[tab] = share(visit, tab).locator("pre").inner_text()
    visit.keep("share-curl")
    root = Path(__file__).resolve().parents[2]
    for tab in ("Python", "gradio_client"):
        program = f"import sys; sys.path.insert(0, {str(root)!r})\n" + code[tab]
        ran = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
    made = np.asarray(Image.open(tmp_path / "called-again-again.png"))
    assert np.array_equal(made, mine)
    ran = subprocess.run(
        ["bash", "-c", code["curl"]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    last = ran.stdout.strip().split("data: ")[-1]
    assert json.loads(last)[1]["seed"] == 21, ran.stdout + ran.stderr


def test_a_sweep_sheet_of_two_faders_opens_as_workflows(visit):
    page = visit.page
    opened(visit, slow("Swept", 3))
    page.get_by_role("button", name="Sweep", exact=True).click()
    form = page.get_by_role("dialog", name="Sweep")
    form.get_by_label("Setting across").select_option(index=0)
    form.get_by_label("Setting down").select_option(index=3)
    form.get_by_label("values").nth(0).fill("4")
    form.get_by_label("values").nth(1).fill("3")
    form.get_by_text("4 × 3 = 12 pictures in one batch").wait_for()
    visit.keep("sweep-form")
    form.get_by_role("button", name="Sample the sheet").click()
    visit.phase("done")
    sheet = page.get_by_role("group", name="Sweep sheet")
    cells = sheet.get_by_role("button")
    assert cells.count() == 12
    assert sheet.locator("img").count() == 12
    cells.nth(6).click()
    visit.keep("sweep-sheet")
    page.get_by_role("button", name="Show the sheet large").click()
    page.get_by_role("dialog", name="Sweep sheet, large").locator("img").nth(11).wait_for()
    visit.keep("sweep-large")
    page.keyboard.press("Escape")
    cells.nth(11).wait_for()
    label = cells.nth(6).get_attribute("aria-label")
    picture = cells.nth(6).locator("img").get_attribute("src")
    page.get_by_role("button", name="Open as workflow").click()
    page.wait_for_selector(".sheet[data-pictures='1']")
    assert shown_picture(visit) == picture
    values = re.findall(r"(\w+) ([\d.]+)", label.removeprefix("Picture with "))
    kept = load_kept(page)
    settings = [(name, node["settings"].get(name)) for node in kept["nodes"] for name, _ in values]
    for name, value in values:
        assert (name, float(value)) in settings
    page.get_by_role("button", name="Reopen Swept").first.click()
    page.get_by_role("group", name="Sweep sheet").wait_for()


def test_a_sweep_sheet_of_other_numbers_plays_one_picture_after_another(visit):
    page = visit.page
    opened(visit, quick("Other numbers"))
    page.get_by_role("button", name="Sweep", exact=True).click()
    form = page.get_by_role("dialog", name="Sweep")
    form.get_by_label("Setting across").select_option(label="Sampler · steps")
    form.get_by_role("spinbutton", name="from").first.fill("1")
    form.get_by_role("spinbutton", name="to").first.fill("3")
    form.get_by_text("takes whole numbers").wait_for()
    form.get_by_label("values").nth(0).fill("3")
    form.get_by_label("Setting down").select_option(label="Sampler · schedule log snr min")
    form.get_by_label("values").nth(1).fill("2")
    form.get_by_text("3 × 2 = 6 pictures one after another").wait_for()
    visit.keep("sweep-numbers")
    form.get_by_role("button", name="Sample the sheet").click()
    visit.phase("done")
    sheet = page.get_by_role("group", name="Sweep sheet")
    assert sheet.locator("img").count() == 6
    assert page.locator(".across").inner_text().startswith("Sampler · steps")
    assert "Sampler · schedule log snr min" in page.locator(".contact .down").inner_text()
    cell = sheet.get_by_role("button").nth(5)
    cell.click()
    visit.keep("sweep-numbers-sheet")
    picture = cell.locator("img").get_attribute("src")
    page.get_by_role("button", name="Open as workflow").click()
    page.wait_for_selector(".sheet[data-pictures='1']")
    visit.plays(lambda: run(visit))
    assert pixels(shown_picture(visit)).tolist() == pixels(picture).tolist()
    settings = load_kept(page)["nodes"][3]["settings"]
    assert settings["steps"] == 3
    assert settings["schedule"]["name"] == "log_snr"


def load_kept(page):
    page.evaluate(PASSES, 700)
    return json.loads(page.evaluate("localStorage.getItem('chorale.kept')"))["workflow"]


def test_a_run_that_waits_is_told_its_place(visit, browser, address):
    opened(visit, slow())
    run(visit)
    visit.phase("playing")
    others = []
    for _ in range(2):
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        theirs = Visit(context.new_page()).open(address)
        opened(theirs, quick("Waiting"))
        run(theirs)
        theirs.page.get_by_text("before yours").first.wait_for(timeout=SLOW)
        others.append((context, theirs))
    last = others[-1][1]
    last.page.get_by_text("2 runs before yours").first.wait_for(timeout=SLOW)
    last.keep("waiting")
    last.page.get_by_role("button", name="Stop").first.click()
    last.phase("stopped")
    run(last)
    last.page.get_by_text("before yours").first.wait_for(timeout=SLOW)
    visit.page.get_by_role("button", name="Stop").first.click()
    visit.phase("stopped")
    others[0][1].phase("done")
    last.phase("done")
    until(last, lambda: titles(last) == ["Waiting"])
    for context, theirs in others:
        assert theirs.complaints == []
        context.close()


def test_a_closed_tab_lets_the_next_one_play(visit, browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    theirs = Visit(context.new_page()).open(address)
    opened(theirs, slow("Left alone"))
    run(theirs)
    theirs.phase("playing")
    opened(visit, quick("Next"))
    run(visit)
    visit.page.get_by_text("before yours").first.wait_for(timeout=SLOW)
    step = theirs.page.locator(".chorale").inner_text()
    assert re.search(r"\b(\d+) ?/ ?200", step), step
    theirs.page.close()
    visit.page.wait_for_selector(".chorale[data-phase=done]", timeout=20_000)
    context.close()


def test_a_reload_stops_the_run_and_says_so(visit):
    opened(visit, slow("Left behind"))
    run(visit)
    visit.phase("playing")
    asked = []
    visit.page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    visit.page.reload()
    assert asked == ["beforeunload"]  # a run would be lost: the browser asks
    visit.page.get_by_text("so the run was stopped").wait_for()
    visit.keep("reloaded")
    visit.complaints.clear()  # gradio's own client complains of the stream that was cut
    assert visit.page.get_by_label("Title of the workflow").input_value() == "Left behind"
    assert titles(visit) == []
    played(visit, quick("After it"))
    visit.page.reload()
    visit.page.get_by_role("button", name="Reopen After it").wait_for()
    assert visit.page.get_by_text("so the run was stopped").count() == 0


def test_a_reload_right_after_an_edit_loses_nothing(visit):
    opened(visit, quick("Before"))
    title = visit.page.get_by_label("Title of the workflow")
    for name in ("Once", "Twice", "Thrice"):
        title.fill(name)
        title.press("Enter")
        visit.page.reload()
        title.wait_for()
        assert title.input_value() == name


@pytest.mark.parametrize("playing", [False, True], ids=["idle", "playing"])
def test_a_studio_that_restarts_is_said_and_found_again(browser, studio, tmp_path, playing):
    port = free_port()
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    with studio(data=tmp_path, port=port) as address:
        visit = Visit(page).open(address)
        opened(visit, slow("Kept here"))
        load_kept(page)
        if playing:
            run(visit)
            visit.phase("playing")
    page.get_by_text("The studio does not answer").wait_for(timeout=SLOW)
    visit.keep(f"away-{'playing' if playing else 'idle'}")
    with studio(data=tmp_path, port=port):
        sentence = "is lost" if playing else "as you left it"
        page.get_by_text(sentence).wait_for(timeout=SLOW)
        visit.keep(f"back-{'playing' if playing else 'idle'}")
        assert page.get_by_label("Title of the workflow").input_value() == "Kept here"
        played(visit, quick("And on"))
    context.close()


def test_a_studio_that_is_full_says_so(browser, studio):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    with studio() as address:
        visit = Visit(context.new_page()).open(address)
        client = Client(address, verbose=False)
        calls = [client.submit(workflow=slow(), api_name="/run") for _ in range(QUEUE + 2)]
        opened(visit, quick("One too many"))
        visit.page.wait_for_function(
            "async () => (await (await fetch('gradio_api/queue/status')).json()).queue_size >= "
            f"{QUEUE}",
            timeout=SLOW,
        )
        run(visit)
        visit.page.get_by_text(f"{QUEUE} runs wait already").first.wait_for(timeout=SLOW)
        visit.phase("failed")
        visit.keep("full")
        assert not all(call.done() for call in calls)
    context.close()
