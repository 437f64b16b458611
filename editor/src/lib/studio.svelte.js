import { getContext, setContext } from 'svelte';
import { Around } from '../around/around.svelte.js';
import { Training } from '../train/training.svelte.js';
import { again } from '../around/sweep.js';
import { bytesOf, sha256 } from './assets.js';
import { Document } from './document.svelte.js';
import { Draft } from './draft.js';
import { moved, movedCurves } from './live.js';
import { Run } from './run.svelte.js';
import { valueOf } from './schema.js';
import { columns, holderOf, isWorkflow, silentAmong, strips, voiceOf, declarationOf } from './workflow.js';

const KEY = 'chorale.studio';
const AUTOSAVE = 'chorale.kept';
const TO_PYTHON = 150;
const TO_CHECK = 450;
const TO_FADER = 33;

/** Everything the components share: the document, the run, and the three channels to Python. */
export class Studio {
  doc;
  run = new Run();
  found = $state.raw([]);
  /** The curves that no setting holds, by their controls, as Python last worked them out. */
  curves = $state.raw({});
  /** {node: numbers of the groups in which a solo silences the others}, as Python last worked them out. */
  groups = $state.raw({});
  /** The sizes of the pictures and the nodes that lead to each: {nodes, own, least, step, size}, as Python last worked them out. */
  canvases = $state.raw([]);
  notice = $state('');
  painted = $state(false);
  /** Whether the picture is shown beside the one before it. */
  split = $state(false);
  /** What the shortcuts do, by their ids: each face of the document brings its own. */
  actions = {};
  models = $state.raw({});
  catalogue; around; training;
  #api; #draft; #checking = false; #telling = false; #timers = {}; #heard = null; #stroke = null; #thumbnails = {}; #unkept = false; #leaving = false;

