/** Laws of making and unpacking subgraphs, over many drawn workflows: fusions hear experts from inside
 *  and from outside, in any order. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read } from '../src/document/reading.js';
import { definitionOf, nodeOf } from '../src/document/scope.js';
import { nested, nestRefusal, unpacked } from '../src/document/subgraphs.js';
import { catalogue, named, wire, wires, workflow } from './documents.js';

const CASES = 400;

/** A generator of the same numbers each time: Park and Miller's. */
function chance(seed) {
  let state = seed;
  const next = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const below = (count) => Math.floor(next() * count);
  const shuffled = (list) => list.map((each) => [next(), each]).sort(([a], [b]) => a - b).map(([, each]) => each);
  return { next, below, shuffled };
}

/** Experts under one or two fusions, wired in any order. */
function drawn({ next, below, shuffled }) {
  const experts = Array.from({ length: 2 + below(4) }, (_, index) => `e${index}`);
  const fusions = Array.from({ length: 1 + below(2) }, (_, index) => `f${index}`);
  const found = [`${fusions.at(-1)}.score > picture.score`, ...experts.map((id) => `text.text > ${id}.text`)];
  if (fusions.length > 1) found.push('f0.score > f1.scores');
  for (const id of experts) {
    const heard = fusions.filter(() => next() < 0.7);
    found.push(...(heard.length ? heard : ['f0']).map((fusion) => `${id}.score > ${fusion}.scores`));
    found.push(...['c0', 'c1'].filter(() => next() < 0.3).map((curve) => `${curve}.reliability > ${id}.reliability`));
  }
  const node = (type) => (id) => ({ id, type, settings: {} });
  return {
    ...workflow(), view: {},
    nodes: shuffled([...experts.map(node('text_expert')), ...fusions.map(node('fuse')), node('text')('text'), node('picture')('picture'), ...['c0', 'c1'].map(node('curve'))]),
    wires: wires(...shuffled(found)),
  };
}

/** Drawn workflows with a selection that can become a subgraph. */
function* drawings() {
  for (let seed = 1, count = 0; count < CASES; seed += 1) {
    const dice = chance(seed);
    const document = drawn(dice);
    const ids = document.nodes.map((node) => node.id).filter(() => dice.next() < 0.4);
    if (nestRefusal(read(document, document, catalogue, false), ids)) continue;
    count += 1;
    yield { seed, document, ids };
  }
}

/** The wires into each node in the order in which the engine plays them: what lies in subgraphs first,
 *  then what their inputs lead to, then the graph's own. */
function played(document) {
  const found = new Map(document.nodes.filter((node) => !definitionOf(document, node)).map((node) => [node.id, []]));
  for (const node of document.nodes) {
    const inner = definitionOf(document, node);
    if (!inner) continue;
    for (const each of inner.nodes) found.set(each.id, []);
    for (const each of inner.wires) found.get(nodeOf(each.to)).push(`${each.from} > ${each.to}`);
    for (const inlet of inner.inputs) {
      for (const each of document.wires.filter(({ to }) => to === `${node.id}.${inlet.name}`)) found.get(nodeOf(inlet.to)).push(`${each.from} > ${inlet.to}`);
    }
  }
  for (const { from, to } of document.wires) {
    const outlet = definitionOf(document, document.nodes.find((node) => node.id === nodeOf(from)))?.outputs.find((each) => from.endsWith(`.${each.name}`));
    found.get(nodeOf(to))?.push(`${outlet?.from ?? from} > ${to}`);
  }
  return found;
}

test('unpacking changes nothing that is played, to the order in which each node hears', () => {
  for (const { seed, document, ids } of drawings()) {
    const { workflow: middle, id } = nested(document, [], ids, 'Part', {});
    const { workflow: after } = unpacked(middle, [], id);
    assert.deepEqual(new Map([...played(after)].sort()), new Map([...played(middle)].sort()), `drawing ${seed}`);
  }
});

test('what is nested and unpacked is the same workflow', () => {
  let mixed = 0;
  for (const { seed, document, ids } of drawings()) {
    const { workflow: middle, id } = nested(document, [], ids, 'Part', {});
    const { workflow: after } = unpacked(middle, [], id);
    const byId = (list) => [...list].sort((a, b) => a.id.localeCompare(b.id));
    assert.deepEqual(byId(after.nodes), byId(document.nodes), `drawing ${seed}`);
    assert.deepEqual(named(after.wires), named(document.wires), `drawing ${seed}`);
    assert.equal(after.subgraphs, undefined);
    // a port hears what it heard in the same order; of an inner port, what is inside comes first
    for (const end of new Set(document.wires.map((each) => each.to))) {
      const into = (list) => list.filter((each) => each.to === end);
      const inside = (each) => ids.includes(nodeOf(each.from)) && ids.includes(nodeOf(each.to));
      const before = into(document.wires);
      const expected = [...before.filter(inside), ...before.filter((each) => !inside(each))];
      if (before.some(inside) && !before.every(inside)) mixed += 1;
      assert.deepEqual(into(after.wires), expected, `drawing ${seed}, ${end}`);
    }
  }
  assert.ok(mixed > CASES / 8, `only ${mixed} ports are fed from both sides`);
});

test('two ports of a subgraph that show one end give it one wire', () => {
  const document = workflow();
  const { workflow: middle, id } = nested(document, [], ['te', 'me', 'fuse'], 'Part', {});
  const inner = middle.subgraphs.subgraph;
  const doubled = {
    ...middle,
    wires: [...middle.wires, wire('text.text > subgraph.again')],
    subgraphs: { subgraph: { ...inner, inputs: [...inner.inputs, { name: 'again', label: 'again', to: 'te.text' }] } },
  };
  assert.deepEqual(named(unpacked(doubled, [], id).workflow.wires), named(document.wires));
});
