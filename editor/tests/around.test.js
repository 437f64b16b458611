import assert from 'node:assert/strict';
import test from 'node:test';
import { packed, PREFIX, unpacked } from '../src/around/link.js';
import { client, curl, python, stem } from '../src/around/snippets.js';
import { recall, remember } from '../src/around/tab.js';
import { visitorKey } from '../src/around/visitor.js';
import { said, wait } from '../src/around/waiting.js';

const shelf = () => {
  const kept = new Map();
  return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
};

test('a workflow comes out of its link as it went in', async () => {
  const workflow = { chorale: 1, title: 'Größe → 船', nodes: [{ id: 'a', settings: { text: '<script>' } }] };
  const fragment = await packed(workflow);
  assert.match(fragment, /^#workflow=[A-Za-z0-9_-]+$/);
  assert.deepEqual(JSON.parse(await unpacked(fragment)), workflow);
});

test('a link that is cut, altered or foreign carries nothing', async () => {
  const fragment = await packed({ chorale: 1, title: 'x'.repeat(2000) + Math.random() });
  for (const bad of ['', '#', '#other=1', PREFIX, `${PREFIX}%%%`, fragment.slice(0, -9), `${PREFIX}AAAA${fragment.slice(14)}`]) {
    assert.equal(await unpacked(bad), null, bad.slice(0, 40));
  }
});

test('a link that would unfold without end is dropped', async () => {
  const fragment = await packed('0'.repeat(40 * 2 ** 20));
  assert.ok(fragment.length < 100_000);
  assert.equal(await unpacked(fragment), null);
});

test('a browser keeps one key, and replaces what is none', () => {
  const storage = shelf();
  const key = visitorKey(storage);
  assert.match(key, /^[0-9a-f]{32}$/);
  assert.equal(visitorKey(storage), key);
  storage.setItem('chorale.visitor', 'guess me');
  assert.notEqual(visitorKey(storage), 'guess me');
  assert.notEqual(visitorKey(shelf()), key);
});

test('a tab remembers once', () => {
  const storage = shelf();
  remember({ run: 'a' }, storage);
  assert.deepEqual(recall(storage), { run: 'a' });
  assert.deepEqual(recall(storage), {});
  storage.setItem('chorale.tab', '{');
  assert.deepEqual(recall(storage), {});
});

test('names of files are plain', () => {
  assert.equal(stem('First light!'), 'first-light');
  assert.equal(stem('"; rm -rf ~'), 'rm-rf');
  assert.equal(stem('船'), 'workflow');
});

test('a picture that was played is what Python loads, else the workflow file', () => {
  assert.match(python('First light', true), /load\("first-light\.png"\)/);
  assert.match(python('First light', false), /load\("first-light\.json"\)/);
});

test('a call brings the moves that were made while it played, and no others', () => {
  const still = [[0, 'a.reliability', 1]], moved = [...still, [3, 'a.reliability', 0.5]];
  for (const call of [client, curl]) {
    assert.doesNotMatch(call('T', 'http://here/', still), /a\.reliability/);
    assert.match(call('T', 'http://here/', moved), /\[3,"a\.reliability",0\.5\]/);
  }
});

test('the queue is told in words', () => {
  assert.deepEqual([null, 0, 1, 2].map(said), ['waiting', 'next', '1 run before yours', '2 runs before yours']);
});

test('a run that never arrives is given up, one that waits is not', async () => {
  const run = { id: 'r', phase: 'waiting', running: true, before: null };
  const places = [{ waits: true, before: 2 }, ...Array(20).fill({ waits: false, lost: { code: 'P004' } })];
  const heard = [];
  await wait({ place: async () => { heard.push(run.before); return places.shift(); } }, run, (why) => { heard.push(why.code); run.phase = 'failed'; }, 1);
  assert.equal(heard[1], 2);
  assert.equal(heard.at(-1), 'P004');
});
