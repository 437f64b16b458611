/** Which words of a sentence an expert does not know; words are split as the expert splits them. */

import { own } from '../document/own.js';
import { graphAt, placeOf } from '../document/scope.js';

const WORD = /[\p{L}\p{Nl}\p{No}]+/gu;

/** The models of the experts that hear a node, directly or through what passes its output on. */
export function hearersOf(workflow, catalogue, models, address) {
  const [path, id] = placeOf(address);
  const graph = graphAt(workflow, path);
  return graph ? hearers(graph, catalogue, models, id, new Set([id])) : [];
}

function hearers(graph, catalogue, models, id, seen) {
  return graph.wires.filter((wire) => wire.from.startsWith(`${id}.`)).flatMap((wire) => {
    const to = wire.to.split('.')[0];
    const node = graph.nodes.find((each) => each.id === to);
    if (!node || seen.has(to)) return [];
    seen.add(to);
    const model = own(models, node.settings?.model ?? own(catalogue, node.type)?.defaults?.model);
    return model ? [model] : hearers(graph, catalogue, models, to, seen);
  });
}

/** The words that every one of the vocabularies knows, or null where none is closed. */
export function common(vocabularies) {
  const closed = vocabularies.filter((words) => words?.length)
    .map((words) => new Set(words.flatMap((word) => word.toLowerCase().match(WORD) ?? [])));
  if (!closed.length) return null;
  return closed.reduce((shared, next) => new Set([...shared].filter((word) => next.has(word))));
}

/** The sentence in pieces [{text, strange}] that join to it again. */
export function marked(sentence, known) {
  if (!known) return [{ text: sentence, strange: false }];
  const pieces = [];
  let end = 0;
  for (const found of sentence.matchAll(WORD)) {
    if (found.index > end) pieces.push({ text: sentence.slice(end, found.index), strange: false });
    pieces.push({ text: found[0], strange: !known.has(found[0].toLowerCase()) });
    end = found.index + found[0].length;
  }
  if (end < sentence.length) pieces.push({ text: sentence.slice(end), strange: false });
  return pieces;
}

/** The known word that is fewest letters away, or '' if none is near. */
export function nearest(word, known) {
  const wanted = word.toLowerCase();
  let best = '';
  let least = Math.min(3, Math.ceil(wanted.length / 2)) + 1;
  for (const each of known) {
    const away = distance(wanted, each);
    if (away < least) [best, least] = [each, away];
  }
  return best;
}

function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row.at(-1);
}
