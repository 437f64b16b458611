/** Pure questions about a workflow document, answered with the catalogue of node declarations. */

import { indexOf, wiresInto } from '../document/lookup.js';
import { declared, portAt } from '../document/ports.js';
import { addressOf, everyNode, graphAt, placeOf, withGraph } from '../document/scope.js';
import { unsound } from '../document/sound.js';

const EMPTY = { nodes: [], wires: [] };
const CONDITIONS = ['text', 'mask', 'sketch', 'depth', 'class', 'photo', 'region', 'audio'];

/** The declaration of a node; the workflow tells the ports of a subgraph. */
export const declarationOf = (catalogue, node, workflow = EMPTY) => declared(workflow, workflow, catalogue, node);

const carries = (ports, kind) => ports.some((port) => port.kind === kind);
const endOf = (end) => end.split('.')[0];

/** Nodes that `node` hears (`from` side), in the order of the wires; reroutes are looked through. */
export function heard(workflow, id) {
  return wiresInto(workflow, id).map((wire) => endOf(sourceOf(workflow, wire)));
}

/** The end at which what a wire brings begins: before all its reroutes. */
function sourceOf(workflow, wire, seen = new Set()) {
  const node = indexOf(workflow).node.get(endOf(wire.from));
  const into = node?.type === 'reroute' && !seen.has(node.id) && wiresInto(workflow, node.id).find((each) => each.to === `${node.id}.in`);
  return into ? sourceOf(workflow, into, seen.add(node.id)) : wire.from;
}

/** 'condition', 'expert' or 'mix': the column in which the form view shows a node. */
export function columnOf(declaration) {
  const { inputs, outputs } = declaration;
  if (carries(outputs, 'score') && !carries(inputs, 'score')) return 'expert';
  if (outputs.some((port) => [...CONDITIONS, 'reliability', 'adapter'].includes(port.kind))) return 'condition';
  return declaration.unknown ? 'condition' : 'mix';
}

/** Nodes by column in signal order: experts as the mix hears them, conditions as the experts do. */
export function columns(workflow, catalogue) {
  const found = { condition: [], expert: [], mix: [] };
  const shown = workflow.nodes.filter((node) => node.type !== 'reroute');
  for (const node of shown) found[columnOf(declarationOf(catalogue, node, workflow))].push(node);
  const depths = new Map();
  const late = new Map(found.mix.map((node) => [node, lateness(workflow, declarationOf(catalogue, node, workflow), node, depths)]));
  found.mix.sort((a, b) => late.get(a) - late.get(b));
  found.expert = heardFirst(workflow, found.mix, found.expert);
  found.condition = heardFirst(workflow, [...found.expert, ...found.mix], found.condition);
  return found;
}

function heardFirst(workflow, listeners, nodes) {
  const order = new Map();
  for (const listener of listeners) {
    for (const id of heard(workflow, listener.id)) if (!order.has(id)) order.set(id, order.size);
  }
  const rank = (node) => order.get(node.id) ?? Infinity;
  return nodes.map((node, index) => ({ node, index }))
    .sort((a, b) => (rank(a.node) === rank(b.node) ? a.index - b.index : rank(a.node) - rank(b.node)))
    .map(({ node }) => node);
}

/** Scores first, in the order of their wires; then settings; what comes out last. */
function lateness(workflow, declaration, node, depths) {
  if (carries(declaration.outputs, 'score')) return depth(workflow, node.id, depths);
  return declaration.outputs.length ? 1e6 : 2e6;
}

/** The longest way to a node; `known` holds those found, and 0 for those being walked, which ends loops. */
function depth(workflow, id, known) {
  if (known.has(id)) return known.get(id);
  known.set(id, 0);
  const before = heard(workflow, id);
  known.set(id, before.length ? 1 + Math.max(...before.map((other) => depth(workflow, other, known))) : 0);
  return known.get(id);
}

