/** The draft that Python keeps of this page's document: after the first check, only changes are sent. */

import { unguessable } from './assets.js';
import { difference } from '../document/patch.js';

const LONGEST = 200_000;

export class Draft {
  #page = unguessable();
  #ask; #known = null; #number = 0;

  /** `ask` sends a question to Python and returns its answer. */
  constructor(ask) { this.#ask = ask; }

  /** What Python says of a workflow: {diagnostics}. */
  async check(workflow) {
    const patch = this.#known && difference(this.#known, workflow);
    const short = patch && JSON.stringify(patch).length < LONGEST;
    const answer = short ? await this.#ask({ page: this.#page, number: this.#number, patch }) : null;
    const heard = answer && !answer.again ? answer : await this.#ask({ page: this.#page, workflow });
    [this.#known, this.#number] = [workflow, heard?.number ?? 0];
    if (!heard?.number) this.#known = null;
    return heard;
  }
}
