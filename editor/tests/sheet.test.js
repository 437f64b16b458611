import assert from 'node:assert/strict';
import { test } from 'node:test';
import { laid } from '../src/lib/sheet.js';

test('square pictures fill a square', () => {
  for (const [count, columns] of [[0, 1], [1, 1], [2, 2], [3, 2], [4, 2], [5, 3], [9, 3], [10, 4], [64, 8]]) {
    assert.deepEqual(laid(count, 1), { columns, part: 1 / columns }, String(count));
  }
});

test('one tall picture stands in the middle as high as the sheet, and several are as large as they can be', () => {
  assert.deepEqual(laid(1, 0.5), { columns: 1, part: 0.5 });
  assert.deepEqual(laid(2, 0.5), { columns: 2, part: 0.5 });
  assert.deepEqual(laid(4, 0.5), { columns: 4, part: 0.25 });
  for (const count of [1, 2, 3, 5, 8, 16]) {
    for (const ratio of [0.4, 2 / 3, 0.9]) {
      const { columns, part } = laid(count, ratio);
      assert.ok(part * columns <= 1 + 1e-9 && part / ratio * Math.ceil(count / columns) <= 1 + 1e-9);
    }
  }
});

test('wide pictures take the whole width of as few columns as make a square of them', () => {
  assert.deepEqual(laid(1, 3), { columns: 1, part: 1 });
  assert.deepEqual(laid(4, 4), { columns: 1, part: 1 });
  assert.deepEqual(laid(4, 2), { columns: 2, part: 0.5 });
});
