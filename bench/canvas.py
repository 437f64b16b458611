"""Large workflows on the canvas of the page: frames a second, and what an edit sends."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from playwright.sync_api import Browser, Page, Request

from bench.browser import ready, visit
from bench.compile import chain
from bench.timing import Row

MOTIONS = 120
SPACING = (300, 400)
COLUMNS = 20
STRAGGLERS = 500
"""Milliseconds in which an edit may send still more after its check is answered."""
RECORD = """() => {
  window.stamps = [];
  const stamp = (now) => {
    if (!window.stamps) return;
    window.stamps.push(now);
    requestAnimationFrame(stamp);
  };
  requestAnimationFrame(stamp);
}"""
RECORDED = "() => { const found = window.stamps; window.stamps = null; return found; }"
# a place on the screen that is bare ground, or in the title of a card, far from the rim
FIND = """(selector) => {
  const area = document.querySelector('.canvas').getBoundingClientRect();
  for (let y = area.top + 120; y < area.bottom - 200; y += 3)
    for (let x = area.left + 200; x < area.right - 300; x += 3) {
      const hit = document.elementFromPoint(x, y);
      if (hit?.matches(selector)) return [x, y];
    }
}"""
GROUND, CARD = ".svelte-flow__pane", "article > header, .far article"


def motion(browser: Browser, address: str) -> Iterator[Row]:
    """Frames a second while the hand moves, as the page opens and with every node in sight."""
    document = _document(200)
    names = [node["id"] for node in document["nodes"]]
    document["view"] = {
        "places": {
            name: [SPACING[0] * (index % COLUMNS), SPACING[1] * (index // COLUMNS)]
            for index, name in enumerate(names)
        }
    }
    with visit(browser, address, document) as page:
        ready(page)
        page.wait_for_timeout(STRAGGLERS)
        for view in ("as opened", "all in sight"):
            if view == "all in sight":
                _zoom_out(page)
            seen = page.locator(".svelte-flow__node").count()
            for what, selector in (("panning", GROUND), ("dragging one", CARD)):
                yield _frames(page, f"{len(names)} nodes {view}, {what}", selector, seen)


def _zoom_out(page: Page) -> None:
    x, y = page.evaluate(FIND, GROUND)
    page.mouse.move(x, y)
    for _ in range(12):
        page.mouse.wheel(0, 120)
    page.wait_for_timeout(STRAGGLERS)


def _frames(page: Page, what: str, selector: str, seen: int) -> Row:
    x, y = page.evaluate(FIND, selector)
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(RECORD)
    for number in range(MOTIONS):
        away = 3 * min(number, MOTIONS - number)
        page.mouse.move(x + away, y + away / 2)
    stamps: list[float] = page.evaluate(RECORDED)
    page.mouse.up()
    gaps = [b - a for a, b in pairwise(stamps)]
    slow = statistics.quantiles(gaps, n=20)[-1]
    rate = 1e3 * len(gaps) / (stamps[-1] - stamps[0])
    detail = f"{seen} drawn; 19 of 20 frames within {slow:.0f} ms"
    return Row(what, rate, "frames/s", "≥ 50", detail)


def edits(browser: Browser, address: str) -> Row:
    """The most that one of several edits of a document without places sends in all its requests."""
    document = _document(400)
    with visit(browser, address, document) as page:
        with page.expect_response(lambda answer: _checks(answer.request)):
            ready(page)
        sent = {
            "drag": _sent(page, lambda: _drag(page)),
            "fader": _sent(
                page, lambda: page.locator("[data-strip] [role=slider]").first.press("End")
            ),
            "delete": _sent(page, lambda: _delete(page)),
            "undo": _sent(page, lambda: page.keyboard.press("Control+z")),
            "move all": _sent(page, lambda: _move_all(page)),
        }
    detail = ", ".join(f"{name} {size / 1e3:.1f}" for name, size in sent.items())
    what = f"largest edit of {len(document['nodes'])} nodes"
    return Row(what, max(sent.values()) / 1e3, "kB", "≤ 10", detail)


def _sent(page: Page, edit: Callable[[], object]) -> int:
    """Bytes in the bodies of all requests until the edit is checked, and shortly after."""
    bodies: list[int] = []

    def weigh(request: Request) -> None:
        bodies.append(len(request.post_data_buffer or b""))

    page.on("request", weigh)
    with page.expect_response(lambda answer: _checks(answer.request)):
        edit()
    page.wait_for_timeout(STRAGGLERS)
    page.remove_listener("request", weigh)
    return sum(bodies)


def _checks(request: Request) -> bool:
    return '"check"' in (request.post_data or "")


def _drag(page: Page) -> None:
    x, y = page.evaluate(FIND, CARD)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 40, steps=4)
    page.mouse.up()


def _delete(page: Page) -> None:
    page.mouse.click(*page.evaluate(FIND, CARD))
    page.keyboard.press("Delete")


def _move_all(page: Page) -> None:
    page.keyboard.press("Control+a")
    page.keyboard.press("ArrowRight")


def _document(size: int) -> dict[str, Any]:
    """A chain of fusions of at least `size` nodes, as a file holds it."""
    return chain(size + 2).model_dump(mode="json", by_alias=True, exclude_none=True)
