/** Which wires can be: answered before they are drawn, with the reason where they cannot. */

import { ANY } from './ports.js';
import { IN, MORE, OUT } from './reading.js';
import { nodeOf, portOf } from './scope.js';

export const fits = (given, taken) => given === taken || given === ANY || taken === ANY;
export const same = (a, b) => Boolean(a && b) && a.from === b.from && a.to === b.to;
export const opposite = (side) => (side === 'outputs' ? 'inputs' : 'outputs');

/** The wire between an end on `side` of its node and another end. */
export const between = (end, side, other) => (side === 'outputs' ? { from: end, to: other } : { from: other, to: end });

/** Why there can be no wire between two ends, in one sentence; '' if there can.
 *  `replaced` is a wire that is unplugged by the same gesture. */
export function refusal(reading, { from, to }, replaced = null, closes = (giver, taker) => hearing(reading, taker, replaced).has(giver)) {
  const [leaves, enters] = [reading.port(from, 'outputs'), reading.port(to, 'inputs')];
  if (!leaves || !enters) return 'A wire runs from an output to an input.';
  const [giver, taker] = [nodeOf(from), nodeOf(to)];
  const [gives, takes] = [giver, taker].map((id) => `'${reading.title(id)}'`);
  const socket = `'${enters.label ?? enters.name}' of ${takes}`;
  const wires = reading.wires.filter((wire) => !same(wire, replaced));
  if (giver === taker) return 'A node cannot hear itself.';
  if (giver === IN && taker === OUT) return 'An input cannot be an output: put a node between them.';
  if (!fits(leaves.kind, enters.kind)) return `${gives} gives ${leaves.kind}, but ${socket} takes ${enters.kind}.`;
  if (wires.some((wire) => same(wire, { from, to }))) return 'These two are wired already.';
  if (!enters.many && portOf(to) !== MORE && wires.some((wire) => wire.to === to)) return `${socket} takes one wire. Unplug the other first.`;
  return closes(giver, taker) ? `This would close a loop: ${gives} already hears ${takes}.` : '';
}

/** Every node that hears `id`, however far; `backwards`, every node that it hears. */
export function hearing(reading, id, replaced = null, backwards = false) {
  const onward = new Map();
  for (const wire of reading.wires) {
    if (same(wire, replaced)) continue;
    const [here, there] = backwards ? [wire.to, wire.from] : [wire.from, wire.to];
    const heard = onward.get(nodeOf(here)) ?? [];
    onward.set(nodeOf(here), [...heard, nodeOf(there)]);
  }
  const found = new Set();
  const waiting = [...(onward.get(id) ?? [])];
  while (waiting.length) {
    const next = waiting.pop();
    if (!found.has(next)) waiting.push(...(onward.get(next) ?? []));
    found.add(next);
  }
  return found;
}

/** For every port that a wire from `end` could end at: '' or why not. Keys are `node.port`. */
export function verdicts(reading, end, side, replaced = null) {
  const loops = hearing(reading, nodeOf(end), replaced, side === 'outputs');
  const closes = (giver, taker) => loops.has(side === 'outputs' ? taker : giver);
  const found = new Map();
  for (const [id, declaration] of reading.declarations) {
    for (const port of declaration[opposite(side)]) {
      const other = `${id}.${port.name}`;
      found.set(other, refusal(reading, between(end, side, other), replaced, closes));
    }
  }
  return found;
}

/** Where on a node a wire from `end` fits best: {end} or {why} not. */
export function endOn(reading, id, end, side, replaced = null) {
  const ports = reading.declarations.get(id)?.[opposite(side)] ?? [];
  if (!ports.length) return { why: `'${reading.title(id)}' has no ${opposite(side)}.` };
  const tried = ports.map(({ name }) => ({ end: `${id}.${name}`, why: refusal(reading, between(end, side, `${id}.${name}`), replaced) }));
  return tried.find(({ why }) => !why) ?? { why: (tried.find(({ why }) => why.includes('one wire')) ?? tried[0]).why };
}

/** The node types of the catalogue that a wire from a port of `kind` could end at, with the port. */
export function fittingTypes(catalogue, kind, side) {
  return Object.values(catalogue).flatMap((declaration) => {
    const port = declaration[opposite(side)].find((each) => fits(kind, each.kind));
    return port ? [{ declaration, port }] : [];
  });
}
