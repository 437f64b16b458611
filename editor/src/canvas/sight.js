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

/** The view that is nearest to the present one and shows all of a node, from further away where it must be; null if this one does. */
export function uncovered(canvas, id) {
  const { x, y, w, h } = canvas.boxOf(id);
  const { clientWidth: width, clientHeight: height } = canvas.ground;
  const view = canvas.flow.getViewport();
  const [top, right, bottom, left] = ['top', 'right', 'bottom', 'left'].map((side) => parseFloat(canvas.looking.padding[side]));
  const at = { x: view.x + x * view.zoom, y: view.y + y * view.zoom };
  if (at.x >= 0 && at.y >= 0 && at.x + w * view.zoom <= width && at.y + h * view.zoom <= height) return null;
  const zoom = Math.min(view.zoom, (width - left - right) / w, (height - top - bottom) / h);
  const [middleX, middleY] = [(width / 2 - view.x) / view.zoom, (height / 2 - view.y) / view.zoom];
  const nearest = (shift, place, long, low, high) => Math.max(low - place * zoom, Math.min(high - (place + long) * zoom, shift));
  return { x: nearest(width / 2 - middleX * zoom, x, w, left, width - right), y: nearest(height / 2 - middleY * zoom, y, h, top, height - bottom), zoom };
}

/** Show the node at an address, in whatever subgraph it is. */
export async function reveal(canvas, address) {
  const [path, id] = placeOf(address);
  if (path.join('/') !== canvas.path.join('/') && graphAt(canvas.studio.doc.workflow, path)) canvas.go(path);
  await tick();
  canvas.select([id]);
  focus(canvas, id);
}
