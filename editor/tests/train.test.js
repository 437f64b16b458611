import assert from 'node:assert/strict';
import test from 'node:test';
import { bounds, gained, path, spoken } from '../src/train/curve.js';
import { KINDS } from '../src/train/kinds.js';
import { withGuidance, withModule } from '../src/train/placing.js';

const port = (name, kind = name) => ({ name, kind });
const catalogue = {
  expert: { type: 'expert', label: 'Expert', inputs: [], outputs: [port('score')], defaults: { model: 'base' } },
  mask: { type: 'mask', label: 'Mask', inputs: [], outputs: [port('mask')], defaults: {} },
  modulator: { type: 'modulator', label: 'Modulator', inputs: [port('score'), port('mask'), port('sketch')], outputs: [port('score')], defaults: { model: 'x' } },
  label: { type: 'label', label: 'Class', inputs: [], outputs: [port('class')], defaults: { name: 'sea' } },
  guidance: { type: 'guidance', label: 'Guidance', inputs: [port('score'), port('class'), port('mask')], outputs: [port('score')], defaults: { model: 'x' } },
  picture: { type: 'picture', label: 'Picture', inputs: [port('score')], outputs: [], defaults: {} },
};
const job = { module: 'mine/new', base: 'base', maps: ['mask', 'sketch'] };
const node = (id, type, settings = {}) => ({ id, type, settings });

test('a module takes the place of the wires that leave its base, and hears the map that is there', () => {
  const workflow = {
    nodes: [node('paint', 'mask'), node('expert', 'expert'), node('picture', 'picture')],
    wires: [{ from: 'expert.score', to: 'picture.score' }],
  };
  const { id, wired, workflow: next } = withModule(workflow, catalogue, {}, job);
  assert.equal(id, 'modulator');
  assert.equal(wired, true);
  assert.deepEqual(next.nodes.at(-1), node('modulator', 'modulator', { model: 'mine/new' }));
  assert.deepEqual(next.wires, [
    { from: 'modulator.score', to: 'picture.score' },
    { from: 'expert.score', to: 'modulator.score' },
    { from: 'paint.mask', to: 'modulator.mask' },
  ]);
  assert.equal(workflow.wires[0].from, 'expert.score');
});

test('a mask that is heard already is preferred to one that lies about', () => {
  const workflow = {
    nodes: [node('idle', 'mask'), node('heard', 'mask'), node('expert', 'expert'), node('modulator', 'modulator')],
    wires: [{ from: 'heard.mask', to: 'modulator.mask' }],
  };
  const { id, workflow: next } = withModule(workflow, catalogue, {}, job);
  assert.equal(id, 'modulator_2');
  assert.ok(next.wires.some(({ from, to }) => from === 'heard.mask' && to === 'modulator_2.mask'));
});

test('where its base does not play, a module hears its maps and waits for a score', () => {
  const workflow = { nodes: [node('expert', 'expert', { model: 'another' }), node('paint', 'mask')], wires: [{ from: 'expert.score', to: 'x.score' }] };
  const { workflow: next, wired } = withModule(workflow, catalogue, {}, job);
  assert.equal(wired, false);
  assert.equal(next.nodes.length, 3);
  assert.deepEqual(next.wires, [...workflow.wires, { from: 'paint.mask', to: 'modulator.mask' }]);
});

const models = { 'mine/seer': { labels: ['sky', 'sea'] } };
const seer = { module: 'mine/seer', base: 'base', asks: 'class', sees: 'state' };

