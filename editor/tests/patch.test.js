import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../src/document/patch.js';
import { moved } from '../src/document/view.js';
import { withSetting } from '../src/lib/workflow.js';
import { Draft } from '../src/lib/draft.js';

/** What studio/drafts.py does with changes. */
function patched(document, patch) {
  const found = { '': structuredClone(document) };
  for (const [name, path, ...rest] of patch) {
    const keys = ['', ...path];
    const holder = keys.slice(0, -1).reduce((inner, key) => inner[key], found);
    if (name === 'set') [holder[keys.at(-1)]] = rest;
    else if (name === 'cut') delete holder[keys.at(-1)];
    else holder[keys.at(-1)].splice(rest[0], rest[1], ...rest[2]);
  }
  return found[''];
}

const large = () => ({
  chorale: 1, title: 'Large', assets: { big: 'x'.repeat(1_000_000) }, view: { places: {} },
  nodes: Array.from({ length: 400 }, (_, index) => ({ id: `n${index}`, type: 'text', settings: { text: 'a red sailboat on the sea at sunset' } })),
  wires: Array.from({ length: 399 }, (_, index) => ({ from: `n${index}.text`, to: `n${index + 1}.text` })),
});

test('the changes give the new document', () => {
  const before = large();
  const cases = [
    withSetting(before, 'n7', 'text', 'b'), moved(before, { n1: [1, 2], n9: [3, 4] }), { ...before, nodes: before.nodes.toSpliced(3, 2) },
    { ...before, wires: [...before.wires, { from: 'a.b', to: 'c.d' }] }, { chorale: 1, nodes: [] }, { ...before, subgraphs: { s: { nodes: [] } }, title: undefined }, before,
  ];
  for (const after of cases) assert.deepEqual(patched(before, difference(before, after)), JSON.parse(JSON.stringify(after)));
});

test('400 nodes that are moved at once are sent in less than 10 kB', () => {
  const spread = (by) => Object.fromEntries(large().nodes.map((node, index) => [node.id, [1000 + 244 * index + by, 1000 + 190 * index]]));
  const before = moved(large(), spread(0));
  const after = moved(before, spread(11));
  const patch = difference(before, after);
  assert.deepEqual(patched(before, patch), after);
  assert.ok(JSON.stringify(patch).length < 10_000);
});

test('an edit of 400 nodes is sent in less than 10 kB', () => {
  const before = large();
  const drag = Object.fromEntries(before.nodes.slice(0, 40).map((node, index) => [node.id, [index, index]]));
  for (const after of [withSetting(before, 'n200', 'text', 'new words'), moved(before, drag), { ...before, nodes: before.nodes.slice(1), wires: before.wires.slice(1) }]) {
    assert.ok(JSON.stringify(difference(before, after)).length < 10_000);
  }
});

test('a draft sends the whole once, then changes, and the whole again when it is not known', async () => {
  const asked = [];
  let number = 0;
  let forgotten = false;
  const draft = new Draft(async (question) => {
    asked.push(question);
    if (question.patch && forgotten) return { again: true };
    number = question.patch ? number + 1 : 1;
    return { number, diagnostics: [] };
  });
  const first = large();
  const second = withSetting(first, 'n1', 'text', 'x');
  await draft.check(first);
  await draft.check(second);
  forgotten = true;
  await draft.check(withSetting(second, 'n2', 'text', 'y'));
  assert.deepEqual(asked.map((each) => ('patch' in each ? each.patch.length : 'whole')), ['whole', 1, 1, 'whole']);
  assert.equal(asked[1].number, 1);
  assert.match(asked[0].page, /^[0-9a-f]{32}$/);
});
