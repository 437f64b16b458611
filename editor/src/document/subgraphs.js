/** Several nodes as one: made from a selection, and unpacked again. */

import { withoutUnused } from './definitions.js';
import { hearing } from './fit.js';
import { freshName } from './own.js';
import { definitionOf, graphAt, nodeOf, portOf, withGraph } from './scope.js';
import { framesOf, moved, placeIn, takenIn, withView } from './view.js';

/** Why a selection cannot become one node; '' if it can. */
export function nestRefusal(reading, ids) {
  const chosen = new Set(ids);
  if (![...chosen].some((id) => reading.nodes.has(id))) return 'Select the nodes that should become one.';
  if (ids.some((id) => reading.nodes.has(id) && !reading.declarations.get(id).outputs.length && reading.declarations.get(id).inputs.length)) return 'An output stays outside: a subgraph gives its result to the nodes after it.';
  const outside = reading.wires.filter((wire) => chosen.has(nodeOf(wire.from)) && !chosen.has(nodeOf(wire.to))).map((wire) => nodeOf(wire.to));
  const round = outside.find((id) => [...hearing(reading, id)].some((each) => chosen.has(each)));
  return round ? `'${reading.title(round)}' stands between the selected nodes: select it too, or the subgraph would hear itself.` : '';
}

/** {workflow, id} with the selected nodes as one subgraph node in their middle. */
export function nested(workflow, path, ids, title, places) {
  const graph = graphAt(workflow, path);
  const chosen = new Set(ids.filter((id) => graph.nodes.some((node) => node.id === id)));
  const name = freshName('subgraph', new Set(Object.keys(workflow.subgraphs ?? {})));
  const id = freshName('subgraph', takenIn(graph));
  const [isIn, isOut] = [(end) => chosen.has(nodeOf(end)), (end) => !chosen.has(nodeOf(end))];
  const [inputs, outputs] = [rim(), rim()];
  const wires = [];
  const inner = [];
  for (const wire of graph.wires) {
    if (isIn(wire.from) && isIn(wire.to)) inner.push(wire);
    else if (isIn(wire.to)) wires.push({ ...wire, to: `${id}.${inputs.name(wire.to)}` });
    else if (isIn(wire.from)) wires.push({ ...wire, from: `${id}.${outputs.name(wire.from)}` });
    else wires.push(wire);
  }
  const kept = Object.fromEntries([...chosen].filter((each) => places[each]).map((each) => [each, places[each]]));
  const collapsed = (graph.view?.collapsed ?? []).filter((each) => chosen.has(each));
  const outer = {
    ...graph,
    nodes: graph.nodes.flatMap((node, index) => (!chosen.has(node.id) ? [node] : index === graph.nodes.findIndex((each) => chosen.has(each.id)) ? [{ id, type: 'subgraph', settings: { of: name } }] : [])),
    wires: distinct(wires, 'from'),
  };
  if (graph.inputs) outer.inputs = graph.inputs.map((each) => (isOut(each.to) ? each : { ...each, to: `${id}.${inputs.name(each.to)}` }));
  if (graph.outputs) outer.outputs = graph.outputs.map((each) => (isOut(each.from) ? each : { ...each, from: `${id}.${outputs.name(each.from)}` }));
  const definition = {
    title, nodes: graph.nodes.filter((node) => chosen.has(node.id)), wires: inner,
    inputs: inputs.list('to'), outputs: outputs.list('from'),
    view: withView({ view: {}, nodes: [] }, { places: kept, collapsed }).view,
  };
  const middle = [0, 1].map((axis) => mean(Object.values(kept).map((place) => place[axis])));
  const settled = moved(withoutViewOf(outer, chosen), { [id]: middle });
  const next = withGraph({ ...workflow, subgraphs: { ...workflow.subgraphs } }, path, settled);
  return { workflow: { ...next, subgraphs: { ...next.subgraphs, [name]: definition } }, id };
}

const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0);

/** Collects the ends that cross the edge of a subgraph, each under a name of its own. */
function rim() {
  const names = new Map();
  return {
    name(end) {
      if (!names.has(end)) names.set(end, freshName(portOf(end), new Set(names.values())));
      return names.get(end);
    },
    list: (key) => [...names].map(([end, name]) => ({ name, label: portOf(end), [key]: end })),
  };
}

