/** Pure questions about sweep sheets. */

import { resolve, spoken, variants } from '../lib/schema.js';

export const MOST_CELLS = 144;
const FADERS = ['reliability', 'guidance'];
/** Numbers that say nothing of one picture: a cell has one. */
const NEVER = ['sampler.count'];

/** Every number that a sheet can sweep, those first whose pictures are one batch: the weights of experts.
 *  `valueOf(node, name)` is what a setting has. */
export function numbers(nodes, declarationOf, valueOf) {
  const found = nodes.flatMap((node) => {
    const { inputs = [], label, schema } = declarationOf(node);
    const weighs = inputs.some((port) => port.kind === 'reliability');
    return Object.entries(schema.properties ?? {}).flatMap(([name, written]) => {
      const field = resolve(written, schema);
      const value = valueOf(node, name);
      const chosen = variants(field, schema).find((option) => option.name === value?.[option.key])?.schema;
      const inner = Object.entries(chosen?.properties ?? {}).map(([part, each]) => [`${name}.${part}`, resolve(each, schema), value?.[part] ?? each.default]);
      return [[name, field, value], ...inner].filter(([setting, each]) => isNumber(each) && !NEVER.includes(`${node.type}.${setting}`))
        .map(([setting, each, at]) => ({ node: node.id, setting, fader: weighs && FADERS.includes(setting), title: `${node.title || label} · ${worded(setting)}`, at: Number(at ?? 0), whole: each.type === 'integer', ...limits(each) }));
    });
  });
  return [...found.filter(({ fader }) => fader), ...found.filter(({ fader }) => !fader)];
}

const isNumber = ({ type }) => type === 'number' || type === 'integer';
const limits = (field) => ({ low: field.minimum ?? field.exclusiveMinimum ?? -Infinity, high: field.maximum ?? field.exclusiveMaximum ?? Infinity, open: field.minimum === undefined && field.exclusiveMinimum !== undefined });

/** A setting as it is read: 'schedule.log_snr_min' is 'schedule log snr min'. */
export const worded = (setting) => spoken(setting).replace('.', ' ');

/** A range worth looking at, for so many values: silent to full for a fader, mild to strong for guidance,
 *  one by one for what has too many values to see, else about what it is now. */
export function usual({ fader, setting, low, high, open, at, whole }, count) {
  const within = (value) => Math.max(open ? low + (Math.min(high, 1) - low) / 100 : low, Math.min(high, value));
  if (fader) return setting === 'guidance' ? [1, within(6)] : [0, within(1.5)];
  if (whole && high - low > 1e6) return [at, at + Math.max(1, count - 1)].map((value) => value - Math.max(0, at + count - 1 - high));
  if (high - low <= 2) return [within(low), high];
  const reach = whole ? Math.max(count - 1, Math.round(Math.abs(at) / 2)) : Math.abs(at) / 2 || 1;
  const [start, stop] = [within(at - reach), within(at + reach)];
  return whole ? [Math.round(start), Math.round(stop)] : [start, stop];
}

/** What is wrong with the chosen axes, as a sentence, or ''. */
export function wrong(axes) {
  if (!axes.length) return 'This workflow has no number to sweep.';
  if (axes.length === 2 && axes[0].node === axes[1].node && axes[0].setting === axes[1].setting) return 'Choose two different numbers.';
  for (const { title, low, high, open, whole, start, stop, count } of axes) {
    if (![start, stop].every((end) => Number.isFinite(end) && end >= low && end <= high && !(open && end === low))) return `${title} ${bounds(low, high, open)}.`;
    if (start === stop) return `${title} needs two different ends.`;
    if (!Number.isInteger(count) || count < 2 || count > 25) return 'An axis has 2 to 25 values.';
    if (whole && (![start, stop].every(Number.isInteger) || Math.abs(stop - start) < count - 1)) return `${title} takes whole numbers: choose fewer values, or ends further apart.`;
  }
  const cells = axes.reduce((product, { count }) => product * count, 1);
  return cells > MOST_CELLS ? `${cells} pictures are too many for one sheet; ${MOST_CELLS} fit.` : '';
}

/** A range in words, whichever of its ends there are. */
function bounds(low, high, open) {
  if (Number.isFinite(low) && Number.isFinite(high)) return `goes from ${open ? 'above ' : ''}${low} to ${high}`;
  if (Number.isFinite(low)) return `is ${open ? 'more than' : 'at least'} ${low}`;
  return Number.isFinite(high) ? `is at most ${high}` : 'needs numbers to go from and to';
}

/** The workflow of one cell: the numbers where the sheet had them. */
export function cellOf(workflow, sheet, index, valueOf) {
  const place = sheet.cells[index];
  const put = (node, settings, { setting, values }, at) => {
    const [name, part] = setting.split('.');
    return { ...settings, [name]: part ? { ...(settings[name] ?? valueOf(node, name)), [part]: values[at] } : values[at] };
  };
  return {
    ...workflow,
    nodes: workflow.nodes.map((node) => (sheet.axes.some((axis) => axis.node === node.id) ? {
      ...node,
      settings: sheet.axes.reduce((settings, axis, number) => (axis.node === node.id ? put(node, settings, axis, place[number]) : settings), node.settings),
    } : node)),
  };
}

/** A number as a label shows it. */
export const shown = (value) => String(Math.round(value * 1000) / 1000);
