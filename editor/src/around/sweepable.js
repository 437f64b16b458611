/** What a sweep sheet can vary of a workflow's nodes: their numbers, and what their settings choose among. */

import { everyNode, graphAt, nodeAt, placeOf, walked } from '../document/scope.js';
import { optionsOf } from '../lib/options.js';
import { fresh, resolve, spoken, valueOf, variants } from '../lib/schema.js';
import { declarationOf } from '../lib/workflow.js';

const FADERS = ['reliability', 'guidance'];
/** Numbers that say nothing of one picture: a cell has one. */
const NEVER = ['sampler.count'];

/** What a sheet can vary, in the order in which it is offered: faders are one batch, the rest plays in turn. */
export const GROUPS = [
  ['fader', 'Faders, in one batch'], ['choice', 'Choices, one after another'],
  ['number', 'Numbers, one after another'], ['switch', 'Switches, one after another'],
];

/** Every setting that a sheet can vary, those of subgraphs too: {group, node, setting, control, title}, with the
 *  `options` of a choice or switch, or with the limits of a number and what it is now. */
export function sweepable(workflow, catalogue, models) {
  const found = everyNode(workflow).filter(([address]) => isHeard(workflow, address)).flatMap(([address, node]) => {
    const declaration = declarationOf(catalogue, node, workflow);
    const of = { workflow, catalogue, models, declaration, address };
    const title = titled(workflow, catalogue, address);
    return fieldsOf(node, declaration).filter(([setting]) => !NEVER.includes(`${node.type}.${setting}`)).flatMap(([setting, field, value]) => {
      const kind = isNumber(field) ? numberOf(field, value, isFader(declaration, setting)) : choiceOf(optionsOf(field, declaration.schema, of));
      return kind ? [{ ...kind, node: address, setting, control: `${address}.${setting}`, title: `${title} · ${worded(setting)}` }] : [];
    });
  });
  return GROUPS.flatMap(([group]) => found.filter((each) => each.group === group));
}

/** [setting, schema, value] of every setting of a node, and of every field of what these have chosen. */
function fieldsOf(node, declaration) {
  const { schema } = declaration;
  return Object.entries(schema.properties ?? {}).flatMap(([name, written]) => {
    const field = resolve(written, schema);
    const value = valueOf(node, name, declaration);
    const chosen = variants(field, schema).find((option) => option.name === value?.[option.key])?.schema;
    const inner = Object.entries(chosen?.properties ?? {}).map(([part, each]) => [`${name}.${part}`, resolve(each, schema), value[part] ?? each.default]);
    return [[name, field, value], ...inner];
  });
}

const isNumber = ({ type }) => type === 'number' || type === 'integer';
const isFader = ({ inputs = [] }, setting) => FADERS.includes(setting) && inputs.some((port) => port.kind === 'reliability');
const numberOf = (field, value, fader) => ({
  group: fader ? 'fader' : 'number', at: Number(value ?? 0), whole: field.type === 'integer',
  low: field.minimum ?? field.exclusiveMinimum ?? -Infinity, high: field.maximum ?? field.exclusiveMaximum ?? Infinity,
  open: field.minimum === undefined && field.exclusiveMinimum !== undefined,
});
const choiceOf = (options) => (options.length > 1 ? { group: typeof options[0] === 'boolean' ? 'switch' : 'choice', options } : null);

/** The nodes that an address leads through, itself last; undefined where there is none. */
const along = (workflow, address) => [...walked(workflow, placeOf(address)[0]), nodeAt(workflow, address)];

/** Whether neither a node nor a subgraph that it lies in is bypassed. */
const isHeard = (workflow, address) => along(workflow, address).every((node) => node?.bypass !== true);

/** What a node is called where it stands: 'Voices / Text expert' lies in a subgraph. Of several that are
 *  called the same there, each says its id too: 'Text expert (text_expert_2)'. */
export function titled(workflow, catalogue, address) {
  const called = (node) => node.title || declarationOf(catalogue, node, workflow).label;
  const path = placeOf(address)[0];
  return along(workflow, address).map((node, depth) => {
    if (!node) return address;
    const beside = graphAt(workflow, path.slice(0, depth))?.nodes ?? [];
    const shared = beside.some((each) => each.id !== node.id && called(each) === called(node));
    return shared ? `${called(node)} (${node.id})` : called(node);
  }).join(' / ');
}

/** A setting as it is read: 'schedule.log_snr_min' is 'schedule log snr min'. */
export const worded = (setting) => spoken(setting).replace('.', ' ');

/** A setting with a value: what is chosen anew comes with its defaults, what is in use keeps what it has. */
export function varied(node, declaration, name, part, value) {
  const { schema } = declaration;
  const held = valueOf(node, name, declaration);
  if (part) return { ...held, [part]: value };
  const option = variants(resolve(schema.properties?.[name], schema), schema).find((each) => each.name === value);
  if (!option) return value;
  return held?.[option.key] === value ? held : fresh(option, schema);
}
