/** A trained module on the canvas: behind its base where that plays, and wired to what it listens to. */

import { freshName } from '../document/own.js';
import { nodeOf } from '../document/scope.js';
import { takenIn } from '../document/view.js';
import { declarationOf } from '../lib/workflow.js';

const SOURCES = { class: 'label', mask: 'mask', depth: 'depth' };
const BENDING = ['modulator', 'guidance'];

/**
 * A copy of a workflow with a Modulator for `module`. It takes the place of the wires that leave the
 * first expert on its base, and hears the first of each kind of map that there are, where it knows them.
 * Returns {workflow, id, wired}: whether its base plays there.
 */
export function withModule(workflow, catalogue, _, { module, base, maps }) {
  const declared = (each) => declarationOf(catalogue, each, workflow);
  const expert = expertOn(workflow, declared, base);
  const found = behind(workflow, expert && `${expert.id}.score`, 'modulator', { model: module });
  for (const kind of maps) {
    const source = sourceOf(workflow, declared, kind);
    if (source) found.workflow.wires.push({ from: source, to: `${found.id}.${kind}` });
  }
  return found;
}

/** Where the usual scale would be too loud: what served the Playground (docs/guidance.md). */
const SCALES = { mask: { scale: 0.5 }, depth: { scale: 6 } };

/**
 * A copy of a workflow with a Guidance for `module`, behind the first expert on its base and whatever
 * bends that already. It hears a class that its model knows, or the first mask or depth map; where
 * there is none, one is added. Returns {workflow, id, wired} as above.
 */
export function withGuidance(workflow, catalogue, models, { module, base, asks, sees }) {
  const declared = (each) => declarationOf(catalogue, each, workflow);
  const expert = expertOn(workflow, declared, base);
  const found = behind(workflow, expert && bentEnd(workflow, expert), 'guidance', { model: module, method: { name: sees }, ...SCALES[asks] });
  const labels = models[module]?.labels ?? [];
  const known = (node) => asks !== 'class' || labels.includes(node.settings?.name ?? declared(node).defaults?.name);
  let source = sourceOf(workflow, declared, asks, known);
  if (!source) {
    const id = freshName(SOURCES[asks], takenIn(found.workflow));
    found.workflow.nodes.push({ id, type: SOURCES[asks], settings: asks === 'class' ? { name: labels[0] } : {} });
    source = `${id}.${asks}`;
  }
  found.workflow.wires.push({ from: source, to: `${found.id}.${asks}` });
  return found;
}

function expertOn(workflow, declared, base) {
  return workflow.nodes.find((each) => !BENDING.includes(each.type) && (each.settings?.model ?? declared(each).defaults?.model) === base);
}

/** The end at which an expert is heard: behind the modulators and guidances that bend it alone. */
function bentEnd(workflow, expert) {
  const passed = [expert.id];
  for (;;) {
    const leaving = workflow.wires.filter(({ from }) => from === `${passed.at(-1)}.score`);
    const next = workflow.nodes.find(({ id, type }) => leaving.length === 1 && BENDING.includes(type) && leaving[0].to === `${id}.score`);
    if (!next || passed.includes(next.id)) return `${passed.at(-1)}.score`;
    passed.push(next.id);
  }
}

/** A copy of a workflow in which a new node has taken the place of the wires that leave `end`, if there is one. */
function behind(workflow, end, type, settings) {
  const id = freshName(type, takenIn(workflow));
  const wires = workflow.wires.map((wire) => (wire.from === end ? { ...wire, from: `${id}.score` } : wire));
  if (end) wires.push({ from: end, to: `${id}.score` });
  return { id, wired: Boolean(end), workflow: { ...workflow, nodes: [...workflow.nodes, { id, type, settings }], wires } };
}

/** The first port of a node that brings such a thing and will do; of those that are heard already, if there are. */
function sourceOf(workflow, declared, kind, will = () => true) {
  const ends = workflow.nodes.filter(will).flatMap((node) => declared(node).outputs
    .filter((port) => port.kind === kind && !declared(node).inputs.some((input) => input.kind === kind))
    .map((port) => `${node.id}.${port.name}`));
  const heard = new Set(workflow.wires.map(({ from }) => nodeOf(from)));
  return ends.find((end) => heard.has(nodeOf(end))) ?? ends[0];
}
