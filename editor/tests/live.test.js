import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curvesOf, productOf, withCurve, withPointAfter } from '../src/lib/automation.js';
import { heightAt } from '../src/lib/curve.js';
import { moved } from '../src/lib/live.js';
import { withSetting } from '../src/lib/workflow.js';

const port = (name, kind) => ({ name, kind });
const number = { type: 'number', live: 'number', default: 1 };
const catalogue = {
  expert: { inputs: [port('text', 'text'), port('reliability', 'reliability')], outputs: [port('score', 'score')], schema: { properties: { reliability: number, model: { type: 'string' } } } },
  curve: { type: 'curve', inputs: [], outputs: [port('reliability', 'reliability')], schema: { properties: { points: { type: 'array', live: 'curve', default: [[1, 1], [0, 1]] } } } },
  map: { type: 'map', inputs: [], outputs: [port('reliability', 'reliability')], schema: { properties: { picture: { type: 'string', live: 'map', default: '' } } } },
};
const bare = { nodes: [{ id: 'e', type: 'expert', settings: {} }, { id: 'm', type: 'map', settings: {} }], wires: [{ from: 'm.reliability', to: 'e.reliability' }], assets: { abc: 'PNG' } };
const [expert] = bare.nodes;

test('a run is told what is live and has moved, by whatever edit, and nothing else', () => {
  const louder = withSetting(bare, 'e', 'reliability', 0.5);
  assert.deepEqual(moved(bare, louder, catalogue), [{ control: 'e.reliability', value: 0.5, picture: undefined }]);
  assert.deepEqual(moved(louder, bare, catalogue), [{ control: 'e.reliability', value: 1, picture: undefined }]);
  assert.deepEqual(moved(bare, withSetting(bare, 'e', 'model', 'other'), catalogue), []);
  assert.deepEqual(moved(bare, withSetting(bare, 'e', 'reliability', 1), catalogue), []);
});

test('a painted map is told with its picture', () => {
  assert.deepEqual(moved(bare, withSetting(bare, 'm', 'picture', 'abc'), catalogue), [{ control: 'm.picture', value: 'abc', picture: 'PNG' }]);
});

test('a node that was not there when the run began is no move', () => {
  const { workflow } = withCurve(bare, catalogue, expert, [[1, 2]], 'Shape');
  assert.deepEqual(moved(bare, workflow, catalogue), []);
});

test('drawing a curve adds one node and one wire, and the strip finds it again', () => {
  assert.deepEqual(curvesOf(bare, catalogue, expert), []);
  const { workflow, id } = withCurve(bare, catalogue, expert, [[1, 2], [0, 0]], 'Shape');
  assert.equal(workflow.nodes.length, 3);
  assert.equal(workflow.wires.length, 2);
  const [found] = curvesOf(workflow, catalogue, expert);
  assert.deepEqual([found.node.id, found.setting, found.points, found.shared], [id, 'points', [[1, 2], [0, 0]], 1]);
  const again = withCurve(workflow, catalogue, expert, [[1, 1]], 'Shape');
  assert.notEqual(again.id, id);
  assert.equal(curvesOf(again.workflow, catalogue, expert).length, 2);
});

test('an expert that takes no reliability gets no curve', () => {
  const deaf = { ...catalogue, expert: { ...catalogue.expert, inputs: [] } };
  assert.equal(withCurve(bare, deaf, expert, [[1, 1]], 'Shape'), null);
});

test('the curve of a strip is the product of all curves at every noise', () => {
  const [a, b] = [[[1, 2], [0.25, 0.5]], [[0.75, 1], [0.5, 3]]];
  const product = productOf([a, b]);
  for (const noise of [1, 0.9, 0.75, 0.6, 0.5, 0.3, 0.25, 0]) {
    assert.ok(Math.abs(heightAt(product, noise) - heightAt(a, noise) * heightAt(b, noise)) < 0.01, `at ${noise}`);
  }
});

test('a point is added between its neighbours and does not change the curve', () => {
  const points = [[1, 2], [0.5, 1], [0, 0]];
  for (const index of [0, 1, 2]) {
    const added = withPointAfter(points, index);
    assert.equal(added.points.length, 4);
    assert.ok(Math.abs(heightAt(points, added.points[added.index][0]) - added.points[added.index][1]) < 0.011);
  }
  const full = Array.from({ length: 64 }, (_, i) => [1 - i / 64, 1]);
  assert.equal(withPointAfter(full, 3).points.length, 64);
});
