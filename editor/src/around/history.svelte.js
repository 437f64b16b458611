/** This browser's runs as the studio keeps them, newest first. */
export class History {
  runs = $state.raw([]);
  total = $state(0);
  bytes = $state(0);
  said = $state.raw([]);
  #server; #visitor;

  constructor(server, visitor) {
    this.#server = server;
    this.#visitor = visitor;
  }

  async refresh() {
    const found = await this.#server.kept({ visitor: this.#visitor });
    this.#take(found, found.runs);
  }

  /** Fetch the runs after the last one that is listed. */
  async more() {
    const found = await this.#server.kept({ visitor: this.#visitor, after: this.runs.at(-1)?.name });
    this.#take(found, [...this.runs, ...found.runs]);
  }

  /** A run with its pictures, workflow and moves, or null where that is said. */
  async open(name) {
    const found = await this.#server.reopen({ visitor: this.#visitor, name });
    return this.#refused(found) ? null : found;
  }

  async delete(name) {
    const found = await this.#server.forget({ visitor: this.#visitor, name });
    if (!this.#refused(found)) await this.refresh();
  }

  /** {name, address} of the run's file, or null where that is said. */
  async file(name) {
    const found = await this.#server.download({ visitor: this.#visitor, name });
    return this.#refused(found) ? null : found;
  }

  #take({ total, bytes, said }, runs) {
    Object.assign(this, { runs, total, bytes, said });
  }

  #refused({ said }) {
    if (!said.length) return false;
    this.refresh().then(() => { this.said = said; });
    return true;
  }
}
