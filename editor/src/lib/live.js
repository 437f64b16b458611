/** What a run hears of the document: the live settings, named as the loop names its controls. */

import { everyNode } from '../document/scope.js';
import { valueOf } from './schema.js';
import { declarationOf } from './workflow.js';

/** Every live setting of the node at an address: [{control, kind, value}]. */
function liveOf(node, address, catalogue) {
  const declaration = declarationOf(catalogue, node);
  return Object.entries(declaration.schema.properties ?? {})
    .filter(([, field]) => field.live)
    .map(([name, field]) => ({ control: `${address}.${name}`, kind: field.live, value: valueOf(node, name, declaration) }));
}

/**
 * The controls that differ between two states of a document, whatever the edit was: a fader, a
 * curve, a painted map, an undo. A map comes with its picture: [{control, value, picture}].
 */
export function moved(before, after, catalogue) {
  const old = new Map(everyNode(before));
  return everyNode(after).filter(([address, node]) => old.has(address) && old.get(address) !== node).flatMap(([address, node]) => {
    const was = new Map(liveOf(old.get(address), address, catalogue).map((each) => [each.control, JSON.stringify(each.value)]));
    return liveOf(node, address, catalogue)
      .filter(({ control, value }) => was.get(control) !== JSON.stringify(value))
      .map(({ control, kind, value }) => ({ control, value, picture: kind === 'map' ? after.assets?.[value] : undefined }));
  });
}

/** The derived curves that differ from those before: [{control, value}]. */
export function movedCurves(before, after) {
  return Object.entries(after)
    .filter(([control, value]) => JSON.stringify(before[control]) !== JSON.stringify(value))
    .map(([control, value]) => ({ control, value }));
}
