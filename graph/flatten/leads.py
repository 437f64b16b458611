"""Leads: wires through reroutes, bypassed nodes and borders become wires between plain nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from graph.drawing import MAX_WIRES, Endpoint, NodeId, Wire
from graph.errors import Diagnostic
from graph.flatten import findings
from graph.flatten.opened import Drawn, Opened
from graph.node import Node

MAX_EFFORT = 8 * MAX_WIRES
"""How many times an end may be handed on: paths through bypassed nodes can multiply."""

Ends = tuple[Endpoint, ...]


class Leads:
    """Finds the plain nodes at the beginning of every wire that ends at one.

    Where only one wire is taken (`few`), a bypassed node hands on the first of what it is given.
    """

    def __init__(self, opened: Opened, catalogue: Mapping[str, type[Node]]) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._junctions = opened.junctions
        self._types = {node.id: catalogue.get(node.type) for node in opened.nodes}
        self._arriving: dict[Endpoint, dict[Endpoint, None]] = {}
        self._known: dict[tuple[Endpoint, bool], Ends] = {}
        self._entered: dict[bool, set[Endpoint]] = {False: set(), True: set()}
        self._looped: set[NodeId] = set()
        self._effort = 0
        self._plain = [drawn for drawn in opened.wires if self._ends_plainly(drawn)]
        self._check_single()

    def wires(self) -> Iterator[Wire]:
        """The wires between plain nodes, in the order in which they were drawn.

        What arrives at one port twice by different ways arrives once.
        """
        direct = {(each.origin, each.target) for each in self._plain}
        for each in self._plain:
            if each.origin.node not in self._junctions:
                yield each.wire or _wire(each.origin, each.target)
                continue
            for origin in self._sources(each.origin, self._takes_one(each.target)):
                if (origin, each.target) not in direct:
                    direct.add((origin, each.target))
                    yield _wire(origin, each.target)
        if self._effort > MAX_EFFORT:
            self.diagnostics.append(findings.too_large())

    def _ends_plainly(self, drawn: Drawn) -> bool:
        """Whether a wire ends at a plain node; one that ends at a junction is noted there."""
        origin, target = drawn.origin, drawn.target
        before = self._junctions.get(origin.node)
        if before and not before.lenient and origin.port not in before.behind:
            self._unknown(origin, "output", before.behind)
            return False
        after = self._junctions.get(target.node)
        if after is None:
            return True
        if target.port in after.inputs:
            self._arriving.setdefault(target, {})[origin] = None
        elif not after.lenient:
            self._unknown(target, "input", after.inputs)
        return False

    def _unknown(self, end: Endpoint, side: str, known: Iterable[str]) -> None:
        title = self._junctions[end.node].title
        self.diagnostics.append(findings.unknown_port(title, end.node, side, end.port, known))

    def _check_single(self) -> None:
        for end, origins in self._arriving.items():
            junction = self._junctions[end.node]
            if junction.single and len(origins) > 1:
                found = findings.several(junction.title, end.node, end.port, len(origins))
                self.diagnostics.append(found)

    def _takes_one(self, target: Endpoint) -> bool:
        declared = self._types.get(target.node)
        ports = declared.inputs if declared else ()
        return any(port.name == target.port and not port.many for port in ports)

    def _sources(self, end: Endpoint, few: bool) -> Ends:
        """The plain ends from which a junction's output is fed; nothing where it leads in a loop.

        Walks without recursion, each junction once, for chains may be long.
        """
        waiting, entered = [end], self._entered[few]
        while waiting:
            each = waiting[-1]
            if (each, few) in self._known:
                waiting.pop()
                continue
            ahead = self._ahead(each)
            if each not in entered:
                entered.add(each)
                unknown = [one for one in ahead if one.node in self._junctions]
                unknown = [one for one in unknown if (one, few) not in self._known]
                for one in unknown:
                    if one in entered:
                        self._say_loop(one, waiting, few)
                fresh = [one for one in unknown if one not in entered]
                if fresh:
                    waiting.extend(reversed(fresh))
                    continue
            self._known[each, few] = self._gathered(each, ahead, few)
        return self._known[end, few]

    def _ahead(self, end: Endpoint) -> Iterable[Endpoint]:
        """The origins of the wires that go on at a junction's output."""
        behind = self._junctions[end.node].behind.get(end.port)
        return self._arriving.get(behind, {}) if behind else ()

    def _gathered(self, end: Endpoint, ahead: Iterable[Endpoint], few: bool) -> Ends:
        found: dict[Endpoint, None] = {}
        for one in ahead:
            ends = self._known.get((one, few), ()) if one.node in self._junctions else (one,)
            self._effort += len(ends)
            if self._effort > MAX_EFFORT:
                return ()
            found.update(dict.fromkeys(ends))
        first = few and self._junctions[end.node].lenient
        return tuple(found)[:1] if first else tuple(found)

    def _say_loop(self, start: Endpoint, waiting: Sequence[Endpoint], few: bool) -> None:
        """G003 for the way from an end that still waits for its sources back to itself, once."""
        path: list[Endpoint] = []
        for each in reversed(waiting):
            if each in self._entered[few] and (each, few) not in self._known:
                path.append(each)
            if each == start:
                break
        names = list(dict.fromkeys(each.node.rstrip("/") for each in path))
        if not self._looped.intersection(names):
            self._looped.update(names)
            titles = [self._junctions[name].title for name in names]
            self.diagnostics.append(findings.loop(titles, names[0]))


def _wire(origin: Endpoint, target: Endpoint) -> Wire:
    return Wire.model_construct(origin=".".join(origin), target=".".join(target))
