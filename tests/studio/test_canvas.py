"""Stories of the node editor, played in Chromium against the real engine."""

import json

import pytest

pytestmark = pytest.mark.browser

CARD = ".svelte-flow__node-card"


@pytest.fixture
def visit(browser, address, request):
    """A first visit whose clipboard can be read; the story fails if the console complains."""
    from tests.studio.conftest import Visit

    width, height = getattr(request, "param", (1440, 900))
    context = browser.new_context(
        viewport={"width": width, "height": height},
        permissions=["clipboard-read", "clipboard-write"],
    )
    visiting = Visit(context.new_page()).open(address)
    visiting.page.wait_for_selector(".canvas.ready")
    yield visiting
    context.close()
    assert visiting.complaints == []


def kept(visit):
    """The workflow as the page keeps it, once it has kept what was done last."""
    visit.page.wait_for_timeout(700)
    return json.loads(visit.page.evaluate("localStorage.getItem('chorale.kept')"))["workflow"]


def until(visit, holds):
    """Wait for what must become so; the page keeps its workflow a moment after an edit."""
    for _ in range(60):
        if holds():
            return
        visit.page.wait_for_timeout(300)
    assert holds()


def card(visit, title):
    heading = visit.page.get_by_role("heading", name=title, exact=True)
    return visit.page.locator(CARD, has=heading).first


def port(visit, name):
    """A port by how it is said, such as 'Input text of Text expert'."""
    return visit.page.locator(f"[aria-label^='{name},']")


def ground(visit):
    return visit.page.locator(".canvas")


def spot(visit, x, y):
    """A place of the ground, in parts of the canvas."""
    box = ground(visit).bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(visit, start, stop, steps=8):
    visit.page.mouse.move(*start)
    visit.page.mouse.down()
    visit.page.mouse.move(*stop, steps=steps)
    visit.page.mouse.move(*stop)
    visit.page.mouse.up()


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def draw(visit, start, stop):
    """Draw a wire between two ports."""
    drag(visit, middle(port(visit, start)), middle(port(visit, stop)))


def said(visit):
    return visit.page.locator(".foot.said")


def clear(visit):
    """An empty canvas, by the mouse alone."""
    visit.page.mouse.click(*spot(visit, 0.02, 0.5), button="right")
    visit.page.get_by_role("menuitem", name="Select all").click()
    card(visit, "Fuse").get_by_role("heading").click(button="right")
    visit.page.get_by_role("menuitem", name="Delete").click()
    visit.page.get_by_text("Double-click the ground").wait_for()


def wires(visit):
    return sorted((wire["from"], wire["to"]) for wire in kept(visit)["wires"])


TEXT_TIMES_MASK = {
    ("text.text", "text_expert.text"),
    ("mask.mask", "mask_expert.mask"),
    ("text_expert.score", "fuse.scores"),
    ("mask_expert.score", "fuse.scores"),
    ("fuse.score", "picture.score"),
}


def choose(visit, name=""):
    """Click an entry of the finder."""
    visit.page.locator(".finder").get_by_role("option", name=name).first.click()


def add_by_mouse(visit, name, x, y):
    visit.page.mouse.dblclick(*spot(visit, x, y))
    choose(visit, name)


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
    visit.page.wait_for_timeout(300)  # the focus follows the node that is drawn next


def focused(visit):
    return visit.page.evaluate("document.activeElement.closest('.svelte-flow__node')?.dataset.id")


def test_text_and_mask_are_wired_and_run_by_the_keyboard_alone(visit):
    page = visit.page
    press(visit, "F6", "F6", "Control+a", "Delete")
    page.get_by_text("Double-click the ground").wait_for()
    press(visit, "/")
    find(visit, "prompt")
    assert focused(visit) == "text"
    press(visit, "w")
    find(visit, "new text expert")
    assert focused(visit) == "text_expert"
    press(visit, "w")
    find(visit, "new fuse")
    press(visit, "/")
    find(visit, "mask")
    assert focused(visit) == "mask"
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


def test_wires_are_unplugged_and_plugged_elsewhere(visit):
    before = wires(visit)
    # an input for one wire gives up its wire to the hand
    drag(visit, middle(port(visit, "Input score of Picture")), spot(visit, 0.5, 0.95))
    without = [wire for wire in before if wire[1] != "picture.score"]
    until(visit, lambda: wires(visit) == without)
    draw(visit, "Input score of Picture", "Output score of Text expert")
    until(visit, lambda: ("text_expert.score", "picture.score") in wires(visit))
    # the wire in hand keeps its other end: it may be plugged into another input
    draw(visit, "Input score of Picture", "Input background of Fuse")
    until(visit, lambda: ("text_expert.score", "fuse.background") in wires(visit))
    draw(visit, "Input background of Fuse", "Output score of Mask expert")
    assert "from an output to an input" in said(visit).inner_text()
    press(visit, "Control+z", "Control+z", "Control+z")
    until(visit, lambda: wires(visit) == before)
    port(visit, "Input mask of Mask expert").focus()
    press(visit, "Enter")
    find(visit, "unplug")
    until(visit, lambda: ("mask.mask", "mask_expert.mask") not in wires(visit))


