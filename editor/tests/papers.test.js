import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formOf, nameAt, paperOf } from '../src/paint/papers.js';

test('a depth map begins farthest everywhere and is painted nearer, softly', () => {
  const paper = paperOf('depth', []);
  assert.deepEqual([paper.blank.name, paper.blank.colour], ['farthest', [0, 0, 0]]);
  assert.deepEqual([paper.ink.name, paper.ink.colour], ['nearest', [255, 255, 255]]);
  assert.ok(paper.soft);
  assert.equal(nameAt(paper, [180, 190, 185]), 'near');
});

test('every paper paints with another colour than its blank, but for a mask, which is full already', () => {
  for (const kind of ['sketch', 'map', 'depth']) {
    const paper = paperOf(kind, []);
    assert.ok(paper.palette.includes(paper.ink));
    assert.notEqual(paper.ink.name, paper.blank.name);
  }
  const classes = [{ name: 'sea', colour: [0, 0, 90] }, { name: 'sky', colour: [90, 90, 255] }];
  assert.equal(paperOf('mask', classes).ink, classes[0]);
  assert.ok(!paperOf('mask', classes).soft && !paperOf('sketch', []).soft);
  assert.ok(paperOf('mask', classes).mixes && !paperOf('depth', []).mixes);
});

test('new paper has the form of its picture, with as many pixels as can be painted on', () => {
  assert.deepEqual(formOf(undefined), [128, 128]);
  assert.deepEqual(formOf([512, 512]), [128, 128]);
  assert.deepEqual(formOf([512, 768]), [128, 192]);
  assert.deepEqual(formOf([4096, 512]), [1024, 128]);
  assert.deepEqual(formOf([65536, 64]), [1024, 1]);
});
