const AWAKE = 4000;
const AWAY = 1500;

/** Whether the studio answers: asked now and then, and more often while it is away. */
export class Connection {
  away = $state(false);
  studio = null;
  #restarted;

  /** `restarted` is called when another studio answers than the one that made this page. */
  constructor(restarted) {
    this.#restarted = restarted;
  }

  async watch() {
    while (true) {
      await new Promise((next) => setTimeout(next, this.away ? AWAY : AWAKE));
      if (!document.hidden) await this.ask();
    }
  }

  async ask() {
    const found = await answered();
    this.away = found === null;
    if (found === null) return;
    if (this.studio !== null && this.studio !== found) this.#restarted();
    this.studio = found;
  }
}

/** What the studio calls itself until it is restarted, as text; null if it does not answer. */
async function answered() {
  try {
    const answer = await fetch(new URL('gradio_api/app_id', document.baseURI), { signal: AbortSignal.timeout(4000) });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null; // no network, or no studio: both are being away
  }
}
