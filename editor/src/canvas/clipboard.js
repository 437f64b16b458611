/** The clipboard of the canvas: through the system's own, so that it works between windows. */

import { copied, parsedClip, pasted } from '../document/clip.js';
import { tidied } from '../document/tidy.js';
import { snapped } from './offers.js';

const SHIFT = 33;

/** Put a copy of the selection beside it. */
export function duplicate(canvas) {
  if (!canvas.chosen.length) return canvas.say('Select what should be duplicated.');
  const { part } = parsedClip(copied(canvas.settled(), canvas.path, canvas.chosen, canvas.places));
  put(canvas, part, (corner) => [corner[0] + SHIFT, corner[1] + SHIFT]);
}

/** The selection as text for the clipboard; '' if nothing is selected. */
export const selectionText = (canvas) => (canvas.chosen.length ? copied(canvas.settled(), canvas.path, canvas.chosen, canvas.places) : '');

/** Paste text that comes from anywhere: another window, or something that is no workflow at all. */
export function pasteText(canvas, text) {
  const { part, why } = parsedClip(text);
  if (why) return canvas.say(why);
  const refused = part.nodes.length || Object.keys(part.view).length ? '' : 'The clipboard holds an empty workflow.';
  if (refused) return canvas.say(refused);
  put(canvas, part, () => snapped(canvas.place()));
}

function put(canvas, part, where) {
  const places = placesOf(part);
  const spots = [...Object.values(places), ...['groups', 'notes'].flatMap((list) => (Array.isArray(part.view[list]) ? part.view[list] : []).map((each) => [each?.x, each?.y]))].filter((each) => each.every(Number.isFinite));
  const corner = [0, 1].map((axis) => Math.min(...spots.map((spot) => spot[axis])));
  const { workflow, ids } = pasted(canvas.settled(), canvas.path, part, where(corner), places);
  canvas.replace(workflow, ids);
}

/** Where the parts of a clipboard stand; one that carries no places is laid out tidily. */
function placesOf(part) {
  const known = part.nodes.filter((node) => Array.isArray(part.view.places?.[node.id]) && part.view.places[node.id].length === 2 && part.view.places[node.id].every(Number.isFinite));
  if (known.length === part.nodes.length) return Object.fromEntries(known.map((node) => [node.id, part.view.places[node.id]]));
  const ids = part.nodes.map((node) => node.id);
  return tidied(ids, part.wires, Object.fromEntries(ids.map((id) => [id, { w: 244, h: 190 }])));
}

/** Write the selection to the clipboard; whether that was possible. */
export async function toClipboard(canvas) {
  const text = selectionText(canvas);
  if (!text) return canvas.say('Select what should be copied.');
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return canvas.say('The browser keeps its clipboard closed to menus: press Ctrl+C instead.');
  }
}

/** Paste what the clipboard holds. */
export async function fromClipboard(canvas) {
  let text;
  try {
    text = await navigator.clipboard.readText();
  } catch {
    return canvas.say('The browser keeps its clipboard closed to menus: press Ctrl+V instead.');
  }
  pasteText(canvas, text);
}
