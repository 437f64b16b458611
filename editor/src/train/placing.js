/** A trained module on the canvas: behind its base where that plays, and heard by its maps. */

import { freshName } from '../document/own.js';
import { nodeOf } from '../document/scope.js';
import { takenIn } from '../document/view.js';
import { declarationOf } from '../lib/workflow.js';

/**
 * A copy of a workflow with a Modulator for `module`. It takes the place of the wires that leave the
 * first expert on its base, and hears the first of each kind of map that there are, where it knows them.
 * Returns {workflow, id, wired}: whether its base plays there.
 */
export function withModule(workflow, catalogue, { module, base, maps }) {
  const id = freshName('modulator', takenIn(workflow));
  const node = { id, type: 'modulator', settings: { model: module } };
  const declared = (each) => declarationOf(catalogue, each, workflow);
  const expert = workflow.nodes.find((each) => each.type !== 'modulator' && (each.settings?.model ?? declared(each).defaults?.model) === base);
  const leaving = expert ? workflow.wires.filter(({ from }) => from === `${expert.id}.score`) : [];
  const wires = workflow.wires.map((wire) => (leaving.includes(wire) ? { ...wire, from: `${id}.score` } : wire));
  if (expert) wires.push({ from: `${expert.id}.score`, to: `${id}.score` });
  for (const kind of maps) {
    const source = sourceOf(workflow, declared, kind);
    if (source) wires.push({ from: source, to: `${id}.${kind}` });
  }
  return { id, wired: Boolean(expert), workflow: { ...workflow, nodes: [...workflow.nodes, node], wires } };
}

/** The first port of a node that brings such a map; of those that are heard already, if there are. */
function sourceOf(workflow, declared, kind) {
  const ends = workflow.nodes.flatMap((node) => declared(node).outputs
    .filter((port) => port.kind === kind && !declared(node).inputs.some((input) => input.kind === kind))
    .map((port) => `${node.id}.${port.name}`));
  const heard = new Set(workflow.wires.map(({ from }) => nodeOf(from)));
  return ends.find((end) => heard.has(nodeOf(end))) ?? ends[0];
}