def test_nodes_become_a_subgraph_that_is_entered_left_and_unpacked(visit):
    page = visit.page
    before = kept(visit)
    for title in ("Text expert", "Mask expert", "Sketch expert"):
        card(visit, title).get_by_role("heading").click(modifiers=["Shift"])
    press(visit, "Control+Shift+g")
    nest = card(visit, "Subgraph")
    nest.wait_for()
    inside = kept(visit)["subgraphs"]["subgraph"]
    assert {node["id"] for node in inside["nodes"]} == {
        "text_expert",
        "mask_expert",
        "sketch_expert",
    }
    assert len(inside["inputs"]) == 3
    assert page.locator("[data-strip]").count() == 3
    visit.keep("subgraph")
    nest.get_by_role("heading").dblclick()
    page.get_by_role("navigation", name="Subgraphs").wait_for()
    card(visit, "Mask expert").wait_for()
    visit.keep("inside-subgraph")
    page.get_by_label("Label of text").fill("what to paint")
    press(visit, "Escape")
    page.get_by_role("navigation", name="Subgraphs").get_by_role("button", name="Leave").click()
    port(visit, "Input what to paint of Subgraph").wait_for()
    page.reload()
    page.wait_for_selector(".canvas.ready")
    page.get_by_role("button", name="Run", exact=True).click()
    visit.phase("done")
    shares = (
        page.locator("aside").get_by_role("region", name="Share of each expert").locator("output")
    )
    assert sum(int(text.split()[0]) for text in shares.all_inner_texts()) in range(98, 103)
    card(visit, "Subgraph").get_by_role("heading").click()
    press(visit, "Control+Shift+u")
    card(visit, "Mask expert").wait_for()
    after = kept(visit)
    assert sorted(node["id"] for node in after["nodes"]) == sorted(
        node["id"] for node in before["nodes"]
    )
    assert {(w["from"], w["to"]) for w in after["wires"]} == {
        (w["from"], w["to"]) for w in before["wires"]
    }
    assert "subgraphs" not in after


def test_groups_and_notes_survive_saving_and_reloading(visit, tmp_path):
    page = visit.page
    for title in ("What", "Where"):
        card(visit, title).get_by_role("heading").click(modifiers=["Shift"])
    press(visit, "g")
    page.get_by_role("textbox", name="Title", exact=True).fill("Conditions")
    press(visit, "Enter", "Escape")
    page.mouse.move(*spot(visit, 0.6, 0.9))
    press(visit, "n")
    page.get_by_role("textbox", name="Note").fill("remember the sea")
    press(visit, "Escape")
    first = kept(visit)["view"]
    assert first["groups"][0]["title"] == "Conditions"
    page.get_by_role("button", name="See everything").click()
    page.wait_for_timeout(600)  # until the view stands still
    grip = page.locator(".grip").first
    x, y = middle(grip)
    drag(visit, (x, y), (x + 60, y + 10))
    moved = kept(visit)["view"]
    assert moved["places"]["text"][0] > first["places"]["text"][0]
    assert moved["places"]["fuse"] == first["places"]["fuse"]
    visit.keep("groups-and-notes")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    path = tmp_path / "saved.json"
    download.value.save_as(path)
    assert json.loads(path.read_text())["view"] == moved
    page.reload()
    page.wait_for_selector(".canvas.ready")
    assert page.get_by_role("textbox", name="Note").input_value() == "remember the sea"
    until(visit, lambda: kept(visit)["view"] == moved)
    press(visit, "Control+z")
    page.set_input_files("input[aria-label='Workflow file']", path)
    page.get_by_text("Conditions").first.wait_for()


HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def paste(visit, text):
    visit.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    visit.page.mouse.move(*spot(visit, 0.5, 0.5))
    visit.page.keyboard.press("Control+v")


