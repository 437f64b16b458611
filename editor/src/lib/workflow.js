/** Pure questions about a workflow document, answered with the catalogue of node declarations. */

const CONDITIONS = ['text', 'mask', 'sketch', 'class', 'photo'];

/** The declaration of a node, or a placeholder that a newer version's node is shown as. */
export function declarationOf(catalogue, node) {
  return catalogue[node.type] ?? {
    type: node.type, label: node.type, help: 'This version does not know this node; it is kept as it is.',
    inputs: [], outputs: [], schema: { properties: {} }, unknown: true,
  };
}

const carries = (ports, kind) => ports.some((port) => port.kind === kind);
const endOf = (end) => end.split('.')[0];

/** Nodes that `node` hears (`from` side), in the order of the wires. */
export function heard(workflow, id) {
  return workflow.wires.filter((wire) => endOf(wire.to) === id).map((wire) => endOf(wire.from));
}

/** 'condition', 'expert' or 'mix': the column in which the form view shows a node. */
export function columnOf(declaration) {
  const { inputs, outputs } = declaration;
  if (carries(outputs, 'score') && !carries(inputs, 'score')) return 'expert';
  if (outputs.some((port) => [...CONDITIONS, 'reliability'].includes(port.kind))) return 'condition';
  return declaration.unknown ? 'condition' : 'mix';
}

/** Nodes by column in signal order: experts as the mix hears them, conditions as the experts do. */
export function columns(workflow, catalogue) {
  const found = { condition: [], expert: [], mix: [] };
  for (const node of workflow.nodes) found[columnOf(declarationOf(catalogue, node))].push(node);
  const late = (node) => lateness(workflow, declarationOf(catalogue, node), node);
  found.mix.sort((a, b) => late(a) - late(b));
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
function lateness(workflow, declaration, node) {
  if (carries(declaration.outputs, 'score')) return depth(workflow, node.id);
  return declaration.outputs.length ? 1e6 : 2e6;
}

function depth(workflow, id, seen = new Set()) {
  if (seen.has(id)) return 0;
  const before = heard(workflow, id);
  const inside = new Set(seen).add(id);
  return before.length ? 1 + Math.max(...before.map((other) => depth(workflow, other, inside))) : 0;
}

/** What an expert listens to: the kind of its wired condition, else of its model, else 'score'. */
export function voiceOf(workflow, catalogue, models, node) {
  const declaration = declarationOf(catalogue, node);
  const kinds = workflow.wires.filter((wire) => endOf(wire.to) === node.id).map((wire) => {
    const source = workflow.nodes.find((other) => other.id === endOf(wire.from));
    const ports = source ? declarationOf(catalogue, source).outputs : [];
    return ports.find((port) => port.name === wire.from.split('.')[1])?.kind;
  });
  const wired = kinds.find((kind) => CONDITIONS.includes(kind));
  if (columnOf(declaration) === 'expert') {
    return wired ?? models[node.settings?.model]?.condition ?? 'score';
  }
  return declaration.outputs[0]?.kind ?? 'out';
}

/** Number settings that are live and drawn as faders, on nodes that carry a score. */
export function strips(workflow, catalogue) {
  const order = columns(workflow, catalogue);
  return [...order.expert, ...order.mix].flatMap((node) => {
    const declaration = declarationOf(catalogue, node);
    if (!carries(declaration.outputs, 'score')) return [];
    const found = Object.entries(declaration.schema.properties ?? {})
      .find(([, field]) => field.live === 'number' && field.widget === 'fader');
    return found ? [{ node, setting: found[0], field: found[1] }] : [];
  });
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

/** A copy with one setting of one node replaced. */
export function withSetting(workflow, id, name, value) {
  const nodes = workflow.nodes.map((node) =>
    node.id === id ? { ...node, settings: { ...node.settings, [name]: value } } : node);
  return { ...workflow, nodes };
}

/** A copy that keeps only the stored files that some setting names. */
export function withoutOrphans(workflow) {
  const named = JSON.stringify(workflow.nodes);
  const kept = Object.entries(workflow.assets ?? {}).filter(([sha]) => named.includes(sha));
  return { ...workflow, assets: Object.fromEntries(kept) };
}

/** Whether a parsed JSON value has the outer shape of a workflow. */
export function isWorkflow(value) {
  return Boolean(value) && typeof value === 'object' && Number.isInteger(value.chorale)
    && Array.isArray(value.nodes) && Array.isArray(value.wires ?? []);
}

/** The document with every optional part present. */
export function complete(value) {
  return { title: 'Untitled', description: '', wires: [], assets: {}, view: {}, ...value };
}
