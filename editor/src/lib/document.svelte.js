import { pictureAddress, sha256, bytesOf } from './assets.js';
import { complete, withoutOrphans, withSetting } from './workflow.js';

const COALESCE = 700;
const DEPTH = 200;

/** The open workflow with its history. Every edit makes a new document that shares what is equal. */
export class Document {
  workflow = $state.raw(null);
  saved = $state(true);
  #past = $state.raw([]);
  #future = $state.raw([]);
  #last = { key: '', at: 0 };

  constructor(workflow) {
    this.workflow = complete(workflow);
  }

  get canUndo() { return this.#past.length > 0; }
  get canRedo() { return this.#future.length > 0; }

  /** Replace the document; edits with the same key that follow each other quickly are one. */
  edit(workflow, key = '') {
    const now = Date.now();
    const joined = key && key === this.#last.key && now - this.#last.at < COALESCE;
    if (!joined) this.#past = [...this.#past.slice(-DEPTH), this.workflow];
    this.#future = [];
    this.#last = { key, at: now };
    this.workflow = workflow;
    this.saved = false;
  }

  /** Open another document; the one before can be had back by undo. */
  open(workflow) {
    this.edit(complete(workflow));
    this.saved = true;
  }

  set(id, name, value) {
    this.edit(withSetting(this.workflow, id, name, value), `${id}.${name}`);
  }

  rename(title) {
    this.edit({ ...this.workflow, title: title.slice(0, 200) }, 'title');
  }

  /** Store a PNG data URL and let a setting name it; returns the sha256. */
  async store(id, name, dataUrl) {
    const sha = await sha256(bytesOf(dataUrl));
    const assets = { ...this.workflow.assets, [sha]: dataUrl.slice(dataUrl.indexOf(',') + 1) };
    this.edit(withoutOrphans(withSetting({ ...this.workflow, assets }, id, name, sha)), `${id}.${name}.${sha}`);
    return sha;
  }

  /** The address of a stored picture, or '' if there is none of that name. */
  picture(sha) {
    return pictureAddress(this.workflow.assets?.[sha]);
  }

  undo() {
    if (!this.canUndo) return;
    this.#future = [this.workflow, ...this.#future];
    this.workflow = this.#past.at(-1);
    this.#past = this.#past.slice(0, -1);
    this.#last.key = '';
    this.saved = false;
  }

  redo() {
    if (!this.canRedo) return;
    this.#past = [...this.#past, this.workflow];
    [this.workflow] = this.#future;
    this.#future = this.#future.slice(1);
    this.#last.key = '';
    this.saved = false;
  }
}
