import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soundAddress } from '../src/lib/assets.js';
import { derivedOf, followedBy } from '../src/lib/automation.js';
import { movedCurves } from '../src/lib/live.js';
import { clock, kindOf, mixed, peaksOf, wavOf } from '../src/sound/wav.js';

const letters = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

test('a WAV file says of itself what it is and holds every sample', () => {
  const bytes = wavOf(Float32Array.of(0, 0.5, -1, 1, 7, -7), 16_000);
  const view = new DataView(bytes.buffer);
  assert.equal(kindOf(bytes), 'audio/wav');
  assert.equal(view.getUint32(4, true), bytes.length - 8);
  assert.deepEqual([20, 22, 34].map((at) => view.getUint16(at, true)), [1, 1, 16]);
  assert.deepEqual([24, 28, 40].map((at) => view.getUint32(at, true)), [16_000, 32_000, 12]);
  assert.deepEqual(Array.from({ length: 6 }, (_, i) => view.getInt16(44 + 2 * i, true)), [0, 16384, -32767, 32767, 32767, -32767]);
});

test('a file is known by its first bytes, not by its name', () => {
  assert.equal(kindOf(letters('fLaC....')), 'audio/flac');
  assert.equal(kindOf(letters('OggS....')), 'audio/ogg');
  for (const other of ['RIFF....WEBP', 'RIFF....AVI ', '\x89PNG\r\n\x1a\n', 'ID3', '']) assert.equal(kindOf(letters(other)), '');
});

test('a stored sound has an address, anything else has none', () => {
  const stored = btoa('RIFF....WAVEfmt ');
  assert.equal(soundAddress(stored), `data:audio/wav;base64,${stored}`);
  assert.equal(soundAddress(`data:text/html;base64,${stored}`), `data:audio/wav;base64,${stored}`);
  assert.ok(soundAddress(btoa('fLaC')).startsWith('data:audio/flac;'));
  assert.ok(soundAddress(btoa('OggS.')).startsWith('data:audio/ogg;'));
  for (const other of [undefined, '', btoa('\x89PNG\r\n'), btoa('<script>')]) assert.equal(soundAddress(other), '');
});

test('columns show the largest sample within them, however many there are', () => {
  assert.deepEqual(peaksOf(Float32Array.of(0, 0.25, -0.5, 0.125), 2), [0.25, 0.5]);
  assert.deepEqual(peaksOf(Float32Array.of(1, -0.5), 4), [1, 1, 0.5, 0.5]);
  assert.deepEqual(peaksOf(new Float32Array(0), 3), [0, 0, 0]);
});

test('channels are mixed to their mean', () => {
  const left = Float32Array.of(1, 0.5);
  assert.equal(mixed([left]), left);
  assert.deepEqual([...mixed([left, Float32Array.of(0, -0.5)])], [0.5, 0]);
});

test('a clock shows minutes and seconds', () => assert.deepEqual([0, 9.9, 60, 75].map(clock), ['0:00', '0:09', '1:00', '1:15']));

test('a run is told of derived curves that differ, and of no other', () => {
  const before = { 'a.curve': [[1, 0], [0, 1]], 'b.curve': [[1, 1]] };
  assert.deepEqual(movedCurves(before, { ...before }), []);
  assert.deepEqual(movedCurves(before, { ...before, 'b.curve': [[1, 2]] }), [{ control: 'b.curve', value: [[1, 2]] }]);
  assert.deepEqual(movedCurves({}, { 'b.curve': [[1, 2]] }), [{ control: 'b.curve', value: [[1, 2]] }]);
});

test('an expert is followed by the curves of what is wired to it, within a subgraph too', () => {
  const graph = { nodes: [{ id: 'e', type: 'x' }, { id: 'f', type: 'y' }, { id: 'g', type: 'y' }], wires: [{ from: 'f.reliability', to: 'e.reliability' }] };
  const derived = { 'f.curve': [[1, 0.5]], 'g.curve': [[1, 2]], 'ff.curve': [[1, 3]], 's/f.curve': [[1, 4]] };
  assert.deepEqual(derivedOf(derived, { id: 'f' }), [[[1, 0.5]]]);
  assert.deepEqual(followedBy(graph, derived, { id: 'e' }).map((each) => each.points), [[[1, 0.5]]]);
  const outer = { nodes: [{ id: 's', type: 'subgraph', settings: { of: 'inner' } }], wires: [], subgraphs: { inner: graph } };
  assert.deepEqual(followedBy(outer, derived, { id: 's/e' }).map((each) => each.points), [[[1, 4]]]);
});