function withoutViewOf(graph, ids) {
  const places = Object.fromEntries(Object.entries(graph.view?.places ?? {}).filter(([id]) => !ids.has(id)));
  return withView(graph, { places, collapsed: graph.view?.collapsed?.filter((id) => !ids.has(id)) });
}

/** {workflow, ids} with what a subgraph node shows in its place, wired as it was.
 *
 *  What plays stays as it was, to the order in which each node hears its wires: those from inside, then
 *  those of the inputs, in the order of the inputs. Making a subgraph has put them so; a fusion that heard
 *  an expert outside before one inside hears it after that one from then on. */
export function unpacked(workflow, path, id) {
  const graph = graphAt(workflow, path);
  const node = graph.nodes.find((each) => each.id === id);
  const inner = definitionOf(workflow, node);
  const taken = new Set([...takenIn(graph)].filter((each) => each !== id));
  const names = new Map(inner.nodes.map((each) => {
    const name = freshId(each.id, taken);
    taken.add(name);
    return [each.id, name];
  }));
  const renamed = (end) => `${names.get(nodeOf(end))}.${portOf(end)}`;
  const leaves = (end) => renamed((inner.outputs ?? []).find((each) => each.name === portOf(end)).from);
  const has = (end) => nodeOf(end) !== id || (inner.outputs ?? []).some((each) => each.name === portOf(end));
  const outside = graph.wires.filter((wire) => has(wire.from)).map((wire) => (nodeOf(wire.from) === id ? { ...wire, from: leaves(wire.from) } : wire));
  const entering = (list) => (inner.inputs ?? []).flatMap((inlet) => list.filter((each) => each.to === `${id}.${inlet.name}`).map((each) => ({ ...each, to: renamed(inlet.to) })));
  const staying = (list) => list.filter((each) => nodeOf(each.to) !== id);
  const nodes = inner.nodes.map((each) => ({ ...each, id: names.get(each.id), ...(node.bypass ? { bypass: true } : {}) }));
  const inside = inner.wires.map((wire) => ({ ...wire, from: renamed(wire.from), to: renamed(wire.to) }));
  const next = {
    ...graph,
    nodes: graph.nodes.flatMap((each) => (each.id === id ? nodes : [each])),
    wires: distinct([...staying(outside), ...inside, ...entering(outside)], 'from'),
  };
  if (graph.inputs) next.inputs = distinct([...staying(graph.inputs), ...entering(graph.inputs)], 'name');
  if (graph.outputs) next.outputs = graph.outputs.filter((each) => has(each.from)).map((each) => (nodeOf(each.from) === id ? { ...each, from: leaves(each.from) } : each));
  const settled = moved(withoutViewOf(next, new Set([id])), spread(graph, inner, id, names));
  const viewed = withView(settled, {
    collapsed: [...(settled.view.collapsed ?? []), ...inner.nodes.map((each) => each.id).filter((each) => inner.view?.collapsed?.includes?.(each)).map((each) => names.get(each))],
    groups: [...framesOf(settled, 'groups'), ...framesOf(inner, 'groups').map((each) => ({ ...each, id: freshId(each.id, taken) }))],
    notes: [...framesOf(settled, 'notes'), ...framesOf(inner, 'notes').map((each) => ({ ...each, id: freshId(each.id, taken) }))],
  });
  return { workflow: withoutUnused(withGraph(workflow, path, viewed)), ids: [...names.values()] };
}

/** The first of those that lead to the same place: several ports may show one end inside. */
function distinct(list, start) {
  const seen = new Set();
  return list.filter((each) => {
    const key = `${each[start]} ${each.to}`;
    return !seen.has(key) && seen.add(key);
  });
}

const freshId = (id, taken) => (taken.has(id) ? freshName(id, taken) : id);

/** The inner places, shifted so that their middle is where the subgraph node stood. */
function spread(graph, inner, id, names) {
  const known = inner.nodes.flatMap((each) => (placeIn(inner, each.id) ? [[names.get(each.id), placeIn(inner, each.id)]] : []));
  const [x, y] = placeIn(graph, id) ?? [0, 0];
  const shift = [x - mean(known.map(([, place]) => place[0])), y - mean(known.map(([, place]) => place[1]))];
  return Object.fromEntries(known.map(([name, place]) => [name, [place[0] + shift[0], place[1] + shift[1]]]));
}
