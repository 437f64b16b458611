import { Connection } from './connection.svelte.js';
import { hand } from '../lib/save.js';
import { History } from './history.svelte.js';
import { PREFIX, unpacked } from './link.js';
import { recall, remember } from './tab.js';
import { cellOf, MOST_VALUES } from './sweep.js';
import { visitorKey } from './visitor.js';
import { wait } from './waiting.js';

const QUIET = { share: {}, cosine: [], course: [], map: null };

/** What surrounds the editor: history, links, sweep sheets, and whether the studio is there. */
export class Around {
  visitor = visitorKey();
  history; connection;
  notices = $state.raw([]);
  drawer = $state(false);
  compared = $state.raw(null);
  #studio; #server;

  constructor(studio, server) {
    this.#studio = studio;
    this.#server = server;
    this.history = new History(server, this.visitor);
    this.connection = new Connection(() => this.#restarted());
  }

  /** Called once when the page is there. */
  async begin() {
    const before = recall();
    if (before.run) await this.#server.stop({ run: before.run });
    await Promise.all([this.history.refresh(), this.#openLink(), this.connection.ask()]);
    this.say(...this.history.said.map(({ message, hint }) => `${message} ${hint}`));
    this.#sayWhatBecame(before);
    this.connection.watch();
  }

  /** Called with every run that the page asks for. */
  began(run) {
    remember({ run: run.id, studio: this.connection.studio });
    this.notices = [];
    wait(this.#server, run, (why) => this.#neverArrived(why));
  }

  /** Called with whatever ends a run. */
  ended(event) {
    recall();
    if (event.said?.length) this.say(...event.said.map(({ message, hint }) => `${message} ${hint}`));
    if (event.type === 'result') this.history.refresh();
  }

  say(...sentences) { this.notices = [...new Set([...this.notices, ...sentences])]; }
  unsay(sentence) { this.notices = this.notices.filter((each) => each !== sentence); }

  /** Show a kept run again: workflow, pictures, and its moves for a replay. */
  async reopen(name) {
    if (this.#studio.run.running) return;
    const found = await this.history.open(name);
    if (!found) return;
    this.#studio.open(found.workflow);
    this.#show(found);
    this.drawer = false;
  }

  async compare(names) {
    const found = await Promise.all(names.map((name) => this.history.open(name)));
    if (found.every(Boolean)) this.compared = found;
  }

  async download(name) {
    const file = await this.history.file(name);
    if (file) hand(file.address, file.name);
  }

  /** Save a workflow as a Python file that plays the moves of a record; whether that could be done. */
  async export(workflow, record) {
    const { said, name, address } = await this.#server.export({ workflow, record });
    const why = said.filter(({ severity }) => severity === 'error').map(({ message, hint }) => `${message} ${hint}`);
    this.say(...why);
    if (!said.length) hand(address, name);
    return !said.length;
  }

  /** Why the open workflow cannot be sampled with some values of a choice: [[value, why]]. */
  async unfit({ node, setting, options }) {
    const axis = { node, setting, choices: options.slice(0, MOST_VALUES) };
    const answer = await this.#server.unfit({ workflow: this.#studio.doc.workflow, axis });
    return answer?.unfit ?? [];
  }

  /** Open one cell of the sheet that is shown as a workflow of its own. */
  openCell(index) {
    const { run } = this.#studio;
    const { played, sheet, pictures, seconds } = run;
    this.#studio.open(cellOf(played, sheet, index, this.#studio.catalogue));
    this.#show({ workflow: this.#studio.doc.workflow, pictures: [pictures[index]], record: null, seconds });
  }

  #show({ workflow, pictures, record, seconds, labels = [], sheet = null, meters = null }) {
    const { run } = this.#studio;
    Object.assign(run, { pictures, record, seconds, labels, sheet, meters: meters ?? QUIET, played: workflow, phase: 'done', diagnostics: [] });
  }

  async #openLink() {
    if (!location.hash.startsWith(PREFIX)) return;
    const text = await unpacked(location.hash);
    history.replaceState(null, '', location.pathname + location.search);
    const answer = text === null ? { message: 'The link is cut or damaged.' } : await this.#server.open_text({ text });
    if (answer.workflow) {
      this.#studio.open(answer.workflow);
      this.say(`'${answer.workflow.title}' came with a link. Nothing plays before you press Run; Undo brings back what was open.`);
    } else this.say(`${answer.message} Ask for the workflow file instead.`);
  }

  #sayWhatBecame({ run, studio, moved }) {
    if (moved) this.say('The studio was restarted. Your workflow is as you left it.');
    if (!run) return;
    if (this.history.runs.some((each) => each.run === run)) this.say('Your run had ended when the page was loaded again: it is the first in the history.');
    else if (moved || (studio && this.connection.studio && studio !== this.connection.studio)) this.say('The run that was playing is lost. Press Run to play it again.');
    else this.say('The page was loaded again while a run played, so the run was stopped. Press Run to play it again.');
  }

  /** The page belongs to a studio that is gone: a fresh one takes over what this browser keeps. */
  #restarted() {
    const { run } = this.#studio;
    remember({ moved: true, run: run.running ? run.id : null });
    this.#studio.reload();
  }

  #neverArrived(why) {
    recall();
    this.#studio.run.end('failed');
    this.#studio.run.diagnostics = [why];
  }
}
