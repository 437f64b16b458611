/** Where things are in a graph, looked up instead of searched for. Documents are never changed in
 *  place, so a graph is read once. */

const KNOWN = new WeakMap();

/** {node, into}: nodes by id, and the wires into each node in the order of the file. */
export function indexOf(graph) {
  const known = KNOWN.get(graph);
  if (known) return known;
  const found = { node: new Map(graph.nodes.map((node) => [node.id, node])), into: new Map() };
  for (const wire of graph.wires) {
    const id = wire.to.split('.')[0];
    if (found.into.has(id)) found.into.get(id).push(wire);
    else found.into.set(id, [wire]);
  }
  KNOWN.set(graph, found);
  return found;
}

/** The wires into a node, in the order of the file. */
export const wiresInto = (graph, id) => indexOf(graph).into.get(id) ?? [];
