"""The story of a start: a picture is wired to the sampler, its strength is moved, and it plays."""

import json
from pathlib import Path

import pytest

from tests.studio.test_around import load_kept, opened, run, shown_picture

pytestmark = pytest.mark.browser
EXAMPLE = Path(__file__).resolve().parents[2] / "assets" / "workflows" / "start.json"


@pytest.mark.parametrize("visit", [(1600, 950)], indirect=True)
def test_a_picture_is_started_from_and_left(visit):
    page = visit.page
    opened(visit, json.loads(EXAMPLE.read_text()))
    visit.plays(lambda: run(visit))
    far = shown_picture(visit)
    visit.keep("start-played")
    strength = page.locator("#sampler-strength-figure")
    strength.fill("0.2")
    strength.press("Enter")
    visit.plays(lambda: run(visit))
    visit.keep("start-near")
    kept = next(node for node in load_kept(page)["nodes"] if node["id"] == "sampler")
    assert kept["settings"]["strength"] == pytest.approx(0.2)
    assert shown_picture(visit) != far
