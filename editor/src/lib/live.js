/** What a run hears of the document: the live settings, named as the loop names its controls. */

import { declarationOf } from './workflow.js';
import { valueOf } from './schema.js';

/** Every live setting of a node: [{control, kind, value}]. */
function liveOf(node, catalogue) {
  const declaration = declarationOf(catalogue, node);
  return Object.entries(declaration.schema.properties ?? {})
    .filter(([, field]) => field.live)
    .map(([name, field]) => ({ control: `${node.id}.${name}`, kind: field.live, value: valueOf(node, name, declaration) }));
}

/**
 * The controls that differ between two states of a document, whatever the edit was: a fader, a
 * curve, a painted map, an undo. A map comes with its picture: [{control, value, picture}].
 */
export function moved(before, after, catalogue) {
  const old = new Map(before.nodes.map((node) => [node.id, node]));
  return after.nodes.filter((node) => old.has(node.id) && old.get(node.id) !== node).flatMap((node) => {
    const was = new Map(liveOf(old.get(node.id), catalogue).map((each) => [each.control, JSON.stringify(each.value)]));
    return liveOf(node, catalogue)
      .filter(({ control, value }) => was.get(control) !== JSON.stringify(value))
      .map(({ control, kind, value }) => ({ control, value, picture: kind === 'map' ? after.assets?.[value] : undefined }));
  });
}
