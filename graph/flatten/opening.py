"""Opening: the nodes of every subgraph come to lie beside those of the workflow."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from graph.addresses import MAX_DEPTH
from graph.drawing import REROUTE, STRUCTURE, Endpoint, NodeId, WorkflowNode
from graph.flatten import findings
from graph.flatten.kinds import Kinds
from graph.flatten.opened import Drawn, Junction, Opened, Scope
from graph.node import Node
from graph.workflow import Workflow


class Opening:
    """Walks through a workflow once, and into every subgraph wherever it stands.

    With `closed`, subgraphs are left as placeholders.
    """

    def __init__(
        self, workflow: Workflow, catalogue: Mapping[str, type[Node]], *, closed: bool = False
    ) -> None:
        self._workflow = workflow
        self._catalogue = catalogue
        self._closed = closed
        self._kinds = Kinds(workflow.subgraphs, catalogue)
        self._found = Opened()
        self._entered: set[str] = set()

    def opened(self) -> Opened:
        """Everything that is found; TooLargeError if that is more than a workflow may have."""
        self._open(Scope(self._workflow))
        return self._found

    def _open(self, scope: Scope) -> None:
        nodes: dict[NodeId, WorkflowNode] = {}
        for node in scope.drawing.nodes:
            nodes.setdefault(node.id, node)
        self._found.count += len(nodes)
        for node in nodes.values():
            self._place(node, scope)
        for wire in scope.drawing.wires:
            own = None if scope.outer else wire
            ends = scope.end(wire.source_end), scope.end(wire.target_end)
            self._found.wires.append(Drawn(*ends, own))

    def _place(self, node: WorkflowNode, scope: Scope) -> None:
        name, title = scope.outer + node.id, scope.titled(self._title(node))
        declared = self._catalogue.get(node.type)
        newer = declared is not None and node.version > declared.version
        if node.bypass:
            self._found.junctions[name] = self._bypassed(name, title, node)
        elif declared is None or newer or node.type not in STRUCTURE or self._faulty(node, name):
            self._keep(node, name, title, scope)
        elif node.type == REROUTE:
            through = {"out": Endpoint(name, "in")}
            self._found.junctions[name] = Junction(title, frozenset({"in"}), through, single=True)
        elif self._refused(node, name, title, scope):
            self._keep(node, name, title, scope)
        else:
            self._enter(node, name, title, scope)

    def _keep(self, node: WorkflowNode, name: NodeId, title: str, scope: Scope) -> None:
        inner = {"id": name, "title": title}
        self._found.nodes.append(node.model_copy(update=inner) if scope.outer else node)

    def _faulty(self, node: WorkflowNode, name: NodeId) -> bool:
        """Whether the settings of a structural node are wrong, which is kept to be told."""
        try:
            self._catalogue[node.type].model_validate(node.settings)
        except ValidationError as error:
            self._found.faults[name] = error
        return name in self._found.faults

    def _bypassed(self, name: NodeId, title: str, node: WorkflowNode) -> Junction:
        inputs, outputs = self._kinds.of(node)
        behind = {
            port: Endpoint(name, next(each for each in inputs if inputs[each] == kind))
            for port, kind in outputs.items()
            if kind in inputs.values()
        }
        return Junction(title, frozenset(inputs), behind, lenient=True)

    def _refused(self, node: WorkflowNode, name: NodeId, title: str, scope: Scope) -> bool:
        """Whether a subgraph stays closed, and why."""
        if self._closed:
            return True
        called, within = node.definition, scope.names
        if called not in self._workflow.subgraphs:
            found = findings.missing(called, title, name, self._workflow.subgraphs)
        elif called in within:
            found = findings.contains_itself(title, name, (*within[within.index(called) :], called))
        elif len(within) >= MAX_DEPTH:
            found = findings.too_deep(title, name)
        else:
            return False
        self._found.diagnostics.append(found)
        return True

    def _enter(self, node: WorkflowNode, name: NodeId, title: str, scope: Scope) -> None:
        definition = self._workflow.subgraphs[node.definition]
        inside = Scope(definition, f"{name}/", title, (*scope.names, node.definition))
        inputs = {inlet.name: Endpoint(name, inlet.name) for inlet in definition.inputs}
        outputs = {
            outlet.name: Endpoint(inside.outer, outlet.name) for outlet in definition.outputs
        }
        self._found.junctions[name] = Junction(title, frozenset(inputs), outputs)
        self._found.junctions[inside.outer] = Junction(title, frozenset(outputs), inputs)
        if node.definition not in self._entered:
            self._entered.add(node.definition)
            self._found.diagnostics.extend(findings.doubles(title, definition))
        self._found.check_size()
        self._open(inside)
        for inlet in definition.inputs:
            origin = Endpoint(inside.outer, inlet.name)
            self._found.wires.append(Drawn(origin, inside.end(inlet.target_end)))
        for outlet in definition.outputs:
            self._found.wires.append(Drawn(inside.end(outlet.source_end), outputs[outlet.name]))
        self._found.check_size()

    def _title(self, node: WorkflowNode) -> str:
        definition = self._workflow.subgraphs.get(node.definition)
        declared = self._catalogue.get(node.type)
        label = declared.label if declared else node.type
        return node.title or (definition.title if definition else "") or label
