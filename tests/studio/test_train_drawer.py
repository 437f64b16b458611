"""The story of a module that is trained on the page: from its material to the canvas."""

import shutil

import pytest

from studio.piece import ROOT
from tests.studio.conftest import Visit
from tests.studio.test_access import AXE, violations

pytestmark = pytest.mark.browser
SLOW = 240_000


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A library of its own: a trained module comes into it."""
    folder = tmp_path_factory.mktemp("library") / "models"
    shutil.copytree(
        ROOT / "assets" / "models", folder, ignore=shutil.ignore_patterns("mine", "judge")
    )
    return folder


@pytest.fixture
def visit(browser, studio, models, tmp_path, monkeypatch):
    monkeypatch.setenv("CHORALE_MODELS", str(models))
    with studio(data=tmp_path) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        visiting = Visit(context.new_page()).open(address)
        yield visiting
        context.close()
    assert visiting.complaints == []


def test_a_page_that_may_not_train_has_no_drawer(browser, studio):
    with studio("--no-training") as address:
        visiting = Visit(browser.new_page()).open(address)
        visiting.page.get_by_role("button", name="History", exact=True).wait_for()
        assert visiting.page.get_by_role("button", name="Train", exact=True).count() == 0
        visiting.page.close()
        assert visiting.complaints == []


def test_a_module_is_trained_on_the_page_and_put_on_the_canvas(visit, models):
    page = visit.page
    page.get_by_role("button", name="Train", exact=True).click()
    drawer = page.get_by_role("region", name="Train", exact=True)
    drawer.get_by_label("Name").fill("little")
    drawer.get_by_label("Pairs").fill("6")
    drawer.get_by_role("button", name="sketch").click()
    drawer.get_by_label("Unit of the length").select_option("steps")
    drawer.get_by_role("spinbutton", name="For").fill("3")
    visit.keep("train-form")
    drawer.get_by_role("button", name="Check the material").click()
    material = drawer.get_by_role("region", name="Material")
    material.wait_for(timeout=SLOW)
    said = material.locator("p").first.inner_text()
    assert said.startswith("6 pairs to learn from, 1 held out, with mask; 7")
    assert material.get_by_alt_text("mask 6").is_visible()
    assert material.locator("img").count() == 12
    page.evaluate(AXE.read_text("utf-8"))
    assert violations(page) == {}
    visit.keep("train-checked")
    drawer.get_by_role("button", name="Start training").click()
    job = drawer.get_by_role("region", name="Training little")
    job.get_by_role("img", name="Loss over").wait_for(timeout=SLOW)
    grid = job.get_by_alt_text("Held-out pairs, one a row: mask, base, bent, real")
    grid.wait_for(timeout=SLOW)
    visit.keep("train-learning")
    page.get_by_role("button", name="Put it on the canvas").wait_for(timeout=SLOW)
    assert (models / "mine/little/card.json").exists()
    assert job.get_by_text("base alone").is_visible()
    assert grid.evaluate("image => image.naturalWidth > image.naturalHeight")
    visit.keep("train-finished")
    page.get_by_role("button", name="Light theme").click()
    page.wait_for_timeout(400)
    assert violations(page) == {}
    visit.keep("train-finished-light")
    page.get_by_role("button", name="Put it on the canvas").click()
    drawer.wait_for(state="detached")
    card = page.locator(".svelte-flow__node", has=page.get_by_text("Modulator", exact=True))
    card.wait_for()
    assert card.get_by_label("model").input_value() == "mine/little"
    page.get_by_text("Wire a score of playground/unconditional to it.").wait_for()
    page.wait_for_timeout(800)
    visit.keep("train-placed")


def test_a_guidance_expert_is_asked_for_and_its_material_shown(visit):
    page = visit.page
    drawer = asking_for_guidance(page)
    model = drawer.get_by_label("Model that learns")
    offered = model.locator("option").all_inner_texts()
    assert "playground/segmenter · mask" in offered
    assert not any("in-noise" in each or "modulator" in each for each in offered)
    bases = drawer.get_by_label("Expert that it leads").locator("option").all_inner_texts()
    assert "playground/text" in bases
    assert not any("classifier" in each for each in bases)
    model.select_option("playground/segmenter")
    drawer.get_by_role("button", name="Check the material").click()
    material = drawer.get_by_role("region", name="Material")
    material.wait_for(timeout=SLOW)
    said = material.locator("p").all_inner_texts()
    assert said[0].startswith("playground/unconditional paints 8 pictures of 128×128")
    assert said[1].startswith("playground/segmenter says of each which of 2")
    assert material.get_by_alt_text("mask 6").is_visible()
    assert material.locator("img").count() == 12
    page.evaluate(AXE.read_text("utf-8"))
    assert violations(page) == {}
    visit.keep("guide-checked")
    model.select_option("playground/classifier")
    drawer.get_by_role("button", name="Check the material").click()
    material.get_by_text("%").first.wait_for(timeout=SLOW)
    assert material.locator("img").count() == 6
    visit.keep("guide-checked-class")


def test_a_guidance_expert_is_made_on_the_page_and_put_on_the_canvas(visit, models):
    page = visit.page
    drawer = asking_for_guidance(page)
    drawer.get_by_role("button", name="Check the material").click()
    drawer.get_by_role("button", name="Start training").click(timeout=SLOW)
    job = drawer.get_by_role("region", name="Training watcher")
    job.get_by_text("painting · ").wait_for(timeout=SLOW)
    visit.keep("guide-painting")
    job.get_by_role("img", name="Loss over").wait_for(timeout=SLOW)
    grid = job.get_by_alt_text("Held-out pictures, one a row, with what the model said and says")
    grid.wait_for(timeout=SLOW)
    visit.keep("guide-learning")
    page.get_by_role("button", name="Put it on the canvas").wait_for(timeout=SLOW)
    assert (models / "mine/watcher/adapters.safetensors").exists()
    assert job.locator("figcaption").get_by_text("before it learned").is_visible()
    page.evaluate(AXE.read_text("utf-8"))
    assert violations(page) == {}
    visit.keep("guide-finished")
    page.get_by_role("button", name="Put it on the canvas").click()
    drawer.wait_for(state="detached")
    cards = page.locator(".svelte-flow__node")
    card = cards.filter(has=page.get_by_text("Guidance", exact=True))
    card.wait_for()
    assert card.get_by_label("model").input_value() == "mine/watcher"
    assert cards.filter(has=page.get_by_text("Class", exact=True)).count() == 1
    page.get_by_text("Wire a score of playground/unconditional to it.").wait_for()
    page.wait_for_timeout(800)
    visit.keep("guide-placed")


def asking_for_guidance(page):
    """The drawer, in which a small guidance expert is asked for."""
    page.get_by_role("button", name="Train", exact=True).click()
    drawer = page.get_by_role("region", name="Train", exact=True)
    drawer.get_by_role("button", name="Guidance expert").click()
    drawer.get_by_label("Name").fill("watcher")
    drawer.get_by_label("Pictures").fill("8")
    drawer.get_by_label("Unit of the length").select_option("steps")
    drawer.get_by_role("spinbutton", name="For").fill("3")
    return drawer
