/** Searching a list of {label, words, help}: every word typed must be found; names count most. */

const plain = (text) => text.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');

function score(entry, word) {
  const label = plain(entry.label);
  const words = (entry.words ?? []).map(plain);
  if (label === word) return 100;
  if (label.startsWith(word)) return 80;
  if (label.split(/[\s·]+/).some((part) => part.startsWith(word))) return 60;
  if (words.some((each) => each.startsWith(word))) return 45;
  if (label.includes(word)) return 35;
  if (words.some((each) => each.includes(word))) return 25;
  if (plain(entry.help ?? '').includes(word)) return 12;
  return word.length > 2 && scattered(label, word) ? 5 : 0;
}

/** Whether the letters of a word occur in this order. */
function scattered(text, word) {
  let at = -1;
  return [...word].every((letter) => (at = text.indexOf(letter, at + 1)) >= 0);
}

/** The entries that match, best first; in their own order where nothing was typed. */
export function found(entries, typed) {
  const words = plain(typed).split(/\s+/).filter(Boolean);
  return entries.map((entry, index) => {
    const scores = words.map((word) => score(entry, word));
    return { entry, index, sum: scores.every(Boolean) ? scores.reduce((sum, value) => sum + value, 0) : -1 };
  }).filter(({ sum }) => sum >= 0).sort((a, b) => b.sum - a.sum || a.index - b.index).map(({ entry }) => entry);
}

/** A declaration as an entry. */
export function entryOf(declaration) {
  return {
    label: declaration.label, family: declaration.family ?? '', help: (declaration.help ?? '').split('\n')[0],
    words: [declaration.type.replaceAll('_', ' '), ...(declaration.synonyms ?? []), declaration.family ?? ''],
    kind: declaration.outputs[0]?.kind ?? 'out',
  };
}
