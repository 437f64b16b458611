/** What the shortcuts and menus of the canvas do, by the ids of the table in lib/shortcuts.js.
 *  An action that returns false leaves the key press to the browser. */

import { aligned, nextTo } from '../document/align.js';
import { bypassedOrNot, unplugged, without } from '../document/edits.js';
import { freshName } from '../document/own.js';
import { tidied } from '../document/tidy.js';
import { foldedOrNot, framed, moved, takenIn } from '../document/view.js';
import { duplicate, fromClipboard, toClipboard } from './clipboard.js';
import { enter, nest, unpack } from './nesting.js';
import { addNote, offerAll, offerWires, snapped } from './offers.js';

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 11;
const MARGIN = 22;
const ZOOM = 1.2;

/** The actions of a canvas, by id. */
export function actionsOf(canvas) {
  const align = (edge) => () => alignAll(canvas, edge);
  return {
    add: (event) => add(canvas, event),
    wire: () => wire(canvas),
    rename: () => { canvas.naming = canvas.chosen.find((id) => !id.startsWith('@')) ?? null; },
    bypass: () => onNodes(canvas, (ids) => canvas.edit((graph) => bypassedOrNot(graph, ids))),
    collapse: () => onNodes(canvas, (ids) => canvas.edit((graph) => foldedOrNot(graph, ids))),
    duplicate: () => duplicate(canvas),
    delete: () => remove(canvas),
    copy: () => toClipboard(canvas),
    cut: async () => { if (await toClipboard(canvas)) remove(canvas); },
    paste: () => fromClipboard(canvas),
    group: () => group(canvas),
    note: () => addNote(canvas, canvas.place()),
    nest: () => nest(canvas),
    unpack: () => unpack(canvas),
    enter: () => canvas.chosen.length === 1 && enter(canvas, canvas.chosen[0]),
    leave: () => leave(canvas),
    left: align('left'), right: align('right'), top: align('top'), bottom: align('bottom'),
    tidy: () => tidy(canvas),
    all: () => canvas.select(canvas.nodes.map((node) => node.id)),
    walk: (event) => walk(canvas, ARROWS[event.key], event.shiftKey),
    move: (event) => move(canvas, ARROWS[event.key], event.shiftKey ? 8 : 1),
    fit: () => canvas.fit(),
    nearer: () => canvas.zoom((zoom) => zoom * ZOOM),
    further: () => canvas.zoom((zoom) => zoom / ZOOM),
    actual: () => canvas.zoom(() => 1),
  };
}

function onNodes(canvas, work) {
  const ids = canvas.chosenNodes;
  if (ids.length) work(ids);
  else canvas.say('Select nodes first.');
}

/** Tab means the browser's own step to the next control, unless the pointer is what was used last. */
function add(canvas, event) {
  if (event?.key === 'Tab' && !canvas.byPointer) return false;
  search(canvas);
}

function wire(canvas) {
  const [id] = canvas.chosen;
  const declaration = canvas.reading.declarations.get(id);
  if (!declaration) return canvas.say('Select one node to wire it.');
  const ends = ['outputs', 'inputs'].flatMap((side) => declaration[side].map((port) => ({ end: `${id}.${port.name}`, side })));
  canvas.offer(`Wire ${canvas.reading.title(id)}`, offerWires(canvas, ends), canvas.besideNode(id), id);
}

function remove(canvas) {
  const edges = canvas.edges.filter((edge) => edge.selected);
  const ids = canvas.chosen.filter((id) => !id.startsWith('@'));
  if (!ids.length && !edges.length) return false;
  canvas.edit((graph) => without(edges.filter(({ data }) => !ids.length || !touches(data.wire, ids)).reduce((before, { data }) => unplugged(before, data.wire), graph), ids), { select: [] });
  canvas.ground?.focus({ preventScroll: true });
}

const touches = (wired, ids) => ids.some((id) => wired.from.startsWith(`${id}.`) || wired.to.startsWith(`${id}.`));

