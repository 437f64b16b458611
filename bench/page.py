"""The page in a browser: liveness, speed of the canvas, bytes of an edit, waiting, the build."""

from __future__ import annotations

import gzip
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, Page

from bench.browser import chromium, done, ready, run, served, visit
from bench.canvas import edits, motion
from bench.timing import Row
from studio.page import EDITOR
from studio.piece import WORKFLOWS

MOVES = 7
STEPS = 200
"""The most that a run may have: time for every move, and for every preview."""
VOICE = "text_expert"
# what the picture node shows, one entry for each picture that was put into it
WATCH = """() => {
  window.drawn = 0;
  const node = document.querySelector("[data-node='picture'] .picture");
  new MutationObserver((changes) => (window.drawn += changes.length))
    .observe(node, { subtree: true, attributes: true, attributeFilter: ['src'] });
  return window.heard.length;
}"""
SHOWN = """() => {
  const picture = document.querySelector('.sheet img');
  return picture?.complete && picture.naturalWidth > 0;
}"""
CHANGED = """([voice, value]) => {
  const event = window.heard.find(
    ({ at, weights }) => at > window.pressed && Math.abs(weights?.[voice] - value) < 1e-3
  );
  return event && [event.came - window.pressed, event.at - window.pressed];
}"""


def rows() -> Iterator[Row]:
    """Everything that the page is held to, against one server that a first run has warmed."""
    yield _build()
    with served() as address, chromium() as browser:
        _warm(browser, address)
        yield _slider(browser, address)
        yield from _previews(browser, address)
        yield from _waiting(browser, address)
        yield from motion(browser, address)
        yield edits(browser, address)


def _build() -> Row:
    """The scripts and styles as a server sends them; the fonts are pressed already."""
    sizes = [len(gzip.compress((EDITOR / f"editor.{kind}").read_bytes())) for kind in ("js", "css")]
    detail = " + ".join(f"{size / 1e3:.0f}" for size in sizes)
    return Row("build of the editor, gzipped", sum(sizes) / 1e3, "kB", "≤ 200", detail)


def _warm(browser: Browser, address: str) -> None:
    """One run to its end, so that every network is loaded."""
    with visit(browser, address) as page:
        ready(page)
        run(page)
        done(page)


def _slider(browser: Browser, address: str) -> Row:
    """From the press on a fader to the first drawn step that heard it, less the time of a step."""
    document = json.loads((WORKFLOWS / "first-light.json").read_text())
    sampler = next(node for node in document["nodes"] if node["type"] == "sampler")
    sampler["settings"]["steps"] = STEPS
    expert = next(node for node in document["nodes"] if node["id"] == VOICE)
    guidance = float(expert["settings"]["guidance"])
    with visit(browser, address, document) as page:
        ready(page)
        run(page)
        page.wait_for_function("() => window.heard.some(({ step }) => step >= 2)", polling=100)
        delays = [_moved(page, number, guidance) for number in range(MOVES)]
        page.get_by_role("button", name="Stop what plays").click()
        heard = _heard(page)
    # messages may come in bunches: what a step takes is told by the whole run
    step = (heard[-1]["came"] - heard[0]["came"]) / (heard[-1]["step"] - heard[0]["step"])
    came, drawn = (statistics.median(times) - step for times in zip(*delays, strict=True))
    detail = f"median of {MOVES} moves; told after {came:.0f} ms; a step takes {step:.0f} ms"
    return Row("fader to visible effect, beyond one step", drawn, "ms", "≤ 150", detail)


def _moved(page: Page, number: int, guidance: float) -> tuple[float, float]:
    """Milliseconds from a press on the fader until its effect is told, and drawn.

    The press is at no fixed place within a step. What a step tells is the expert's weight: the
    fader times the guidance.
    """
    fader = page.locator(f"[data-strip='{VOICE}'] [role=slider]")
    box = fader.bounding_box()
    assert box is not None
    page.wait_for_timeout(37 * number)
    height = box["height"] * (0.25 if number % 2 else 0.75)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + height)
    asked = [VOICE, guidance * float(fader.get_attribute("aria-valuenow") or "nan")]
    told, drawn = page.wait_for_function(CHANGED, arg=asked, polling=100).json_value()
    return told, drawn


def _previews(browser: Browser, address: str) -> Iterator[Row]:
    """Previews through the whole way, of the cheapest steps that have any: one call of one expert.

    Every step is one message with or without a preview: if no step is missing at the page, no
    preview was lost before it; those that differ from the one before must then reach the node.
    """
    with visit(browser, address, _cheap()) as page:
        ready(page)
        run(page)
        page.wait_for_selector("[data-node='picture'] .picture img")
        started = page.evaluate(WATCH)
        done(page)
        heard = _heard(page)
        due = page.evaluate(
            "(from) => window.heard.slice(from).filter(({ fresh }) => fresh).length", started
        )
        drawn = page.evaluate("() => window.drawn")
    shown = [event["came"] for event in heard if event["preview"]]
    rate = (len(shown) - 1) / (shown[-1] - shown[0]) * 1e3
    lost = STEPS - len({event["step"] for event in heard})
    detail = f"{len(shown)} of {STEPS} steps, made at most 20 a second"
    yield Row("previews into the picture node", rate, "/s", "≥ 15", detail)
    yield Row("steps lost on the way to the page", lost, "of 200", "0")
    yield Row("pictures that reached the page, not the node", due + 1 - drawn, "", "0", f"{due=}")


def _heard(page: Page) -> list[dict[str, Any]]:
    """The progress that the page has drawn, without its pictures."""
    return page.evaluate(
        "() => window.heard.filter(({ type }) => type === 'progress')"
        ".map(({ came, step, preview }) => ({ came, step, preview }))"
    )


def _waiting(browser: Browser, address: str) -> Iterator[Row]:
    """A first visit with nothing in the browser's cache, then Run."""
    began = time.perf_counter()
    with visit(browser, address) as page:
        page.wait_for_function(SHOWN)
        yield Row("first picture after opening", time.perf_counter() - began, "s", "≤ 3")
        began = time.perf_counter()
        run(page)
        done(page)
        yield Row("first own picture after Run", time.perf_counter() - began, "s", "≤ 10")


def _cheap() -> dict[str, Any]:
    """One expert that is given nothing: one call of a network for every step."""
    nodes = [
        {"id": "expert", "type": "unconditional_expert", "settings": {}},
        {"id": "sampler", "type": "sampler", "settings": {"steps": STEPS}},
        {"id": "picture", "type": "picture", "settings": {}},
    ]
    wires = [
        {"from": "expert.score", "to": "picture.score"},
        {"from": "sampler.sampling", "to": "picture.sampling"},
    ]
    return {"chorale": 1, "title": "Cheap", "nodes": nodes, "wires": wires}
