import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelsFor } from '../src/lib/options.js';

const models = { text: { condition: 'text' }, bend: { condition: 'score' }, resnet: { condition: 'guidance' } };
const node = (kind, model = {}) => ({ inputs: [{ name: kind, kind }], schema: { properties: { model } } });

test('a node is offered the models whose condition its first port brings', () => {
  assert.deepEqual(modelsFor(models, node('text')), ['text']);
  assert.deepEqual(modelsFor(models, node('score')), ['bend']);
});

test('a setting may say what kind of model it takes', () => {
  assert.deepEqual(modelsFor(models, node('score', { hears: 'guidance' })), ['resnet']);
});
