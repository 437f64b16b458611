/** What the finder offers: nodes to add, ports to wire to, wires to unplug. Each entry knows its act. */

import { between, fittingTypes, refusal } from '../document/fit.js';
import { bent, unplugged, wired, withNode } from '../document/edits.js';
import { freePlace } from '../document/align.js';
import { freshName } from '../document/own.js';
import { nodeOf, portOf } from '../document/scope.js';
import { entryOf } from '../document/search.js';
import { framed, takenIn } from '../document/view.js';
import { refusalToEnter } from './nesting.js';

const NOTE = { label: 'Note', help: 'Words on the ground.', words: ['comment', 'text', 'remark'], family: 'Arrange', kind: 'sampling' };
const CARD = { w: 244, h: 190 };

/** Everything that can be added at a place of the ground. */
export function offerAll(canvas, place) {
  const entries = declarations(canvas).map((declaration) => ({ ...entryOf(declaration), act: () => add(canvas, declaration, place) }));
  return [...entries, { ...NOTE, act: () => addNote(canvas, place) }];
}

/** The nodes that a wire from `end` could end at, to be added at a place. */
export function offerFitting(canvas, end, side, place) {
  return fitting(canvas, end, side).map(({ declaration, port }) => ({
    ...entryOf(declaration), hint: port.label ?? port.name, act: () => addWired(canvas, declaration, port, end, side, place),
  }));
}

/** What the ports of a node could be wired to, one list for all that are asked for. */
export function offerWires(canvas, ends) {
  const { reading } = canvas;
  return ends.flatMap(({ end, side }) => {
    const mine = portOf(end);
    const old = reading.wires.filter((wire) => (side === 'outputs' ? wire.from : wire.to) === end).map((wire) => {
      const far = side === 'outputs' ? wire.to : wire.from;
      return { label: `Unplug ${reading.title(nodeOf(far))}`, hint: mine, help: 'Takes the wire away.', kind: canvas.kindOf(end, side), family: 'Unplug', words: ['remove', 'delete'], act: () => canvas.edit((graph) => unplugged(graph, wire)) };
    });
    const there = others(reading, end, side).map(({ id, port, wire }) => ({
      label: `${reading.title(id)} · ${port.label ?? port.name}`, hint: mine, help: port.help, kind: port.kind, family: side === 'outputs' ? 'Wire to' : 'Hear', words: [mine],
      act: () => canvas.edit((graph) => wired(graph, wire)),
    }));
    const taken = side === 'inputs' && !reading.port(end, side)?.many && old.length;
    const fresh = taken ? [] : fitting(canvas, end, side).map(({ declaration, port }) => ({
      ...entryOf(declaration), label: `New ${declaration.label}`, hint: mine, family: 'Add and wire', act: () => addWired(canvas, declaration, port, end, side),
    }));
    return [...there, ...fresh, ...old];
  });
}

function others(reading, end, side) {
  const far = side === 'outputs' ? 'inputs' : 'outputs';
  return [...reading.declarations].flatMap(([id, declaration]) => declaration[far].map((port) => ({ id, port, wire: between(end, side, `${id}.${port.name}`) })))
    .filter(({ wire }) => !refusal(reading, wire));
}

const fitting = (canvas, end, side) => fittingTypes(Object.fromEntries(declarations(canvas).map((each) => [each.key ?? each.type, each])), canvas.kindOf(end, side), side);

/** The catalogue, and the subgraphs that the workflow has, to be used once more. */
function declarations(canvas) {
  const { workflow } = canvas.studio.doc;
  const known = Object.values(canvas.studio.catalogue).filter((each) => !['reroute', 'subgraph'].includes(each.type));
  const again = Object.keys(workflow.subgraphs ?? {}).filter((name) => !refusalToEnter(canvas, name)).map((name) => {
    const declaration = canvas.studio.declaration({ id: 'new', type: 'subgraph', settings: { of: name } });
    return { ...declaration, family: 'Subgraphs', synonyms: ['subgraph'], settings: { of: name }, key: `subgraph ${name}` };
  });
  return [...known, ...again];
}

const born = (canvas, declaration) => ({ id: freshName(declaration.type, takenIn(canvas.graph)), type: declaration.type, ...(declaration.version > 1 ? { version: declaration.version } : {}), settings: { ...declaration.settings } });

function add(canvas, declaration, place) {
  const node = born(canvas, declaration);
  canvas.edit((graph) => withNode(graph, node, snapped(place)), { select: [node.id] });
  canvas.focus(node.id);
}

function addWired(canvas, declaration, port, end, side, place) {
  const node = born(canvas, declaration);
  const at = place ? snapped(side === 'outputs' ? place : [place[0] - CARD.w, place[1]]) : beside(canvas, nodeOf(end), side);
  const wire = between(end, side, `${node.id}.${port.name}`);
  canvas.edit((graph) => wired(withNode(graph, node, at), wire), { select: [node.id] });
  canvas.focus(node.id);
}

function beside(canvas, id, side) {
  const box = canvas.boxes[id];
  return freePlace(canvas.boxes, [side === 'outputs' ? box.x + box.w + 88 : box.x - CARD.w - 88, box.y], CARD);
}

export const snapped = ([x, y]) => [Math.round(x / 11) * 11, Math.round(y / 11) * 11];

export function addNote(canvas, place) {
  const id = freshName('note', takenIn(canvas.graph));
  const [x, y] = snapped(place);
  canvas.edit((graph) => framed(graph, 'notes', { id, text: '', x, y, w: 220, h: 110 }), { select: [id] });
  canvas.focus(id, 'textarea');
}

export function addReroute(canvas, wire, place) {
  const id = freshName('reroute', takenIn(canvas.graph));
  canvas.edit((graph) => bent(graph, wire, id, [place[0] - 23, place[1] - 10]), { select: [id] });
}
