import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heightAt } from '../src/lib/curve.js';
import { defaultsOf, resolve, variants, widgetOf } from '../src/lib/schema.js';
import { columns, holderOf, silentAmong, strips, voiceOf, withoutOrphans, withSetting } from '../src/lib/workflow.js';

const port = (name, kind) => ({ name, kind });
const fader = { type: 'number', minimum: 0, maximum: 2, live: 'number', widget: 'fader' };
const catalogue = {
  text: { inputs: [], outputs: [port('text', 'text')], schema: { properties: {} } },
  mask: { inputs: [], outputs: [port('mask', 'mask')], schema: { properties: {} } },
  expert: { inputs: [port('condition', 'text')], outputs: [port('score', 'score')], schema: { properties: { reliability: fader } } },
  fuse: { inputs: [port('scores', 'score')], outputs: [port('score', 'score')], schema: { properties: {} } },
  sampling: { inputs: [], outputs: [port('sampling', 'sampling')], schema: { properties: {} } },
  picture: { inputs: [port('score', 'score'), port('sampling', 'sampling')], outputs: [], schema: { properties: {} } },
};
const workflow = {
  nodes: ['picture:picture', 'sampling:sampling', 'a:expert', 'b:expert', 'mask:mask', 'text:text', 'fuse:fuse', 'later:unheard']
    .map((pair) => ({ id: pair.split(':')[0], type: pair.split(':')[1], settings: {} })),
  wires: [['text.text', 'b.condition'], ['mask.mask', 'a.condition'], ['b.score', 'fuse.scores'], ['a.score', 'fuse.scores'], ['fuse.score', 'picture.score'], ['sampling.sampling', 'picture.sampling']]
    .map(([from, to]) => ({ from, to })),
};
const ids = (nodes) => nodes.map((node) => node.id);

test('cards stand in signal order whatever the order of the file', () => {
  const order = columns(workflow, catalogue);
  assert.deepEqual(ids(order.expert), ['b', 'a']);
  assert.deepEqual(ids(order.condition), ['text', 'mask', 'later']);
  assert.deepEqual(ids(order.mix), ['fuse', 'sampling', 'picture']);
});

test('a loop of wires ends the search for an order', () => {
  const looped = { ...workflow, wires: [...workflow.wires, { from: 'fuse.score', to: 'fuse.scores' }] };
  assert.equal(columns(looped, catalogue).mix.length, 3);
});

test('an expert has the voice of its wired condition, else of its model', () => {
  const [, , a, b] = workflow.nodes;
  assert.equal(voiceOf(workflow, catalogue, {}, a), 'mask');
  assert.equal(voiceOf(workflow, catalogue, {}, b), 'text');
  const alone = { ...workflow, wires: [] };
  assert.equal(voiceOf(alone, catalogue, {}, a), 'score');
  assert.equal(voiceOf(alone, catalogue, { m: { condition: 'sketch' } }, { ...a, settings: { model: 'm' } }), 'sketch');
});

test('the master strip turns the sampler, not another node with a count', () => {
  const count = { properties: { count: { type: 'integer' } } };
  const more = { ...catalogue, mask: { ...catalogue.mask, schema: count }, sampling: { ...catalogue.sampling, schema: count } };
  const sweepFirst = { ...workflow, nodes: [workflow.nodes[4], ...workflow.nodes] };
  assert.equal(holderOf(sweepFirst, more, 'count').id, 'sampling');
  assert.equal(holderOf(sweepFirst, more, 'seed'), undefined);
});

test('every expert with a live fader has a strip', () => {
  assert.deepEqual(strips(workflow, catalogue).map(({ node, setting, paints }) => [node.id, setting, paints]), [['b', 'reliability', true], ['a', 'reliability', true]]);
});

test('what tells an expert more has a strip behind the experts, and paints nothing', () => {
  const fader = { properties: { reliability: { type: 'number', live: 'number', widget: 'fader' } } };
  const more = { ...catalogue, adapter: { inputs: [], outputs: [{ name: 'adapter', kind: 'adapter' }], schema: fader } };
  const told = { ...workflow, nodes: [{ id: 'net', type: 'adapter' }, ...workflow.nodes] };
  assert.deepEqual(strips(told, more).map(({ node, paints }) => [node.id, paints]), [['b', true], ['a', true], ['net', false]]);
});

