/** Undo and redo over documents that are never changed in place: a step is the document before it. */

const COALESCE = 700;
const DEPTH = 200;

export const begun = (present) => ({ past: [], present, future: [], key: '', at: 0 });

/** One more step; steps of one key that follow each other quickly are one gesture. */
export function stepped(history, present, key = '', now = Date.now()) {
  if (present === history.present) return history;
  const joined = key !== '' && key === history.key && now - history.at < COALESCE;
  const past = joined ? history.past : [...history.past.slice(1 - DEPTH), history.present];
  return { past, present, future: [], key, at: now };
}

export function undone(history) {
  if (!history.past.length) return history;
  return { past: history.past.slice(0, -1), present: history.past.at(-1), future: [history.present, ...history.future], key: '', at: 0 };
}

export function redone(history) {
  if (!history.future.length) return history;
  return { past: [...history.past, history.present], present: history.future[0], future: history.future.slice(1), key: '', at: 0 };
}
