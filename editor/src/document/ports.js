/** The ports that nodes have where they stand: a reroute takes its kind from its wires, a subgraph its
 *  ports from its definition, and a node that this version does not know shows those that are wired. */

import { own } from './own.js';
import { DEEPEST, definitionOf, nodeOf, portOf } from './scope.js';

const EMPTY = { properties: {} };
export const ANY = 'any';

/** The declaration of a node in its graph. */
export function declared(workflow, graph, catalogue, node, deep = 0) {
  if (node.type === 'reroute') return reroute(workflow, graph, catalogue, node, deep);
  if (node.type === 'subgraph') return subgraph(workflow, catalogue, node, deep);
  return own(catalogue, node.type) ?? unknown(graph, node);
}

/** The inputs or outputs of a definition by name: one that leads to several places is listed several times. */
export const once = (list = []) => list.filter((each, index) => list.findIndex((other) => other.name === each.name) === index);

/** A placeholder for a node of a newer version: it is shown, and kept as it is. */
function unknown(graph, node) {
  const names = (mine) => [...new Set(graph?.wires.filter((wire) => nodeOf(wire[mine]) === node.id).map((wire) => portOf(wire[mine])))];
  const ports = (mine) => names(mine).map((name) => ({ name, kind: ANY, help: '', required: false, many: true }));
  return {
    type: node.type, label: node.type, help: 'This version does not know this node; it is kept as it is.',
    inputs: ports('to'), outputs: ports('from'), schema: EMPTY, unknown: true,
  };
}

function subgraph(workflow, catalogue, node, deep) {
  const inner = definitionOf(workflow, node);
  if (!inner || deep > DEEPEST) return { ...unknown(undefined, node), label: 'Subgraph', help: 'The definition of this subgraph is missing.', inputs: [], outputs: [] };
  const port = (side, end) => ({ name, label, [end]: at }) => {
    const found = portAt(workflow, inner, catalogue, at, side, deep + 1);
    return { name, label: label || name, kind: found?.kind ?? ANY, help: found?.help ?? '', required: found?.required ?? false, many: found?.many ?? false };
  };
  return {
    type: 'subgraph', label: inner.title || 'Subgraph', help: 'Several nodes as one. Double-click its title to enter.', schema: EMPTY,
    inputs: once(inner.inputs).map(port('inputs', 'to')), outputs: once(inner.outputs).map(port('outputs', 'from')),
  };
}

/** The port at an end `node.port` of a graph. */
export function portAt(workflow, graph, catalogue, end, side, deep = 0) {
  const node = graph.nodes.find((each) => each.id === nodeOf(end));
  return node && declared(workflow, graph, catalogue, node, deep)[side].find((port) => port.name === portOf(end));
}

function reroute(workflow, graph, catalogue, node, deep) {
  const kind = kindBefore(workflow, graph, catalogue, node, deep) ?? kindAfter(workflow, graph, catalogue, node, deep) ?? ANY;
  const port = { kind, help: '', required: false, many: false };
  return { type: 'reroute', label: 'Reroute', help: 'A bend in a wire.', schema: EMPTY, inputs: [{ ...port, name: 'in' }], outputs: [{ ...port, name: 'out' }] };
}

function kindBefore(workflow, graph, catalogue, node, deep, seen = new Set()) {
  if (seen.has(node.id)) return undefined;
  seen.add(node.id);
  const wire = graph.wires.find((each) => each.to === `${node.id}.in`);
  const source = wire && graph.nodes.find((each) => each.id === nodeOf(wire.from));
  if (source?.type === 'reroute') return kindBefore(workflow, graph, catalogue, source, deep, seen);
  return source && portAt(workflow, graph, catalogue, wire.from, 'outputs', deep)?.kind;
}

function kindAfter(workflow, graph, catalogue, node, deep, seen = new Set()) {
  if (seen.has(node.id)) return undefined;
  seen.add(node.id);
  for (const wire of graph.wires.filter((each) => each.from === `${node.id}.out`)) {
    const target = graph.nodes.find((each) => each.id === nodeOf(wire.to));
    const kind = target?.type === 'reroute' ? kindAfter(workflow, graph, catalogue, target, deep, seen) : target && portAt(workflow, graph, catalogue, wire.to, 'inputs', deep)?.kind;
    if (kind) return kind;
  }
  const taken = graph.outputs?.some((each) => each.from === `${node.id}.out`);
  return taken ? ANY : undefined;
}
