/** The lists that Svelte Flow draws. What is equal to what was drawn before is returned as it was. */

import { IN, OUT } from '../document/reading.js';
import { nodeOf, portOf } from '../document/scope.js';
import { framesOf } from '../document/view.js';

const SIZE = { w: 244, h: 190 };

/** Groups, notes and nodes; `old` by id, `select` the ids to select, or null to keep the selection. */
export function elementsOf(reading, places, old, select) {
  const { graph } = reading;
  const groups = framesOf(graph, 'groups').sort((a, b) => b.w * b.h - a.w * a.h);
  const holder = (id, box) => groups.filter((group) => group.id !== id && group.w * group.h > (box.area ?? 0) && covers(group, box)).at(-1);
  const fresh = [
    ...groups.map((frame) => framed('group', frame, holder(frame.id, { ...middle(frame), area: frame.w * frame.h }))),
    ...framesOf(graph, 'notes').map((frame) => framed('note', frame, holder(frame.id, middle(frame)))),
    ...[...reading.declarations].map(([id, declaration]) => {
      const [x, y] = places[id];
      const size = old.get(id)?.measured;
      const box = middle({ x, y, w: size?.width ?? SIZE.w, h: size?.height ?? SIZE.h });
      const type = id === IN || id === OUT ? 'rim' : declaration.type === 'reroute' ? 'knot' : 'card';
      const parent = type === 'rim' ? undefined : holder(id, box);
      return { id, type, position: within(parent, x, y), data: { node: reading.nodes.get(id) }, ...(parent ? { parentId: parent.id } : {}), zIndex: 1, ariaLabel: reading.title(id) };
    }),
  ];
  return fresh.map((each) => {
    const was = old.get(each.id);
    if (was?.dragging) return was; // it stands under the pointer until it is dropped
    const selected = select ? select.includes(each.id) : Boolean(was?.selected);
    if (was && was.type === each.type && sameThing(was, each) && Boolean(was.selected) === selected) return was;
    return { ...each, selected, ...(was?.type === each.type && was.measured ? { measured: was.measured } : {}) };
  });
}

function framed(type, frame, parent) {
  return {
    id: frame.id, type, position: within(parent, frame.x, frame.y), width: frame.w, height: frame.h, data: { frame },
    ...(parent ? { parentId: parent.id } : {}), zIndex: type === 'group' ? 0 : 1,
    ...(type === 'group' ? { dragHandle: '.grip' } : {}), ariaLabel: type === 'group' ? `Group ${frame.title ?? ''}` : 'Note',
  };
}

const within = (parent, x, y) => ({ x: x - (parent?.x ?? 0), y: y - (parent?.y ?? 0) });
const middle = ({ x, y, w, h }) => ({ x: x + w / 2, y: y + h / 2 });
const covers = (group, { x, y }) => x > group.x && x < group.x + group.w && y > group.y && y < group.y + group.h;

function sameThing(was, now) {
  return was.position.x === now.position.x && was.position.y === now.position.y && was.parentId === now.parentId
    && was.data.node === now.data.node && was.data.frame === now.data.frame && was.width === now.width && was.height === now.height && was.ariaLabel === now.ariaLabel;
}

/** The wires as edges; one between the same two ports is drawn once. */
export function edgesOf(reading, old, select) {
  const found = new Map();
  for (const wire of reading.wires) {
    const id = `${wire.from}>${wire.to}`;
    if (found.has(id) || !reading.declarations.has(nodeOf(wire.from)) || !reading.declarations.has(nodeOf(wire.to))) continue;
    const kind = reading.port(wire.from, 'outputs').kind === 'any' ? reading.port(wire.to, 'inputs').kind : reading.port(wire.from, 'outputs').kind;
    const bypassed = [wire.from, wire.to].some((end) => reading.nodes.get(nodeOf(end))?.bypass === true);
    const was = old.get(id);
    const selected = select ? false : Boolean(was?.selected);
    const equal = was && was.data.kind === kind && was.data.bypassed === bypassed && Boolean(was.selected) === selected;
    found.set(id, equal ? was : {
      id, type: 'wire', source: nodeOf(wire.from), sourceHandle: portOf(wire.from), target: nodeOf(wire.to), targetHandle: portOf(wire.to),
      selected, focusable: false, data: { kind, bypassed, wire },
    });
  }
  return [...found.values()];
}
