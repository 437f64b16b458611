"""Subgraphs: made, entered, left, unpacked, and wrong inside."""

import json

import pytest

from tests.studio.canvas.hands import card, kept, port, press

pytestmark = pytest.mark.browser


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
