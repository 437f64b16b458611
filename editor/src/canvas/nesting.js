/** Subgraphs as the canvas makes, enters and leaves them. */

import { nested, nestRefusal, unpacked } from '../document/subgraphs.js';
import { isRecord, own } from '../document/own.js';

/** Make one node of the selected ones. */
export function nest(canvas) {
  const why = nestRefusal(canvas.reading, canvas.chosenNodes);
  if (why) return canvas.say(why);
  const { workflow, id } = nested(canvas.settled(), canvas.path, canvas.chosenNodes, 'Subgraph', canvas.places);
  canvas.replace(workflow, [id]);
  canvas.focus(id);
}

/** Put what the selected subgraphs show in their places. */
export function unpack(canvas) {
  const ids = canvas.chosenNodes.filter((id) => canvas.isSubgraph(id));
  if (!ids.length) return canvas.say('Select a subgraph to unpack it.');
  const all = [];
  const workflow = ids.reduce((before, id) => {
    const { workflow: after, ids: inner } = unpacked(before, canvas.path, id);
    all.push(...inner);
    return after;
  }, canvas.settled());
  canvas.replace(workflow, all);
}

export function enter(canvas, id) {
  if (!canvas.isSubgraph(id)) return false;
  canvas.go([...canvas.path, id]);
  return true;
}

/** Whether a definition may be used inside the one that is shown: none may hold itself. */
export function refusalToEnter(canvas, name) {
  const { workflow } = canvas.studio.doc;
  const shown = canvas.trail.map((node) => node.settings.of);
  const holds = (each, seen = new Set()) => {
    if (shown.includes(each)) return true;
    if (seen.has(each)) return false;
    seen.add(each);
    const graph = own(workflow.subgraphs, each);
    return isRecord(graph) && graph.nodes.some((node) => node.type === 'subgraph' && holds(node.settings?.of, seen));
  };
  return holds(name) ? 'A subgraph cannot hold itself.' : '';
}
