/** What a tab remembers of itself beyond a reload: which run it played, on which studio. */

const KEY = 'chorale.tab';

export function remember(what, storage = globalThis.sessionStorage) {
  storage.setItem(KEY, JSON.stringify(what));
}

/** What was remembered; it is forgotten by being read. */
export function recall(storage = globalThis.sessionStorage) {
  const text = storage.getItem(KEY);
  storage.removeItem(KEY);
  try {
    const found = JSON.parse(text);
    return found && typeof found === 'object' ? found : {};
  } catch {
    return {}; // not ours
  }
}