/** What an expert listens to: the kind of its wired condition, else of its model, else 'score'. */
export function voiceOf(workflow, catalogue, models, node) {
  const [path, id] = placeOf(node.id);
  const graph = graphAt(workflow, path) ?? workflow;
  const declaration = declarationOf(catalogue, node, workflow);
  if (columnOf(declaration) !== 'expert') return declaration.outputs[0]?.kind ?? 'out';
  const kinds = wiresInto(graph, id)
    .map((wire) => portAt(workflow, graph, catalogue, sourceOf(graph, wire), 'outputs')?.kind);
  return kinds.find((kind) => CONDITIONS.includes(kind)) ?? models[node.settings?.model]?.condition ?? 'score';
}

/** A node as components know it: its id is its address, inside a subgraph `outer/inner`. */
export const addressed = (node, path) => (path.length ? { ...node, id: addressOf(path, node.id) } : node);

/** Number settings that are live and drawn as faders, on nodes that carry a score, and so paint, and on those that
 *  tell an expert more; subgraphs last. */
export function strips(workflow, catalogue) {
  const order = columns(workflow, catalogue);
  const inner = everyNode(workflow).filter(([address]) => address.includes('/')).map(([address, node]) => ({ ...node, id: address }));
  return [...order.expert, ...order.condition, ...order.mix, ...inner].flatMap((node) => {
    const declaration = declarationOf(catalogue, node, workflow);
    const paints = carries(declaration.outputs, 'score');
    if (!paints && !carries(declaration.outputs, 'adapter')) return [];
    const found = Object.entries(declaration.schema.properties ?? {})
      .find(([, field]) => field.live === 'number' && field.widget === 'fader');
    return found ? [{ node, setting: found[0], field: found[1], paints }] : [];
  });
}

/** The nodes among strips that mute and solo silence. Of a node that is in no plan its own mute alone is known;
 *  one that is in no group, such as a background, has no weight that a switch could take away. */
export function silentAmong(strips, groups) {
  const soloed = new Set(strips.filter(({ node }) => node.settings?.solo).flatMap(({ node }) => groups[node.id] ?? []));
  const isSilent = ({ id, settings }) => {
    const own = groups[id];
    if (!own) return Boolean(settings?.muted);
    return own.length > 0 && Boolean(settings?.muted || (!settings?.solo && own.every((group) => soloed.has(group))));
  };
  return new Set(strips.filter(({ node }) => isSilent(node)).map(({ node }) => node.id));
}

/** The live switches of a channel: mute and solo. */
export function switchesOf(declaration) {
  const fields = Object.entries(declaration.schema.properties ?? {});
  return fields.filter(([, field]) => field.live === 'switch').map(([name]) => name);
}

/** The sampler that holds `setting` (steps, seed, count): the master strip's source. */
export function holderOf(workflow, catalogue, setting) {
  return workflow.nodes.find((node) => {
    const { outputs, schema } = declarationOf(catalogue, node);
    return carries(outputs, 'sampling') && setting in (schema.properties ?? {});
  });
}

/** A copy with one setting of the node at an address replaced. */
export function withSetting(workflow, address, name, value) {
  const [path, id] = placeOf(address);
  const graph = graphAt(workflow, path);
  if (!graph) return workflow;
  const nodes = graph.nodes.map((node) =>
    node.id === id ? { ...node, settings: { ...node.settings, [name]: value } } : node);
  return withGraph(workflow, path, { ...graph, nodes });
}

/** A copy that keeps only the stored files that some setting names. */
export function withoutOrphans(workflow) {
  const named = JSON.stringify([workflow.nodes, workflow.subgraphs]);
  const kept = Object.entries(workflow.assets ?? {}).filter(([sha]) => named.includes(sha));
  return { ...workflow, assets: Object.fromEntries(kept) };
}

/** Whether a parsed JSON value can be shown as a workflow. */
export const isWorkflow = (value) => !unsound(value);

/** The document with every optional part present. */
export function complete(value) {
  const whole = { title: 'Untitled', description: '', wires: [], assets: {}, view: {}, ...value };
  if (!whole.subgraphs) return whole;
  const subgraphs = Object.entries(whole.subgraphs).map(([name, graph]) => [name, { wires: [], view: {}, ...graph }]);
  return { ...whole, subgraphs: Object.fromEntries(subgraphs) };
}