def test_what_is_pasted_is_data_or_refused(visit):
    page = visit.page
    before = kept(visit)
    ground(visit).focus()
    for text in (
        "a sentence",
        HOSTILE,
        "[1]",
        '{"chorale": 1, "nodes": [{"id": "__proto__", "type": "text"}]}',
        "[" * 9000,
    ):
        paste(visit, text)
        page.wait_for_timeout(100)
        assert "clipboard holds no nodes" in said(visit).inner_text()
    paste(visit, "x" * 5_000_001)
    page.get_by_text("more than 5 MB").wait_for()
    until(visit, lambda: kept(visit)["nodes"] == before["nodes"])
    foreign = {
        "chorale": 1,
        "nodes": [
            {
                "id": "constructor",
                "type": "constructor",
                "title": HOSTILE,
                "settings": {"toString": HOSTILE},
            },
            {"id": "text", "type": "text", "title": HOSTILE, "settings": {"text": HOSTILE}},
        ],
        "wires": [{"from": "text.text", "to": "constructor.__proto__"}],
        "view": {
            "groups": [{"id": "g", "title": HOSTILE, "x": 0, "y": 0, "w": 300, "h": 300}],
            "notes": [{"id": "n", "text": HOSTILE, "x": 0, "y": 0, "w": 300, "h": 300}, {"id": 7}],
            "places": {"text": ["a", {}]},
        },
    }
    paste(visit, json.dumps(foreign))
    page.get_by_role("heading", name=HOSTILE).first.wait_for()
    visit.keep("hostile-paste")
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "owned"
    pasted = [node for node in kept(visit)["nodes"] if node["id"] in ("constructor", "text_2")]
    assert [node["title"] for node in pasted] == [HOSTILE, HOSTILE]
    press(visit, "Control+z")
    until(visit, lambda: kept(visit)["nodes"] == before["nodes"])


def test_nodes_are_copied_cut_and_pasted_into_another_window(visit, browser, address):
    page = visit.page
    card(visit, "What").get_by_role("heading").click()
    card(visit, "Text expert").get_by_role("heading").click(modifiers=["Shift"])
    press(visit, "Control+c")
    press(visit, "Control+v")
    until(visit, lambda: {("text_2.text", "text_expert_2.text")} <= set(wires(visit)))
    press(visit, "Control+x")
    until(visit, lambda: not any("_2" in end for wire in wires(visit) for end in wire))
    other = page.context.new_page()
    other.goto(address)
    other.wait_for_selector(".canvas.ready")
    other.keyboard.press("Control+v")
    other.locator(CARD).nth(9).wait_for()
    other.close()


def test_every_gesture_is_undone_and_redone(visit):
    page = visit.page
    first = kept(visit)
    x, y = middle(card(visit, "Fuse").get_by_role("heading"))
    drag(visit, (x, y), (x + 80, y + 40))
    press(visit, "b", "c", "ArrowDown", "Control+d", "Delete")
    page.mouse.dblclick(*spot(visit, 0.5, 0.95))
    choose(visit, "Curve")
    card(visit, "What").get_by_role("textbox").fill("a lighthouse")
    last = kept(visit)
    assert last != first
    for _ in range(8):
        press(visit, "Control+z")
    until(visit, lambda: kept(visit) == first)
    for _ in range(8):
        press(visit, "Control+Shift+z")
    until(visit, lambda: kept(visit) == last)


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


def test_a_problem_inside_a_subgraph_is_shown_where_it_is(visit):
    page = visit.page
    for title in ("Text expert", "Mask expert"):
        card(visit, title).get_by_role("heading").click(modifiers=["Shift"])
    press(visit, "Control+Shift+g")
    card(visit, "Subgraph").wait_for()
    workflow = kept(visit)
    inner = workflow["subgraphs"]["subgraph"]["nodes"]
    next(node for node in inner if node["id"] == "mask_expert")["settings"]["model"] = "no/model"
    page.set_input_files(
        "input[aria-label='Workflow file']",
        {"name": "w.json", "mimeType": "application/json", "buffer": json.dumps(workflow).encode()},
    )
    page.get_by_label("Problems").get_by_text("no/model").first.click()
    page.get_by_role("navigation", name="Subgraphs").wait_for()
    alert = card(visit, "Mask expert").get_by_role("alert").first
    alert.wait_for()
    assert "no/model" in alert.inner_text()
    visit.keep("problem-inside")


def test_both_faces_show_the_same_workflow_and_the_choice_is_kept(visit):
    page = visit.page
    card(visit, "What").get_by_role("textbox").fill("a red balloon")
    page.get_by_role("button", name="Form", exact=True).click()
    form = page.locator(".board article").first
    form.wait_for()
    assert page.locator(".board").get_by_role("textbox").first.input_value() == "a red balloon"
    visit.keep("form")
    page.reload()
    page.locator(".board article").first.wait_for()
    press(visit, "v")
    page.wait_for_selector(".canvas.ready")


@pytest.mark.parametrize("visit", [(1280, 720), (1440, 900)], indirect=True)
def test_the_keyboard_sheet_lists_every_shortcut(visit):
    press(visit, "?")
    sheet = visit.page.get_by_role("dialog", name="Keyboard")
    sheet.wait_for()
    for label in ("Make a subgraph", "Wire, or unplug", "Undo", "Tidy up", "Copy"):
        assert sheet.get_by_text(label).first.is_visible()
    visit.keep(f"keys-{visit.page.viewport_size['width']}")
    press(visit, "Escape")
    sheet.wait_for(state="detached")
