import { unguessable } from '../lib/assets.js';

const KEY = 'chorale.visitor';

/** The key that this browser keeps for its history: nobody else can ask for what it names. */
export function visitorKey(storage = globalThis.localStorage) {
  const kept = storage.getItem(KEY);
  if (/^[0-9a-f]{32}$/.test(kept ?? '')) return kept;
  const made = unguessable();
  storage.setItem(KEY, made);
  return made;
}
