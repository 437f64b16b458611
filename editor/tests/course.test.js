import assert from 'node:assert/strict';
import test from 'node:test';
import { drawn, longer, mean } from '../src/lib/course.js';

test('a course grows by a point for each pair that is heard, and leaves the one before as it was', () => {
  const first = longer([], 1, [['a', 'b', 0.5], ['a', 'c', 0]]);
  const second = longer(first, 0.75, [['a', 'b', -0.25]]);
  assert.deepEqual(second, [['a', 'b', [[1, 0.5], [0.75, -0.25]]], ['a', 'c', [[1, 0]]]]);
  assert.deepEqual(first, [['a', 'b', [[1, 0.5]]], ['a', 'c', [[1, 0]]]]);
});

test('it is drawn with the start of the run on the left and agreement on top', () => {
  assert.equal(drawn([[1, 1], [0.5, 0], [0, -1]], 200, 40), '0.0,0.0 100.0,20.0 200.0,40.0');
});

test('it has a mean', () => assert.equal(mean([[1, 0.5], [0, -1]]), -0.25));