function group(canvas) {
  const boxes = canvas.chosen.map((id) => canvas.boxOf(id)).filter(Boolean);
  const [px, py] = snapped(canvas.place());
  const id = freshName('group', takenIn(canvas.graph));
  const frame = boxes.length ? around(boxes) : { x: px, y: py, w: 440, h: 264 };
  canvas.edit((graph) => framed(graph, 'groups', { id, title: 'Group', ...frame }), { select: [id] });
  canvas.naming = id;
}

function around(boxes) {
  const [x, y] = [Math.min(...boxes.map((box) => box.x)) - MARGIN, Math.min(...boxes.map((box) => box.y)) - 2 * MARGIN];
  const [right, bottom] = [Math.max(...boxes.map((box) => box.x + box.w)), Math.max(...boxes.map((box) => box.y + box.h))];
  return { x: Math.round(x), y: Math.round(y), w: Math.round(right + MARGIN - x), h: Math.round(bottom + MARGIN - y) };
}

function leave(canvas) {
  if (canvas.menu || canvas.finder) canvas.menu = canvas.finder = null;
  else if (canvas.chosen.length || canvas.edges.some((edge) => edge.selected)) canvas.select([]);
  else if (canvas.path.length) canvas.go(canvas.path.slice(0, -1));
  else return false;
}

function alignAll(canvas, edge) {
  const boxes = Object.fromEntries(canvas.chosen.map((id) => [id, canvas.boxOf(id)]).filter(([, box]) => box));
  if (Object.keys(boxes).length < 2) return canvas.say('Select two nodes or more to align them.');
  canvas.edit((graph) => moved(graph, aligned(boxes, edge)));
}

function tidy(canvas) {
  const some = canvas.chosenNodes.length > 1 ? canvas.chosen.filter((id) => canvas.reading.declarations.has(id)) : [...canvas.reading.declarations.keys()];
  if (!some.length) return;
  const boxes = canvas.boxes;
  const corner = canvas.chosenNodes.length > 1 ? [0, 1].map((axis) => Math.min(...some.map((id) => canvas.places[id][axis]))) : [0, 0];
  canvas.edit((graph) => moved(graph, tidied(some, canvas.reading.wires, Object.fromEntries(some.map((id) => [id, boxes[id]])), corner)));
  if (canvas.chosenNodes.length < 2) canvas.fit();
}

/** To the node beside the one that has the focus, or will in the next frame; `along` keeps what is selected, so that several can be. */
function walk(canvas, direction, along = false) {
  const boxes = canvas.boxes;
  const focused = canvas.awaited?.id ?? document.activeElement?.closest('.svelte-flow__node')?.dataset.id;
  const id = canvas.chosen.includes(focused) ? focused : canvas.chosen[0];
  const next = id && boxes[id] ? nextTo(boxes, id, direction) : Object.keys(boxes)[0];
  if (!next) return;
  canvas.select(along ? [...canvas.chosen, next] : [next]);
  canvas.focus(next);
}

function move(canvas, [dx, dy], times) {
  if (!canvas.chosen.length) return walk(canvas, [dx, dy]);
  const by = [dx * STEP * times, dy * STEP * times];
  const inside = new Set(canvas.chosen);
  const carried = canvas.nodes.filter((node) => inside.has(node.id) || ancestors(canvas, node).some((id) => inside.has(id)));
  const places = Object.fromEntries(carried.map((node) => [node.id, canvas.absolute(node).map((value, axis) => value + by[axis])]));
  canvas.edit((graph) => moved(graph, places), { key: `nudge ${canvas.chosen.join(' ')}` });
}

function ancestors(canvas, node) {
  const parent = canvas.nodes.find((each) => each.id === node.parentId);
  return parent ? [parent.id, ...ancestors(canvas, parent)] : [];
}

/** Open the finder over the ground. */
export function search(canvas) {
  const at = canvas.pointer ?? canvas.middle();
  canvas.offer('Add a node', offerAll(canvas, canvas.place()), at);
}
