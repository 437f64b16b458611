import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copied, parsedClip, pasted } from '../src/document/clip.js';
import { nested } from '../src/document/subgraphs.js';
import { unsound } from '../src/document/sound.js';
import { framesOf, placeIn } from '../src/document/view.js';
import { named, workflow } from './documents.js';

test('what is copied is pasted with fresh ids, its inner wires and its shape', () => {
  const document = workflow();
  const { part } = parsedClip(copied(document, [], ['te', 'me', 'fuse'], document.view.places));
  const { workflow: after, ids } = pasted(document, [], part, [0, 500], part.view.places);
  assert.deepEqual(ids, ['te_2', 'me_2', 'fuse_2']);
  assert.deepEqual(named(after.wires).filter((each) => each.includes('_2')), ['me_2.score > fuse_2.scores', 'te_2.score > fuse_2.scores']);
  assert.deepEqual(ids.map((id) => after.view.places[id]), [[0, 500], [0, 700], [300, 600]]);
});

test('a subgraph takes its definition along, and one of the same name that differs is renamed', () => {
  const document = workflow();
  const { workflow: middle, id } = nested(document, [], ['te', 'fuse'], 'One', document.view.places);
  const { part } = parsedClip(copied(middle, [], [id], middle.view.places));
  assert.deepEqual(Object.keys(pasted(middle, [], part, [0, 0], part.view.places).workflow.subgraphs), ['subgraph']);
  const other = nested(workflow(), [], ['me', 'fuse'], 'Two', document.view.places).workflow;
  const { workflow: after, ids } = pasted(other, [], part, [0, 0], part.view.places);
  assert.deepEqual(Object.keys(after.subgraphs), ['subgraph', 'subgraph_2']);
  assert.equal(after.nodes.find((node) => node.id === ids[0]).settings.of, 'subgraph_2');
});

test('stored files come along', () => {
  const sha = 'a'.repeat(64);
  const document = { ...workflow(), assets: { [sha]: 'AA==' } };
  document.nodes[1] = { ...document.nodes[1], settings: { picture: sha } };
  const { part } = parsedClip(copied(document, [], ['mask'], {}));
  assert.deepEqual(pasted({ ...workflow() }, [], part, [0, 0], {}).workflow.assets, { [sha]: 'AA==' });
  assert.deepEqual(parsedClip(copied(document, [], ['text'], {})).part.assets, {});
});

const HOSTILE = [
  'hello', '', '[1,2]', 'null', '{"chorale":1}', '{"chorale":1,"nodes":[null],"wires":[]}', '{"chorale":1,"nodes":[{"id":"__proto__","type":"text"}],"wires":[]}',
  '{"chorale":1,"nodes":[{"id":"a","type":"text"},{"id":"a","type":"text"}],"wires":[]}', '{"chorale":1,"nodes":[{"id":"a","type":7}],"wires":[]}',
  '{"chorale":1,"nodes":[],"wires":[{"from":{},"to":"a.b"}]}', '{"chorale":1,"nodes":[{"id":"a","type":"text","title":{"x":1}}],"wires":[]}',
  '{"chorale":1,"nodes":[],"wires":[],"subgraphs":{"x":{"nodes":[],"wires":[],"inputs":[{"name":"+","to":"a.b"}]}}}', '{"chorale":1,"nodes":[],"wires":[],"subgraphs":[1]}',
  '"'.repeat(10), `{"chorale":1,"nodes":[${'{},'.repeat(10)}{}],"wires":[]}`, 'x'.repeat(5_000_001),
];

test('foreign and hostile text is refused with a sentence', () => {
  for (const text of HOSTILE) {
    const { part, why } = parsedClip(text);
    assert.equal(part, undefined, text.slice(0, 80));
    assert.match(why, /^The clipboard holds .*[.]/);
  }
});

test('a hostile view is not shown', () => {
  const document = { ...workflow(), view: { places: { text: ['NaN', 1], mask: [1e9, 0], te: 5, constructor: [1, 2] }, groups: [null, { id: 'g', x: 0, y: 0, w: -5, h: 5 }, { id: 'text', x: 0, y: 0, w: 5, h: 5 }, { id: 'ok', title: 'x', x: 0, y: 0, w: 5, h: 5 }], notes: 'x', collapsed: 7 } };
  assert.deepEqual(['text', 'mask', 'te', 'toString'].map((id) => placeIn(document, id)), [undefined, undefined, undefined, undefined]);
  assert.deepEqual(framesOf(document, 'groups').map((each) => each.id), ['ok']);
  assert.deepEqual(framesOf(document, 'notes'), []);
});

test('a whole workflow is sound, and newer keys do not make it less so', () => {
  assert.equal(unsound({ ...workflow(), future: { x: 1 } }), '');
});
