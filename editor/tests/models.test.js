import assert from 'node:assert/strict';
import test from 'node:test';
import { askedWith, grouped, nodeFor, spokenSize, withModel } from '../src/models/shelf.js';

const taking = (type, hears, more = {}) => ({ type, inputs: [{ name: hears, kind: hears }], schema: { properties: { model: {} } }, ...more });
const catalogue = { text: { type: 'text', inputs: [], schema: { properties: {} } }, text_expert: taking('text_expert', 'text', { version: 2 }), modulator: taking('modulator', 'score') };
const models = { 'mine/words': { condition: 'text' }, 'mine/maps': { condition: 'score' }, 'mine/all': { condition: 'text+mask+sketch' } };

test('models stand by what they do, and nobody does what is not there', () => {
  const found = grouped([{ name: 'b', role: 'guidance' }, { name: 'a', role: 'expert' }, { name: 'c', role: 'expert' }]);
  assert.deepEqual(found.map(({ title, models: of }) => [title, of.map(({ name }) => name)]), [['Experts', ['a', 'c']], ['Guidances', ['b']]]);
});

test('nothing that the program lists is left out', () => {
  const roles = ['adapter', 'configuration', 'expert', 'guidance', 'lora', 'modulator'];
  const found = grouped(roles.map((role) => ({ name: role, role })));
  assert.deepEqual(found.flatMap(({ models: of }) => of.map(({ role }) => role)).sort(), roles);
});

test('what a model is asked with comes apart, and nothing is nothing', () => {
  assert.deepEqual(['text+mask+sketch', 'mask, sketch', 'none', 'class'].map((asked) => askedWith({ asked })), [['text', 'mask', 'sketch'], ['mask', 'sketch'], [], ['class']]);
});

test('a size is said in the unit that suits it', () => {
  assert.deepEqual([512, 2 ** 20, 15_000_000, 7 * 2 ** 30].map(spokenSize), ['0.5 KiB', '1.0 MiB', '14.3 MiB', '7.0 GiB']);
});

test('a model comes to the canvas in the node that takes it', () => {
  assert.equal(nodeFor(catalogue, models, 'mine/maps').type, 'modulator');
  assert.equal(nodeFor(catalogue, models, 'mine/all'), undefined);
  const declaration = nodeFor(catalogue, models, 'mine/words');
  const { id, workflow } = withModel({ nodes: [{ id: 'text_expert' }], wires: [] }, declaration, 'mine/words');
  assert.notEqual(id, 'text_expert');
  assert.deepEqual(workflow.nodes.at(-1), { id, type: 'text_expert', version: 2, settings: { model: 'mine/words' } });
});
