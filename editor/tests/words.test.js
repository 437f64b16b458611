import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { common, hearersOf, marked, nearest } from '../src/lib/words.js';

const golden = JSON.parse(readFileSync(new URL('../../tests/golden/words.json', import.meta.url), 'utf8'));
const card = JSON.parse(readFileSync(new URL('../../assets/models/playground/text/card.json', import.meta.url), 'utf8'));
const known = common([card.vocabulary]);
const unknown = (sentence) => marked(sentence, known).filter((piece) => piece.strange).map((piece) => piece.text);

test('a sentence is split into the words that the expert is asked for', () => {
  const none = new Set();
  for (const { sentence, words } of golden) assert.deepEqual(marked(sentence, none).filter((piece) => piece.strange).map((piece) => piece.text.toLowerCase()), words);
});

test('the pieces of a sentence join to it again, whatever it holds', () => {
  for (const { sentence } of golden) assert.equal(marked(sentence, known).map((piece) => piece.text).join(''), sentence);
});

test('only words outside the vocabulary are strange, in any case', () => {
  assert.deepEqual(unknown('A red SAILBOAT on the sea at sunset'), []);
  assert.deepEqual(unknown('a red salboat by vermeer'), ['salboat', 'vermeer']);
  assert.equal(nearest('salboat', known), 'sailboat');
  assert.equal(nearest('xylophone', known), '');
});

test('an open vocabulary knows every word; of two closed ones both must know it', () => {
  assert.equal(common([[]]), null);
  assert.deepEqual(marked('anything goes', null), [{ text: 'anything goes', strange: false }]);
  assert.deepEqual([...common([['red', 'blue'], ['blue'], []])], ['blue']);
});

test('experts hear a sentence directly and through what passes it on, a loop included', () => {
  const models = { big: { vocabulary: ['a'] }, small: { vocabulary: ['b'] } };
  const catalogue = { expert: { defaults: { model: 'small' } }, reroute: {} };
  const nodes = [['t', 'text'], ['r', 'reroute'], ['e', 'expert'], ['f', 'expert']].map(([id, type]) => ({ id, type, settings: id === 'f' ? { model: 'big' } : {} }));
  const wires = [['t.text', 'r.in'], ['r.out', 'e.text'], ['r.out', 'r.in'], ['t.text', 'f.text']].map(([from, to]) => ({ from, to }));
  assert.deepEqual(hearersOf({ nodes, wires }, catalogue, models, 't'), [models.small, models.big]);
});
