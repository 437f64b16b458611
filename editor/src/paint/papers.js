/** What is painted on: a mask of named classes, a sketch in ink, reliability in light, depth in greys, a
 *  region in white. */

import { hearersOf } from '../lib/words.js';

const INK = { name: 'ink', colour: [0, 0, 0] };
const PAPER = { name: 'paper', colour: [255, 255, 255] };
const LIGHTS = [255, 191, 128, 64, 0].map((light) => ({ name: `${Math.round(light / 2.55)} %`, colour: [light, light, light] }));
const DEPTHS = LIGHTS.map(({ colour }, at) => ({ name: ['nearest', 'near', 'between', 'far', 'farthest'][at], colour }));
const PARTS = [{ name: 'in it', colour: [255, 255, 255] }, { name: 'not in it', colour: [0, 0, 0] }];
const PLAIN = [{ name: 'sky', colour: [116, 176, 224] }, { name: 'ground', colour: [104, 190, 74] }, { name: 'thing', colour: [220, 60, 60] }];

/**
 * {palette, blank, ink, brush, soft, mixes} of a paper: `ink` is what is painted with at first, on a
 * `soft` one in soft strokes and gradients; one that `mixes` has a soft brush beside the sharp one. Masks
 * take the palette of the experts that read them.
 */
export function paperOf(kind, classes) {
  if (kind === 'sketch') return { palette: [INK], blank: PAPER, ink: INK, brush: 2 };
  if (kind === 'map') return { palette: LIGHTS, blank: LIGHTS[0], ink: LIGHTS[4], brush: 24, soft: true };
  if (kind === 'depth') return { palette: DEPTHS, blank: DEPTHS[4], ink: DEPTHS[0], brush: 24, soft: true };
  if (kind === 'region') return { palette: PARTS, blank: PARTS[1], ink: PARTS[0], brush: 24 };
  const palette = classes.length ? classes : PLAIN;
  return { palette, blank: palette[0], ink: palette[0], brush: 14, mixes: true };
}

const SHORT = 128;
const LONG = 1024;

/** Width and height of a new paper in its own pixels, in the shape of the picture that it is for; square where none is. */
export function formOf([width, height] = [1, 1]) {
  const scale = Math.min(SHORT / Math.min(width, height), LONG / Math.max(width, height));
  return [width, height].map((side) => Math.max(1, Math.round(scale * side)));
}

/** The palette of the first expert that hears this node, else of any expert that has one. */
export function classesFor(studio, node) {
  const readers = hearersOf(studio.doc.workflow, studio.catalogue, studio.models, node.id);
  return [...readers, ...Object.values(studio.models)].find((model) => model.palette?.length)?.palette ?? [];
}

/** What a pixel of a paper is called: the nearest colour of its palette, or the blank. */
export function nameAt(paper, [r, g, b]) {
  const away = ({ colour }) => (colour[0] - r) ** 2 + (colour[1] - g) ** 2 + (colour[2] - b) ** 2;
  return [paper.blank, ...paper.palette].reduce((best, each) => (away(each) < away(best) ? each : best)).name;
}

export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
