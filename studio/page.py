"""The page: one mounted editor, one hidden bus, and the functions that they call."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import gradio as gr
from gradio.data_classes import FileData
from gradio.utils import colab_check

from graph.errors import ChoraleError, Diagnostic
from studio.calls import Call, answer
from studio.exports import exported
from studio.piece import memory
from studio.session import Session
from studio.waiting import QUEUE_NAME
from studio.waiting import place as place_of

EDITOR = Path(__file__).resolve().parents[1] / "assets" / "editor"
QUEUE = 32
"""Runs that may wait; the next visitor is told that the studio is full."""
UPLOAD = "16mb"
MCP = "mcp==1.30.0"
"""What an MCP server needs beyond requirements.txt; the extra `mcp` of pyproject.toml."""
BROUGHT = {"x-forwarded-for", "x-real-ip", "forwarded", "via"}
"""Headers of a request that a proxy has passed on."""
LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]")
HOUR, DAY = 3_600, 86_400
"""How often the files of answered calls are looked through, and how long they stay."""

_BARE = """
html, body, gradio-app { background: #15161c !important; }
footer, .loading, .wrap.default, .toast-wrap { display: none !important; }
"""
_DARK = "() => document.body.classList.add('dark')"


def serve(
    session: Session | None = None,
    *,
    mcp: bool = False,
    training: bool | None = None,
    **launch: Any,
) -> gr.Blocks:
    """Open the page and block; `launch` goes to gradio (port, address, prevent_thread_lock).

    `mcp` also answers as an MCP server. `training` lets visitors train; unless it is said, they
    may on a page that this machine alone can open. ChoraleError P003 if what MCP needs is not
    installed, R013 if what may be taken of the memory is no number.
    """
    memory()  # said now rather than at the first run
    if mcp and find_spec("mcp") is None:
        raise ChoraleError(
            Diagnostic(
                "P003",
                "The MCP server needs the package mcp, which is not installed.",
                f"Install it: pip install {MCP}",
            )
        )
    session = session or Session()
    session.private = private(launch)
    session.training.allowed = session.private if training is None else training
    session.training.everyone = bool(training)
    page = build(session)
    page.queue(max_size=QUEUE)
    stays = not launch.pop("prevent_thread_lock", False)
    page.launch(
        prevent_thread_lock=True,
        theme=gr.themes.Base(font=["system-ui", "sans-serif"]),
        css=_BARE,
        js=_DARK,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=False,
        enable_monitoring=False,
        max_file_size=UPLOAD,
        mcp_server=mcp,
        **launch,
    )
    # Only a page that answers has time to load torch: both at once would hold up the first visitor.
    threading.Thread(target=session.warm, name="warm", daemon=True).start()
    if stays:
        page.block_thread()
    return page


def private(launch: Mapping[str, Any]) -> bool:
    """Whether a page that is launched so can be opened from this machine alone."""
    address = launch.get("server_name") or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    told = os.environ.get("GRADIO_SHARE", "").lower() == "true"
    shared = launch.get("share") or (launch.get("share") is None and (told or colab_check()))
    return address in LOCAL and not shared and "SPACE_ID" not in os.environ


def _near(request: gr.Request) -> bool:
    """Whether no proxy has brought the request."""
    headers = cast("Mapping[str, str]", request.headers)
    return BROUGHT.isdisjoint(headers.keys())


def build(session: Session) -> gr.Blocks:
    """The page over a session: the workflow as a value, events on the bus, controls un-queued."""
    gr.set_static_paths([EDITOR])
    with gr.Blocks(
        title="Chorale", fill_width=True, fill_height=True, delete_cache=(HOUR, DAY)
    ) as page:
        editor = _editor(session, page)
        bus = _bus()

        def play(
            workflow: dict[str, Any], event: gr.EventData, request: gr.Request
        ) -> Iterator[dict[str, Any]]:
            """Stream a run's events to the bus."""
            asked: dict[str, Any] = event._data or {}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            visitor = str(request.session_hash)
            yield from session.play(
                asked.get("run"),
                workflow,
                asked.get("record"),
                visitor,
                key=asked.get("visitor"),
                sheet=asked.get("sheet"),
            )
            # gradio sends a generator's last value twice: not the pictures, but this
            yield {"run": asked.get("run"), "type": "over"}

        def leave(request: gr.Request) -> None:
            """Stop what a closed page has left playing."""
            session.leave(str(request.session_hash))

        editor.run(
            play,
            editor,
            bus,
            concurrency_id=QUEUE_NAME,
            concurrency_limit=1,
            show_progress="hidden",
            trigger_mode="multiple",  # whoever stops a run that waits may ask for the next at once
            api_visibility="private",
        )
        page.unload(leave)
        gr.api(run, api_name="run", concurrency_id=QUEUE_NAME, concurrency_limit=1)
    return page


def run(
    workflow: dict[str, Any],
    settings: dict[str, Any] | None = None,
    seed: int | None = None,
    count: int | None = None,
    performance: list[Any] | None = None,
) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Play a workflow and return its pictures with the record of the run.

    Args:
        workflow: The workflow, as a workflow file holds it.
        settings: Settings to replace, by node.setting, such as {"text.text": "a red house"}.
        seed: The seed to sample from; the workflow's own if left out.
        count: Pictures in one batch; the workflow's own number if left out.
        performance: Fader moves to replay, as rows [step, control, value].

    Returns:
        The PNG files, each carrying its workflow, and {seed, seconds, share, performance}; until
        they are made, no files and {step, steps, seconds_left}.
    """
    call = Call(workflow, settings, seed, count, performance)
    try:
        with TemporaryDirectory() as folder:
            for paths, told in answer(call, Path(folder)):
                yield [FileData(path=str(path)).model_dump() for path in paths], told
    except ChoraleError as error:
        raise gr.Error(str(error), print_exception=False) from None


# gradio reads from here how many values a call returns, and does not look inside an iterator
run.__annotations__["return"] = tuple[list[dict[str, Any]], dict[str, Any]]


def _editor(session: Session, blocks: gr.Blocks) -> gr.HTML:
    """The editor, mounted once into a template that never renders again."""

    def set_control(asked: dict[str, Any]) -> dict[str, Any]:
        return session.set_control(asked)

    def stop(asked: dict[str, Any]) -> dict[str, Any]:
        return session.stop(asked)

    def check(asked: dict[str, Any]) -> dict[str, Any]:
        return session.check(asked)

    def unfit(asked: dict[str, Any]) -> dict[str, Any]:
        return session.unfit(asked)

    def templates(_: dict[str, Any]) -> list[dict[str, Any]]:
        return session.templates()

    def thumbnails(asked: dict[str, Any]) -> str | None:
        return session.thumbnails(asked)

    def template(asked: dict[str, Any]) -> dict[str, Any] | None:
        return session.template(asked)

    def open_picture(asked: dict[str, Any]) -> dict[str, Any]:
        return session.open_picture(asked)

    def open_text(asked: dict[str, Any]) -> dict[str, Any]:
        return session.open_text(asked)

    def kept(asked: dict[str, Any]) -> dict[str, Any]:
        return session.history.list(asked)

    def reopen(asked: dict[str, Any]) -> dict[str, Any]:
        return session.history.open(asked)

    def forget(asked: dict[str, Any]) -> dict[str, Any]:
        return session.history.delete(asked)

    def download(asked: dict[str, Any]) -> dict[str, Any]:
        return session.history.download(asked)

    def export(asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        return exported(asked, near=session.private and _near(request))

    def training(asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        return session.training.answer(asked, near=_near(request))

    def models(_: dict[str, Any]) -> dict[str, Any]:
        return session.models()

    def inventory(_: dict[str, Any]) -> dict[str, Any]:
        return session.inventory()

    def place(asked: dict[str, Any]) -> dict[str, Any]:
        if session.plays(asked.get("run")):
            return {"waits": True, "before": 0, "lost": None}
        return place_of(blocks._queue, asked.get("run"))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    opening = session.opening()
    return gr.HTML(
        value=opening["workflow"],
        html_template="<div class='chorale-mount'></div>",
        js_on_load=(
            "/* the event 'run' */"
            f"import(new URL('{_address('editor.js')}', document.baseURI).href).then((editor) => "
            "editor.mount(element.querySelector('.chorale-mount'), "
            "{ props, trigger, watch, server }));"
        ),
        head=f"<link rel='stylesheet' href='{_address('editor.css')}'>",
        apply_default_css=False,
        elem_id="editor",
        server_functions=[
            set_control,
            stop,
            check,
            unfit,
            thumbnails,
            templates,
            template,
            open_picture,
            open_text,
            kept,
            reopen,
            forget,
            download,
            export,
            training,
            models,
            inventory,
            place,
        ],
        studio={
            "catalogue": session.catalogue(),
            "models": session.models(),
            "training": session.training.allowed,
            "opening": {"title": opening["workflow"]["title"], "picture": opening["picture"]},
        },
    )


def _bus() -> gr.HTML:
    """The channel from Python to the page: every value becomes an event of the window."""
    return gr.HTML(
        value=None,
        visible="hidden",
        html_template="<i></i>",
        apply_default_css=False,
        elem_id="bus",
        js_on_load=(
            "watch('value', () => window.dispatchEvent("
            "new CustomEvent('chorale:event', { detail: props.value })));"
        ),
    )


def _address(name: str) -> str:
    """A built file's address relative to the page, which holds below a sub-path and in a frame."""
    version = hashlib.sha256((EDITOR / name).read_bytes()).hexdigest()[:12]
    return f"gradio_api/file={(EDITOR / name).as_posix()}?v={version}"
