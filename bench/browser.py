"""The real program in a process of its own, and the browser that opens it and listens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import closing, contextmanager
from socket import socket
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench.chromium import FLAGS
from studio.piece import ROOT

PATIENCE = 90.0
"""Seconds after which what is awaited is held to have failed."""
SIZE = (1440, 900)
# every event of the bus, with the times at which it came and was drawn, in milliseconds
EARS = """
window.heard = [];
window.addEventListener('chorale:event', ({ detail }) => {
  const { type, step, weights, preview } = detail ?? {};
  const last = window.heard.at(-1)?.picture;
  const picture = preview?.[0] ?? last;
  const fresh = picture !== last;
  const came = performance.now();
  const event = { type, step, weights, picture, preview: Boolean(preview), fresh, came };
  window.heard.push(event);
  requestAnimationFrame(() => (event.at = performance.now()));
});
window.addEventListener('pointerdown', ({ timeStamp }) => (window.pressed = timeStamp), true);
"""


@contextmanager
def served() -> Generator[str]:
    """The address of a studio that answers, with nothing kept of earlier runs."""
    with closing(socket()) as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        own = {
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(port),
            "CHORALE_DATA": folder,
        }
        server = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env={**os.environ, **own},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await(f"http://127.0.0.1:{port}/", server)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait()


@contextmanager
def chromium() -> Generator[Browser]:
    """Debian's Chromium without a window. FileNotFoundError if it is not installed."""
    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser, address: str, document: dict[str, Any] | None = None
) -> Generator[Page]:
    """A first visit in a fresh window, or one that finds `document` as its last visit left it."""
    width, height = SIZE
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(1e3 * PATIENCE)
    context.add_init_script(EARS)
    if document is not None:
        kept = json.dumps(json.dumps({"workflow": document, "picture": None}))
        context.add_init_script(f"localStorage.setItem('chorale.kept', {kept})")
    try:
        page = context.new_page()
        page.goto(address, wait_until="commit")
        yield page
    finally:
        context.close()


def ready(page: Page) -> None:
    """Wait until the canvas has placed and shown its nodes."""
    page.wait_for_selector(".canvas.ready .svelte-flow__node")


def run(page: Page) -> None:
    """Press Run."""
    page.get_by_role("button", name="Run", exact=True).click()


def done(page: Page) -> None:
    """Wait until the run has ended with its picture."""
    page.wait_for_selector(".chorale[data-phase=done]")


def _await(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.perf_counter() + PATIENCE
    while time.perf_counter() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2) as page:  # noqa: S310 - our own address
                page.read()
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the page did not answer")
