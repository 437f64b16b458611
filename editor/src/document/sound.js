/** Whether a parsed JSON value can be shown as a workflow at all; what it means is checked in Python. */

import { isRecord, NAME } from './own.js';

const END = /^[^./]{1,64}\.[^.]{1,64}$/;
const PORT = /^(?!\+$)[^.]{1,64}$/;

/** Why a value is no workflow that the page can hold, in one sentence; '' if it is one. */
export function unsound(value) {
  if (!isRecord(value) || !Number.isInteger(value.chorale)) return 'It holds no workflow.';
  const parts = [value, ...(isRecord(value.subgraphs) ? Object.values(value.subgraphs) : [])];
  if (value.subgraphs !== undefined && !isRecord(value.subgraphs)) return 'Its subgraphs are no object.';
  for (const part of parts) {
    const wrong = wrongGraph(part);
    if (wrong) return wrong;
  }
  return 'description' in value && typeof value.description !== 'string' ? 'Its description is no text.' : '';
}

/** Why a value is no list of nodes and wires; '' if it is. */
export function wrongGraph(part) {
  if (!isRecord(part) || !Array.isArray(part.nodes) || !Array.isArray(part.wires ?? [])) return 'It has no lists of nodes and wires.';
  if (part.title != null && typeof part.title !== 'string') return 'A title is no text.';
  const seen = new Set();
  for (const node of part.nodes) {
    if (!isNode(node)) return 'One of its nodes has no proper id, type, title or settings.';
    if (seen.has(node.id)) return `Two of its nodes have the id '${node.id}'.`;
    seen.add(node.id);
  }
  if (!(part.wires ?? []).every((wire) => isRecord(wire) && isEnd(wire.from) && isEnd(wire.to))) return 'One of its wires has no proper ends.';
  return [['inputs', 'to'], ['outputs', 'from']].every(([side, end]) => isBoundary(part[side], end)) ? '' : 'The inputs or outputs of a subgraph are not proper.';
}

const isEnd = (value) => typeof value === 'string' && END.test(value);

function isNode(node) {
  return isRecord(node) && typeof node.id === 'string' && NAME.test(node.id) && typeof node.type === 'string'
    && (node.title == null || typeof node.title === 'string') && (node.settings === undefined || isRecord(node.settings));
}

function isBoundary(list, end) {
  if (list === undefined) return true;
  return Array.isArray(list) && list.every((each) => isRecord(each) && typeof each.name === 'string' && PORT.test(each.name)
    && isEnd(each[end]) && (each.label == null || typeof each.label === 'string'));
}
