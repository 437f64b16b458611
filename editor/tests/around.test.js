import assert from 'node:assert/strict';
import test from 'node:test';
import { packed, PREFIX, unpacked } from '../src/around/link.js';
import { client, curl, python, stem } from '../src/around/snippets.js';
import { cellOf, numbers, usual, wrong } from '../src/around/sweep.js';
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

const DECLARED = {
  expert: {
    label: 'Expert', inputs: [{ kind: 'reliability' }],
    schema: { properties: { share: { type: 'number', minimum: 0, maximum: 10, default: 1 }, reliability: { type: 'number', minimum: 0, maximum: 2 }, guidance: { type: 'number', minimum: 0, maximum: 15 }, muted: { type: 'boolean' } } },
  },
  fuse: { label: 'Fuse', inputs: [{ kind: 'score' }], schema: { properties: { reliability: { type: 'number', exclusiveMinimum: 0 } } } },
  sampler: {
    label: 'Sampler',
    schema: {
      properties: {
        steps: { type: 'integer', minimum: 1, maximum: 200 }, count: { type: 'integer', minimum: 1, maximum: 64 },
        schedule: { oneOf: [{ $ref: '#/$defs/Plain' }, { $ref: '#/$defs/LogSnr' }], discriminator: { propertyName: 'name' } },
      },
      $defs: {
        Plain: { properties: { name: { const: 'plain' } } },
        LogSnr: { properties: { name: { const: 'log_snr' }, log_snr_min: { anyOf: [{ type: 'number' }, { type: 'null' }], default: -10 } } },
      },
    },
  },
};
const valueOf = (node, name) => node.settings?.[name];
const NODES = [{ id: 'a', type: 'expert', title: 'Text', settings: { reliability: 1 } }, { id: 'f', type: 'fuse' }];

test('every number of every node can be swept, faders first', () => {
  const sampler = { id: 's', type: 'sampler', settings: { steps: 24, schedule: { name: 'log_snr' } } };
  const found = numbers([sampler, ...NODES], ({ type }) => DECLARED[type], valueOf);
  assert.deepEqual(found.map(({ title }) => title), [
    'Text · reliability', 'Text · guidance', 'Sampler · steps', 'Sampler · schedule log snr min', 'Text · share', 'Fuse · reliability',
  ]);
  assert.deepEqual(found.map(({ fader }) => fader), [true, true, false, false, false, false]);
  assert.deepEqual([found[2].whole, found[2].low, found[2].high, found[2].at], [true, 1, 200, 24]);
  assert.equal(found[3].at, -10);
  assert.ok(found[5].open);
  const plain = { ...sampler, settings: { schedule: { name: 'plain' } } };
  assert.deepEqual(numbers([plain], ({ type }) => DECLARED[type], valueOf).map(({ setting }) => setting), ['steps']);
});

test('the range that is offered can be sampled as it is', () => {
  const ranges = [
    [{ fader: true, setting: 'guidance', low: -15, high: 15, at: 2 }, [1, 6]], [{ fader: true, setting: 'reliability', low: 0, high: 2, at: 1 }, [0, 1.5]],
    [{ setting: 'steps', low: 1, high: 200, at: 24, whole: true }, [12, 36]], [{ setting: 'steps', low: 1, high: 200, at: 2, whole: true }, [1, 6]],
    [{ setting: 'seed', low: 0, high: 2 ** 32 - 1, at: 7, whole: true }, [7, 11]], [{ setting: 'seed', low: 0, high: 2 ** 32 - 1, at: 2 ** 32 - 1, whole: true }, [2 ** 32 - 5, 2 ** 32 - 1]],
    [{ setting: 'variance', low: 0, high: 100, open: true, at: 0.25 }, [0.125, 0.375]], [{ setting: 'from_noise', low: 0, high: 1, at: 1 }, [0, 1]],
    [{ setting: 'mean', low: -10, high: 10, at: 0 }, [-1, 1]],
  ];
  for (const [number, range] of ranges) {
    assert.deepEqual(usual(number, 5), range, number.setting);
    assert.equal(wrong([{ ...number, title: number.setting, start: range[0], stop: range[1], count: 5 }]), '');
  }
});

test('what is wrong with axes is said', () => {
  const axis = { node: 'a', setting: 'reliability', title: 'Text · reliability', low: 0, high: 2, start: 0, stop: 1, count: 5 };
  assert.equal(wrong([axis]), '');
  assert.match(wrong([]), /no number/);
  assert.match(wrong([axis, axis]), /two different/);
  assert.match(wrong([{ ...axis, stop: 3 }]), /from 0 to 2/);
  assert.match(wrong([{ ...axis, stop: NaN }]), /from 0 to 2/);
  assert.match(wrong([{ ...axis, stop: 0 }]), /two different ends/);
  assert.match(wrong([{ ...axis, count: 2.5 }]), /2 to 25/);
  assert.match(wrong([{ ...axis, whole: true, stop: 2 }]), /whole numbers/);
  assert.match(wrong([{ ...axis, whole: true, stop: 1.5, count: 2 }]), /whole numbers/);
  assert.match(wrong([{ ...axis, open: true }]), /from above 0 to 2/);
  assert.match(wrong([{ ...axis, low: -Infinity, start: -1, stop: 3 }]), /at most 2/);
  assert.match(wrong([{ ...axis, count: 20 }, { ...axis, setting: 'guidance', count: 20 }]), /400 pictures/);
});

test('a cell is the workflow with its numbers', () => {
  const sheet = {
    axes: [{ node: 'a', setting: 'reliability', values: [0, 0.5] }, { node: 'a', setting: 'rule.strength', values: [2, 4] }],
    cells: [[0, 0], [0, 1], [1, 0], [1, 1]],
  };
  const { nodes } = cellOf({ nodes: NODES }, sheet, 2, () => ({ name: 'soft', strength: 1, kept: true }));
  assert.deepEqual(nodes[0].settings, { reliability: 0.5, rule: { name: 'soft', strength: 2, kept: true } });
  assert.equal(nodes[1], NODES[1]);
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
