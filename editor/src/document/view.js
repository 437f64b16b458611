/** The view of a graph as the page reads it: whatever a file says there, only what is sound is shown. */

import { isRecord, NAME, own } from './own.js';

const FAR = 1e6;
const MOST = 500;
const isNumber = (value) => Number.isFinite(value) && Math.abs(value) <= FAR;

/** [x, y] of a node, or undefined where the file gives no sound place. */
export function placeIn(graph, id) {
  const place = own(graph.view?.places, id);
  return Array.isArray(place) && place.length === 2 && place.every(isNumber) ? place : undefined;
}

export const isCollapsed = (graph, id) => Array.isArray(graph.view?.collapsed) && graph.view.collapsed.includes(id);

/** The sound groups or notes of a graph: [{id, title | text, x, y, w, h}]. */
export function framesOf(graph, list) {
  const seen = new Set(graph.nodes.map((node) => node.id));
  const said = list === 'groups' ? 'title' : 'text';
  const found = Array.isArray(graph.view?.[list]) ? graph.view[list].slice(0, MOST) : [];
  return found.filter((each) => {
    const sound = isRecord(each) && typeof each.id === 'string' && NAME.test(each.id) && !seen.has(each.id)
      && [each.x, each.y, each.w, each.h].every(isNumber) && each.w > 0 && each.h > 0 && typeof (each[said] ?? '') === 'string';
    if (sound) seen.add(each.id);
    return sound;
  });
}

/** Every id that is taken in a graph: nodes, groups and notes share one space of names. */
export const takenIn = (graph) => new Set([...graph.nodes, ...framesOf(graph, 'groups'), ...framesOf(graph, 'notes')].map((each) => each.id));

/** A copy with some keys of the view replaced; empty ones leave the file. */
export function withView(graph, changes) {
  const view = { ...graph.view, ...changes };
  for (const [key, value] of Object.entries(view)) {
    if (value === undefined || (isRecord(value) ? !Object.keys(value).length : Array.isArray(value) && !value.length)) delete view[key];
  }
  return { ...graph, view };
}

/** A copy with things moved to [x, y]; whole pixels, so that files stay short. */
export function moved(graph, places) {
  const rounded = Object.fromEntries(Object.entries(places).map(([id, place]) => [id, place.map(Math.round)]));
  const nodes = new Set([...graph.nodes.map((node) => node.id), '@in', '@out']);
  const framed = (list) => framesOf(graph, list).map((each) => (rounded[each.id] ? { ...each, x: rounded[each.id][0], y: rounded[each.id][1] } : each));
  const kept = Object.entries(rounded).filter(([id]) => nodes.has(id));
  return withView(graph, { places: { ...graph.view?.places, ...Object.fromEntries(kept) }, groups: framed('groups'), notes: framed('notes') });
}

/** A copy in which nodes are folded to their titles, or all unfolded if all were folded. */
export function foldedOrNot(graph, ids) {
  const all = ids.every((id) => isCollapsed(graph, id));
  const others = (Array.isArray(graph.view?.collapsed) ? graph.view.collapsed : []).filter((id) => !ids.includes(id));
  return withView(graph, { collapsed: all ? others : [...others, ...ids] });
}

/** A copy with a group or note more. */
export const framed = (graph, list, frame) => withView(graph, { [list]: [...framesOf(graph, list), frame] });

/** A copy with a group or note changed. */
export function reframed(graph, list, id, changes) {
  return withView(graph, { [list]: framesOf(graph, list).map((each) => (each.id === id ? { ...each, ...changes } : each)) });
}
