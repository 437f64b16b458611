"""Stories of a visitor, played in Chromium against the real engine."""

import json
import re

import pytest

pytestmark = pytest.mark.browser

ANY_PICTURE = ".sheet[data-pictures]:not([data-pictures='0'])"


def strips(visit):
    return visit.page.locator("[data-strip]")


def fader(visit, number):
    return strips(visit).nth(number).get_by_role("slider")


def run(visit):
    visit.page.get_by_role("button", name="Run", exact=True).click()


def kept(visit):
    """The workflow as the page keeps it for a reload."""
    visit.page.wait_for_function("() => localStorage.getItem('chorale.kept')")
    return json.loads(visit.page.evaluate("localStorage.getItem('chorale.kept')"))["workflow"]


def setting(visit, node, name):
    found = next(each for each in kept(visit)["nodes"] if each["id"] == node)
    return found["settings"].get(name)


def saved(visit, button, folder):
    """The file behind a button that saves one."""
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name=button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def set_steps(visit, steps):
    field = visit.page.get_by_role("group", name="Master").get_by_label("steps")
    field.fill(str(steps))
    field.press("Enter")


def test_a_first_visit_shows_a_workflow_with_its_picture(visit):
    page = visit.page
    assert page.get_by_role("heading", name="Chorale").is_visible()
    assert page.get_by_label("Title of the workflow").input_value() == "First light"
    assert strips(visit).count() >= 2
    picture = page.locator(f"{ANY_PICTURE} img")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") >= 128
    visit.keep("first-visit")


def test_a_run_streams_previews_and_ends_with_a_picture(visit, tmp_path):
    page = visit.page
    before = page.locator(f"{ANY_PICTURE} img").get_attribute("src")
    run(visit)
    page.wait_for_selector(".sheet img[src^='data:image/jpeg']", timeout=120_000)
    visit.keep("playing")
    visit.phase("done")
    after = page.locator(f"{ANY_PICTURE} img").get_attribute("src")
    assert after.startswith("data:image/png")
    assert after != before
    shares = page.get_by_role("region", name="Share of each expert").locator("output")
    values = [int(re.sub(r"\D", "", text)) for text in shares.all_inner_texts()]
    assert 98 <= sum(values) <= 102
    agreement = page.get_by_role("region", name="Agreement over the run")
    assert agreement.locator("polyline").count() == 2 * agreement.locator("li").count() == 6
    means = agreement.locator("output").all_inner_texts()
    assert means == sorted(means, key=lambda said: float(said.replace("−", "-")))
    page.keyboard.press("h")
    assert page.locator("aside canvas").first.is_visible()
    visit.keep("who-painted")
    picture = saved(visit, "Download the picture", tmp_path)
    page.get_by_label("Title of the workflow").fill("Something else")
    page.set_input_files("input[aria-label='Workflow file']", picture)
    page.wait_for_function("() => document.querySelector('.title input').value === 'First light'")


def test_a_fader_moved_while_it_plays_is_heard_and_replayed(visit, tmp_path):
    page = visit.page
    set_steps(visit, 48)
    run(visit)
    visit.phase("playing")
    fader(visit, 0).press("End")
    highest = float(fader(visit, 0).get_attribute("aria-valuemax"))
    visit.phase("done")
    visit.keep("moved-fader")
    node = strips(visit).nth(0).get_attribute("data-strip")
    page.wait_for_function(  # the page keeps its workflow a moment after the last change
        """([node, highest]) => JSON.parse(localStorage.getItem('chorale.kept') ?? 'null')
            ?.workflow.nodes.some((each) =>
                each.id === node && each.settings.reliability === highest)""",
        arg=[node, highest],
    )
    played = page.locator(f"{ANY_PICTURE} img").get_attribute("src")
    visit.plays(page.get_by_role("button", name="Replay").click)
    again = page.locator(f"{ANY_PICTURE} img").get_attribute("src")
    assert pixels(page, again) == pixels(page, played)
    replay_from_its_file(visit, saved(visit, "Download the picture", tmp_path), played)


def replay_from_its_file(visit, picture, played):
    """Whoever opens a picture sees it and can play its performance again."""
    page = visit.page
    page.get_by_label("Title of the workflow").fill("Something else")
    page.set_input_files("input[aria-label='Workflow file']", picture)
    page.wait_for_function("() => document.querySelector('.title input').value === 'First light'")
    shown = page.locator(f"{ANY_PICTURE} img")
    assert pixels(page, shown.get_attribute("src")) == pixels(page, played)
    visit.plays(page.get_by_role("button", name="Replay").click)
    assert pixels(page, shown.get_attribute("src")) == pixels(page, played)


def pixels(page, address):
    """A picture's pixels, so that only what is seen is compared."""
    return page.evaluate(
        """async (address) => {
            const image = new Image();
            image.src = address;
            await image.decode();
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            return Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data).join();
        }""",
        address,
    )


def test_a_muted_expert_paints_nothing(visit):
    first = strips(visit).nth(0)
    node = first.get_attribute("data-strip")
    first.get_by_role("button", name="muted").click()
    assert first.get_by_role("button", name="muted").get_attribute("aria-pressed") == "true"
    run(visit)
    visit.phase("done")
    assert first.get_by_role("meter").get_attribute("aria-valuenow") == "0"
    assert setting(visit, node, "muted") is True


def test_a_run_can_be_stopped_from_the_keyboard(visit):
    set_steps(visit, 200)
    visit.page.keyboard.press("Control+Enter")
    visit.phase("playing")
    visit.page.keyboard.press("Control+Enter")
    visit.phase("stopped")
    assert visit.page.get_by_role("button", name="Run", exact=True).is_visible()


