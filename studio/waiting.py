"""How many runs come before one: read from the queue that gradio keeps."""

from __future__ import annotations

from typing import Any

from graph.errors import Diagnostic

QUEUE_NAME = "sampling"
"""What samples shares one queue, from the page and from outside."""


def place(queue: Any, run: object) -> dict[str, Any]:
    """Where a run stands: {waits, before, lost}.

    `before` counts the runs that play or wait before it. `lost` is what to say of a run that does
    not wait and never began.
    """
    line = queue.event_queue_per_concurrency_id.get(QUEUE_NAME)
    waiting = list(line.queue) if line else []
    for number, event in enumerate(waiting):
        if _name(event) == run:
            return {"waits": True, "before": number + line.current_concurrency, "lost": None}
    full = queue.max_size is not None and len(waiting) >= queue.max_size
    return {"waits": False, "before": 0, "lost": (_full(len(waiting)) if full else LOST).as_json()}


LOST = Diagnostic("P005", "The run did not reach the studio.", "Press Run again.")


def _full(waiting: int) -> Diagnostic:
    return Diagnostic(
        "P004", f"{waiting} runs wait already; no more can.", "Try again in a minute."
    )


def _name(event: Any) -> object:
    """The run that a waiting event is to play; None for a call from outside."""
    told = getattr(event.data, "event_data", None)
    return told.get("run") if isinstance(told, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
