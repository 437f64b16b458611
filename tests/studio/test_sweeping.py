"""Stories of sweep sheets that vary choices, and what lies in subgraphs."""

import base64
import json
import re

import pytest

from graph.storage import read_bytes
from graph.workflow import dump_workflow
from tests.graph.flatten.nesting import wrapped
from tests.studio.test_around import (
    load_kept,
    opened,
    pixels,
    quick,
    run,
    shown_picture,
)

pytestmark = pytest.mark.browser


def form_of(visit):
    visit.page.get_by_role("button", name="Sweep", exact=True).click()
    return visit.page.get_by_role("dialog", name="Sweep", exact=True)


def options(form, which):
    return form.get_by_label(f"Setting {which}").locator("option").all_inner_texts()


def carried(address):
    """The workflow inside a picture, as JSON."""
    workflow, _ = read_bytes(base64.b64decode(address.partition(",")[2]))
    return json.loads(dump_workflow(workflow))


def settings_of(workflow):
    return {node["id"]: node["settings"] for node in workflow["nodes"]}


def test_a_sheet_of_samplers_and_a_fader_opens_as_workflows(visit):
    page = visit.page
    workflow = quick("Methods")
    workflow["nodes"][0] |= {"title": "Warm"}
    workflow["nodes"][3]["settings"] |= {"count": 8, "method": {"name": "ddim", "eta": 0.5}}
    opened(visit, workflow)
    before = load_kept(page)
    form = form_of(visit)
    form.get_by_label("Setting across").select_option(label="Sampler · method")
    ticks = form.get_by_role("group", name="Values across")
    names = [
        "consistency",
        "ddim",
        "dpmpp 2m",
        "euler",
        "euler ancestral",
        "euler maruyama",
        "heun",
    ]
    assert ticks.locator("label").all_inner_texts() == names
    form.get_by_text("7 pictures one after another").wait_for()
    for name in ("consistency", "dpmpp 2m", "euler ancestral", "heun"):
        ticks.get_by_label(name, exact=True).uncheck()
    form.get_by_label("Setting down").select_option(label="Warm · reliability")
    form.get_by_label("values", exact=True).fill("2")
    form.get_by_text("3 × 2 = 6 pictures one after another").wait_for()
    visit.keep("sweep-choices")
    form.get_by_role("button", name="Sample the sheet").click()
    visit.phase("done", "failed")
    sheet = page.get_by_role("group", name="Sweep sheet")
    assert sheet.locator("img").count() == 6
    assert sheet.locator("b").all_inner_texts()[:3] == ["ddim", "euler", "euler maruyama"]
    assert page.locator(".across").inner_text().startswith("Sampler · method")
    cell = page.get_by_label("Picture with Sampler · method euler, Warm · reliability 1.5")
    cell.click()
    visit.keep("sweep-choices-sheet")
    for name, method in (("euler", {"name": "euler"}), ("ddim", {"name": "ddim", "eta": 0.5})):
        cell = page.get_by_label(f"Picture with Sampler · method {name}, Warm · reliability 1.5")
        cell.click()
        picture = cell.locator("img").get_attribute("src")
        page.get_by_role("button", name="Open as workflow").click()
        page.wait_for_selector(".sheet[data-pictures='1']")
        assert shown_picture(visit) == picture
        made = settings_of(carried(picture))
        made["sampler"]["count"] = 8  # a cell is one picture, its workflow as many as before
        assert settings_of(load_kept(page)) == made
        assert made["sampler"]["method"] == method
        assert made["a"]["reliability"] == 1.5
        page.get_by_role("button", name="Undo").first.click()
        assert load_kept(page) == before
        page.get_by_role("button", name="Reopen Methods").first.click()
        page.get_by_role("group", name="Sweep sheet").wait_for()


def test_rules_that_do_not_suit_the_workflow_say_so_before_and_after(visit):
    page = visit.page
    opened(visit, quick("Rules", guidance=0.5))
    form = form_of(visit)
    form.get_by_label("Setting across").select_option(label="Fuse · rule")
    ticks = form.get_by_role("group", name="Values across")
    for name in ("superdiff and", "superdiff or"):
        ticks.get_by_text(re.compile(f"^{name}.*path of fresh noise")).wait_for()
        assert not ticks.get_by_label(name, exact=True).is_checked()
    visit.keep("sweep-unfit")
    ticks.get_by_role("button", name="All").click()
    form.get_by_role("button", name="Sample the sheet").click()
    visit.phase("failed")
    problems = page.get_by_role("alert", name="Problems")
    problems.get_by_text("Where rule of 'Fuse' is superdiff and or superdiff or").wait_for()
    visit.keep("sweep-refused")
    assert page.get_by_role("group", name="Sweep sheet").count() == 0


def test_what_lies_in_a_subgraph_is_swept_in_its_place(visit):
    page = visit.page
    workflow = wrapped(wrapped(quick("Nested"), ["a", "b", "fuse"], "voices"), ["voices"], "choir")
    workflow["subgraphs"]["voices"]["nodes"][0]["title"] = "Low"
    opened(visit, workflow)
    form = form_of(visit)
    assert "CHOIR / VOICES / Low · mean" in options(form, "across")
    form.get_by_label("Setting across").select_option(label="CHOIR / VOICES / Low · muted")
    form.get_by_text("2 pictures one after another").wait_for()
    form.get_by_label("Setting down").select_option(label="CHOIR / VOICES / Low · mean")
    form.get_by_label("values", exact=True).fill("2")
    visit.keep("sweep-nested")
    form.get_by_role("button", name="Sample the sheet").click()
    visit.phase("done")
    cell = page.get_by_label("Picture with CHOIR / VOICES / Low · muted on").last
    cell.click()
    visit.keep("sweep-nested-sheet")
    picture = cell.locator("img").get_attribute("src")
    page.get_by_role("button", name="Open as workflow").click()
    page.wait_for_selector(".sheet[data-pictures='1']")
    inside, made = (each["subgraphs"] for each in (load_kept(page), carried(picture)))
    assert inside.keys() == made.keys()
    assert settings_of(inside["voices"]) == settings_of(made["voices"])
    assert settings_of(inside["voices"])["a"]["muted"] is True
    visit.plays(lambda: run(visit))
    assert pixels(shown_picture(visit)).tolist() == pixels(picture).tolist()
    page.get_by_role("button", name="Reopen Nested").last.click()
    first = page.get_by_label("Picture with CHOIR / VOICES / Low · muted off").first
    kept = pixels(first.locator("img").get_attribute("src")).tolist()
    visit.plays(page.get_by_role("button", name="Replay").click)
    assert page.get_by_role("group", name="Sweep sheet").locator("img").count() == 4
    assert pixels(first.locator("img").get_attribute("src")).tolist() == kept
