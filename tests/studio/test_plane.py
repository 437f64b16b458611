"""The story of the plane: an example is opened, a fader moves, a heap is dragged."""

import json
from pathlib import Path

import pytest

from tests.studio.test_around import load_kept, opened, run, shown_picture

pytestmark = pytest.mark.browser
EXAMPLE = Path(__file__).resolve().parents[2] / "assets" / "workflows" / "plane.json"


@pytest.mark.parametrize("visit", [(1500, 950)], indirect=True)
def test_a_rule_is_tried_in_the_plane(visit):
    page = visit.page
    workflow = json.loads(EXAMPLE.read_text())
    opened(visit, workflow)
    visit.plays(lambda: run(visit))
    still = shown_picture(visit)
    fader = page.get_by_role("region", name="Mixer").get_by_role("slider").first
    fader.press("Home")
    visit.plays(lambda: run(visit))
    visit.keep("plane-played")
    assert shown_picture(visit) != still
    card = page.locator("[data-node=side]").first
    card.get_by_text("More", exact=True).click()
    heap = card.get_by_role("button", name="Heap 1 of 2")
    heap.focus()
    heap.press("ArrowUp")
    visit.keep("plane-heaps")
    sides = next(node for node in load_kept(page)["nodes"] if node["id"] == "side")
    assert sides["settings"]["heaps"][0]["y"] == pytest.approx(0.1)
    assert sides["settings"]["heaps"][1] == workflow["nodes"][1]["settings"]["heaps"][1]
