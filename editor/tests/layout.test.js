import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aligned, freePlace, nextTo } from '../src/document/align.js';
import { tidied } from '../src/document/tidy.js';
import { wires, workflow } from './documents.js';

const sizes = (ids, h = 100) => Object.fromEntries(ids.map((id, index) => [id, { w: 200, h: h + 10 * index }]));

test('tidy layout runs left to right by signal, and nothing overlaps', () => {
  const document = workflow();
  const ids = document.nodes.map((node) => node.id);
  const places = tidied(ids, document.wires, sizes(ids));
  for (const { from, to } of document.wires) assert.ok(places[from.split('.')[0]][0] + 200 < places[to.split('.')[0]][0], `${from} > ${to}`);
  noOverlap(ids, places, sizes(ids));
  assert.equal(Math.min(...ids.map((id) => places[id][1])), 0);
});

test('a loop, a lonely node and hundreds of nodes are laid out too', () => {
  const loop = tidied(['a', 'b', 'c'], wires('a.o > b.i', 'b.o > a.i'), sizes(['a', 'b', 'c']));
  noOverlap(['a', 'b', 'c'], loop, sizes(['a', 'b', 'c']));
  const ids = Array.from({ length: 400 }, (_, index) => `n${index}`);
  const chain = ids.slice(1).map((id, index) => ({ from: `n${Math.floor(index / 2)}.o`, to: `${id}.i` }));
  noOverlap(ids, tidied(ids, chain, sizes(ids)), sizes(ids));
});

function noOverlap(ids, places, size) {
  for (const a of ids) for (const b of ids) {
    if (a >= b) continue;
    const [[ax, ay], [bx, by]] = [places[a], places[b]];
    const apart = ax + size[a].w <= bx || bx + size[b].w <= ax || ay + size[a].h <= by || by + size[b].h <= ay;
    assert.ok(apart, `${a} and ${b} overlap`);
  }
}

const boxes = { a: { x: 0, y: 0, w: 10, h: 10 }, b: { x: 50, y: 5, w: 20, h: 10 }, c: { x: 0, y: 80, w: 30, h: 10 } };

test('aligning makes one edge level', () => {
  assert.deepEqual(aligned(boxes, 'right'), { a: [60, 0], b: [50, 5], c: [40, 80] });
  assert.deepEqual(aligned(boxes, 'top'), { a: [0, 0], b: [50, 0], c: [0, 0] });
});

test('the node beside is the nearest in that direction', () => {
  assert.equal(nextTo(boxes, 'a', [1, 0]), 'b');
  assert.equal(nextTo(boxes, 'a', [0, 1]), 'c');
  assert.equal(nextTo(boxes, 'a', [-1, 0]), undefined);
  const row = { a: { x: 0, y: 9, w: 10, h: 10 }, b: { x: 210, y: 0, w: 10, h: 10 } };
  assert.equal(nextTo(row, 'a', [0, -1]), undefined);
  assert.equal(nextTo(row, 'a', [1, 0]), 'b');
});

test('a free place is at the wish, or below what stands there', () => {
  assert.deepEqual(freePlace(boxes, [200, 0], { w: 10, h: 10 }), [200, 0]);
  const [x, y] = freePlace(boxes, [0, 0], { w: 10, h: 40 });
  assert.equal(x, 0);
  assert.ok(y > 90);
});
