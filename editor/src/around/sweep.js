/** Pure questions about sweep sheets. */

import { alone } from '../document/definitions.js';
import { nodeAt, placeOf } from '../document/scope.js';
import { spoken } from '../lib/schema.js';
import { declarationOf, withSetting } from '../lib/workflow.js';
import { varied } from './sweepable.js';

export const MOST_CELLS = 144;
export const MOST_VALUES = 25;

/** A range worth looking at, for so many values: silent to full for a fader, mild to strong for guidance,
 *  one by one for what has too many values to see, else about what it is now. */
export function usual({ group, setting, low, high, open, at, whole }, count) {
  const within = (value) => Math.max(open ? low + (Math.min(high, 1) - low) / 100 : low, Math.min(high, value));
  if (group === 'fader') return setting === 'guidance' ? [1, within(6)] : [0, within(1.5)];
  if (whole && high - low > 1e6) return [at, at + Math.max(1, count - 1)].map((value) => value - Math.max(0, at + count - 1 - high));
  if (high - low <= 2) return [within(low), high];
  const reach = whole ? Math.max(count - 1, Math.round(Math.abs(at) / 2)) : Math.abs(at) / 2 || 1;
  const [start, stop] = [within(at - reach), within(at + reach)];
  return whole ? [Math.round(start), Math.round(stop)] : [start, stop];
}

/** What an axis takes, as it was typed or ticked, or as is usual; `unfit` says why not, by the value. */
export function taken(each, { count, start, stop, ticked }, unfit = new Map()) {
  if (each.options) {
    const choices = ticked ? each.options.filter((option) => ticked.includes(option)) : each.options.filter((option) => !unfit.has(option)).slice(0, MOST_VALUES);
    return { ...each, choices, count: choices.length };
  }
  const [from, to] = usual(each, count);
  return { ...each, start: typed(start) ?? from, stop: typed(stop) ?? to, count: typed(count) };
}

/** The number that was typed, NaN where it is none yet; nothing where nothing was typed. */
const typed = (text) => (text === undefined ? undefined : text === '' ? NaN : Number(text));

/** An axis as Python is asked for it. */
export const asked = ({ node, setting, options, choices, start, stop, count }) => (options ? { node, setting, choices } : { node, setting, start, stop, count });

/** The axes of a sheet that was played, as Python is asked for them again. */
export const again = (sheet) => sheet.axes.map(({ node, setting, values }) => (typeof values[0] === 'number'
  ? { node, setting, start: values[0], stop: values.at(-1), count: values.length } : { node, setting, choices: values }));

/** What is wrong with the chosen axes, as a sentence, or ''. */
export function wrong(axes) {
  if (!axes.length) return 'This workflow has nothing to sweep.';
  const twice = axes.length === 2 && overlap(...axes);
  if (twice) return twice;
  const complaint = axes.map((axis) => (axis.options ? wrongChoice(axis) : wrongNumber(axis))).find(Boolean);
  if (complaint) return complaint;
  const cells = axes.reduce((product, { count }) => product * count, 1);
  return cells > MOST_CELLS ? `${cells} pictures are too many for one sheet; ${MOST_CELLS} fit.` : '';
}

function overlap(one, other) {
  if (one.control === other.control) return 'Choose two different settings.';
  const [inner, outer] = one.control.startsWith(`${other.control}.`) ? [one, other] : [other, one];
  return inner.control.startsWith(`${outer.control}.`) ? `${inner.title} is a part of ${outer.title}: choose one of them.` : '';
}

function wrongChoice({ title, count }) {
  if (count < 2) return `${title}: tick at least two.`;
  return count > MOST_VALUES ? `${title}: tick at most ${MOST_VALUES}.` : '';
}

function wrongNumber({ title, low, high, open, whole, start, stop, count }) {
  if (![start, stop].every((end) => Number.isFinite(end) && end >= low && end <= high && !(open && end === low))) return `${title} ${bounds(low, high, open)}.`;
  if (start === stop) return `${title} needs two different ends.`;
  if (!Number.isInteger(count) || count < 2 || count > MOST_VALUES) return `An axis has 2 to ${MOST_VALUES} values.`;
  if (whole && (![start, stop].every(Number.isInteger) || Math.abs(stop - start) < count - 1)) return `${title} takes whole numbers: choose fewer values, or ends further apart.`;
  return '';
}

/** A range in words, whichever of its ends there are. */
function bounds(low, high, open) {
  if (Number.isFinite(low) && Number.isFinite(high)) return `goes from ${open ? 'above ' : ''}${low} to ${high}`;
  if (Number.isFinite(low)) return `is ${open ? 'more than' : 'at least'} ${low}`;
  return Number.isFinite(high) ? `is at most ${high}` : 'needs numbers to go from and to';
}

/** The workflow of one cell: the settings as the sheet had them there, and nowhere else. */
export function cellOf(workflow, sheet, index, catalogue) {
  const place = sheet.cells[index];
  return sheet.axes.reduce((before, { node: address, setting, values }, number) => {
    const node = nodeAt(before, address);
    if (!node) return before;
    const [name, part] = setting.split('.');
    const value = varied(node, declarationOf(catalogue, node, before), name, part, values[place[number]]);
    return withSetting(alone(before, placeOf(address)[0]), address, name, value);
  }, workflow);
}

/** A value as a label shows it. */
export function shown(value) {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'string' ? spoken(value) : String(Math.round(value * 1000) / 1000);
}