  constructor(api) {
    this.#api = api;
    this.#draft = new Draft((question) => api.server.check(question));
    const { catalogue = {}, models = {}, opening = null, training = false } = api.props.studio ?? {};
    this.catalogue = catalogue;
    this.models = models;
    const kept = restored();
    this.doc = new Document(kept?.workflow ?? api.props.value);
    const picture = kept ? kept.picture : opening?.picture;
    if (picture) this.run.pictures = [picture];
    api.watch('value', () => this.#fromPython(api.props.value));
    this.around = new Around(this, api.server);
    this.training = new Training(api.server, training, () => this.#reread());
    setContext(KEY, this);
    addEventListener('pagehide', () => this.#timers.keep && this.#keep());
    addEventListener('beforeunload', (event) => this.#guarded && event.preventDefault());
  }

  silent = $derived.by(() => silentAmong(this.strips, this.groups));
  order = $derived.by(() => columns(this.doc.workflow, this.catalogue));
  strips = $derived.by(() => strips(this.doc.workflow, this.catalogue));
  diagnostics = $derived([...this.run.diagnostics, ...this.found]);

  declaration(node) { return declarationOf(this.catalogue, node, this.doc.workflow); }
  voice(node) { return voiceOf(this.doc.workflow, this.catalogue, this.models, node); }
  value(node, name) { return valueOf(node, name, this.declaration(node)); }
  titleOf(node) { return node.title || this.declaration(node).label; }
  holder(setting) { return holderOf(this.doc.workflow, this.catalogue, setting); }
  /** The canvas of the picture that a node leads to; of the first where it leads to none. */
  canvas(id) { return this.canvases.find(({ nodes }) => nodes.includes(id)) ?? this.canvases[0]; }
  marks(id) { return this.diagnostics.filter((each) => each.node === id); }

  /** Change a setting; a run that plays hears it if it is live. */
  set(id, name, value) { this.doc.set(id, name, value); }

  /** Store a painted picture as a setting. */
  paint(id, name, dataUrl) {
    this.#stroke = null;
    return this.doc.store(id, name, dataUrl);
  }

  /** Let a run that plays hear a live picture while its stroke is drawn; `picture` gives its data URL when it is sent. */
  stroke(id, name, picture) {
    const control = `${id}.${name}`;
    if (!this.run.begun || !this.run.controls.has(control)) return;
    this.#stroke = { control, picture };
    this.#tellSoon();
  }

  async #tellStroke({ control, picture }) {
    this.#stroke = null;
    const address = picture();
    const value = await sha256(bytesOf(address));
    const answer = await this.#api.server.set_control({ run: this.run.id, control, value, picture: address.slice(address.indexOf(',') + 1) });
    if (answer?.diagnostics?.length) this.found = answer.diagnostics;
  }

  /** Tell the run that plays what has moved since it was last told, whatever the edit was. */
  async #tell() {
    const now = this.doc.workflow;
    if (!this.run.begun || this.#heard === now) return;
    const heard = moved(this.#heard, now, this.catalogue).filter(({ control }) => this.run.controls.has(control));
    this.#heard = now;
    const answers = await Promise.all(heard.map((each) => this.#api.server.set_control({ run: this.run.id, ...each })));
    const refused = answers.flatMap((answer) => answer?.diagnostics ?? []);
    if (refused.length) this.found = refused;
  }

  /** The first move at once, later ones together; one telling at a time keeps their order. */
  async #tellSoon() {
    if (this.#telling) return;
    this.#telling = true;
    try {
      while (this.run.begun && (this.#stroke || this.#heard !== this.doc.workflow)) {
        if (this.#stroke) await this.#tellStroke(this.#stroke);
        await this.#tell();
        await new Promise((done) => setTimeout(done, TO_FADER));
      }
    } finally {
      this.#telling = false;
    }
  }

  /** Called by an effect after every edit: tells Python, asks for a check, keeps a copy. */
  changed() {
    const workflow = this.doc.workflow;
    this.#tellSoon();
    this.#later('value', TO_PYTHON, () => this.#send(workflow));
    this.#later('check', TO_CHECK, () => this.check());
    this.#later('keep', TO_CHECK, () => this.#keep());
  }

  /** One check at a time; what was edited meanwhile is checked afterwards. */
  async check() {
    const asked = this.doc.workflow;
    if (this.#checking) return;
    this.#checking = true;
    const answer = await this.#draft.check(asked).finally(() => (this.#checking = false));
    if (asked === this.doc.workflow) this.found = answer?.diagnostics ?? [];
    else this.#later('check', TO_CHECK, () => this.check());
    if (answer?.canvases) this.canvases = answer.canvases;
    if (answer?.groups) this.groups = answer.groups;
    if (answer?.curves) this.#followed(answer.curves);
  }

  /** Take in curves that were worked out anew; a run that plays hears those that differ. */
  #followed(curves) {
    const moved = movedCurves(this.curves, curves).filter(({ control }) => this.run.controls.has(control));
    this.curves = curves;
    if (!this.run.begun || this.run.replaying) return;
    for (const each of moved) this.#api.server.set_control({ run: this.run.id, ...each });
  }

  /** Play the workflow; with a `record` its moves, with a `sheet` of axes every combination. */
  play(record = null, sheet = null) {
    const workflow = this.doc.workflow;
    const run = this.run.begin(workflow, Boolean(record));
    this.#heard = workflow;
    this.#stroke = null;
    this.#send(workflow);
    this.around.began(this.run);
    setTimeout(() => this.#api.trigger('run', { run, record, sheet, visitor: this.around.visitor }), 0);
  }

  replay() {
    if (!this.run.record || this.run.running) return;
    if (this.run.played !== this.doc.workflow) this.doc.open(this.run.played);
    this.play(this.run.record, this.run.sheet && again(this.run.sheet));
  }

  stop() {
    if (!this.run.running) return;
    this.#api.server.stop({ run: this.run.id });
    if (this.run.phase === 'waiting') {
      this.run.end('stopped');
      this.around.ended({ type: 'stopped' });
    }
  }

  hear(event) {
    if (!this.run.hear(event)) return;
    if (event.type === 'started') this.#tellSoon();
    if (!this.run.running) this.around.ended(event);
    if (event.type === 'result') this.#keep();
  }

  /** A module has come into the library: offer it, and check again what named it before. */
  async #reread() {
    this.models = (await this.#api.server.models({})) ?? this.models;
    this.check();
  }

  /** The small pictures of a model's classes as one address, or null; asked for once. */
  thumbnails(model) { return this.#thumbnails[model] ??= this.#api.server.thumbnails({ model }); }

  /** The models that are there, and what is wrong with others: {models, said}. New folders are offered too. */
  async inventory() {
    await this.#reread();
    return this.#api.server.inventory({});
  }

  /** The templates that ship with the studio: [{name, title, description, picture}]. */
  async templates() { return (await this.#api.server.templates({})) ?? []; }

  async openTemplate(name) {
    const answer = await this.#api.server.template({ name });
    if (!answer?.workflow) return;
    this.open(answer.workflow);
    if (answer.picture) this.run.pictures = [answer.picture];
    this.#keep();
  }

  open(workflow) {
    if (this.run.running) this.stop();
    this.doc.open(workflow);
    this.found = [];
    this.canvases = [];
    this.notice = '';
    Object.assign(this.run, { pictures: [], earlier: '', record: null, diagnostics: [], phase: 'idle', labels: [], sheet: null, meters: { share: {}, cosine: [], course: [], map: null } });
  }

  /** Open a dropped or chosen file: a workflow, or a picture that carries one. */
  async openFile(file) {
    const text = file.type.startsWith('image/') ? null : await file.text();
    const picture = text === null && (await asDataUrl(file));
    const answer = picture
      ? await this.#api.server.open_picture({ picture })
      : { workflow: parsed(text) };
    if (isWorkflow(answer?.workflow)) {
      this.open(answer.workflow);
      if (answer.record) Object.assign(this.run, { pictures: [picture], record: answer.record, played: this.doc.workflow });
    } else this.notice = answer?.message ?? `'${file.name}' holds no workflow. Choose a workflow file, or a picture made here.`;
  }

  #fromPython(value) {
    if (isWorkflow(value) && JSON.stringify(value) !== JSON.stringify(this.doc.workflow)) this.doc.open(value);
  }

  /** Load the page again, with the workflow as it is. */
  reload() {
    this.#keep();
    this.#leaving = true;
    location.reload();
  }

  /** Whether leaving would lose something: a run that plays, or edits that are too large to keep here. */
  get #guarded() { return !this.#leaving && (this.run.running || (this.#unkept && !this.doc.saved)); }

  /** So that a reload finds the workflow and its last picture again. */
  #keep() {
    clearTimeout(this.#timers.keep);
    delete this.#timers.keep;
    const picture = this.run.running ? null : (this.run.pictures[0] ?? null);
    this.#unkept = !keep({ workflow: this.doc.workflow, picture });
  }

  #send(workflow) { this.#api.props.value = workflow; }

  #later(name, pause, work) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(work, pause);
  }
}

/** The studio of the page that a component is on. */
export const useStudio = () => getContext(KEY);

export function asDataUrl(blob) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(blob);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the caller says what was expected
  }
}

function restored() {
  const found = parsed(localStorage.getItem(AUTOSAVE) ?? 'null');
  return isWorkflow(found?.workflow) ? found : null;
}

/** Whether the browser had room for it. */
function keep(found) {
  try {
    localStorage.setItem(AUTOSAVE, JSON.stringify(found));
    return true;
  } catch (error) {
    if (error.name !== 'QuotaExceededError') throw error;
    return false;
  }
}
