import { cssColour } from '../lib/colours.js';
import { rangeOf } from '../lib/schema.js';

/** What a strip shows of its channel, folded or open: `of` gives its {node, setting, field}. */
export class Channel {
  #studio; #of;

  constructor(studio, of) {
    this.#studio = studio;
    this.#of = of;
  }

  voice = $derived.by(() => this.#studio.voice(this.#of().node));
  colour = $derived(cssColour(this.voice));
  name = $derived.by(() => this.#studio.titleOf(this.#of().node));
  range = $derived.by(() => rangeOf(this.#of().field));
  value = $derived.by(() => Number(this.#studio.value(this.#of().node, this.#of().setting) ?? 1));
  share = $derived.by(() => this.#studio.run.meters.share?.[this.#of().node.id] ?? 0);

  move(value) {
    const { node, setting } = this.#of();
    this.#studio.set(node.id, setting, value);
  }
}