def test_what_is_painted_is_in_the_workflow(visit):
    page = visit.page
    # a paper's tools come out when its card is chosen
    node = page.locator("article:has([role=radiogroup][aria-label=Palette])").first
    node.get_by_role("heading").click()
    name = node.get_attribute("data-node")
    before = setting(visit, name, "picture")
    node.get_by_role("button", name="Paint large").click()
    node.get_by_role("radio", name="balloon").click()
    paper = node.locator("canvas")
    box = paper.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"], steps=5)
    page.mouse.up()
    visit.keep("painting")
    page.wait_for_function(
        "before => !(localStorage.getItem('chorale.kept') ?? before).includes(before)", arg=before
    )
    page.keyboard.press("Escape")
    stored = setting(visit, name, "picture")
    assert re.fullmatch("[0-9a-f]{64}", stored)
    assert list(kept(visit)["assets"]).count(stored) == 1
    page.get_by_role("navigation").get_by_role("button", name="Undo").click()
    page.wait_for_function(
        "before => localStorage.getItem('chorale.kept').includes(before)", arg=before
    )


HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def test_nothing_that_a_file_says_is_interpreted(visit, tmp_path):
    page = visit.page
    workflow = kept(visit)
    workflow["title"] = workflow["description"] = HOSTILE
    workflow["nodes"][0]["title"] = HOSTILE
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps(workflow))
    page.set_input_files("input[aria-label='Workflow file']", path)
    page.get_by_role("heading", name=HOSTILE).wait_for()
    page.get_by_text(HOSTILE).first.wait_for()
    assert page.title() != "owned"
    assert page.locator("img[src=x]").count() == 0


def test_what_is_wrong_is_said_at_its_node_and_in_the_list(visit):
    page = visit.page
    first = strips(visit).nth(0)
    title = first.get_by_role("heading").inner_text()
    workflow = kept(visit)
    node = next(
        each for each in workflow["nodes"] if each["id"] == first.get_attribute("data-strip")
    )
    node["settings"]["model"] = "playground/no-such-model"
    page.set_input_files(
        "input[aria-label='Workflow file']",
        {"name": "w.json", "mimeType": "application/json", "buffer": json.dumps(workflow).encode()},
    )
    problems = page.get_by_label("Problems")
    problems.get_by_text("no-such-model").wait_for()
    card = page.locator("article", has=page.get_by_role("heading", name=title, exact=True))
    assert "no-such-model" in card.get_by_role("alert").first.inner_text()
    run(visit)
    visit.phase("failed")
    visit.keep("failure")


def test_a_file_that_is_no_workflow_says_so(visit):
    visit.page.set_input_files(
        "input[aria-label='Workflow file']",
        {"name": "notes.json", "mimeType": "application/json", "buffer": b"[1, 2]"},
    )
    visit.page.get_by_text("holds no workflow").wait_for()


@pytest.mark.parametrize("visit", [(1280, 720), (1440, 900), (820, 1180)], indirect=True)
def test_everything_fits_the_window(visit):
    page = visit.page
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    for name in ("Mixer", "Workflow", "Result"):
        box = page.locator(f"[aria-label='{name}']").last.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.viewport_size["width"] + 1
        assert box["y"] + box["height"] <= page.viewport_size["height"] + 1
    visit.keep(f"window-{page.viewport_size['width']}")


@pytest.mark.parametrize("visit", [(1280, 720), (820, 1180)], indirect=True)
def test_stop_is_in_sight_while_steps_are_counted(visit):
    page = visit.page
    set_steps(visit, 200)
    run(visit)
    visit.phase("playing")
    page.locator("header").get_by_text("left").wait_for()
    box = page.locator("header").get_by_role("button", name="Stop").bounding_box()
    visit.keep(f"playing-{page.viewport_size['width']}")
    assert box["x"] + box["width"] <= page.viewport_size["width"]
    assert box["width"] >= 44
    page.keyboard.press("Control+Enter")
    visit.phase("stopped")


def test_the_light_family_is_remembered(visit):
    page = visit.page
    page.get_by_role("button", name="Light theme").click()
    page.reload()
    page.wait_for_selector(".chorale.light")
    page.get_by_role("button", name="Templates").click()
    page.get_by_role("menuitem").first.wait_for()
    visit.keep("light")


def test_every_control_has_a_name(visit):
    nameless = visit.page.evaluate(
        """() => [...document.querySelectorAll('.chorale :is(button, input, select, textarea, '
            + '[role=slider], [role=switch], [role=meter])')]
            .filter((each) => !each.ariaLabel && !each.innerText?.trim() && !each.labels?.length)
            .map((each) => each.outerHTML)"""
    )
    assert nameless == []


def test_every_template_opens_as_cards(visit):
    page = visit.page
    page.get_by_role("button", name="Templates").click()
    page.get_by_role("menuitem").first.wait_for()
    titles = page.get_by_role("menuitem").locator("b").all_inner_texts()
    page.keyboard.press("Escape")
    for number, title in enumerate(titles):
        page.get_by_role("button", name="Templates").click()
        page.get_by_role("menuitem").nth(number).click()
        page.wait_for_function(
            "title => document.querySelector('.title input').value === title", arg=title
        )
        assert page.locator("article").count() >= 2
        assert page.locator("article", has_text="does not know this node").count() == 0
        visit.keep(f"template-{number}")
