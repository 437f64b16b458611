"""Assistive technology: axe-core finds nothing serious or critical, whatever is open."""

from importlib.resources import files

import axe_playwright_python
import pytest

pytestmark = pytest.mark.browser

AXE = files(axe_playwright_python).joinpath("axe.min.js")
GRAVE = ("serious", "critical")


# axe-core gives up on contrast where something else lies behind, as it does behind every dialog
FAINT = """(places) => {
    const brush = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const seen = () => Array.from(brush.getImageData(0, 0, 1, 1).data.slice(0, 3));
    const put = (colour) => { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); };
    const linear = (part) => (part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    const light = (colour) => [.2126, .7152, .0722]
        .reduce((sum, share, index) => sum + share * linear(colour[index] / 255), 0);
    const contrast = (text) => {
        const layers = [];
        for (let each = text; each; each = each.parentElement) layers.unshift(each);
        for (const each of layers) put(getComputedStyle(each).backgroundColor);
        const behind = light(seen());
        put(getComputedStyle(text).color);
        const [low, high] = [behind, light(seen())].sort((a, b) => a - b);
        return (high + .05) / (low + .05);
    };
    const large = (text) => {
        const { fontSize, fontWeight } = getComputedStyle(text);
        return parseFloat(fontSize) >= (fontWeight >= 700 ? 18.66 : 24);
    };
    const shows = (text) => text && getComputedStyle(text).color !== 'rgba(0, 0, 0, 0)';
    const texts = places.map((place) => document.querySelector(place)).filter(shows);
    return texts.filter((text) => contrast(text) < (large(text) ? 3 : 4.5))
        .map((text) => `${contrast(text).toFixed(2)} ${text.outerHTML}`);
}"""


SETTLED = """async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const ends = (each) => each.effect.getComputedTiming().endTime !== Infinity;
    const moving = () => document.getAnimations().filter(ends);
    while (moving().length) await Promise.allSettled(moving().map((each) => each.finished));
}"""


def violations(page):
    """What axe-core finds serious or critical: rule, and the elements that break it."""
    page.evaluate(SETTLED)  # what fades in has no contrast yet
    found = page.evaluate("async () => await axe.run(document)")
    grave = {
        each["id"]: [place["html"] for place in each["nodes"]]
        for each in found["violations"]
        if each["impact"] in GRAVE
    }
    unsure = [
        place["target"][0]
        for each in found["incomplete"]
        for place in each["nodes"]
        if each["id"] == "color-contrast"
        and any((why["data"] or {}).get("messageKey") == "bgOverlap" for why in place["any"])
    ]
    if faint := page.evaluate(FAINT, unsure):
        grave["color-contrast of what lies over something"] = faint
    return {rule: [place[:200] for place in places[:4]] for rule, places in grave.items()}


def history(page):
    page.get_by_role("button", name="History", exact=True).click()
    shown = page.get_by_role("region", name="History")
    shown.locator("li").first.wait_for()
    return shown


def train(page):
    page.get_by_role("button", name="Train", exact=True).click()
    return page.get_by_role("region", name="Train", exact=True)


def dialog(button, name):
    """Opens a dialog by the button that leads to it."""

    def show(page):
        page.get_by_role("button", name=button).first.click()
        return page.get_by_role("dialog", name=name)

    return show


def templates(page):
    page.get_by_role("button", name="Templates").click()
    return page.get_by_role("menuitem").first


def help_sheet(page):
    page.locator("h1").click()
    page.keyboard.press("?")
    return page.get_by_role("dialog", name="Keyboard")


def search(page):
    page.locator(".canvas").focus()
    page.keyboard.press("/")
    return page.get_by_role("dialog", name="Add a node")


def menu(title):
    """Opens the menu of a node, or of the ground."""

    def show(page):
        if title:
            page.get_by_role("heading", name=title).first.click(button="right")
        else:
            box = page.locator(".canvas").bounding_box()
            page.mouse.click(box["x"] + 24, box["y"] + box["height"] / 2, button="right")
        return page.get_by_role("menu")

    return show


def curve(page):
    """A curve on the canvas, chosen, with its points."""
    page.locator(".canvas").focus()
    page.keyboard.press("/")
    page.keyboard.type("curve")
    page.keyboard.press("Enter")
    return page.locator(".svelte-flow__node[data-id=curve]").get_by_role("slider").first


def form(page):
    """The other face of the document; it stays."""
    page.locator(".canvas").focus()
    page.keyboard.press("v")
    return page.locator(".board article").first


SURFACES = {
    "the page": lambda page: page.locator(".canvas.ready"),
    "history": history,
    "train": train,
    "share": dialog("Share", "Share"),
    "sweep": dialog("Sweep", "Sweep"),
    "templates": templates,
    "help": help_sheet,
    "search": search,
    "menu of a node": menu("Fuse"),
    "menu of the ground": menu(""),
    "automation": dialog("Automation of", "Automation of"),
    "curve": curve,
    "form": form,
}


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_stands_in_the_way_of_assistive_technology(visit, theme):
    page = visit.page
    page.evaluate(AXE.read_text("utf-8"))
    if theme == "light":
        page.get_by_role("button", name="Light theme").click()
    page.get_by_role("group", name="Master").get_by_label("steps", exact=True).fill("2")
    page.keyboard.press("Control+Enter")  # so that the history has a run
    visit.phase("done")
    found = {}
    for name, show in SURFACES.items():
        show(page).wait_for()
        if grave := violations(page):
            found[name] = grave
            visit.keep(f"grave-{theme}-{name.replace(' ', '-')}")
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
    assert found == {}