test('a guidance stands behind whatever bends its base, and hears a class that its model knows', () => {
  const workflow = {
    nodes: [node('cat', 'label', { name: 'cat' }), node('scene', 'label'), node('expert', 'expert'), node('modulator', 'modulator'), node('picture', 'picture')],
    wires: [{ from: 'expert.score', to: 'modulator.score' }, { from: 'modulator.score', to: 'picture.score' }],
  };
  const { id, wired, workflow: next } = withGuidance(workflow, catalogue, models, seer);
  assert.equal(wired, true);
  assert.deepEqual(next.nodes.at(-1), node(id, 'guidance', { model: 'mine/seer', method: { name: 'state' } }));
  assert.deepEqual(next.wires, [
    { from: 'expert.score', to: 'modulator.score' },
    { from: 'guidance.score', to: 'picture.score' },
    { from: 'modulator.score', to: 'guidance.score' },
    { from: 'scene.class', to: 'guidance.class' },
  ]);
  assert.equal(workflow.wires.length, 2);
});

test('a base that several hear is guided where it is heard first', () => {
  const workflow = {
    nodes: [node('expert', 'expert'), node('modulator', 'modulator'), node('picture', 'picture')],
    wires: [{ from: 'expert.score', to: 'modulator.score' }, { from: 'expert.score', to: 'picture.score' }, { from: 'modulator.score', to: 'expert.score' }],
  };
  const { workflow: next } = withGuidance(workflow, catalogue, models, seer);
  assert.deepEqual(next.wires.slice(0, 2).map(({ from }) => from), ['guidance.score', 'guidance.score']);
});

test('what a guidance is to see is added where nothing says it', () => {
  const empty = { nodes: [node('cat', 'label', { name: 'cat' })], wires: [] };
  const { wired, workflow: next } = withGuidance(empty, catalogue, models, seer);
  assert.equal(wired, false);
  assert.deepEqual(next.nodes.at(-1), node('label', 'label', { name: 'sky' }));
  assert.deepEqual(next.wires, [{ from: 'label.class', to: 'guidance.class' }]);
  const masked = withGuidance(empty, catalogue, models, { ...seer, asks: 'mask', sees: 'estimate' });
  assert.deepEqual(masked.workflow.nodes.slice(1), [node('guidance', 'guidance', { model: 'mine/seer', method: { name: 'estimate' }, scale: 0.5 }), node('mask', 'mask')]);
});

test('every kind says what a training file needs, and what it shows', () => {
  assert.deepEqual(KINDS.modulator.asked({ maps: ['mask'], source: 'upload', sent: { upload: 'ab' } }), { maps: ['mask'], material: { upload: 'ab' } });
  assert.deepEqual(KINDS.guidance.asked({ onlooker: 'm', samples: 9, other: 1 }), { onlooker: 'm', samples: 9 });
  assert.equal(KINDS.modulator.ready({ maps: [], source: 'playground', pairs: 2 }), false);
  assert.equal(KINDS.guidance.ready({ onlooker: undefined, samples: 9 }), false);
  assert.deepEqual(KINDS.guidance.columns({ levels: [0.9, 0.1] }), ['clean', 'noise 0.9', '0.1']);
  assert.equal(KINDS.guidance.preparing({ pictures: 3, of: 9 }), 'painting · 3 of 9 pictures');
  assert.equal(KINDS.guidance.prepared({ pictures: 3, of: 12, progress: 0 }), 0.25);
  assert.match(KINDS.guidance.placed({ ...seer }, true), /leads base to a class/);
});

test('a curve fills its box from the first step to the last', () => {
  const box = { w: 100, h: 50, ...bounds([[1, 2], [10, 1]], [[0, 1.5, 2]]) };
  assert.equal(box.most, 10);
  assert.ok(box.low < 1 && box.high > 2);
  const [, x0, y0, x1, y1] = path([[0, 2], [10, 1]], box).match(/M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)/).map(Number);
  assert.deepEqual([x0, x1], [0, 100]);
  assert.ok(y0 > 0 && y0 < 10 && y1 > 40 && y1 < 50);
});

test('time and gain are said as people say them', () => {
  assert.equal(spoken(12.2), '13 s left');
  assert.equal(spoken(600), '10 min left');
  assert.equal(spoken(9000), '2.5 h left');
  assert.equal(spoken(undefined), '');
  assert.equal(gained([5, 0.75, 1]), 25);
});