test('editing copies only what changes, and forgets files that nothing names', () => {
  const next = withSetting(workflow, 'text', 'sentence', 'x');
  assert.equal(workflow.nodes[5].settings.sentence, undefined);
  assert.equal(next.nodes[0], workflow.nodes[0]);
  const kept = withoutOrphans({ nodes: [{ id: 'm', settings: { picture: 'aa' } }], assets: { aa: '1', bb: '2' } });
  assert.deepEqual(kept.assets, { aa: '1' });
});

test('pydantic schemas are read: references, optional values, tagged unions', () => {
  const root = {
    $defs: { Euler: { properties: { name: { const: 'euler' } } }, Ddim: { properties: { name: { const: 'ddim' }, eta: { type: 'number', default: 0 } } } },
    properties: {
      sampler: { discriminator: { propertyName: 'name' }, oneOf: [{ $ref: '#/$defs/Euler' }, { $ref: '#/$defs/Ddim' }] },
      seed: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: null },
    },
  };
  assert.deepEqual(variants(root.properties.sampler, root).map((each) => each.name), ['euler', 'ddim']);
  assert.deepEqual(defaultsOf(root.$defs.Ddim), { name: 'ddim', eta: 0 });
  assert.equal(resolve(root.properties.seed, root).type, 'integer');
  assert.equal(widgetOf(root.properties.sampler, root), 'choice');
  assert.equal(widgetOf(fader, root), 'slider');
  assert.equal(widgetOf({ type: 'integer', minimum: 0, maximum: 4294967295 }, root), 'number');
  assert.equal(widgetOf({ type: 'array' }, root), 'json');
});

test('a curve is straight between points and flat beyond them', () => {
  const points = [[0.8, 2], [0.2, 1]];
  assert.equal(heightAt(points, 1), 2);
  assert.equal(heightAt(points, 0), 1);
  assert.ok(Math.abs(heightAt(points, 0.5) - 1.5) < 1e-12);
});

test('fusions that are heard twice, level upon level, stand in the order of their depth', () => {
  const levels = 60;
  const nodes = Array.from({ length: levels }, (_, index) => ({ id: `f${levels - 1 - index}`, type: 'fuse', settings: {} }));
  const wires = Array.from({ length: levels - 1 }, (_, index) => ({ from: `f${index}.score`, to: `f${index + 1}.scores` }));
  const order = columns({ nodes, wires: [...wires, ...wires] }, catalogue).mix.map((node) => node.id);
  assert.deepEqual(order, nodes.map((node) => node.id).toReversed());
});

test('fusions that hear each other in a loop still have an order', () => {
  const nodes = ['a', 'b'].map((id) => ({ id, type: 'fuse', settings: {} }));
  const wires = [{ from: 'a.score', to: 'b.scores' }, { from: 'b.score', to: 'a.scores' }];
  assert.equal(columns({ nodes, wires }, catalogue).mix.length, 2);
});

test('a solo silences others of its own groups alone', () => {
  const channel = (id, settings = {}) => ({ node: { id, settings } });
  const groups = { a: [0], b: [0, 4], c: [4], bends: [1], behind: [] };
  const silent = (...strips) => [...silentAmong(strips, groups)];
  assert.deepEqual(silent(channel('a'), channel('b'), channel('bends', { solo: true })), []);
  assert.deepEqual(silent(channel('a', { solo: true }), channel('b'), channel('c'), channel('bends')), []);
  assert.deepEqual(silent(channel('a', { solo: true }), channel('b'), channel('c', { solo: true })), ['b']);
  assert.deepEqual(silent(channel('b', { solo: true }), channel('a'), channel('c'), channel('behind')), ['a', 'c']);
  assert.deepEqual(silent(channel('b', { solo: true, muted: true }), channel('behind', { muted: true }), channel('new', { muted: true })), ['b', 'new']);
  assert.deepEqual(silent(channel('new', { solo: true }), channel('a')), []);
});
