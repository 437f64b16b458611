import assert from 'node:assert/strict';
import test from 'node:test';
import { bounds, gained, path, spoken } from '../src/train/curve.js';
import { withModule } from '../src/train/placing.js';

const port = (name, kind = name) => ({ name, kind });
const catalogue = {
  expert: { type: 'expert', label: 'Expert', inputs: [], outputs: [port('score')], defaults: { model: 'base' } },
  mask: { type: 'mask', label: 'Mask', inputs: [], outputs: [port('mask')], defaults: {} },
  modulator: { type: 'modulator', label: 'Modulator', inputs: [port('score'), port('mask'), port('sketch')], outputs: [port('score')], defaults: { model: 'x' } },
  picture: { type: 'picture', label: 'Picture', inputs: [port('score')], outputs: [], defaults: {} },
};
const job = { module: 'mine/new', base: 'base', maps: ['mask', 'sketch'] };
const node = (id, type, settings = {}) => ({ id, type, settings });

test('a module takes the place of the wires that leave its base, and hears the map that is there', () => {
  const workflow = {
    nodes: [node('paint', 'mask'), node('expert', 'expert'), node('picture', 'picture')],
    wires: [{ from: 'expert.score', to: 'picture.score' }],
  };
  const { id, wired, workflow: next } = withModule(workflow, catalogue, job);
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
  const { id, workflow: next } = withModule(workflow, catalogue, job);
  assert.equal(id, 'modulator_2');
  assert.ok(next.wires.some(({ from, to }) => from === 'heard.mask' && to === 'modulator_2.mask'));
});

test('where its base does not play, a module hears its maps and waits for a score', () => {
  const workflow = { nodes: [node('expert', 'expert', { model: 'another' }), node('paint', 'mask')], wires: [{ from: 'expert.score', to: 'x.score' }] };
  const { workflow: next, wired } = withModule(workflow, catalogue, job);
  assert.equal(wired, false);
  assert.equal(next.nodes.length, 3);
  assert.deepEqual(next.wires, [...workflow.wires, { from: 'paint.mask', to: 'modulator.mask' }]);
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
