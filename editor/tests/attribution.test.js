import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strongest, swatch, tints } from '../src/lib/attribution.js';

const RED = [255, 0, 0];
const BLUE = [0, 0, 255];
const bytes = (...values) => btoa(String.fromCharCode(...values));
const map = { h: 1, w: 2, a: bytes(200, 20), b: bytes(55, 235) };
const of = (image, from, to) => {
  const found = new Set();
  for (let y = 0; y < image.height; y += 1) for (let x = from; x < to; x += 1) found.add([...image.data.slice(4 * (y * image.width + x), 4 * (y * image.width + x) + 3)].join());
  return found;
};

test('each place has the colour of the expert with the largest share, and not of another', () => {
  const image = tints(map, { a: { rgb: RED, hatch: 0 }, b: { rgb: BLUE, hatch: 1 } });
  const half = image.width / 2;
  assert.ok(of(image, 0, half).has('255,0,0') && !of(image, 0, half).has('0,0,255'));
  assert.ok(of(image, half, image.width).has('0,0,255') && !of(image, half, image.width).has('255,0,0'));
});

test('regions of one colour differ by their hatching, and have an outline between them', () => {
  const image = tints(map, { a: { rgb: RED, hatch: 0 }, b: { rgb: RED, hatch: 1 } });
  const half = image.width / 2;
  const inked = (from) => Array.from({ length: half - 4 }, (_, x) => image.data[4 * (6 * image.width + from + x)] === 255 ? '.' : '#').join('');
  assert.notEqual(inked(0), inked(half + 4));
  assert.ok(of(image, half, half + 2).has('250,248,242'));
  assert.equal(of(image, half, half + 1).size, 1);
});

test('no two of the first seven hatchings are alike', () => {
  const looks = new Set(Array.from({ length: 7 }, (_, hatch) => swatch({ rgb: RED, hatch }, 28).data.join()));
  assert.equal(looks.size, 7);
});

test('where nobody painted there is no tint', () => {
  const { winner } = strongest({ h: 1, w: 2, a: bytes(0, 9) }, ['a']);
  assert.deepEqual([...winner], [-1, 0]);
  const image = tints({ h: 1, w: 2, a: bytes(0, 9) }, { a: { rgb: RED, hatch: 0 } });
  assert.equal(image.data[3], 0);
});
