/** The kinds of training, as the drawer tells them apart: words, what a training file says, and what is shown. */

import { withGuidance, withModule } from './placing.js';

const LEADS = { class: 'a class', mask: 'a mask', depth: 'a depth map' };

export const KINDS = {
  modulator: {
    label: 'Modulator',
    about: 'A small module that bends an expert by maps it has never known, learned from pictures with their maps.',
    base: 'Expert that is bent',
    preparing: () => 'preparing the pairs…',
    prepared: ({ progress }) => progress,
    asked: ({ maps, source, pairs, sent }) => ({ maps, material: source === 'playground' ? { source, pairs } : { upload: sent?.upload } }),
    ready: ({ maps, source, pairs, sent }) => Boolean(maps.length && (source === 'playground' ? pairs : sent)),
    columns: ({ maps = [] }) => [...maps, 'base', 'bent', 'real'],
    grid: 'Held-out pairs, one a row',
    before: 'base alone',
    gone: "of the base's error is gone",
    place: withModule,
    placed: ({ module, base }, wired) => `A Modulator with ${module} is on the canvas. ${wired ? `It bends ${base}.` : `Wire a score of ${base} to it.`}`,
  },
  guidance: {
    label: 'Guidance expert',
    about: 'A model that knows clean pictures learns to see through the noise, from pictures that the expert paints, and leads the expert to what it sees.',
    base: 'Expert that it leads',
    preparing: ({ pictures, of }) => (of ? `painting · ${pictures} of ${of} pictures` : 'preparing the pictures…'),
    prepared: ({ pictures, of, progress }) => (of ? pictures / of : progress),
    asked: ({ onlooker, samples }) => ({ onlooker, samples }),
    ready: ({ onlooker, samples }) => Boolean(onlooker && samples),
    columns: ({ levels = [] }) => ['clean', ...levels.map((noise, index) => (index ? String(noise) : `noise ${noise}`))],
    grid: 'Held-out pictures, one a row, with what the model said and says of them',
    note: 'Beneath: what the model says of the clean picture; then what it said before it learned, and what it says now.',
    before: 'before it learned',
    gone: 'of its error is gone',
    place: withGuidance,
    placed: ({ module, base, asks }, wired) => `A Guidance with ${module} is on the canvas. ${wired ? `It leads ${base} to ${LEADS[asks]}.` : `Wire a score of ${base} to it.`}`,
  },
};
