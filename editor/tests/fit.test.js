import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endOn, fittingTypes, refusal, verdicts } from '../src/document/fit.js';
import { read } from '../src/document/reading.js';
import { catalogue, wire, wires, workflow } from './documents.js';

const reading = (document = workflow()) => read(document, document, catalogue, false);

test('a wire of the wrong kind is refused in words', () => {
  assert.equal(refusal(reading(), wire('text.text > me.mask')), "'Text' gives text, but 'mask' of 'Where' takes mask.");
});

test('an input for one wire takes no second, unless the first is unplugged by the same gesture', () => {
  const second = wire('te.score > picture.score');
  assert.match(refusal(reading(), second), /'score' of 'Picture' takes one wire/);
  assert.equal(refusal(reading(), second, wire('fuse.score > picture.score')), '');
});

test('an input for many takes more, but never the same twice', () => {
  const document = workflow();
  document.nodes.push({ id: 'third', type: 'text_expert', settings: {} });
  assert.equal(refusal(reading(document), wire('third.score > fuse.scores')), '');
  assert.match(refusal(reading(), wire('te.score > fuse.scores')), /wired already/);
});

test('a loop is refused, however long', () => {
  const document = workflow();
  document.nodes.push({ id: 'later', type: 'fuse', title: 'Later', settings: {} });
  document.wires.push(wire('fuse.score > later.scores'));
  assert.equal(refusal(reading(document), wire('later.score > fuse.background')), "This would close a loop: 'Later' already hears 'Fuse'.");
  assert.match(refusal(reading(), wire('fuse.score > fuse.background')), /cannot hear itself/);
});

test('the verdicts on all ports are those on each wire, in both directions', () => {
  const document = workflow();
  document.nodes.push({ id: 'later', type: 'fuse', settings: {} }, { id: 'bend', type: 'reroute', settings: {} });
  document.wires.push(wire('fuse.score > later.scores'), wire('later.score > bend.in'));
  const shown = reading(document);
  for (const [end, side] of [['later.score', 'outputs'], ['fuse.background', 'inputs'], ['bend.out', 'outputs'], ['text.text', 'outputs']]) {
    const found = verdicts(shown, end, side);
    assert.ok(found.size > 3);
    for (const [other, why] of found) assert.equal(why, refusal(shown, side === 'outputs' ? { from: end, to: other } : { from: other, to: end }));
  }
});

test('a wire dropped on a node finds the port that takes it, or says why none does', () => {
  assert.equal(endOn(reading(), 'fuse', 'te.score', 'outputs').end, 'fuse.background');
  const bare = { ...workflow(), wires: [] };
  assert.equal(endOn(reading(bare), 'fuse', 'te.score', 'outputs').end, 'fuse.scores');
  assert.match(endOn(reading(), 'picture', 'te.score', 'outputs').why, /takes one wire/);
  assert.match(endOn(reading(), 'text', 'te.score', 'outputs').why, /no inputs/);
});

test('only types with a fitting port are offered', () => {
  assert.deepEqual(fittingTypes(catalogue, 'text', 'outputs').map(({ declaration }) => declaration.type), ['text_expert']);
  assert.deepEqual(fittingTypes(catalogue, 'reliability', 'inputs').map(({ declaration }) => declaration.type), ['curve']);
});

test('a reroute has the kind of what is wired into it, or of what hears it', () => {
  const document = workflow();
  document.nodes.push({ id: 'a', type: 'reroute', settings: {} }, { id: 'b', type: 'reroute', settings: {} }, { id: 'c', type: 'reroute', settings: {} });
  document.wires.push(...wires('mask.mask > a.in', 'a.out > b.in', 'c.out > picture.score'));
  const kind = (id) => reading(document).declarations.get(id).outputs[0].kind;
  assert.deepEqual(['a', 'b', 'c'].map(kind), ['mask', 'mask', 'score']);
  assert.match(refusal(reading(document), wire('b.out > te.text')), /gives mask/);
});

test('types of newer versions and hostile names are placeholders with the ports that are wired', () => {
  const document = workflow();
  document.nodes.push({ id: 'constructor', type: 'constructor', settings: {} }, { id: 'odd', type: '__proto__', settings: {} });
  document.wires.push(wire('constructor.future > odd.past'));
  const shown = reading(document);
  assert.equal(shown.declarations.get('constructor').unknown, true);
  assert.deepEqual(shown.declarations.get('odd').inputs.map((port) => port.name), ['past']);
});

test('a wire to a port that its node does not have is shown there', () => {
  const document = workflow();
  document.wires.push(wire('text.text > fuse.gone'));
  const [found] = reading(document).declarations.get('fuse').inputs.filter((port) => port.stray);
  assert.equal(found.name, 'gone');
});
