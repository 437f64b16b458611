"""How many runs come before one: read from the queue that gradio keeps."""

from __future__ import annotations

from typing import Any

QUEUE_NAME = "sampling"
"""What samples shares one queue, from the page and from outside."""


def place(queue: Any, run: object) -> dict[str, Any]:
    """Where a run stands: {waits, before, full}.

    `before` counts the runs that play or wait before it; `waits` is false for a run that plays, has
    ended, or never arrived.
    """
    line = queue.event_queue_per_concurrency_id.get(QUEUE_NAME)
    waiting = list(line.queue) if line else []
    full = queue.max_size is not None and len(waiting) >= queue.max_size
    for number, event in enumerate(waiting):
        if _name(event) == run:
            return {"waits": True, "before": number + line.current_concurrency, "full": full}
    return {"waits": False, "before": 0, "full": full}


def _name(event: Any) -> object:
    """The run that a waiting event is to play; None for a call from outside."""
    told = getattr(event.data, "event_data", None)
    return told.get("run") if isinstance(told, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
