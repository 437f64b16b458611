/** What differs between two JSON documents that share what is equal, as a short list of changes:
 *  ['set', path, value], ['cut', path], ['splice', path, start, count, items]. */

import { isRecord } from './own.js';

const MANY = 20;

/** The changes that make `after` of `before`. Parts that are the same object are not looked into. */
export function difference(before, after, path = []) {
  if (before === after) return [];
  if (isRecord(before) && isRecord(after)) return inRecords(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) return inLists(before, after, path);
  return [['set', path, after]];
}

function inRecords(before, after, path) {
  const cut = Object.keys(before).filter((key) => after[key] === undefined && before[key] !== undefined).map((key) => ['cut', [...path, key]]);
  const rest = Object.keys(after).filter((key) => after[key] !== undefined)
    .flatMap((key) => (Object.hasOwn(before, key) ? difference(before[key], after[key], [...path, key]) : [['set', [...path, key], after[key]]]));
  const changes = [...cut, ...rest];
  const whole = [['set', path, after]];
  return changes.length > MANY && path.length && longer(changes, whole) ? whole : changes;
}

/** Where much has changed, such as every place on the canvas, the whole is said in less. */
const longer = (changes, whole) => JSON.stringify(changes).length > JSON.stringify(whole).length;

function inLists(before, after, path) {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const [old, fresh] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  if (old.length === fresh.length) return fresh.flatMap((item, index) => difference(old[index], item, [...path, start + index]));
  return [['splice', path, start, old.length, fresh]];
}
