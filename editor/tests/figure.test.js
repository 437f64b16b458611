import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dragged, keyed, sideOf, typed, within, written } from '../src/lib/figure.js';

const steps = { type: 'integer', minimum: 1, maximum: 200 };
const gain = { type: 'number', minimum: 0, maximum: 2 };
const key = (name, shiftKey = false) => ({ key: name, shiftKey });

test('what is typed out of range is clamped, and a sentence says so', () => {
  assert.deepEqual(typed('500', steps, 24, 'steps'), { value: 200, said: 'steps goes from 1 to 200: 500 became 200.' });
  assert.deepEqual(typed('-1', gain, 1, 'reliability'), { value: 0, said: 'reliability goes from 0 to 2: −1 became 0.' });
  assert.deepEqual(typed('12', steps, 24, 'steps'), { value: 12, said: '' });
});

const side = { type: 'integer', minimum: 0, maximum: 8192, step: 8, zero: 'own', side: 1 };
const pixels = sideOf(side, { own: [768, 512], least: [192, 128], step: 16 });

test('a zero that means something is shown and typed by its name', () => {
  assert.equal(written(0, pixels), 'own');
  assert.equal(written(0, steps), '0');
  assert.equal(written(768, pixels), '768');
  assert.deepEqual(typed(' Own', pixels, 768, 'width'), { value: 0, said: '' });
  assert.deepEqual(typed(' ', pixels, 768, 'width'), { value: 0, said: '' });
  assert.equal(typed('770', pixels, 0, 'width').value, 770);
  assert.equal(typed('1', pixels, 0, 'width').value, 1);
});

test('a side goes from what own is, by whole steps, and no further down than is painted', () => {
  assert.equal(keyed(0, key('ArrowUp'), pixels), 528);
  assert.equal(keyed(0, key('ArrowDown'), pixels), 496);
  assert.equal(keyed(0, key('PageUp', true), pixels), 672);
  assert.equal(keyed(770, key('ArrowUp'), pixels), 784);
  assert.equal(keyed(770, key('ArrowDown'), pixels), 768);
  assert.equal(keyed(8192, key('ArrowUp'), pixels), 8192);
  for (const low of [1, 40, 128]) assert.equal(keyed(low, key('ArrowDown'), pixels), 128);
  assert.deepEqual([0, 1, -1, 4, -5000, 5000].map((by) => dragged(0, by, pixels, false)), [0, 528, 496, 576, 128, 8192]);
  assert.deepEqual([9, 10, -19].map((by) => dragged(0, by, pixels, true)), [0, 528, 496]);
  assert.deepEqual([3, -3, 9].map((by) => dragged(770, by, pixels, by === 9)), [816, 736, 770]);
});

test('where own is not known a side stays, and what is typed moves by places', () => {
  assert.equal(sideOf(side, undefined), side);
  assert.equal(sideOf(steps, { own: [1, 1] }), steps);
  assert.equal(keyed(0, key('ArrowUp'), side), 0);
  assert.equal(dragged(0, 40, side, false), 0);
  assert.equal(keyed(512, key('ArrowUp'), side), 520);
  assert.equal(keyed(8, key('ArrowDown'), side), 8);
});

test('what is no number changes nothing and is named', () => {
  assert.deepEqual(typed('<b>', steps, 24, 'steps'), { value: 24, said: "'<b>' is no number: steps stays 24." });
  for (const text of ['', '1e999', 'NaN', 'Infinity', '1 2']) assert.equal(typed(text, steps, 24, 'steps').value, 24, text);
});

test('a fraction of a whole number is rounded and said', () => {
  assert.deepEqual(typed('7,6', steps, 24, 'steps'), { value: 8, said: 'steps is a whole number: 7.6 became 8.' });
});

test('no drag and no key leaves the bounds, and Shift moves a tenth as far', () => {
  for (const pixels of [-5000, -3, 0, 3, 5000]) {
    for (const schema of [steps, gain]) {
      const value = dragged(1, pixels, schema, false);
      assert.ok(value >= schema.minimum && value <= schema.maximum);
    }
  }
  assert.equal(dragged(1, 100, gain, false), 2);
  assert.equal(dragged(1, 100, gain, true), 1.1);
  assert.equal(keyed(24, key('ArrowUp'), steps), 25);
  assert.equal(keyed(1, key('PageDown'), steps), 1);
  assert.equal(keyed(2, key('ArrowUp'), gain), 2);
});

test('an unbounded number still steps and keeps its digits', () => {
  assert.equal(within(0.12345, { type: 'number' }), 0.12);
  assert.equal(dragged(7, 10, { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 }, false), 17);
});
