import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fill, flood, snap, stroke } from '../src/lib/raster.js';

const RED = [200, 10, 10];
const BLUE = [10, 10, 200];
const blank = (width, height) => {
  const image = { width, height, data: new Uint8ClampedArray(4 * width * height) };
  flood(image, BLUE);
  return image;
};
const colourAt = (image, x, y) => [...image.data.slice(4 * (y * image.width + x), 4 * (y * image.width + x) + 3)];

test('a stroke of one pixel marks the pixels it crosses and no others', () => {
  const image = blank(8, 8);
  stroke(image, { x: 1.5, y: 3.5 }, { x: 5.5, y: 3.5 }, 1, RED);
  for (let x = 0; x < 8; x += 1) {
    assert.deepEqual(colourAt(image, x, 3), x >= 1 && x <= 5 ? RED : BLUE);
    assert.deepEqual(colourAt(image, x, 2), BLUE);
  }
});

test('a disc covers its area within a pixel of its rim', () => {
  const image = blank(64, 64);
  stroke(image, { x: 32, y: 32 }, { x: 32, y: 32 }, 40, RED);
  let covered = 0;
  for (let at = 0; at < image.data.length; at += 4) covered += image.data[at] === RED[0];
  assert.ok(Math.abs(covered - Math.PI * 400) < Math.PI * 40);
});

test('filling stops at a closed line', () => {
  const image = blank(9, 9);
  stroke(image, { x: 4.5, y: 0 }, { x: 4.5, y: 9 }, 1, RED);
  fill(image, 0, 0, [1, 2, 3]);
  assert.deepEqual(colourAt(image, 3, 8), [1, 2, 3]);
  assert.deepEqual(colourAt(image, 4, 4), RED);
  assert.deepEqual(colourAt(image, 5, 0), BLUE);
});

test('an uploaded mask is snapped where it is a class by a hair, and stays soft elsewhere', () => {
  const image = blank(2, 1);
  const half = RED.map((part, i) => Math.round((part + BLUE[i]) / 2));
  image.data.set([RED[0] - 5, RED[1] + 6, RED[2] + 7, 128, ...half, 255]);
  snap(image, [RED, BLUE]);
  assert.deepEqual([...image.data], [...RED, 128, ...half, 255]);
});
