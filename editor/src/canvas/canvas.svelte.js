import { getContext, setContext, tick } from 'svelte';
import { framesOf, placeIn, isCollapsed, moved } from '../document/view.js';
import { definitionOf, graphAt, portOf, walked } from '../document/scope.js';
import { read } from '../document/reading.js';
import { edited } from '../document/definitions.js';
import { edgesOf, elementsOf } from './elements.js';
import { laidOut, placesFor, sizeOf } from './placing.js';
import { beside, elementOf, focus, middleOf, placeFor, reveal } from './sight.js';

const KEY = 'chorale.canvas';
const SAID = 7_000;
/** The least and the greatest zoom. */
export const ZOOMS = [0.1, 2.5];

/** The canvas between the document and Svelte Flow. The document holds what is kept; Svelte Flow's own
 *  lists hold what moves under the pointer, and become an edit when the gesture ends. */
export class Canvas {
  studio;
  /** Svelte Flow's own functions, once it is mounted. */
  flow = null;
  path = $state.raw([]);
  nodes = $state.raw([]);
  edges = $state.raw([]);
  wiring = $state.raw(null);
  finder = $state.raw(null);
  menu = $state.raw(null);
  naming = $state(null);
  said = $state('');
  ready = $state(false);
  /** Where the pointer is, on the screen; null while it is elsewhere. */
  pointer = null;
  /** Whether the pointer, not the keyboard, was used last. */
  byPointer = false;
  /** The wire that is being unplugged by the gesture in hand. */
  replaced = null;
  ground = null;
  /** { id } of the node that will take the focus in the next frames. */
  awaited = null;
  #auto = {};
  #saying;
  #zooming = { to: 1, until: 0 };

  constructor(studio) {
    this.studio = studio;
    setContext(KEY, this);
  }

  graph = $derived.by(() => graphAt(this.studio.doc.workflow, this.path) ?? this.studio.doc.workflow);
  reading = $derived.by(() => read(this.studio.doc.workflow, this.graph, this.studio.catalogue, this.path.length > 0));
  trail = $derived.by(() => walked(this.studio.doc.workflow, this.path));
  chosen = $derived(this.nodes.filter((node) => node.selected).map((node) => node.id));

  /** The selected ids that are nodes of the document. */
  get chosenNodes() { return this.chosen.filter((id) => this.reading.nodes.has(id)); }

