/** What comes from files is hostile: only an object's own keys count, never those of its prototype. */

/** `object[key]` if the object itself holds it. */
export const own = (object, key) => (isRecord(object) && Object.hasOwn(object, key) ? object[key] : undefined);

/** Whether a value is an object that is no list. */
export const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

export const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** A name that `taken` does not hold: `base`, `base_2`, `base_3`… */
export function freshName(base, taken) {
  const stem = (NAME.test(base) ? base : 'node').replace(/_\d+$/, '').slice(0, 56);
  if (!taken.has(stem)) return stem;
  let number = 2;
  while (taken.has(`${stem}_${number}`)) number += 1;
  return `${stem}_${number}`;
}
