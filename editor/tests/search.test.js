import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryOf, found } from '../src/document/search.js';
import { SHORTCUTS, printed, shortcutOf } from '../src/lib/shortcuts.js';
import { catalogue } from './documents.js';

const entries = Object.values(catalogue).map(entryOf);
const labels = (typed) => found(entries, typed).map((entry) => entry.label);

test('the search goes over names, synonyms, types and descriptions, names first', () => {
  assert.equal(labels('text')[0], 'Text');
  assert.deepEqual(labels('prompt'), ['Text']);
  assert.equal(labels('mix')[0], 'Fuse');
  assert.deepEqual(labels('sentence'), ['Text']);
  assert.equal(labels('mask exp')[0], 'Mask expert');
  assert.deepEqual(labels('zebra'), []);
  assert.equal(labels('').length, entries.length);
});

const key = (name, more = {}) => ({ key: name, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, target: null, ...more });
const inside = (selector) => ({ closest: (asked) => (asked.includes(selector) ? {} : null) });

test('a key press means one shortcut, and nothing while a field is typed in', () => {
  assert.equal(shortcutOf(key('w')).id, 'wire');
  assert.equal(shortcutOf(key('?', { shiftKey: true })).id, 'help');
  assert.equal(shortcutOf(key('G', { ctrlKey: true, shiftKey: true })).id, 'nest');
  assert.equal(shortcutOf(key('g')).id, 'group');
  assert.equal(shortcutOf(key('+', { shiftKey: true })).id, 'nearer');
  assert.equal(shortcutOf(key('ArrowLeft', { shiftKey: true })).id, 'move');
  assert.equal(shortcutOf(key('ArrowLeft', { altKey: true })).id, 'left');
  assert.equal(shortcutOf(key('w', { target: inside('textarea') })), undefined);
  assert.equal(shortcutOf(key('z', { ctrlKey: true, target: inside('textarea') })).id, 'undo');
  assert.equal(shortcutOf(key('ArrowLeft', { target: inside('[role=slider]') })), undefined);
});

test('no two shortcuts share keys, and every one can be printed', () => {
  const all = SHORTCUTS.flatMap(({ keys }) => keys);
  assert.equal(new Set(all).size, all.length);
  assert.deepEqual(printed('mod+shift+g', false), ['Ctrl', 'Shift', 'G']);
  assert.ok(all.every((each) => printed(each, true).every(Boolean)));
});
