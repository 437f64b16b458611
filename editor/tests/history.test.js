import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aligned } from '../src/document/align.js';
import { copied, parsedClip, pasted } from '../src/document/clip.js';
import { bent, bypassedOrNot, relabelled, replugged, reranked, unplugged, wired, withChange, withNode, without } from '../src/document/edits.js';
import { refusal } from '../src/document/fit.js';
import { begun, redone, stepped, undone } from '../src/document/history.js';
import { freshName } from '../src/document/own.js';
import { read } from '../src/document/reading.js';
import { definitionOf, graphAt, walked } from '../src/document/scope.js';
import { unsound } from '../src/document/sound.js';
import { edited } from '../src/document/definitions.js';
import { nested, nestRefusal, unpacked } from '../src/document/subgraphs.js';
import { tidied } from '../src/document/tidy.js';
import { foldedOrNot, framed, framesOf, moved, placeIn, reframed, takenIn } from '../src/document/view.js';
import { withSetting } from '../src/lib/workflow.js';
import { catalogue, workflow } from './documents.js';

/** mulberry32: the same actions for the same seed, on every machine. */
function generator(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit) => Math.floor(next() * limit);
  const one = (list) => list[below(list.length)];
  return { below, one, some: (list) => list.filter(() => next() < 0.4) };
}

const at = (random) => [random.below(2000), random.below(2000)];
const idsOf = (graph) => graph.nodes.map((node) => node.id);
const placesOf = (graph) => Object.fromEntries(idsOf(graph).map((id) => [id, placeIn(graph, id) ?? [0, 0]]));
const onGraph = (work) => (document, path, random) => edited(document, path, (graph) => work(graph, random, document, path));

const ACTIONS = {
  type: (document, path, random) => {
    const id = random.one(idsOf(graphAt(document, path)));
    return id ? withSetting(document, [...path, id].join('/'), 'text', `words ${random.below(1e9)}`) : document;
  },
  paint: (document, path, random) => {
    const [id, sha] = [random.one(idsOf(graphAt(document, path))), `${random.below(9)}`.repeat(64)];
    return id ? withSetting({ ...document, assets: { ...document.assets, [sha]: 'AA==' } }, [...path, id].join('/'), 'picture', sha) : document;
  },
  add: onGraph((graph, random) => withNode(graph, { id: freshName('node', takenIn(graph)), type: random.one(Object.keys(catalogue)), settings: {} }, at(random))),
  remove: onGraph((graph, random) => without(graph, random.some(idsOf(graph)).slice(0, 2))),
  move: onGraph((graph, random) => moved(graph, Object.fromEntries(random.some(idsOf(graph)).map((id) => [id, at(random)])))),
  wire: onGraph((graph, random, document, path) => {
    const reading = read(document, graph, catalogue, path.length > 0);
    const ends = (side) => [...reading.declarations].flatMap(([id, each]) => each[side].map((port) => `${id}.${port.name}`));
    const all = ends('outputs').flatMap((from) => ends('inputs').map((to) => ({ from, to }))).filter((each) => !refusal(reading, each));
    return all.length ? wired(graph, random.one(all)) : graph;
  }),
  unplug: onGraph((graph, random, document, path) => {
    const { wires } = read(document, graph, catalogue, path.length > 0);
    return wires.length ? unplugged(graph, random.one(wires)) : graph;
  }),
  replug: onGraph((graph, random, document, path) => {
    const reading = read(document, graph, catalogue, path.length > 0);
    const old = random.one(reading.wires);
    const ends = [...reading.declarations].flatMap(([id, each]) => each.inputs.map((port) => `${id}.${port.name}`));
    const next = old && ends.map((to) => ({ from: old.from, to })).filter((each) => !refusal(reading, each, old));
    return next?.length ? replugged(graph, old, random.one(next)) : graph;
  }),
  bend: onGraph((graph, random) => (graph.wires.length ? bent(graph, random.one(graph.wires), freshName('reroute', takenIn(graph)), at(random)) : graph)),
  bypass: onGraph((graph, random) => bypassedOrNot(graph, random.some(idsOf(graph)))),
  collapse: onGraph((graph, random) => foldedOrNot(graph, random.some(idsOf(graph)))),
  rename: onGraph((graph, random) => (graph.nodes.length ? withChange(graph, random.one(idsOf(graph)), { title: `t${random.below(99)}` }) : graph)),
  group: onGraph((graph, random) => framed(graph, 'groups', { id: freshName('group', takenIn(graph)), title: 'G', x: random.below(99), y: 0, w: 300, h: 200 })),
  note: onGraph((graph, random) => framed(graph, 'notes', { id: freshName('note', takenIn(graph)), text: '<b>', x: random.below(99), y: 0, w: 300, h: 200 })),
  write: onGraph((graph, random) => (framesOf(graph, 'notes').length ? reframed(graph, 'notes', random.one(framesOf(graph, 'notes')).id, { text: `n${random.below(99)}` }) : graph)),
  tidy: onGraph((graph) => moved(graph, tidied(idsOf(graph), graph.wires, Object.fromEntries(idsOf(graph).map((id) => [id, { w: 200, h: 100 }]))))),
  align: onGraph((graph) => (graph.nodes.length ? moved(graph, aligned(Object.fromEntries(Object.entries(placesOf(graph)).map(([id, [x, y]]) => [id, { x, y, w: 10, h: 10 }])), 'left')) : graph)),
  label: onGraph((graph, random) => (graph.inputs?.length ? reranked(relabelled(graph, 'inputs', graph.inputs[0].name, `l${random.below(99)}`), 'inputs', graph.inputs[0].name, 1) : graph)),
  paste: (document, path, random) => {
    const graph = graphAt(document, path);
    const { part } = parsedClip(copied(document, path, random.some(idsOf(graph)).slice(0, 3), placesOf(graph)));
    return part.nodes.length ? pasted(document, path, part, at(random), placesOf(part)).workflow : document;
  },
  nest: (document, path, random) => {
    const graph = graphAt(document, path);
    const ids = random.some(idsOf(graph));
    return path.length < 3 && !nestRefusal(read(document, graph, catalogue, path.length > 0), ids) ? nested(document, path, ids, 'S', placesOf(graph)).workflow : document;
  },
  unpack: (document, path, random) => {
    const found = graphAt(document, path).nodes.filter((node) => definitionOf(document, node));
    return found.length ? unpacked(document, path, random.one(found).id).workflow : document;
  },
};

