/** Wires under the pointer: what lights up, where they end, and why they cannot. */

import { between, endOn, opposite, verdicts } from '../document/fit.js';
import { replugged, unplugged, wired } from '../document/edits.js';
import { nodeOf } from '../document/scope.js';
import { offerFitting } from './offers.js';

const sideOf = (type) => (type === 'source' ? 'outputs' : 'inputs');

/** A wire is taken in hand at one end; `replaced` is the wire that it was. */
export function begin(canvas, { nodeId, handleId, handleType }, replaced = canvas.replaced) {
  const [end, side] = [`${nodeId}.${handleId}`, sideOf(handleType)];
  canvas.wiring = { end, side, replaced, verdicts: verdicts(canvas.reading, end, side, replaced), kind: canvas.kindOf(end, side) };
}

/** Whether Svelte Flow may let the wire snap to a port. */
export function may(canvas, { source, sourceHandle, target, targetHandle }) {
  const { wiring } = canvas;
  if (!wiring) return false;
  const other = wiring.side === 'outputs' ? `${target}.${targetHandle}` : `${source}.${sourceHandle}`;
  return wiring.verdicts.get(other) === '';
}

/** The wire is let go over an element: wired, unplugged, refused, or a menu of what fits opens. */
export function end(canvas, { clientX, clientY, target }, toHandle) {
  const { wiring } = canvas;
  canvas.wiring = canvas.replaced = null;
  if (!wiring) return;
  const other = toHandle ? `${toHandle.nodeId}.${toHandle.id}` : portUnder(target);
  if (other === wiring.end) return;
  const landing = other ? { end: other, why: wiring.verdicts.get(other) ?? 'A wire runs from an output to an input.' } : nodeUnder(canvas, target, wiring);
  if (landing && !landing.why) return plug(canvas, wiring, landing.end);
  if (landing) return canvas.say(landing.why);
  if (wiring.replaced) return canvas.edit((graph) => unplugged(graph, wiring.replaced));
  if (!target.closest?.('.svelte-flow__pane, .svelte-flow__background, .svelte-flow__edges')) return;
  const place = canvas.flow.screenToFlowPosition({ x: clientX, y: clientY });
  canvas.finder = { title: `What fits ${canvas.portName(wiring.end, wiring.side)}`, at: { x: clientX, y: clientY }, entries: offerFitting(canvas, wiring.end, wiring.side, [place.x, place.y]) };
}

function plug(canvas, { end: mine, side, replaced }, other) {
  const wire = between(mine, side, other);
  if (replaced && replaced.from === wire.from && replaced.to === wire.to) return;
  canvas.edit((graph) => (replaced ? replugged(graph, replaced, wire) : wired(graph, wire)));
}

const portUnder = (element) => element.closest?.('[data-end]')?.dataset.end;

function nodeUnder(canvas, element, { end: mine, side, replaced }) {
  const id = element.closest?.('.svelte-flow__node-card, .svelte-flow__node-knot, .svelte-flow__node-rim')?.dataset.id;
  return id && id !== nodeOf(mine) ? endOn(canvas.reading, id, mine, side, replaced) : null;
}

/** Why the wire in hand does not fit what is under the pointer; '' if it does, or nothing is there. */
export function reasonAt(canvas, element) {
  const { wiring } = canvas;
  const other = portUnder(element);
  if (other && other !== wiring.end) {
    const known = wiring.verdicts.get(other);
    return known ?? `This is an ${opposite(wiring.side) === 'inputs' ? 'output' : 'input'} too: a wire runs from an output to an input.`;
  }
  return nodeUnder(canvas, element, wiring)?.why ?? '';
}
