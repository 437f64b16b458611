import { pictureAddress, soundAddress, sha256, bytesOf } from './assets.js';
import { begun, redone, stepped, undone } from '../document/history.js';
import { complete, withoutOrphans, withSetting } from './workflow.js';

/** The open workflow with its history. Every edit makes a new document that shares what is equal. */
export class Document {
  saved = $state(true);
  /** Rises with every document that is opened: the canvas then looks at all of it. */
  opened = $state(0);
  #history = $state.raw(null);

  constructor(workflow) {
    this.#history = begun(complete(workflow));
  }

  get workflow() { return this.#history.present; }
  get canUndo() { return this.#history.past.length > 0; }
  get canRedo() { return this.#history.future.length > 0; }

  /** Replace the document; edits with the same key that follow each other quickly are one. */
  edit(workflow, key = '') {
    this.#turn(stepped(this.#history, workflow, key));
  }

  /** Open another document; the one before can be had back by undo. */
  open(workflow) {
    this.edit(complete(workflow));
    this.saved = true;
    this.opened += 1;
  }

  set(address, name, value) {
    this.edit(withSetting(this.workflow, address, name, value), `${address}.${name}`);
  }

  rename(title) {
    this.edit({ ...this.workflow, title: title.slice(0, 200) }, 'title');
  }

  /** Store a data URL and let a setting name it; returns the sha256. */
  async store(address, name, dataUrl) {
    const sha = await sha256(bytesOf(dataUrl));
    const assets = { ...this.workflow.assets, [sha]: dataUrl.slice(dataUrl.indexOf(',') + 1) };
    this.edit(withoutOrphans(withSetting({ ...this.workflow, assets }, address, name, sha)), `${address}.${name}.${sha}`);
    return sha;
  }

  /** The address of a stored picture, or '' if there is none of that name. */
  picture(sha) {
    return pictureAddress(this.workflow.assets?.[sha]);
  }

  /** The address of a stored sound, or '' if there is none of that name. */
  sound(sha) {
    return soundAddress(this.workflow.assets?.[sha]);
  }

  undo() { this.#turn(undone(this.#history)); }
  redo() { this.#turn(redone(this.#history)); }

  #turn(history) {
    if (history === this.#history) return;
    this.#history = history;
    this.saved = false;
  }
}
