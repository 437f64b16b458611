import { getContext, setContext, tick } from 'svelte';
import { framesOf, placeIn, isCollapsed, moved } from '../document/view.js';
import { definitionOf, graphAt, nodeOf, placeOf, portOf, walked } from '../document/scope.js';
import { read } from '../document/reading.js';
import { edited } from '../document/subgraphs.js';
import { tidied } from '../document/tidy.js';
import { freePlace } from '../document/align.js';
import { search } from './actions.js';
import { edgesOf, elementsOf } from './elements.js';

const KEY = 'chorale.canvas';
const SAID = 7_000;
const MEASURED = 60;

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
  #auto = {};
  #saying;

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
    this.#find();
    const old = new Map(this.nodes.map((node) => [node.id, node]));
    this.nodes = kept(this.nodes, elementsOf(this.reading, this.places, old, select));
    this.edges = kept(this.edges, edgesOf(this.reading, new Map(this.edges.map((edge) => [edge.id, edge])), select));
  }

  /** Places for nodes that have none: everything tidy, or what is new beside what it is wired to. */
  #find() {
    const ids = [...this.reading.declarations.keys()];
    const lost = ids.filter((id) => !placeIn(this.graph, id) && !this.#auto[id]);
    if (!lost.length) return;
    const sizes = this.#sizes(ids);
    if (lost.length === ids.length || ids.every((id) => !placeIn(this.graph, id))) this.#auto = { ...this.#auto, ...tidied(ids, this.reading.wires, sizes) };
    else for (const id of lost) this.#auto[id] = this.#beside(id, sizes[id]);
  }

  #beside(id, size) {
    const boxes = Object.fromEntries(Object.entries(this.boxes).filter(([other]) => other !== id && (placeIn(this.graph, other) || this.#auto[other])));
    const wire = this.reading.wires.find((each) => nodeOf(each.from) === id || nodeOf(each.to) === id);
    const other = wire && boxes[nodeOf(nodeOf(wire.from) === id ? wire.to : wire.from)];
    const left = other ? (nodeOf(wire.from) === id ? other.x - size.w - 90 : other.x + other.w + 90) : 0;
    return freePlace(boxes, [left, other?.y ?? 0], size);
  }

  #sizes(ids) {
    const drawn = new Map(this.nodes.map((node) => [node.id, node]));
    return Object.fromEntries(ids.map((id) => [id, sizeOf(drawn.get(id))]));
  }

  /** Once everything is measured, a document without places is laid out again with what was measured. */
  settle() {
    const ids = [...this.reading.declarations.keys()];
    if (ids.length && ids.every((id) => !placeIn(this.graph, id))) this.#auto = { ...this.#auto, ...tidied(ids, this.reading.wires, this.#sizes(ids)) };
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
  }

  /** {x, y, w, h} of a node, group or note. */
  boxOf(id) {
    const node = this.nodes.find((each) => each.id === id);
    if (!node) return undefined;
    const [x, y] = this.absolute(node);
    return { x, y, ...sizeOf(node) };
  }

  /** Where on the ground something new belongs: at the pointer, else in the middle. */
  place() {
    const { x, y } = this.flow.screenToFlowPosition(this.pointer ?? this.middle());
    return [x, y];
  }

  /** The middle of the canvas on the screen. */
  middle() {
    const box = this.ground.getBoundingClientRect();
    return { x: box.left + box.width / 2 - 120, y: box.top + box.height / 3 };
  }

  besideNode(id) {
    const box = this.elementOf(id)?.getBoundingClientRect();
    return box ? { x: box.right + 12, y: box.top } : this.middle();
  }

  elementOf(id) { return this.ground?.querySelector(`.svelte-flow__node[data-id="${CSS.escape(id)}"]`); }

  /** Open the finder; when it closes without a choice, the focus returns to the node. */
  offer(title, entries, at, back = null) { this.finder = { title, entries, at, back }; }
  search() { search(this); }

  /** Move the focus to a node, or to a control in it, once it is drawn; look at it if it is out of sight. */
  async focus(id, control) {
    await tick();
    this.#focusSoon(id, control, MEASURED);
  }

  /** A node takes the focus only when it has been measured, some frames after it was added. */
  #focusSoon(id, control, frames) {
    requestAnimationFrame(() => {
      const element = this.elementOf(id);
      const target = control ? element?.querySelector(control) : element;
      target?.focus({ preventScroll: true });
      if (target && document.activeElement === target) this.#lookAt(element, id);
      else if (frames > 0) this.#focusSoon(id, control, frames - 1);
    });
  }

  #lookAt(element, id) {
    const [seen, ground] = [element?.getBoundingClientRect(), this.ground?.getBoundingClientRect()];
    if (!seen || (seen.left > ground.left && seen.right < ground.right && seen.top > ground.top && seen.top < ground.bottom - 40)) return;
    const { x, y, w, h } = this.boxOf(id);
    this.flow.setCenter(x + w / 2, y + h / 2, { zoom: this.flow.getZoom(), duration: this.calm });
  }

  /** Show the node at an address, in whatever subgraph it is. */
  async reveal(address) {
    const [path, id] = placeOf(address);
    if (path.join('/') !== this.path.join('/') && graphAt(this.studio.doc.workflow, path)) this.go(path);
    await tick();
    this.select([id]);
    this.focus(id);
  }

  /** How to look at everything: no nearer than its own size, no further than can be read. */
  get looking() { return { padding: { top: this.path.length ? '62px' : '18px', right: '22px', bottom: '58px', left: '22px' }, minZoom: 0.42, maxZoom: 1 }; }
  fit() { this.flow?.fitView({ ...this.looking, duration: this.calm }); }

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

const ESTIMATE = { w: 244, h: 190 };
const sizeOf = (node) => (node?.measured?.width ? { w: node.measured.width, h: node.measured.height } : ESTIMATE);

/** The canvas that a component is on. */
export const useCanvas = () => getContext(KEY);