  /** Where everything stands: the document's places, and for what has none, those found here. */
  get places() {
    const known = [...this.reading.declarations.keys()].map((id) => [id, placeIn(this.graph, id) ?? this.#auto[id] ?? [0, 0]]);
    return Object.fromEntries(known);
  }

  /** {id: {x, y, w, h}} of the nodes as they are drawn. */
  get boxes() {
    const drawn = new Map(this.nodes.map((node) => [node.id, node]));
    return Object.fromEntries(Object.entries(this.places).map(([id, [x, y]]) => [id, { x, y, ...sizeOf(drawn.get(id)) }]));
  }

  /** Draw the document; what did not change keeps its identity, so that nothing else is drawn anew. */
  sync(select = null) {
    if (this.trail.length < this.path.length) this.path = this.path.slice(0, this.trail.length);
    this.#auto = { ...this.#auto, ...placesFor(this, this.#auto) };
    const old = new Map(this.nodes.map((node) => [node.id, node]));
    this.nodes = kept(this.nodes, elementsOf(this.reading, this.places, old, select));
    this.edges = kept(this.edges, edgesOf(this.reading, new Map(this.edges.map((edge) => [edge.id, edge])), select));
  }

  /** Once everything is measured, a document without places is laid out again with what was measured. */
  settle() {
    this.#auto = { ...this.#auto, ...laidOut(this) };
    this.sync();
  }

  /** Forget the places that were found for another document. */
  forget() {
    this.#auto = {};
    this.ready = false;
  }

  /** Change the graph that is shown; the places found for it are written down with the first edit. */
  edit(change, { key = '', select = null } = {}) {
    const found = this.#auto;
    const settled = (graph) => {
      const next = change(graph);
      const lost = next === graph ? [] : [...next.nodes.map((node) => node.id), ...(this.path.length ? ['@in', '@out'] : [])].filter((id) => !placeIn(next, id) && found[id]);
      return lost.length ? moved(next, Object.fromEntries(lost.map((id) => [id, found[id]]))) : next;
    };
    this.studio.doc.edit(edited(this.studio.doc.workflow, this.path, settled), key);
    this.sync(select);
  }

  /** Replace the whole document by one gesture. */
  replace(workflow, select = null) {
    this.studio.doc.edit(workflow);
    this.sync(select);
  }

  select(ids) {
    const wanted = new Set(ids);
    this.nodes = this.nodes.map((node) => (Boolean(node.selected) === wanted.has(node.id) ? node : { ...node, selected: wanted.has(node.id) }));
    this.edges = this.edges.map((edge) => (edge.selected ? { ...edge, selected: false } : edge));
  }

  /** The gesture has ended: what has moved becomes one edit. */
  dropped(key = '') {
    const [before, groups, notes] = [this.places, framesOf(this.graph, 'groups'), framesOf(this.graph, 'notes')];
    const was = { ...before, ...Object.fromEntries([...groups, ...notes].map((each) => [each.id, [each.x, each.y]])) };
    const found = {};
    for (const node of this.nodes) {
      const at = this.absolute(node);
      if (was[node.id] && (Math.round(at[0]) !== Math.round(was[node.id][0]) || Math.round(at[1]) !== Math.round(was[node.id][1]))) found[node.id] = at;
    }
    if (Object.keys(found).length) this.edit((graph) => moved(graph, found), { key });
  }

  absolute(node) {
    const parent = node.parentId && this.nodes.find((each) => each.id === node.parentId);
    const [x, y] = parent ? this.absolute(parent) : [0, 0];
    return [x + node.position.x, y + node.position.y];
  }

  /** The document with the places that were found for this graph written down. */
  settled() {
    const lost = Object.entries(this.places).filter(([id]) => !placeIn(this.graph, id));
    return lost.length ? edited(this.studio.doc.workflow, this.path, (graph) => moved(graph, Object.fromEntries(lost))) : this.studio.doc.workflow;
  }

  isSubgraph(id) { return Boolean(definitionOf(this.studio.doc.workflow, this.reading.nodes.get(id))); }

  /** Show the graph at a path. */
  go(path) {
    this.finder = this.menu = this.naming = null;
    this.forget();
    this.path = path;
    this.nodes = [];
    this.edges = [];
    this.sync([]);
    tick().then(() => this.ground?.focus({ preventScroll: true }));
  }

  /** {x, y, w, h} of a node, group or note. */
  boxOf(id) {
    const node = this.nodes.find((each) => each.id === id);
    if (!node) return undefined;
    const [x, y] = this.absolute(node);
    return { x, y, ...sizeOf(node) };
  }

  /** Open the finder; when it closes without a choice, the focus returns to the node. */
  offer(title, entries, at, back = null) { this.finder = { title, entries, at, back }; }

  place() { return placeFor(this); }
  middle() { return middleOf(this); }
  besideNode(id) { return beside(this, id); }
  elementOf(id) { return elementOf(this, id); }
  focus(id, control) { return focus(this, id, control); }
  reveal(address) { return reveal(this, address); }
  fit() { this.flow?.fitView({ ...this.looking, duration: this.calm }); }

  /** Glide to another zoom: from where the view is, or from where it is on its way to. */
  zoom(change) {
    const now = performance.now();
    const from = now < this.#zooming.until ? this.#zooming.to : this.flow.getZoom();
    const to = Math.min(ZOOMS[1], Math.max(ZOOMS[0], change(from)));
    this.#zooming = { to, until: now + this.calm };
    // zoomIn and zoomOut of Svelte Flow 1.5 to 1.7 do nothing (xyflow issue 5675)
    this.flow.setZoom(to, { duration: this.calm });
  }

  /** How to look at everything: no nearer than its own size, no further than can be read. */
  get looking() { return { padding: { top: this.path.length ? '62px' : '18px', right: '22px', bottom: '58px', left: '22px' }, minZoom: 0.42, maxZoom: 1 }; }

  /** How long the view glides, in milliseconds. */
  get calm() { return matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 220; }

  /** Say a sentence at the foot of the canvas for a while. */
  say(text) {
    this.said = text;
    clearTimeout(this.#saying);
    if (text) this.#saying = setTimeout(() => (this.said = ''), SAID);
  }

  isCollapsed(id) { return isCollapsed(this.graph, id); }
  kindOf(end, side) { return this.reading.port(end, side)?.kind ?? 'any'; }
  portName(end, side) { return this.reading.port(end, side)?.label ?? portOf(end); }
}

const kept = (old, next) => (old.length === next.length && old.every((each, index) => each === next[index]) ? old : next);

/** The canvas that a component is on. */
export const useCanvas = () => getContext(KEY);
