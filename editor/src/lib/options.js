/** What a setting can be chosen among. */

import { variants, widgetOf } from './schema.js';
import { hearersOf } from './words.js';

/** The names of the models that a node can take: of the kind that its setting says, or those whose
 *  condition is the one that its first port brings. */
export function modelsFor(models, declaration) {
  const hears = declaration.schema?.properties?.model?.hears ?? declaration.inputs.find((port) => port.kind !== 'reliability')?.kind ?? 'none';
  return Object.entries(models).filter(([, model]) => model.condition === hears).map(([name]) => name);
}

/** The model whose classes a node names: one that hears it, or any that knows some where none does. */
export function knowsClasses(workflow, catalogue, models, address) {
  const heard = hearersOf(workflow, catalogue, models, address);
  const known = heard.length ? heard : Object.values(models);
  return known.find((each) => each.labels?.length);
}

/** Everything that a field can be, where that is a list: variants by name, words, off and on; else [].
 *  `of` is {workflow, catalogue, models, declaration, address}: where the field's node stands. */
export function optionsOf(field, root, of) {
  switch (widgetOf(field, root)) {
    case 'choice': return variants(field, root).map(({ name }) => name);
    case 'select': return field.enum;
    case 'switch': return [false, true];
    case 'class': return [...new Set(knowsClasses(of.workflow, of.catalogue, of.models, of.address)?.labels)];
    case 'model': return modelsFor(of.models, of.declaration);
    default: return [];
  }
}
