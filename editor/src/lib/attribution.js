/** Who painted: the expert with the largest share at each place, told by colour, hatching and outline. */

import { KINDS } from './colours.js';

const PERIOD = 14;
const LINE = 1.8;
const INK = [18, 19, 24];
const EDGE = [250, 248, 242];
const FINEST = 384;

/** Hatchings by number; each tells a pixel whether ink lies there. The eighth expert begins anew. */
const across = (x) => ((x % PERIOD) + PERIOD) % PERIOD < LINE;
const HATCHES = [
  (x, y) => across((x + y) * Math.SQRT1_2),
  (x, y) => Math.hypot((x % PERIOD) - PERIOD / 2, (y % PERIOD) - PERIOD / 2) < 2.6,
  (x, y) => across((x - y) * Math.SQRT1_2),
  (x, y) => across(y),
  (x) => across(x),
  (x, y) => across((x + y) * Math.SQRT1_2) || across((x - y) * Math.SQRT1_2),
  (x, y) => across(x) || across(y),
];

/** The colour and the hatching of every strip, in the order in which they stand. */
export function voicesOf(studio) {
  return Object.fromEntries(studio.strips.map(({ node }, index) => [node.id, { rgb: (KINDS[studio.voice(node)] ?? KINDS.out).rgb, hatch: index }]));
}

const bytesOf = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/** {winner, rule}: per place the number of the strongest expert (-1 for none) and its part of all. */
export function strongest(map, names) {
  const shares = names.map((name) => bytesOf(map[name]));
  const winner = new Int8Array(map.h * map.w).fill(-1);
  const rule = new Float32Array(map.h * map.w);
  for (let at = 0; at < winner.length; at += 1) {
    const total = shares.reduce((sum, share) => sum + share[at], 0);
    if (!total) continue;
    shares.forEach((share, index) => { if (winner[at] < 0 || share[at] > shares[winner[at]][at]) winner[at] = index; });
    rule[at] = shares[winner[at]][at] / total;
  }
  return { winner, rule };
}

/** RGBA pixels, a block for each place: tinted and hatched by its strongest expert, regions outlined. */
export function tints(map, voices) {
  const names = Object.keys(map).filter((name) => voices[name]);
  const { winner, rule } = strongest(map, names);
  const block = Math.max(2, Math.ceil(FINEST / Math.max(map.w, map.h)));
  const [width, height] = [map.w * block, map.h * block];
  const data = new Uint8ClampedArray(4 * width * height);
  const at = (x, y) => winner[Math.floor(y / block) * map.w + Math.floor(x / block)];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const here = at(x, y);
      if (here < 0) continue;
      const { rgb, hatch } = voices[names[here]];
      const edge = (x >= 2 && at(x - 2, y) !== here) || (y >= 2 && at(x, y - 2) !== here);
      const strength = 90 + 150 * rule[Math.floor(y / block) * map.w + Math.floor(x / block)];
      const inked = HATCHES[hatch % HATCHES.length](x, y);
      data.set(edge ? [...EDGE, 255] : inked ? [...INK, 0.8 * strength] : [...rgb, strength], 4 * (y * width + x));
    }
  }
  return { data, width, height };
}

/** The legend's sample of a voice: a square of its colour and hatching. */
export function swatch({ rgb, hatch }, side) {
  const data = new Uint8ClampedArray(4 * side * side);
  for (let at = 0; at < side * side; at += 1) {
    data.set([...(HATCHES[hatch % HATCHES.length](at % side, Math.floor(at / side)) ? INK : rgb), 255], 4 * at);
  }
  return { data, width: side, height: side };
}
