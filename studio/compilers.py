"""Compilers: one for each page that edits, so that a check works out what has changed alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graph.compile import Compiled, Compiler, compile_workflow
from graph.node import Node
from graph.workflow import Workflow
from studio.drafts import PAGE

if TYPE_CHECKING:
    from graph.library import Library

MAX_COMPILERS = 32


@dataclass(frozen=True, slots=True)
class _Held:
    """A page's compiler, which serves one thread at a time."""

    compiler: Compiler
    lock: threading.Lock = field(default_factory=threading.Lock)


class Compilers:
    """The compilers of pages by the pages' unguessable names; those longest unused are let go."""

    def __init__(self, catalogue: Mapping[str, type[Node]], library: Library) -> None:
        self._catalogue = catalogue
        self._library = library
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()

    def compile(self, page: object, workflow: Workflow) -> Compiled:
        """The workflow compiled with what is kept for the page; from nothing without a name."""
        if not isinstance(page, str) or not PAGE.fullmatch(page):
            return compile_workflow(workflow, self._catalogue, self._library)
        held = self._of(page)
        with held.lock:
            return held.compiler.compile(workflow)

    def _of(self, page: str) -> _Held:
        with self._lock:
            if page not in self._held:
                self._held[page] = _Held(Compiler(self._catalogue, self._library))
            self._held.move_to_end(page)
            while len(self._held) > MAX_COMPILERS:
                self._held.popitem(last=False)
            return self._held[page]
