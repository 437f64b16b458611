"""The models that are there, as the page lists them."""

import shutil

import pytest

from graph.folders import network_hash
from graph.inventory import inventory
from studio.piece import SHIPPED, library
from studio.session import Session
from tests.graph.fakes import playground
from tests.studio.conftest import Visit
from tests.studio.test_access import AXE, violations


def test_the_page_is_told_what_the_command_tells_and_what_is_wrong(tmp_path):
    shelf = playground(tmp_path)
    (shelf.folder / "playground/mask/transformer/config.json").write_text("{")
    told = Session(shelf).inventory()
    names = [each["name"] for each in told["models"]]
    assert names == ["playground/class", "playground/sketch"] + [
        f"playground/{name}" for name in ("text", "unconditional")
    ]
    text = next(each for each in told["models"] if each["name"] == "playground/text")
    assert text["hash"] == network_hash(shelf.folder / "playground/text")
    assert ["playground/mask" in each["message"] for each in told["said"]] == [True]


@pytest.mark.browser
def test_models_are_listed_and_put_on_the_canvas(browser, studio, tmp_path, monkeypatch):
    models = tmp_path / "models"
    shutil.copytree(SHIPPED, models, ignore=shutil.ignore_patterns("mine", "judge"))
    monkeypatch.setenv("CHORALE_MODELS", str(models))
    with studio(data=tmp_path / "data") as address:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        visiting = Visit(context.new_page()).open(address)
        page = visiting.page
        (models / "playground/sketch/transformer/config.json").write_text("{")
        page.get_by_role("button", name="Models", exact=True).click()
        dialog = page.get_by_role("dialog", name="Models")
        row = dialog.get_by_role("row").filter(
            has=page.get_by_role("rowheader", name="playground/text", exact=True)
        )
        row.wait_for()
        entry = next(each for each in inventory(library()) if each.name == "playground/text")
        said = row.inner_text()
        for part in (entry.family, entry.space, entry.precision, entry.licence, entry.hash):
            assert part in said
        assert f"{entry.size / 2**20:.1f} MiB" in said
        assert "'playground/sketch'" in dialog.locator("p").inner_text()
        page.evaluate(AXE.read_text("utf-8"))
        assert violations(page) == {}
        visiting.keep("models")
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        page.get_by_role("button", name="Light theme").click()
        page.get_by_role("button", name="Models", exact=True).press("Enter")
        row.wait_for()
        assert violations(page) == {}
        visiting.keep("models-light")
        row.get_by_role("button", name="Put playground/text on the canvas").click()
        dialog.wait_for(state="hidden")
        page.locator("[data-id=text_expert_2]").wait_for()
        page.wait_for_timeout(900)
        visiting.keep("models-placed")
        context.close()
    assert visiting.complaints == []
