"""Ways to draw the same workflow differently: parts in subgraphs, wires led around."""

from __future__ import annotations

import copy
import hashlib
import random
import re
from collections.abc import Collection
from typing import Any

from graph.plan import Operation, Plan

Document = dict[str, Any]


def node_of(end: str) -> str:
    """The node of `node.port`."""
    return end.partition(".")[0]


def wrapped(document: Document, chosen: Collection[str], name: str, by: str = "wire") -> Document:
    """The document with some nodes moved into a subgraph, which stands as the node `name`.

    Wires from outside share an input `by` their origin or their target, or have one each.
    """
    found = copy.deepcopy(document)
    inner: Document = {"title": name.upper(), "nodes": [], "wires": [], "inputs": [], "outputs": []}
    nodes: list[Document] = []
    for node in found["nodes"]:
        if node["id"] not in chosen:
            nodes.append(node)
            continue
        if not inner["nodes"]:
            nodes.append({"id": name, "type": "subgraph", "settings": {"of": name}})
        inner["nodes"].append(node)
    wires: list[Document] = []
    entries: dict[str, str] = {}
    exits: dict[str, str] = {}
    for number, wire in enumerate(found["wires"]):
        inside = node_of(wire["from"]) in chosen, node_of(wire["to"]) in chosen
        if all(inside):
            inner["wires"].append(wire)
        elif inside[1]:
            key = {"origin": wire["from"], "target": wire["to"], "wire": str(number)}[by]
            port = entries.setdefault(key, f"in{len(entries)}")
            add(inner["inputs"], {"name": port, "label": key, "to": wire["to"]})
            add(wires, {"from": wire["from"], "to": f"{name}.{port}"})
        elif inside[0]:
            port = exits.setdefault(wire["from"], f"out{len(exits)}")
            add(inner["outputs"], {"name": port, "label": port, "from": wire["from"]})
            wires.append({"from": f"{name}.{port}", "to": wire["to"]})
        else:
            wires.append(wire)
    found |= {"nodes": nodes, "wires": wires}
    found.setdefault("subgraphs", {})[name] = inner
    return found


def add(entries: list[Document], entry: Document) -> None:
    """Append what is not there yet."""
    if entry not in entries:
        entries.append(entry)


def rerouted(document: Document, chance: random.Random, name: str) -> Document:
    """The document with a reroute on a wire, an input or an output somewhere."""
    found = copy.deepcopy(document)
    drawings = [found, *found.get("subgraphs", {}).values()]
    spots = [
        (drawing, kind, entry)
        for drawing in drawings
        for kind in ("wires", "inputs", "outputs")
        for entry in drawing.get(kind, ())
    ]
    drawing, kind, entry = chance.choice(spots)
    drawing["nodes"].append({"id": name, "type": "reroute"})
    if kind == "inputs":
        drawing["wires"].append({"from": f"{name}.out", "to": entry["to"]})
        entry["to"] = f"{name}.in"
    else:
        drawing["wires"].append({"from": entry["from"], "to": f"{name}.in"})
        entry["from"] = f"{name}.out"
    return found


def redrawn(document: Document, chance: random.Random, times: int) -> Document:
    """The same workflow after some of both, one within the other."""
    for number in range(times):
        if chance.random() < 0.5:
            document = rerouted(document, chance, f"bend{number}")
            continue
        ids = [node["id"] for node in document["nodes"]]
        chosen = chance.sample(ids, chance.randint(1, len(ids)))
        by = chance.choice(("wire", "origin", "target"))
        document = wrapped(document, chosen, f"part{number}", by)
    return document


def essence(plan: Plan) -> list[str]:
    """What a plan does, but for ids and for the order in which equals are fused or multiplied."""
    known: list[str] = []
    for operation in plan.operations:
        text = _essence(operation, [known[ref.number] for ref in operation.inputs])
        known.append(f"{operation.op} {hashlib.sha256(text.encode()).hexdigest()} {text}")
    return sorted(known)


def _essence(operation: Operation, inputs: list[str]) -> str:
    heads = [each[:40] for each in inputs]
    if operation.op == "fuse":
        last = heads[-1:] if operation["background"] else []
        heads = sorted(heads[: len(heads) - len(last)]) + last
    settings = dict(operation.settings)
    factors: Any = settings.get("weight", ())
    rest = [f"{name}={value!r}" for name, value in settings.items() if name != "weight"]
    parts = [*sorted(repr(factor) for factor in map(_plain, factors)), *map(_plain, rest)]
    return f"{heads} {parts}"


def _plain(value: object) -> str:
    """Without the subgraphs that a node lies in."""
    return re.sub(r"\bpart\w*/", "", f"{value!r}")
