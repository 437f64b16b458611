/** Edits of one graph. Every function returns a new graph that shares what it did not change. */

import { same } from './fit.js';
import { freshName } from './own.js';
import { IN, MORE, OUT } from './reading.js';
import { nodeOf, portOf } from './scope.js';
import { framesOf, moved, withView } from './view.js';

/** A copy with one node more, at a place. */
export const withNode = (graph, node, place) => moved({ ...graph, nodes: [...graph.nodes, node] }, { [node.id]: place });

/** A copy with a node changed. */
export function withChange(graph, id, changes) {
  return { ...graph, nodes: graph.nodes.map((node) => (node.id === id ? { ...node, ...changes } : node)) };
}

/** A copy with one wire more; at the edge of a subgraph, with one input or output more. */
export function wired(graph, { from, to }) {
  if (nodeOf(from) === IN) return rimmed(graph, 'inputs', 'to', portOf(from), to);
  if (nodeOf(to) === OUT) return rimmed(graph, 'outputs', 'from', portOf(to), from);
  return { ...graph, wires: [...graph.wires, { from, to }] };
}

function rimmed(graph, side, key, name, end) {
  const list = graph[side] ?? [];
  const known = list.find((each) => each.name === name);
  const fresh = freshName(portOf(end), new Set(list.map((each) => each.name)));
  const added = known ? { ...known, [key]: end } : { name: fresh, label: portOf(end), [key]: end };
  return { ...graph, [side]: [...list, added] };
}

/** A copy without a wire; at the edge of a subgraph, without the input or output. */
export function unplugged(graph, wire) {
  const [inlet, outlet] = [nodeOf(wire.from) === IN, nodeOf(wire.to) === OUT];
  if (inlet) return { ...graph, inputs: graph.inputs.filter((each) => each.name !== portOf(wire.from) || each.to !== wire.to) };
  if (outlet) return { ...graph, outputs: graph.outputs.filter((each) => each.name !== portOf(wire.to) || each.from !== wire.from) };
  return { ...graph, wires: graph.wires.filter((each) => !same(each, wire)) };
}

/** A copy in which a wire ends elsewhere, in its old place among the wires where that is possible. */
export function replugged(graph, old, wire) {
  const swapped = (side, mine, key) => ({ ...graph, [side]: graph[side].map((each) => (each.name === portOf(old[mine]) && each[key] === old[key] ? { ...each, [key]: wire[key] } : each)) });
  if (nodeOf(old.from) === IN && old.from === wire.from) return swapped('inputs', 'from', 'to');
  if (nodeOf(old.to) === OUT && old.to === wire.to) return swapped('outputs', 'to', 'from');
  const rim = [old, wire].some(({ from, to }) => nodeOf(from) === IN || nodeOf(to) === OUT);
  if (rim) return wired(unplugged(graph, old), wire);
  return { ...graph, wires: graph.wires.map((each) => (same(each, old) ? { ...each, ...wire } : each)) };
}

/** A copy without nodes, groups and notes; the wires of a reroute that goes are joined. */
export function without(graph, ids) {
  const gone = new Set(ids);
  const bends = graph.nodes.filter((node) => gone.has(node.id) && node.type === 'reroute');
  const joined = bends.reduce(straightened, graph);
  const touches = (wire) => gone.has(nodeOf(wire.from)) || gone.has(nodeOf(wire.to));
  const places = Object.fromEntries(Object.entries(graph.view?.places ?? {}).filter(([id]) => !gone.has(id)));
  const kept = (list) => framesOf(graph, list).filter((each) => !gone.has(each.id));
  const next = {
    ...joined,
    nodes: joined.nodes.filter((node) => !gone.has(node.id)),
    wires: joined.wires.filter((wire) => !touches(wire)),
  };
  if (graph.inputs) next.inputs = joined.inputs.filter((each) => !gone.has(nodeOf(each.to)));
  if (graph.outputs) next.outputs = joined.outputs.filter((each) => !gone.has(nodeOf(each.from)));
  const collapsed = Array.isArray(graph.view?.collapsed) ? graph.view.collapsed.filter((id) => !gone.has(id)) : undefined;
  return withView(next, { places, collapsed, groups: kept('groups'), notes: kept('notes') });
}

/** A copy in which every wire out of a reroute starts where the wire into it does. */
function straightened(graph, bend) {
  const into = graph.wires.find((wire) => wire.to === `${bend.id}.in`);
  if (!into) return graph;
  const direct = (wire) => (wire.from === `${bend.id}.out` ? { ...wire, from: into.from } : wire);
  const next = { ...graph, wires: graph.wires.map(direct) };
  return graph.outputs ? { ...next, outputs: graph.outputs.map((each) => (each.from === `${bend.id}.out` ? { ...each, from: into.from } : each)) } : next;
}

/** A copy with a reroute put into a wire. */
export function bent(graph, wire, id, place) {
  const grown = withNode(graph, { id, type: 'reroute', settings: {} }, place);
  const first = replugged(grown, wire, { from: wire.from, to: `${id}.in` });
  return wired(first, { from: `${id}.out`, to: wire.to });
}

/** A copy in which nodes are bypassed, or none of them if all were. */
export function bypassedOrNot(graph, ids) {
  const all = graph.nodes.every((node) => !ids.includes(node.id) || node.bypass === true);
  const turned = (node) => {
    const { bypass, ...rest } = node;
    return all ? rest : { ...rest, bypass: true };
  };
  return { ...graph, nodes: graph.nodes.map((node) => (ids.includes(node.id) ? turned(node) : node)) };
}

/** A copy in which an input or output of a subgraph has another label, or another rank. */
export function relabelled(graph, side, name, label) {
  return { ...graph, [side]: graph[side].map((each) => (each.name === name ? { ...each, label: label.slice(0, 80) } : each)) };
}

export function reranked(graph, side, name, by) {
  const names = [...new Set(graph[side].map((each) => each.name))];
  const at = names.indexOf(name);
  const to = Math.max(0, Math.min(names.length - 1, at + by));
  names.splice(to, 0, ...names.splice(at, 1));
  return { ...graph, [side]: names.flatMap((each) => graph[side].filter((port) => port.name === each)) };
}
