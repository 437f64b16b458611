/** Places for nodes that the document gives none: everything tidy, or what is new beside its wire. */

import { freePlace } from '../document/align.js';
import { nodeOf } from '../document/scope.js';
import { tidied } from '../document/tidy.js';
import { placeIn } from '../document/view.js';

const ESTIMATE = { w: 244, h: 190 };
const GAP = 88;

/** {w, h} of a node as it was measured, or about what it will be. */
export const sizeOf = (node) => (node?.measured?.width ? { w: node.measured.width, h: node.measured.height } : ESTIMATE);

function sizes(canvas, ids) {
  const drawn = new Map(canvas.nodes.map((node) => [node.id, node]));
  return Object.fromEntries(ids.map((id) => [id, sizeOf(drawn.get(id))]));
}

/** The tidy layout of a document that has no places at all; {} for one that has some. */
export function laidOut(canvas) {
  const ids = [...canvas.reading.declarations.keys()];
  return ids.some((id) => placeIn(canvas.graph, id)) ? {} : tidied(ids, canvas.reading.wires, sizes(canvas, ids));
}

/** Places for the nodes that have none, neither in the document nor in what was `found` before. */
export function placesFor(canvas, found) {
  const { graph, reading } = canvas;
  const lost = [...reading.declarations.keys()].filter((id) => !placeIn(graph, id) && !found[id]);
  if (!lost.length) return {};
  const all = laidOut(canvas);
  if (Object.keys(all).length && lost.every((id) => all[id]) && lost.length === reading.declarations.size) return all;
  const size = sizes(canvas, lost);
  const fresh = {};
  for (const id of lost) fresh[id] = besideWire(canvas, id, size[id], { ...found, ...fresh });
  return fresh;
}

function besideWire(canvas, id, size, found) {
  const { graph, reading } = canvas;
  const boxes = Object.fromEntries(Object.entries(canvas.boxes).filter(([other]) => other !== id && (placeIn(graph, other) || found[other])));
  const wire = reading.wires.find((each) => nodeOf(each.from) === id || nodeOf(each.to) === id);
  const leads = wire && nodeOf(wire.from) === id;
  const other = wire && boxes[nodeOf(leads ? wire.to : wire.from)];
  if (!other) return freePlace(boxes, [0, 0], size);
  return freePlace(boxes, [leads ? other.x - size.w - GAP : other.x + other.w + GAP, other.y], size);
}