/** Into some subgraph, or out of it: what is shown is no part of the document. */
function elsewhere(document, path, random) {
  const here = walked(document, path).length === path.length ? path : [];
  const inner = graphAt(document, here).nodes.filter((node) => definitionOf(document, node));
  if (random.below(4) === 0) return here.slice(0, -1);
  return inner.length && random.below(3) === 0 ? [...here, random.one(inner).id] : here;
}

test('sixty random actions are undone to the first document and redone to the last, a hundred times', () => {
  const done = new Set();
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = generator(seed);
    const first = workflow();
    const text = JSON.stringify(first);
    let history = begun(first);
    let path = [];
    let steps = 0;
    while (steps < 60) {
      path = elsewhere(history.present, path, random);
      const name = random.one(Object.keys(ACTIONS));
      const next = ACTIONS[name](history.present, path, random);
      if (next === history.present) continue;
      assert.equal(unsound(next), '', `seed ${seed}: ${name}`);
      history = stepped(history, next, '', steps);
      done.add(name);
      steps += 1;
    }
    const last = JSON.stringify(history.present);
    for (let step = 0; step < 60; step += 1) history = undone(history);
    assert.equal(JSON.stringify(history.present), text, `seed ${seed}`);
    assert.equal(history.present, first);
    assert.equal(undone(history), history);
    for (let step = 0; step < 60; step += 1) history = redone(history);
    assert.equal(JSON.stringify(history.present), last, `seed ${seed}`);
    assert.equal(redone(history), history);
  }
  assert.deepEqual([...done].sort(), Object.keys(ACTIONS).sort());
});

test('a gesture is one step: edits of one key that follow quickly are joined', () => {
  const key = 'text.text';
  let history = begun('');
  for (const [text, now] of [['a', 0], ['ab', 100], ['abc', 500], ['abcd', 2000]]) history = stepped(history, text, key, now);
  assert.equal(history.past.length, 2);
  assert.equal(undone(history).present, 'abc');
  assert.equal(undone(undone(history)).present, '');
  const after = stepped(undone(history), 'x', key, 2100);
  assert.equal(undone(after).present, 'abc');
  assert.deepEqual(after.future, []);
});

test('every document on the way has wires that end at nodes, and ids of their own', () => {
  for (let seed = 500; seed < 520; seed += 1) {
    const random = generator(seed);
    let [document, path] = [workflow(), []];
    for (let step = 0; step < 60; step += 1) {
      path = elsewhere(document, path, random);
      document = ACTIONS[random.one(Object.keys(ACTIONS))](document, path, random);
      for (const graph of [document, ...Object.values(document.subgraphs ?? {})]) {
        const ids = new Set(idsOf(graph));
        assert.equal(ids.size, graph.nodes.length);
        for (const { from, to } of graph.wires) assert.ok(ids.has(from.split('.')[0]) && ids.has(to.split('.')[0]), `seed ${seed}: ${from} > ${to}`);
        for (const { to } of graph.inputs ?? []) assert.ok(ids.has(to.split('.')[0]));
        for (const { from } of graph.outputs ?? []) assert.ok(ids.has(from.split('.')[0]));
      }
    }
  }
});
