/** Where things are on the screen: places under the pointer, and what has the focus. */

import { tick } from 'svelte';
import { graphAt, placeOf } from '../document/scope.js';

const MEASURED = 60;
const EDGE = 60;

/** Where on the ground something new belongs: at the pointer, else in the middle. */
export function placeFor(canvas) {
  const { x, y } = canvas.flow.screenToFlowPosition(canvas.pointer ?? middleOf(canvas));
  return [x, y];
}

/** About the middle of the canvas on the screen. */
export function middleOf(canvas) {
  const box = canvas.ground.getBoundingClientRect();
  return { x: box.left + box.width / 2 - 120, y: box.top + box.height / 3 };
}

/** To the right of a node, on the screen. */
export function beside(canvas, id) {
  const box = elementOf(canvas, id)?.getBoundingClientRect();
  return box ? { x: box.right + 12, y: box.top } : middleOf(canvas);
}

export const elementOf = (canvas, id) => canvas.ground?.querySelector(`.svelte-flow__node[data-id="${CSS.escape(id)}"]`);

/** Move the focus to a node, or to a control in it, once it is drawn; look at it if it is out of sight. */
export async function focus(canvas, id, control) {
  const asked = (canvas.awaited = { id });
  await tick();
  focusSoon(canvas, asked, control, MEASURED);
}

/** A node takes the focus only when it has been measured, some frames after it was added; the last to ask has it. */
function focusSoon(canvas, asked, control, frames) {
  requestAnimationFrame(() => {
    if (canvas.awaited !== asked) return;
    const element = elementOf(canvas, asked.id);
    const target = control ? element?.querySelector(control) : element;
    target?.focus({ preventScroll: true });
    const focused = target && document.activeElement === target;
    if (!focused && frames > 0) return focusSoon(canvas, asked, control, frames - 1);
    canvas.awaited = null;
    if (focused) lookAt(canvas, element, asked.id);
  });
}

function lookAt(canvas, element, id) {
  const [seen, ground] = [element.getBoundingClientRect(), canvas.ground.getBoundingClientRect()];
  const titleSeen = seen.left > ground.left - EDGE && seen.left < ground.right - EDGE && seen.top > ground.top - 8 && seen.top < ground.bottom - EDGE;
  if (titleSeen) return;
  const { x, y, w, h } = canvas.boxOf(id);
  canvas.flow.setCenter(x + w / 2, y + h / 2, { zoom: canvas.flow.getZoom(), duration: canvas.calm });
}

/** Show the node at an address, in whatever subgraph it is. */
export async function reveal(canvas, address) {
  const [path, id] = placeOf(address);
  if (path.join('/') !== canvas.path.join('/') && graphAt(canvas.studio.doc.workflow, path)) canvas.go(path);
  await tick();
  canvas.select([id]);
  focus(canvas, id);
}
