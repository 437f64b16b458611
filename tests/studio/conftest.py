"""The page as a visitor meets it: the real program in a process of its own, in Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.chromium import FLAGS

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "artefacts"
PATIENCE = 120


def lacking(reason):
    """Skip where the browser cannot be had; where everything is checked, that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium():
    """The path of Debian's Chromium, installed if that is possible."""
    if shutil.which("chromium") is None and shutil.which("apt-get") and os.geteuid() == 0:
        install = ("apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium")
        for command in (("apt-get", "update", "-qq"), install):
            subprocess.run(command, check=False, capture_output=True)
    return shutil.which("chromium") or lacking(
        "Chromium is not installed: apt-get install chromium"
    )


@pytest.fixture(scope="session")
def browser(chromium):
    """One headless browser for all stories."""
    sync = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with sync.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    """Starts the program: `with studio(*arguments, data=folder, port=number) as address`."""

    @contextmanager
    def start(*arguments, data=None, port=None):
        port = port or free_port()
        log = tmp_path_factory.mktemp("studio") / "log"
        environment = {
            **os.environ,
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
            "CHORALE_DATA": str(data or tmp_path_factory.mktemp("data")),
        }
        command = [sys.executable, "app.py", *arguments]
        with log.open("w") as output:
            program = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output
            )
            try:
                _await(f"http://127.0.0.1:{port}/", program, log)
                yield f"http://127.0.0.1:{port}/"
            finally:
                program.terminate()
                program.wait(PATIENCE)

    return start


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="session")
def address(studio):
    """Where the studio answers."""
    with studio() as answering:
        yield answering


def _await(address, program, log):
    for _ in range(10 * PATIENCE):
        if program.poll() is not None:
            pytest.fail(f"The studio ended with status {program.returncode}:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"The studio does not answer:\n{log.read_text()}")


PASSES = "(pause) => new Promise((done) => setTimeout(done, pause))"


class Visit:
    """A page with what its console said; `keep` writes a screenshot below artefacts/."""

    def __init__(self, page):
        self.page = page
        self.complaints = []
        page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def keep(self, name):
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png")

    def passes(self, pause):
        """Wait so many milliseconds by the page's own clock: what it was to do before is done."""
        self.page.evaluate(PASSES, pause)

    def phase(self, *names):
        wanted = ", ".join(f".chorale[data-phase={name}]" for name in names)
        self.page.wait_for_selector(wanted, timeout=1000 * PATIENCE)

    def plays(self, press):
        """Press what starts a run and wait until it has ended, however short it is."""
        self.page.evaluate(
            """() => {
                const studio = document.querySelector('.chorale');
                window.begun = false;
                new MutationObserver(() => { window.begun ||= studio.dataset.phase !== 'done'; })
                    .observe(studio, { attributeFilter: ['data-phase'] });
            }"""
        )
        press()
        self.page.wait_for_function("() => window.begun")
        self.phase("done")

    def open(self, address):
        self.page.goto(address)
        self.page.wait_for_selector(".chorale h1", timeout=1000 * PATIENCE)
        return self


@pytest.fixture
def visit(browser, address, request):
    """A first visit in a fresh window; the story fails if the console complains."""
    width, height = getattr(request, "param", (1280, 720))
    context = browser.new_context(
        viewport={"width": width, "height": height}, accept_downloads=True
    )
    visiting = Visit(context.new_page()).open(address)
    yield visiting
    context.close()
    assert visiting.complaints == []
