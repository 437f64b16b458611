/** Automation: the curves wired to an expert. Its strip in the mixer edits them where they stand. */

import { heightAt, inOrder } from './curve.js';
import { valueOf } from './schema.js';
import { declarationOf } from './workflow.js';

export const FLAT = [[1, 1], [0, 1]];
const MOST = 64;

const idOf = (end) => end.split('.')[0];
const curveField = (declaration) => Object.entries(declaration.schema.properties ?? {}).find(([, field]) => field.live === 'curve');
const reliabilityPort = (declaration) => declaration.inputs.find((port) => port.kind === 'reliability');

/** The curves that an expert is multiplied by: [{node, setting, field, points, shared}]. */
export function curvesOf(workflow, catalogue, expert) {
  const port = reliabilityPort(declarationOf(catalogue, expert))?.name;
  return workflow.wires.filter((wire) => port && wire.to === `${expert.id}.${port}`).flatMap((wire) => {
    const node = workflow.nodes.find((each) => each.id === idOf(wire.from));
    const declaration = node && declarationOf(catalogue, node);
    const found = declaration && curveField(declaration);
    if (!found) return [];
    const listeners = new Set(workflow.wires.filter((each) => each.from === wire.from).map((each) => idOf(each.to)));
    return [{ node, setting: found[0], field: found[1], points: valueOf(node, found[0], declaration) ?? FLAT, shared: listeners.size }];
  });
}

/** A copy with a curve added and wired to an expert, and the id of the new node. */
export function withCurve(workflow, catalogue, expert, points, title) {
  const declaration = Object.values(catalogue).find((each) => curveField(each) && each.outputs.some((port) => port.kind === 'reliability'));
  const into = reliabilityPort(declarationOf(catalogue, expert));
  const out = declaration?.outputs.find((port) => port.kind === 'reliability');
  if (!into || !out) return null;
  const id = unused(workflow, `${expert.id.slice(0, 50)}_curve`);
  const node = { id, type: declaration.type, title: title.slice(0, 80), settings: { [curveField(declaration)[0]]: points } };
  const wire = { from: `${id}.${out.name}`, to: `${expert.id}.${into.name}` };
  return { id, workflow: { ...workflow, nodes: [...workflow.nodes, node], wires: [...workflow.wires, wire] } };
}

function unused(workflow, wanted) {
  const taken = new Set(workflow.nodes.map((node) => node.id));
  let id = wanted;
  for (let n = 2; taken.has(id); n += 1) id = `${wanted}${n}`;
  return id;
}

/** The product of curves as points: a corner wherever one of them has one, and between. */
export function productOf(curves) {
  const even = curves.length > 1 ? Array.from({ length: 33 }, (_, i) => i / 32) : [];
  const corners = new Set([1, 0, ...even, ...curves.flatMap((points) => points.map(([noise]) => noise))]);
  return inOrder([...corners].map((noise) => [noise, curves.reduce((product, points) => product * heightAt(points, noise), 1)]));
}

/** Points with one more: midway to the next after `index`, or before it at the end of the run. */
export function withPointAfter(points, index) {
  if (points.length >= MOST) return { points, index };
  const order = inOrder(points);
  const here = order[index][0];
  const next = order[index + 1]?.[0] ?? 0;
  const [high, low] = here > next ? [here, next] : [order[index - 1]?.[0] ?? 1, here];
  const noise = Math.round(50 * (high + low)) / 100;
  const point = [noise, Math.round(100 * heightAt(order, noise)) / 100];
  const added = inOrder([...order, point]);
  return { points: added, index: added.indexOf(point) };
}
