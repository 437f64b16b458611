/** Automation: the curves wired to an expert. Its strip in the mixer edits them where they stand. */

import { freshName } from '../document/own.js';
import { graphAt, placeOf, withGraph } from '../document/scope.js';
import { moved, placeIn, takenIn } from '../document/view.js';
import { heightAt, inOrder } from './curve.js';
import { valueOf } from './schema.js';
import { addressed, declarationOf, heard } from './workflow.js';

export const FLAT = [[1, 1], [0, 1]];
const MOST = 64;
const LEFT = 300;

const curveField = (declaration) => Object.entries(declaration.schema.properties ?? {}).find(([, field]) => field.live === 'curve');
const reliabilityPort = (ports) => ports.find((port) => port.kind === 'reliability');

/** The curves that an expert is multiplied by: [{node, setting, field, points, shared}]. */
export function curvesOf(workflow, catalogue, expert) {
  const [path, id] = placeOf(expert.id);
  const graph = graphAt(workflow, path);
  if (!graph) return [];
  return [...new Set(heard(graph, id))].flatMap((source) => {
    const node = graph.nodes.find((each) => each.id === source);
    const declaration = node && declarationOf(catalogue, node, workflow);
    const found = declaration && reliabilityPort(declaration.outputs) && curveField(declaration);
    if (!found) return [];
    const shared = graph.nodes.filter((each) => each.type !== 'reroute' && heard(graph, each.id).includes(source)).length;
    return [{ node: addressed(node, path), setting: found[0], field: found[1], points: valueOf(node, found[0], declaration) ?? FLAT, shared }];
  });
}

/** The derived curves that an expert is multiplied by: [{node, points}]. */
export function followedBy(workflow, derived, expert) {
  const [path, id] = placeOf(expert.id);
  const graph = graphAt(workflow, path);
  return [...new Set(graph ? heard(graph, id) : [])].flatMap((source) => {
    const node = graph.nodes.find((each) => each.id === source);
    return node ? derivedOf(derived, addressed(node, path)).map((points) => ({ node: addressed(node, path), points })) : [];
  });
}

/** The derived curves of a node, each as points. */
export const derivedOf = (derived, node) => Object.entries(derived).filter(([control]) => control.slice(0, control.lastIndexOf('.')) === node.id).map(([, points]) => points);

/** {workflow, id, setting}: a copy with a curve added and wired to an expert, and where it is. */
export function withCurve(workflow, catalogue, expert, points, title) {
  const [path, name] = placeOf(expert.id);
  const graph = graphAt(workflow, path);
  const declaration = Object.values(catalogue).find((each) => curveField(each) && reliabilityPort(each.outputs));
  const into = reliabilityPort(declarationOf(catalogue, expert, workflow).inputs);
  if (!graph || !declaration || !into) return null;
  const setting = curveField(declaration)[0];
  const id = freshName(`${name.slice(0, 48)}_curve`, takenIn(graph));
  const node = { id, type: declaration.type, title: title.slice(0, 80), settings: { [setting]: points } };
  const wire = { from: `${id}.${reliabilityPort(declaration.outputs).name}`, to: `${name}.${into.name}` };
  const grown = { ...graph, nodes: [...graph.nodes, node], wires: [...graph.wires, wire] };
  const place = placeIn(graph, name);
  const placed = place ? moved(grown, { [id]: [place[0] - LEFT, place[1] + 120] }) : grown;
  return { id: addressed(node, path).id, setting, workflow: withGraph(workflow, path, placed) };
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
