/** What is painted on: a mask of named classes, a sketch in ink, a map of reliability in light. */

const INK = { name: 'ink', colour: [0, 0, 0] };
const PAPER = { name: 'paper', colour: [255, 255, 255] };
const LIGHTS = [255, 191, 128, 64, 0].map((light) => ({ name: `${Math.round(light / 2.55)} %`, colour: [light, light, light] }));
const PLAIN = [{ name: 'sky', colour: [116, 176, 224] }, { name: 'ground', colour: [104, 190, 74] }, { name: 'thing', colour: [220, 60, 60] }];

/** {palette, blank, brush, smooth} of a paper; masks take the palette of the experts that read them. */
export function paperOf(kind, classes) {
  if (kind === 'sketch') return { palette: [INK], blank: PAPER, brush: 2, smooth: false };
  if (kind === 'map') return { palette: LIGHTS, blank: LIGHTS[0], brush: 24, smooth: false };
  const palette = classes.length ? classes : PLAIN;
  return { palette, blank: palette[0], brush: 14, smooth: false };
}

/** The palette of the first expert that hears this node, else of any expert that has one. */
export function classesFor(studio, node) {
  const { nodes, wires } = studio.doc.workflow;
  const heardBy = wires.filter((wire) => wire.from.startsWith(`${node.id}.`)).map((wire) => wire.to.split('.')[0]);
  const readers = nodes.filter((other) => heardBy.includes(other.id)).map((other) => studio.models[other.settings?.model]);
  return [...readers, ...Object.values(studio.models)].find((model) => model?.palette?.length)?.palette ?? [];
}

export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
