import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dragged, keyed, typed, within, written } from '../src/lib/figure.js';

const steps = { type: 'integer', minimum: 1, maximum: 200 };
const gain = { type: 'number', minimum: 0, maximum: 2 };
const key = (name, shiftKey = false) => ({ key: name, shiftKey });

test('what is typed out of range is clamped, and a sentence says so', () => {
  assert.deepEqual(typed('500', steps, 24, 'steps'), { value: 200, said: 'steps goes from 1 to 200: 500 became 200.' });
  assert.deepEqual(typed('-1', gain, 1, 'reliability'), { value: 0, said: 'reliability goes from 0 to 2: −1 became 0.' });
  assert.deepEqual(typed('12', steps, 24, 'steps'), { value: 12, said: '' });
});

test('a zero that means something is shown and typed by its name, and steps may be larger than one', () => {
  const pixels = { type: 'integer', minimum: 0, maximum: 8192, step: 8, zero: 'own' };
  assert.equal(written(0, pixels), 'own');
  assert.equal(written(0, steps), '0');
  assert.equal(written(768, pixels), '768');
  assert.deepEqual(typed(' Own', pixels, 768, 'width'), { value: 0, said: '' });
  assert.equal(typed('770', pixels, 0, 'width').value, 770);
  assert.equal(keyed(768, key('ArrowUp'), pixels), 776);
  assert.equal(dragged(512, 4, pixels, false), 544);
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
