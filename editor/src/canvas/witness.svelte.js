/** Whoever plays sees the picture form: where its card is covered, the view moves, and no node. */

import { untrack } from 'svelte';
import { uncovered } from './sight.js';

const STILL = 1; // pixels by which a view may differ and be the same

/** Look at the card of the picture when a run begins and whenever it grows in that run, until somebody else moves the view. */
export function witness(canvas) {
  const { run, doc } = canvas.studio;
  let seen = { run: null };
  let picture = $derived([...canvas.reading.declarations].find(([, { inputs, outputs }]) => !outputs.length && inputs.some(({ kind }) => kind === 'score'))?.[0]);
  let size = $derived.by(() => {
    const { width, height } = canvas.nodes.find(({ id }) => id === picture)?.measured ?? {};
    return width ? `${width}×${height}` : '';
  });

  async function look() {
    if (seen.busy || !alike(canvas.flow.getViewport(), seen.view)) return;
    seen.busy = true;
    const mine = seen;
    for (let to = uncovered(canvas, picture); to; to = uncovered(canvas, picture)) {
      mine.view = to;
      await canvas.flow.setViewport(to, { duration: canvas.calm, interpolate: 'linear' });
      if (seen !== mine || !alike(canvas.flow.getViewport(), to)) return; // somebody else has taken it
    }
    mine.busy = false;
  }

  $effect(() => {
    if (!canvas.ready || !size) return;
    const ended = run.phase === 'done' && run.played === doc.workflow; // the first picture may come last
    if (!run.running && !ended) return;
    untrack(() => {
      if (run.running && seen.run !== run.id) seen = { run: run.id, view: canvas.flow.getViewport() };
      if (seen.run) look();
    });
  });
}

const alike = (one, other) => Math.abs(one.x - other.x) <= STILL && Math.abs(one.y - other.y) <= STILL && Math.abs(one.zoom / other.zoom - 1) < 0.001;
