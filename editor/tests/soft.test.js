import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flood } from '../src/lib/raster.js';
import { gradient, SoftStroke } from '../src/paint/soft.js';

const blank = (side, light) => {
  const image = { width: side, height: side, data: new Uint8ClampedArray(4 * side * side) };
  flood(image, [light, light, light]);
  return image;
};
const at = (image, x, y) => image.data[4 * (y * image.width + x)];
const BLACK = [0, 0, 0];
const middle = { x: 16, y: 16 };

test('a soft dab is strongest in its middle, falls off to its rim and leaves the rest alone', () => {
  const image = blank(32, 255);
  new SoftStroke(image).draw(image, middle, middle, 20, BLACK, 1);
  assert.ok(at(image, 16, 16) < 10);
  for (let x = 16; x < 25; x += 1) assert.ok(at(image, x, 16) <= at(image, x + 1, 16));
  assert.equal(at(image, 27, 16), 255);
  assert.equal(at(image, 0, 0), 255);
});

test('strength is how far a stroke goes, however often it passes', () => {
  const image = blank(32, 200);
  const stroke = new SoftStroke(image);
  for (let i = 0; i < 50; i += 1) stroke.draw(image, middle, middle, 20, BLACK, 0.5);
  assert.ok(Math.abs(at(image, 16, 16) - 100) <= 2);
  const again = new SoftStroke(image);
  again.draw(image, middle, middle, 20, BLACK, 0.5);
  assert.ok(Math.abs(at(image, 16, 16) - 50) <= 3);
});

test('a gradient goes straight from one light to another and stays there', () => {
  const image = blank(32, 9);
  gradient(image, { x: 8, y: 16 }, { x: 24, y: 16 }, 0, 255);
  assert.equal(at(image, 0, 3), 0);
  assert.equal(at(image, 31, 30), 255);
  assert.ok(Math.abs(at(image, 15, 7) - 0.469 * 255) < 2);
  for (let y = 1; y < 32; y += 1) assert.equal(at(image, 12, y), at(image, 12, 0));
  gradient(image, middle, middle, 10, 200);
  assert.equal(at(image, 3, 3), 10, 'a gradient of no length has one light');
  assert.equal(image.data[3], 255);
});

test('a soft stroke of one class over another is both in proportion, all the way to its rim', () => {
  const image = blank(32, 0);
  flood(image, [0, 0, 200]);
  new SoftStroke(image).draw(image, middle, middle, 20, [200, 100, 0], 0.75);
  for (let x = 0; x < 32; x += 1) {
    const [r, g, b, a] = image.data.slice(4 * (16 * 32 + x), 4 * (16 * 32 + x) + 4);
    assert.ok(Math.abs(r / 200 + b / 200 - 1) < 0.01 && Math.abs(g - r / 2) <= 1 && a === 255);
  }
  assert.ok(Math.abs(at(image, 16, 16) - 150) <= 3);
});

test('on what is transparent a soft stroke keeps its colour and covers as far as it goes', () => {
  const image = { width: 32, height: 32, data: new Uint8ClampedArray(4 * 32 * 32) };
  new SoftStroke(image).draw(image, middle, middle, 20, [200, 100, 0], 0.5);
  assert.deepEqual([...image.data.slice(4 * (16 * 32 + 16), 4 * (16 * 32 + 16) + 3)], [200, 100, 0]);
  const cover = image.data[4 * (16 * 32 + 16) + 3];
  assert.ok(cover > 120 && cover <= 128);
  assert.equal(image.data[3], 0);
});
