import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relabelled, reranked, unplugged, wired, without } from '../src/document/edits.js';
import { read } from '../src/document/reading.js';
import { graphAt, nodeAt } from '../src/document/scope.js';
import { edited } from '../src/document/definitions.js';
import { nested, nestRefusal, unpacked } from '../src/document/subgraphs.js';
import { strips, withSetting } from '../src/lib/workflow.js';
import { catalogue, named, wire, workflow } from './documents.js';

const made = (ids = ['te', 'me', 'fuse']) => {
  const document = workflow();
  return nested(document, [], ids, 'Experts', document.view.places);
};

test('a selection becomes one node, wired as its nodes were', () => {
  const { workflow: after, id } = made();
  assert.deepEqual(named(after.wires), ['mask.mask > subgraph.mask', 'subgraph.score > picture.score', 'text.text > subgraph.text']);
  const inner = after.subgraphs.subgraph;
  assert.deepEqual(named(inner.wires), ['me.score > fuse.scores', 'te.score > fuse.scores']);
  assert.deepEqual(inner.inputs, [{ name: 'text', label: 'text', to: 'te.text' }, { name: 'mask', label: 'mask', to: 'me.mask' }]);
  assert.deepEqual(inner.outputs, [{ name: 'score', label: 'score', from: 'fuse.score' }]);
  assert.deepEqual(after.view.places[id], [400, 100]);
  const ports = read(after, after, catalogue, false).declarations.get(id);
  assert.deepEqual(ports.inputs.map((port) => port.kind), ['text', 'mask']);
});

test('unpacking gives back the nodes, the wires and the places', () => {
  const before = workflow();
  const { workflow: middle, id } = made();
  const { workflow: after } = unpacked(middle, [], id);
  const byId = (list) => [...list].sort((a, b) => a.id.localeCompare(b.id));
  assert.deepEqual(byId(after.nodes), byId(before.nodes));
  assert.deepEqual(named(after.wires), named(before.wires));
  assert.deepEqual(after.view.places, before.view.places);
  assert.equal(after.subgraphs, undefined);
});

test('two that are unpacked side by side get ids of their own', () => {
  const { workflow: middle } = made();
  const twice = { ...middle, nodes: [...middle.nodes, { id: 'again', type: 'subgraph', settings: { of: 'subgraph' } }] };
  const { workflow: once } = unpacked(twice, [], 'subgraph');
  const { workflow: both, ids } = unpacked(once, [], 'again');
  assert.deepEqual(ids, ['te_2', 'me_2', 'fuse_2']);
  assert.equal(new Set(both.nodes.map((node) => node.id)).size, both.nodes.length);
  assert.ok(named(both.wires).includes('te_2.score > fuse_2.scores'));
});

test('outputs and nodes with others between them cannot be nested', () => {
  const document = workflow();
  const reading = read(document, document, catalogue, false);
  assert.match(nestRefusal(reading, ['text', 'fuse']), /'Text expert' stands between/);
  assert.match(nestRefusal(reading, ['picture']), /output stays outside/);
  assert.match(nestRefusal(reading, []), /Select the nodes/);
  assert.equal(nestRefusal(reading, ['te', 'me', 'fuse']), '');
});

test('a wire drawn to the edge from inside makes a port, and taking it away unwires it outside', () => {
  const { workflow: middle } = made(['te', 'me', 'fuse', 'mask']);
  const path = ['subgraph'];
  const grown = edited(middle, path, (graph) => wired(graph, wire('@in.+ > me.reliability')));
  assert.deepEqual(graphAt(grown, path).inputs.at(-1), { name: 'reliability', label: 'reliability', to: 'me.reliability' });
  const shared = edited(grown, path, (graph) => wired(graph, wire('@in.reliability > te.reliability')));
  assert.equal(read(shared, shared, catalogue, false).declarations.get('subgraph').inputs.length, 2);
  const outside = edited(shared, [], (graph) => wired({ ...graph, nodes: [...graph.nodes, { id: 'c', type: 'curve', settings: {} }] }, wire('c.reliability > subgraph.reliability')));
  const one = edited(outside, path, (graph) => unplugged(graph, wire('@in.reliability > te.reliability')));
  assert.ok(named(one.wires).includes('c.reliability > subgraph.reliability'));
  const none = edited(one, path, (graph) => unplugged(graph, wire('@in.reliability > me.reliability')));
  assert.ok(!named(none.wires).includes('c.reliability > subgraph.reliability'));
});

test('deleting a node inside takes its port and the wire outside with it', () => {
  const { workflow: middle } = made();
  const after = edited(middle, ['subgraph'], (graph) => without(graph, ['me']));
  assert.deepEqual(named(after.wires), ['subgraph.score > picture.score', 'text.text > subgraph.text']);
});

test('ports at the edge are named and ordered', () => {
  const { workflow: middle } = made();
  const after = edited(middle, ['subgraph'], (graph) => reranked(relabelled(graph, 'inputs', 'text', 'what'), 'inputs', 'mask', -1));
  assert.deepEqual(graphAt(after, ['subgraph']).inputs.map((each) => each.label), ['mask', 'what']);
});

test('a definition that no node shows any more leaves the file', () => {
  const { workflow: middle } = made();
  assert.equal(edited(middle, [], (graph) => without(graph, ['subgraph'])).subgraphs, undefined);
});

test('settings and strips inside are addressed outer/inner', () => {
  const fader = { type: 'number', live: 'number', widget: 'fader' };
  const live = { ...catalogue, text_expert: { ...catalogue.text_expert, schema: { properties: { reliability: fader } } } };
  const { workflow: middle } = made();
  assert.deepEqual(strips(middle, live).map(({ node }) => node.id), ['subgraph/te']);
  const after = withSetting(middle, 'subgraph/te', 'reliability', 0.5);
  assert.equal(nodeAt(after, 'subgraph/te').settings.reliability, 0.5);
  assert.equal(after.nodes, middle.nodes);
});

test('a definition that holds itself is drawn without end of memory', () => {
  const document = { ...workflow(), nodes: [{ id: 'a', type: 'subgraph', settings: { of: 'x' } }], wires: [], subgraphs: { x: { nodes: [{ id: 'b', type: 'subgraph', settings: { of: 'x' } }], wires: [], inputs: [{ name: 'i', to: 'b.i' }], outputs: [] } } };
  assert.equal(read(document, document, catalogue, false).declarations.get('a').inputs[0].kind, 'any');
  assert.equal(strips(document, catalogue).length, 0);
});
