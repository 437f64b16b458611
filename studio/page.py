"""The page: one mounted editor, one hidden bus, and the functions that they call."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from studio.session import Session

EDITOR = Path(__file__).resolve().parents[1] / "assets" / "editor"
QUEUE = 32
"""Runs that may wait; the next visitor is told that the studio is full."""
UPLOAD = "16mb"

_BARE = """
html, body, gradio-app { background: #15161c !important; }
footer, .loading, .wrap.default { display: none !important; }
"""
_DARK = "() => document.body.classList.add('dark')"


def serve(session: Session | None = None, **launch: Any) -> gr.Blocks:
    """Open the page and block; `launch` goes to gradio (port, address, prevent_thread_lock)."""
    session = session or Session()
    page = build(session)
    page.queue(max_size=QUEUE)
    threading.Thread(target=session.warm, name="warm", daemon=True).start()
    page.launch(
        theme=gr.themes.Base(font=["system-ui", "sans-serif"]),
        css=_BARE,
        js=_DARK,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=False,
        enable_monitoring=False,
        max_file_size=UPLOAD,
        **launch,
    )
    return page


def build(session: Session) -> gr.Blocks:
    """The page over a session: the workflow as a value, events on the bus, controls un-queued."""
    gr.set_static_paths([EDITOR])
    with gr.Blocks(title="Chorale", fill_width=True, fill_height=True) as page:
        editor = _editor(session)
        bus = _bus()

        def play(
            workflow: dict[str, Any], event: gr.EventData, request: gr.Request
        ) -> Iterator[dict[str, Any]]:
            """Stream a run's events to the bus."""
            asked: dict[str, Any] = event._data or {}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            visitor = str(request.session_hash)
            yield from session.play(asked.get("run"), workflow, asked.get("record"), visitor)

        def leave(request: gr.Request) -> None:
            """Stop what a closed page has left playing."""
            session.leave(str(request.session_hash))

        editor.run(
            play,
            editor,
            bus,
            concurrency_id="sampling",
            concurrency_limit=1,
            show_progress="hidden",
            api_visibility="private",
        )
        page.unload(leave)
    return page


def _editor(session: Session) -> gr.HTML:
    """The editor, mounted once into a template that never renders again."""

    def set_control(asked: dict[str, Any]) -> dict[str, Any]:
        return session.set_control(asked)

    def stop(asked: dict[str, Any]) -> dict[str, Any]:
        return session.stop(asked)

    def check(asked: dict[str, Any]) -> dict[str, Any]:
        return session.check(asked)

    def templates(_: dict[str, Any]) -> list[dict[str, Any]]:
        return session.templates()

    def template(asked: dict[str, Any]) -> dict[str, Any] | None:
        return session.template(asked)

    def open_picture(asked: dict[str, Any]) -> dict[str, Any]:
        return session.open_picture(asked)

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
        server_functions=[set_control, stop, check, templates, template, open_picture],
        studio={
            "catalogue": session.catalogue(),
            "models": session.models(),
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
