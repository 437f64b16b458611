/** A graph is {nodes, wires, view}: the workflow itself, or a definition that subgraph nodes show.
 *  A path lists the subgraph nodes that were entered; an address is `outer/inner`. */

import { isRecord, own } from './own.js';

export const nodeOf = (end) => end.slice(0, end.indexOf('.'));
export const portOf = (end) => end.slice(end.indexOf('.') + 1);
export const DEEPEST = 8;

/** The definition that a subgraph node shows, if the document has it. */
export function definitionOf(workflow, node) {
  const found = node?.type === 'subgraph' ? own(workflow.subgraphs, node.settings?.of) : undefined;
  return isRecord(found) ? found : undefined;
}

/** The part of the path that can be walked, with the nodes on it. */
export function walked(workflow, path) {
  const found = [];
  let graph = workflow;
  for (const id of path.slice(0, DEEPEST)) {
    const node = graph.nodes.find((each) => each.id === id);
    const next = definitionOf(workflow, node);
    if (!next) break;
    found.push(node);
    graph = next;
  }
  return found;
}

/** The graph that the path leads to; undefined if it leads nowhere. */
export function graphAt(workflow, path) {
  const nodes = walked(workflow, path);
  if (nodes.length < path.length) return undefined;
  return nodes.length ? definitionOf(workflow, nodes.at(-1)) : workflow;
}

/** A copy in which the graph at the path is another; every node of one definition sees the edit. */
export function withGraph(workflow, path, graph) {
  if (!path.length) return graph;
  const name = walked(workflow, path).at(-1).settings.of;
  return { ...workflow, subgraphs: { ...workflow.subgraphs, [name]: graph } };
}

/** [path, id] of an address. */
export function placeOf(address) {
  const parts = address.split('/');
  return [parts.slice(0, -1), parts.at(-1)];
}

/** The node at an address. */
export function nodeAt(workflow, address) {
  const [path, id] = placeOf(address);
  return graphAt(workflow, path)?.nodes.find((node) => node.id === id);
}

/** The address of a node of the graph at a path. */
export const addressOf = (path, id) => [...path, id].join('/');

/** Every node that is played, by its address, subgraphs walked into, in the order of the file. */
export function everyNode(workflow, graph = workflow, path = []) {
  return graph.nodes.flatMap((node) => {
    const inner = path.length < DEEPEST ? definitionOf(workflow, node) : undefined;
    return inner ? everyNode(workflow, inner, [...path, node.id]) : [[addressOf(path, node.id), node]];
  });
}
