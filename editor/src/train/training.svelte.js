import { unguessable } from '../lib/assets.js';
import { asDataUrl } from '../lib/studio.svelte.js';

const SOON = 1200;
const LATER = 4000;
const PART = 3 * 2 ** 20;
const ALIVE = ['starting', 'running'];

/** Trainings as the studio keeps them, and the one that is looked at. */
export class Training {
  allowed;
  open = $state(false);
  list = $state.raw([]);
  shown = $state.raw(null);
  grid = $state.raw(null);
  said = $state.raw([]);
  busy = $state('');
  #server; #finished; #watching = false;

  /** `finished` is called when a training that was looked at has come to its end. */
  constructor(server, allowed, finished) {
    this.#server = server;
    this.allowed = allowed;
    this.#finished = finished;
  }

  get alive() { return ALIVE.includes(this.shown?.phase); }

  /** Called once when the page is there: a training may have been begun before. */
  async begin() {
    if (!this.allowed) return;
    await this.refresh();
    const running = this.list.find(({ phase }) => ALIVE.includes(phase));
    if (running) await this.look(running.name);
  }

  async refresh() {
    const found = await this.#ask('list');
    if (found) this.list = found.trainings;
  }

  /** Show one training and follow it while it runs. */
  async look(name) {
    if (this.shown?.name !== name) this.grid = null;
    const found = await this.#ask('state', { name, seen: this.grid?.name });
    if (!found) return;
    const ended = this.shown?.name === name && this.alive && !ALIVE.includes(found.training.phase);
    this.shown = found.training;
    if (found.grid) this.grid = found.grid;
    if (ended && found.training.phase === 'finished') this.#finished();
    if (this.alive) this.#watch();
  }

  /** Back to what can be begun. */
  async leave() {
    this.shown = this.grid = null;
    this.said = [];
    await this.refresh();
  }

  /** What the material of a training file holds, or null where that is said. */
  async check(config) {
    return (await this.#busily('Looking at the material…', () => this.#ask('check', { config })))?.material ?? null;
  }

  async start(config) {
    const found = await this.#busily('Starting…', () => this.#ask('start', { config }));
    if (found) await this.look(config.name);
  }

  async pause() { await this.#turn('pause'); }
  async resume() { await this.#turn('resume'); }

  async discard() {
    const { name } = this.shown;
    const found = await this.#ask('discard', { name });
    if (found) await this.leave();
  }

  /** Send a zip file in parts: {upload, left_out}, or null where that is said. */
  async upload(file) {
    const upload = unguessable();
    return this.#busily('Uploading…', async () => {
      for (let start = 0; start === 0 || start < file.size; start += PART) {
        const address = await asDataUrl(file.slice(start, start + PART));
        const last = start + PART >= file.size;
        const answer = await this.#ask('upload', { upload, start, last, data: address.slice(address.indexOf(',') + 1) });
        if (!answer) return null;
        this.busy = `Uploading… ${Math.min(100, Math.round(100 * (start + PART) / file.size))} %`;
        if (last) return { upload, left_out: answer.left_out };
      }
      return null;
    });
  }

  async #turn(act) {
    const { name } = this.shown;
    if (await this.#ask(act, { name })) await this.look(name);
  }

  async #watch() {
    if (this.#watching) return;
    this.#watching = true;
    try {
      while (this.alive) {
        await new Promise((next) => setTimeout(next, this.open && !document.hidden ? SOON : LATER));
        if (this.alive) await this.look(this.shown.name);
      }
    } finally {
      this.#watching = false;
    }
  }

  /** The answer, or null where something is wrong, which is said. */
  async #ask(act, told = {}) {
    const answer = await this.#server.training({ do: act, ...told });
    this.said = answer?.diagnostics ?? [];
    return this.said.length ? null : answer;
  }

  async #busily(what, work) {
    this.busy = what;
    try {
      return await work();
    } finally {
      this.busy = '';
    }
  }
}
