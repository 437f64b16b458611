/** The definitions of subgraphs, kept whole through every edit of the graphs that use them. */

import { freshName, isRecord } from './own.js';
import { definitionOf, graphAt, nodeOf, portOf, withGraph } from './scope.js';

/** The document after `change` of the graph at a path; wires to ports that are no more go with them. */
export function edited(workflow, path, change) {
  const before = graphAt(workflow, path);
  const after = change(before);
  if (after === before) return workflow;
  const next = withGraph(workflow, path, after);
  return path.length ? withoutLooseWires(next, before, after) : withoutUnused(next);
}

function withoutLooseWires(workflow, before, after) {
  const gone = (side) => (before[side] ?? []).map((each) => each.name).filter((name) => !(after[side] ?? []).some((each) => each.name === name));
  const [inputs, outputs] = [gone('inputs'), gone('outputs')];
  if (!inputs.length && !outputs.length) return withoutUnused(workflow);
  const cut = (graph) => {
    const uses = new Set(graph.nodes.filter((node) => definitionOf(workflow, node) === after).map((node) => node.id));
    const loose = (end, names) => uses.has(nodeOf(end)) && names.includes(portOf(end));
    const wires = graph.wires.filter((wire) => !loose(wire.to, inputs) && !loose(wire.from, outputs));
    const next = { ...graph, wires };
    if (graph.inputs) next.inputs = graph.inputs.filter((each) => !loose(each.to, inputs));
    if (graph.outputs) next.outputs = graph.outputs.filter((each) => !loose(each.from, outputs));
    return next;
  };
  const subgraphs = Object.fromEntries(Object.entries(workflow.subgraphs).map(([name, graph]) => [name, cut(graph)]));
  return withoutUnused({ ...cut(workflow), subgraphs });
}

/** A copy that keeps only the definitions that some node leads to. */
export function withoutUnused(workflow) {
  if (!isRecord(workflow.subgraphs)) return workflow;
  const used = new Set();
  const visit = (graph) => {
    for (const node of graph.nodes) {
      const name = node.type === 'subgraph' ? node.settings?.of : undefined;
      if (used.has(name) || !definitionOf(workflow, node)) continue;
      used.add(name);
      visit(workflow.subgraphs[name]);
    }
  };
  visit(workflow);
  const names = Object.keys(workflow.subgraphs);
  if (names.every((name) => used.has(name))) return workflow;
  const { subgraphs, ...rest } = workflow;
  const kept = names.filter((name) => used.has(name)).map((name) => [name, subgraphs[name]]);
  return kept.length ? { ...rest, subgraphs: Object.fromEntries(kept) } : rest;
}

/** A copy in which the graph at a path is drawn for this place alone: what stands elsewhere too is copied. */
export function alone(workflow, path) {
  return path.reduce((before, id, depth) => {
    const outer = graphAt(before, path.slice(0, depth));
    const name = outer?.nodes.find((node) => node.id === id)?.settings?.of;
    const uses = [before, ...Object.values(before.subgraphs ?? {})].flatMap((graph) => graph.nodes).filter((node) => node.type === 'subgraph' && node.settings?.of === name);
    if (!outer || uses.length < 2) return before;
    const own = freshName(name, new Set(Object.keys(before.subgraphs)));
    const nodes = outer.nodes.map((node) => (node.id === id ? { ...node, settings: { ...node.settings, of: own } } : node));
    return withGraph({ ...before, subgraphs: { ...before.subgraphs, [own]: before.subgraphs[name] } }, path.slice(0, depth), { ...outer, nodes });
  }, workflow);
}
