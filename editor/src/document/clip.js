/** The clipboard: a part of a graph as JSON, readable in another window, and held to what a file is. */

import { freshName, isRecord, own } from './own.js';
import { definitionOf, graphAt, nodeOf, portOf, withGraph } from './scope.js';
import { unsound, wrongGraph } from './sound.js';
import { framesOf, moved, takenIn, withView } from './view.js';

const LONGEST = 5_000_000;
const MOST = 2_000;

/** The selected part of the graph at a path as text. */
export function copied(workflow, path, ids, places) {
  const graph = graphAt(workflow, path);
  const chosen = new Set(ids);
  const nodes = graph.nodes.filter((node) => chosen.has(node.id));
  const wires = graph.wires.filter((wire) => chosen.has(nodeOf(wire.from)) && chosen.has(nodeOf(wire.to)));
  const subgraphs = used(workflow, nodes);
  const named = JSON.stringify([nodes, subgraphs]);
  const assets = Object.fromEntries(Object.entries(workflow.assets ?? {}).filter(([sha]) => named.includes(sha)));
  const view = {
    places: Object.fromEntries(Object.entries(places).filter(([id]) => chosen.has(id))),
    collapsed: (graph.view?.collapsed ?? []).filter((id) => chosen.has(id)),
    groups: framesOf(graph, 'groups').filter((each) => chosen.has(each.id)),
    notes: framesOf(graph, 'notes').filter((each) => chosen.has(each.id)),
  };
  return JSON.stringify({ chorale: 1, part: true, nodes, wires, subgraphs, assets, view });
}

function used(workflow, nodes, found = {}) {
  for (const node of nodes) {
    const inner = definitionOf(workflow, node);
    if (!inner || Object.hasOwn(found, node.settings.of)) continue;
    found[node.settings.of] = inner;
    used(workflow, inner.nodes, found);
  }
  return found;
}

/** {part} of a clipboard's text, or {why} it cannot be pasted; nothing in it is ever run or shown as HTML. */
export function parsedClip(text) {
  if (text.length > LONGEST) return { why: 'The clipboard holds more than 5 MB: open it as a file instead.' };
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return { why: 'The clipboard holds no nodes. Copy some here or in another window of Chorale.' };
  }
  const why = unsound(value) || wrongGraph(value);
  if (why) return { why: `The clipboard holds no nodes that fit here. ${why}` };
  if (value.nodes.length > MOST) return { why: `The clipboard holds ${value.nodes.length} nodes; at most ${MOST} are pasted.` };
  const assets = Object.entries(isRecord(value.assets) ? value.assets : {}).filter(([sha, data]) => /^[0-9a-f]{64}$/.test(sha) && typeof data === 'string');
  return { part: { ...value, wires: value.wires ?? [], assets: Object.fromEntries(assets), view: isRecord(value.view) ? value.view : {} } };
}

/** {workflow, ids} with a part pasted into the graph at a path, its top left corner at [x, y]. */
export function pasted(workflow, path, part, [x, y], places) {
  const definitions = mapped(workflow, part);
  const subgraphs = { ...workflow.subgraphs, ...definitions.added };
  const whole = { ...workflow, ...(Object.keys(subgraphs).length ? { subgraphs } : {}), assets: { ...workflow.assets, ...part.assets } };
  const graph = graphAt(whole, path);
  const taken = takenIn(graph);
  const renamed = new Map();
  const rename = ({ id }) => {
    const name = taken.has(id) ? freshName(id, taken) : id;
    taken.add(name);
    renamed.set(id, name);
    return name;
  };
  const relinked = (node) => (node.type === 'subgraph' && definitions.names.has(node.settings?.of) ? { ...node, settings: { ...node.settings, of: definitions.names.get(node.settings.of) } } : node);
  const nodes = part.nodes.map((node) => relinked({ ...node, id: rename(node) }));
  const [groups, notes] = ['groups', 'notes'].map((list) => framesOf(part, list).map((each) => ({ ...each, id: rename(each) })));
  const inside = (end) => renamed.has(nodeOf(end)) && part.nodes.some((node) => node.id === nodeOf(end));
  const wires = part.wires.filter((wire) => inside(wire.from) && inside(wire.to))
    .map(({ from, to }) => ({ from: `${renamed.get(nodeOf(from))}.${portOf(from)}`, to: `${renamed.get(nodeOf(to))}.${portOf(to)}` }));
  const spots = { ...Object.fromEntries(part.nodes.filter((node) => places[node.id]).map((node) => [renamed.get(node.id), places[node.id]])), ...Object.fromEntries([...groups, ...notes].map((each) => [each.id, [each.x, each.y]])) };
  const corner = [0, 1].map((axis) => Math.min(...Object.values(spots).map((place) => place[axis]), Infinity));
  const shifted = Object.fromEntries(Object.entries(spots).map(([id, place]) => [id, [place[0] - corner[0] + x, place[1] - corner[1] + y]]));
  const grown = withView({ ...graph, nodes: [...graph.nodes, ...nodes], wires: [...graph.wires, ...wires] }, {
    groups: [...framesOf(graph, 'groups'), ...groups], notes: [...framesOf(graph, 'notes'), ...notes],
    collapsed: [...(graph.view?.collapsed ?? []), ...(Array.isArray(part.view.collapsed) ? part.view.collapsed : []).filter((id) => renamed.has(id)).map((id) => renamed.get(id))],
  });
  return { workflow: withGraph(whole, path, moved(grown, shifted)), ids: [...renamed.values()] };
}

/** The part's definitions under names of this document: an equal one is shared, another is renamed. */
function mapped(workflow, part) {
  const names = new Map();
  const taken = new Set(Object.keys(workflow.subgraphs ?? {}));
  for (const [name, graph] of Object.entries(part.subgraphs ?? {})) {
    const here = own(workflow.subgraphs, name);
    const fresh = here === undefined || JSON.stringify(here) === JSON.stringify(graph) ? name : freshName(name, taken);
    taken.add(fresh);
    names.set(name, fresh);
  }
  const relinked = (graph) => ({ ...graph, nodes: graph.nodes.map((node) => (node.type === 'subgraph' && names.has(node.settings?.of) ? { ...node, settings: { ...node.settings, of: names.get(node.settings.of) } } : node)) });
  const added = Object.entries(part.subgraphs ?? {}).map(([name, graph]) => [names.get(name), relinked(graph)]);
  return { names, added: Object.fromEntries(added) };
}
