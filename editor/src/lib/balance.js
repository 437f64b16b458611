/** The guidance of all experts as one dial: turned, it moves each in proportion. */

import { declarationOf, withSetting } from './workflow.js';
import { rangeOf, valueOf } from './schema.js';

const CONDITIONS = ['text', 'mask', 'sketch', 'depth', 'class', 'photo', 'region'];

/** The experts that follow a condition: [{node, field, value}]. */
export function guided(workflow, catalogue, nodes) {
  return nodes.flatMap((node) => {
    const declaration = declarationOf(catalogue, node);
    const field = declaration.schema.properties?.guidance;
    if (!field || !declaration.inputs.some((port) => CONDITIONS.includes(port.kind))) return [];
    return [{ node, field, value: Number(valueOf(node, 'guidance', declaration)) }];
  });
}

/** What the dial shows: the mean. */
export const meanOf = (voices) => voices.reduce((sum, { value }) => sum + value, 0) / voices.length;

/** A copy in which the mean is `wanted` and every expert keeps its proportion, within its bounds. */
export function turned(workflow, voices, wanted) {
  const mean = meanOf(voices);
  return voices.reduce((done, { node, field, value }) => {
    const { low, high } = rangeOf(field);
    const next = mean > 0 ? (value * wanted) / mean : wanted;
    return withSetting(done, node.id, 'guidance', Math.round(Math.min(high, Math.max(low, next)) * 100) / 100);
  }, workflow);
}
