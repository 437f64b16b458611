/** The models that are there, as the page lists them, and how one of them comes to the canvas. */

import { freshName } from '../document/own.js';
import { takenIn } from '../document/view.js';
import { modelsFor } from '../lib/options.js';

const ROLES = [
  { role: 'expert', title: 'Experts', told: 'are asked at every step' },
  { role: 'modulator', title: 'Modulators', told: 'rewrite what an expert says' },
  { role: 'guidance', title: 'Guidances', told: 'look at what an expert says' },
  { role: 'adapter', title: 'Adapters', told: 'tell an expert more' },
  { role: 'lora', title: 'LoRAs', told: 'change how an expert paints' },
  { role: 'configuration', title: 'Configurations', told: 'have no weights, and are lent to checkpoints of one file' },
];

/** [{title, told, models}] by what they do, without what nobody does. */
export const grouped = (models) => ROLES.map(({ role, ...rest }) => ({ ...rest, models: models.filter((each) => each.role === role) })).filter((each) => each.models.length);

/** The kinds of what a model is asked with: [] where that is nothing. */
export const askedWith = ({ asked }) => asked.split(/\+|, /).filter((kind) => kind && kind !== 'none');

/** Bytes as they are read: '14.2 MiB'. */
export function spokenSize(bytes) {
  const units = ['KiB', 'MiB', 'GiB'];
  const unit = bytes < 2 ** 20 ? 0 : bytes < 2 ** 30 ? 1 : 2;
  return `${(bytes / 2 ** (10 * (unit + 1))).toFixed(1)} ${units[unit]}`;
}

/** The declaration of the node that takes this model, if there is one. */
export const nodeFor = (catalogue, models, name) => Object.values(catalogue).find((each) => each.schema?.properties?.model && modelsFor(models, each).includes(name));

/** {workflow, id}: a copy of the workflow with a node more that plays this model, wired to nothing. */
export function withModel(workflow, declaration, name) {
  const { type, version = 1 } = declaration;
  const id = freshName(type, takenIn(workflow));
  const node = { id, type, ...(version > 1 ? { version } : {}), settings: { model: name } };
  return { id, workflow: { ...workflow, nodes: [...workflow.nodes, node] } };
}
