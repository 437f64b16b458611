const ASK = 700;
const LOST = 6;

/** Ask for a run's place in the queue while it waits; `lost` is told why a run never arrived. */
export async function wait(server, run, lost, pause = ASK) {
  let unknown = 0;
  while (run.phase === 'waiting' && run.running) {
    await new Promise((next) => setTimeout(next, pause));
    const id = run.id;
    const place = await server.place({ run: id }).catch(() => null); // away: the connection says so
    if (run.id !== id || run.phase !== 'waiting' || place === null) continue;
    unknown = place.waits ? 0 : unknown + 1;
    run.before = place.waits ? place.before : null;
    if (unknown >= LOST) lost(place.lost);
  }
}

/** How many runs come first, in words. */
export const said = (before) => (before === null ? 'waiting' : before === 0 ? 'next' : before === 1 ? '1 run before yours' : `${before} runs before yours`);
