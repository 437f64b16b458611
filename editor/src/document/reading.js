/** One graph as the canvas draws it: every node with its ports, every wire, and inside a subgraph the
 *  two edges of it, `@in` and `@out`, whose ports are the subgraph's own. */

import { declared, once, ANY } from './ports.js';
import { nodeOf, portOf } from './scope.js';

export const IN = '@in';
export const OUT = '@out';
/** The port of an edge that makes a new one when it is wired. */
export const MORE = '+';

/** {graph, nodes, declarations, wires, title(id), port(end, side)} of the graph at a path. */
export function read(workflow, graph, catalogue, inside) {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const declarations = new Map(graph.nodes.map((node) => [node.id, declared(workflow, graph, catalogue, node)]));
  const wires = [...graph.wires];
  if (inside) {
    const kind = (end, side) => declarations.get(nodeOf(end))?.[side].find((port) => port.name === portOf(end))?.kind ?? ANY;
    const more = { name: MORE, label: 'new', kind: ANY, help: 'Wire it, and the subgraph has one more.', many: false };
    const rim = (side, end) => once(graph[side]).map((each) => ({ name: each.name, label: each.label || each.name, kind: kind(each[end], side), help: '', many: false }));
    const [inputs, outputs] = [rim('inputs', 'to'), rim('outputs', 'from')];
    declarations.set(IN, { type: IN, label: 'Inputs', inputs: [], outputs: [...inputs, more], schema: { properties: {} } });
    declarations.set(OUT, { type: OUT, label: 'Outputs', inputs: [...outputs, more], outputs: [], schema: { properties: {} } });
    wires.unshift(...(graph.inputs ?? []).map((each) => ({ from: `${IN}.${each.name}`, to: each.to })));
    wires.push(...(graph.outputs ?? []).map((each) => ({ from: each.from, to: `${OUT}.${each.name}` })));
  }
  for (const wire of wires) {
    stray(declarations, wire.from, 'outputs');
    stray(declarations, wire.to, 'inputs');
  }
  const title = (id) => nodes.get(id)?.title || (declarations.get(id)?.label ?? id);
  const port = (end, side) => declarations.get(nodeOf(end))?.[side].find((each) => each.name === portOf(end));
  return { graph, inside, nodes, declarations, wires, title, port };
}

/** A wire may end at a port that its node does not have: it is shown, so that it can be unplugged. */
function stray(declarations, end, side) {
  const declaration = declarations.get(nodeOf(end));
  if (!declaration || declaration[side].some((port) => port.name === portOf(end))) return;
  const port = { name: portOf(end), kind: ANY, help: 'This node has no such port.', many: true, stray: true };
  declarations.set(nodeOf(end), { ...declaration, [side]: [...declaration[side], port] });
}

/** The ends that are wired to `end`. */
export const partners = (reading, end) => reading.wires.filter((wire) => wire.from === end || wire.to === end).map((wire) => (wire.from === end ? wire.to : wire.from));
