/** Numbers that are dragged, stepped and typed: always within their bounds, and said when changed. */

const plain = (value) => String(Math.round(value * 1e6) / 1e6).replace('-', '−');
const lowest = (schema) => schema.minimum ?? schema.exclusiveMinimum ?? -Infinity;
const highest = (schema) => schema.maximum ?? schema.exclusiveMaximum ?? Infinity;

/** A number as its field shows it: two digits where the range is narrow; nothing has a name where it means something. */
export function written(value, schema) {
  if (value === 0 && schema.zero) return schema.zero;
  const narrow = schema.type !== 'integer' && highest(schema) - lowest(schema) <= 20;
  return narrow ? value.toFixed(2) : plain(value).replace('−', '-');
}

/** The schema of a picture's side where it stands: with the experts' own as `own`, and what its canvas can have. */
export function sideOf(schema, canvas) {
  if (schema.side === undefined || !canvas) return schema;
  return { ...schema, own: canvas.own[schema.side], least: canvas.least[schema.side], step: canvas.step };
}

/** How far one arrow key goes. */
export function stepOf(schema) {
  if (schema.step ?? schema.multipleOf) return schema.step ?? schema.multipleOf;
  if (schema.type === 'integer') return 1;
  const span = highest(schema) - lowest(schema);
  return span <= 2 ? 0.01 : span <= 5 ? 0.05 : 0.1;
}

/** The nearest value that the schema allows; rounded to its step's digits, whole where it is whole. */
export function within(value, schema) {
  const digits = schema.type === 'integer' ? 0 : Math.max(2, Math.ceil(-Math.log10(stepOf(schema))));
  return Math.min(highest(schema), Math.max(lowest(schema), Math.round(value * 10 ** digits) / 10 ** digits));
}

/** What was typed as {value, said}: what is out of range or no number is mended, and said. */
export function typed(text, schema, before, label) {
  if (schema.zero && ['', schema.zero].includes(text.trim().toLowerCase())) return { value: 0, said: '' };
  const wanted = Number(text.trim().replace('−', '-').replace(',', '.'));
  if (!text.trim() || !Number.isFinite(wanted)) return { value: before, said: `'${text.trim().slice(0, 20)}' is no number: ${label} stays ${plain(before)}.` };
  const low = lowest(schema);
  const high = highest(schema);
  const value = within(wanted, schema);
  if (wanted < low || wanted > high) return { value, said: `${label} goes ${bounds(low, high)}: ${plain(wanted)} became ${plain(value)}.` };
  if (schema.type === 'integer' && !Number.isInteger(wanted)) return { value, said: `${label} is a whole number: ${plain(wanted)} became ${plain(value)}.` };
  return { value, said: '' };
}

function bounds(low, high) {
  if (low === -Infinity) return `up to ${plain(high)}`;
  return high === Infinity ? `from ${plain(low)}` : `from ${plain(low)} to ${plain(high)}`;
}

/**
 * A step from a number of which zero is a name: it goes from what the name stands for, by whole steps, and never as
 * far down as nobody wants; where that is not known, it stays.
 */
function stepped(start, by, schema) {
  const from = start || (schema.own ?? 0);
  if (!from || Math.abs(by) < 1) return start;
  const to = by > 0 ? Math.floor(from / schema.step + by) : Math.ceil(from / schema.step + by);
  return within(Math.max(schema.least ?? schema.step, to * schema.step), schema);
}

/** The value after a drag of `pixels` to the right: the whole range is 200 pixels, Shift moves finely. */
export function dragged(start, pixels, schema, fine) {
  if (schema.zero) return stepped(start, fine ? pixels / 10 : pixels, schema);
  const span = highest(schema) - lowest(schema);
  const step = stepOf(schema);
  const each = Number.isFinite(span) && span <= 200 ? Math.max(span / 200, step / 4) : step;
  return within(start + pixels * each * (fine ? 0.1 : 1), schema);
}

/** The value after an arrow or page key; Shift steps finely. */
export function keyed(value, event, schema) {
  if (schema.zero) return stepped(value, { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key], schema);
  const step = stepOf(schema) * (event.shiftKey && schema.type !== 'integer' ? 0.1 : 1);
  return within(value + { ArrowUp: step, ArrowDown: -step, PageUp: 10 * step, PageDown: -10 * step }[event.key], schema);
}
