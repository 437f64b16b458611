import assert from 'node:assert/strict';
import test from 'node:test';
import { again, asked, cellOf, shown, taken, usual, wrong } from '../src/around/sweep.js';
import { sweepable, titled, worded } from '../src/around/sweepable.js';
import { nodeAt } from '../src/document/scope.js';

const number = (more = {}) => ({ type: 'number', minimum: 0, maximum: 2, default: 1, ...more });
const SWITCH = { type: 'boolean', default: false, live: 'switch', widget: 'switch' };
const CATALOGUE = {
  expert: {
    label: 'Expert', inputs: [{ name: 'class', kind: 'class' }, { name: 'reliability', kind: 'reliability' }], outputs: [{ name: 'score', kind: 'score' }],
    schema: { properties: { share: number({ maximum: 10 }), model: { type: 'string', widget: 'model', default: 'small' }, muted: SWITCH, reliability: number(), guidance: number({ maximum: 15 }) } },
  },
  label: { label: 'Class', inputs: [], outputs: [{ name: 'class', kind: 'class' }], schema: { properties: { name: { type: 'string', widget: 'class', default: 'sea' } } } },
  text: { label: 'Text', inputs: [], outputs: [{ name: 'text', kind: 'text' }], schema: { properties: { text: { type: 'string', default: 'a boat' } } } },
  fuse: { label: 'Fuse', inputs: [{ name: 'scores', kind: 'score' }], outputs: [{ name: 'score', kind: 'score' }], schema: { properties: { reliability: { type: 'number', exclusiveMinimum: 0 } } } },
  sampler: {
    label: 'Sampler', inputs: [], outputs: [],
    schema: {
      properties: {
        steps: { type: 'integer', minimum: 1, maximum: 200, default: 24 }, count: { type: 'integer', minimum: 1, maximum: 64 },
        schedule: { oneOf: ['Plain', 'LogSnr', 'Discrete'].map((name) => ({ $ref: `#/$defs/${name}` })), discriminator: { propertyName: 'name' } },
      },
      $defs: {
        Plain: { properties: { name: { const: 'plain', default: 'plain' } } },
        LogSnr: { properties: { name: { const: 'log_snr', default: 'log_snr' }, log_snr_min: { anyOf: [{ type: 'number' }, { type: 'null' }], default: -10 } } },
        Discrete: { properties: { name: { const: 'discrete', default: 'discrete' }, spacing: { enum: ['leading', 'trailing'], type: 'string', default: 'trailing' }, skip_last: { type: 'boolean', default: false } } },
      },
    },
    defaults: { schedule: { name: 'plain' } },
  },
};
const MODELS = { small: { condition: 'class', labels: ['sea', 'city at night', 'sea'] }, large: { condition: 'class', labels: ['sea'] }, poet: { condition: 'text' } };
const settled = (...nodes) => ({ nodes, wires: [] });
const A = { id: 'a', type: 'expert', title: 'Voice', settings: { reliability: 1 } };
const FUSE = { id: 'f', type: 'fuse', settings: {} };
const SAMPLER = { id: 's', type: 'sampler', settings: { steps: 24, schedule: { name: 'log_snr' } } };
/** The expert and its class in a subgraph within another; the inner one stands twice. */
const nestedTwice = () => ({
  nodes: [{ id: 'choir', type: 'subgraph', settings: { of: 'choir' } }, { id: 'solo', type: 'subgraph', title: 'Alone', settings: { of: 'voices' } }, SAMPLER], wires: [],
  subgraphs: {
    choir: { title: 'Choir', nodes: [{ id: 'low', type: 'subgraph', title: 'Low', settings: { of: 'voices' } }], wires: [] },
    voices: { title: 'Voices', nodes: [A, { id: 'what', type: 'label', settings: {} }], wires: [{ from: 'what.class', to: 'a.class' }] },
  },
});
const titles = (found) => found.map(({ title }) => title);

test('every number, choice and switch of every node can be swept, faders first', () => {
  const found = sweepable(settled(SAMPLER, A, FUSE), CATALOGUE, MODELS);
  assert.deepEqual(titles(found), [
    'Voice · reliability', 'Voice · guidance', 'Sampler · schedule', 'Voice · model', 'Sampler · steps', 'Sampler · schedule log snr min', 'Voice · share', 'Fuse · reliability', 'Voice · muted',
  ]);
  assert.deepEqual(found.map(({ group }) => group), ['fader', 'fader', 'choice', 'choice', ...Array(4).fill('number'), 'switch']);
  const [, , schedule, model, steps, snr, , open, muted] = found;
  assert.deepEqual([steps.whole, steps.low, steps.high, steps.at], [true, 1, 200, 24]);
  assert.deepEqual([snr.at, snr.control, open.open], [-10, 's.schedule.log_snr_min', true]);
  assert.deepEqual([schedule.options, model.options, muted.options], [['plain', 'log_snr', 'discrete'], ['small', 'large'], [false, true]]);
  const discrete = { ...SAMPLER, settings: { schedule: { name: 'discrete' } } };
  const inner = sweepable(settled(discrete), CATALOGUE, MODELS).map(({ setting, options }) => [setting, options?.length]);
  assert.deepEqual(inner, [['schedule', 3], ['schedule.spacing', 2], ['steps', undefined], ['schedule.skip_last', 2]]);
});

test('a choice of one is none, and the classes are those of who listens', () => {
  const label = { id: 'l', type: 'label', settings: {} };
  const wired = (model) => ({ nodes: [label, { ...A, settings: { model } }], wires: [{ from: 'l.class', to: 'a.class' }] });
  const classes = (workflow, models = MODELS) => sweepable(workflow, CATALOGUE, models).find(({ node }) => node === 'l')?.options;
  assert.deepEqual(classes(wired('small')), ['sea', 'city at night']);
  assert.equal(classes(wired('large')), undefined);
  assert.deepEqual(classes(settled(label)), ['sea', 'city at night']);
  assert.equal(classes(settled(label), {}), undefined);
  assert.deepEqual(titles(sweepable(settled({ ...A, title: '' }), CATALOGUE, { small: MODELS.small })).filter((title) => title.includes('model')), []);
  assert.deepEqual(sweepable(settled({ id: 'x', type: 'constructor', settings: {} }, { id: 't', type: 'text' }), CATALOGUE, MODELS), []);
});

test('nodes within subgraphs can be swept, and are called by where they lie', () => {
  const found = sweepable(nestedTwice(), CATALOGUE, MODELS);
  const reliability = found.filter(({ setting }) => setting === 'reliability');
  assert.deepEqual(titles(reliability), ['Choir / Low / Voice · reliability', 'Alone / Voice · reliability']);
  assert.deepEqual(reliability.map(({ control }) => control), ['choir/low/a.reliability', 'solo/a.reliability']);
  assert.deepEqual(found.find(({ node }) => node === 'solo/what').options, ['sea', 'city at night']);
  assert.equal(titled(nestedTwice(), CATALOGUE, 'choir/nobody'), 'Choir / choir/nobody');
});

test('nodes of one title are told apart, and what is bypassed is not offered', () => {
  const reliabilities = (workflow) => titles(sweepable(workflow, CATALOGUE, MODELS).filter(({ setting }) => setting === 'reliability'));
  const b = { ...A, id: 'b' };
  assert.deepEqual(reliabilities(settled(A, b)), ['Voice (a) · reliability', 'Voice (b) · reliability']);
  assert.deepEqual(reliabilities(settled(A, { ...b, title: 'Low' })), ['Voice · reliability', 'Low · reliability']);
  assert.deepEqual(reliabilities(settled(A, { ...b, title: 'Low', bypass: true })), ['Voice · reliability']);
  const nested = nestedTwice();
  const choir = { ...nested.nodes[0], bypass: true };
  assert.deepEqual(reliabilities({ ...nested, nodes: [choir, ...nested.nodes.slice(1)] }), ['Alone / Voice · reliability']);
  const twins = { ...nested, nodes: nested.nodes.map((node) => (node.id === 'solo' ? { ...node, title: 'Choir' } : node)) };
  assert.deepEqual(reliabilities(twins), ['Choir (choir) / Low / Voice · reliability', 'Choir (solo) / Voice · reliability']);
});

test('the range that is offered can be sampled as it is', () => {
  const ranges = [
    [{ group: 'fader', setting: 'guidance', low: -15, high: 15, at: 2 }, [1, 6]], [{ group: 'fader', setting: 'reliability', low: 0, high: 2, at: 1 }, [0, 1.5]],
    [{ setting: 'steps', low: 1, high: 200, at: 24, whole: true }, [12, 36]], [{ setting: 'steps', low: 1, high: 200, at: 2, whole: true }, [1, 6]],
    [{ setting: 'seed', low: 0, high: 2 ** 32 - 1, at: 7, whole: true }, [7, 11]], [{ setting: 'seed', low: 0, high: 2 ** 32 - 1, at: 2 ** 32 - 1, whole: true }, [2 ** 32 - 5, 2 ** 32 - 1]],
    [{ setting: 'variance', low: 0, high: 100, open: true, at: 0.25 }, [0.125, 0.375]], [{ setting: 'from_noise', low: 0, high: 1, at: 1 }, [0, 1]],
    [{ setting: 'mean', low: -10, high: 10, at: 0 }, [-1, 1]],
  ];
  for (const [each, range] of ranges) {
    assert.deepEqual(usual(each, 5), range, each.setting);
    assert.equal(wrong([taken({ ...each, title: each.setting }, { count: 5 })]), '');
  }
});

test('an axis takes what was typed or ticked, and of a choice all that fits where nothing was', () => {
  const fader = { node: 'a', setting: 'reliability', group: 'fader', low: 0, high: 2, at: 1 };
  assert.deepEqual(asked(taken(fader, { count: 5 })), { node: 'a', setting: 'reliability', start: 0, stop: 1.5, count: 5 });
  assert.deepEqual(asked(taken(fader, { count: '3', start: '0.5', stop: '' })), { node: 'a', setting: 'reliability', start: 0.5, stop: NaN, count: 3 });
  const rule = { node: 'f', setting: 'rule', options: ['mean', 'perp_neg', 'product'] };
  const choices = (axis, unfit) => asked(taken(rule, axis, unfit));
  assert.deepEqual(choices({}), { node: 'f', setting: 'rule', choices: rule.options });
  assert.deepEqual(choices({}, new Map([['mean', 'it has no NOT']])).choices, ['perp_neg', 'product']);
  assert.deepEqual(choices({ ticked: ['product', 'mean'] }, new Map([['mean', 'it has no NOT']])).choices, ['mean', 'product']);
  assert.equal(taken({ ...rule, options: Array.from({ length: 80 }, (_, at) => `class ${at}`) }, {}).count, 25);
});

test('a sheet that was played is asked for as it was', () => {
  const fader = { node: 'a', setting: 'reliability', start: 1.5, stop: 0, count: 3 }, muted = { node: 'a', setting: 'muted', choices: [true, false] }, rule = { node: 'f', setting: 'rule', choices: ['mean', 'product'] };
  const axes = [{ node: 'a', setting: 'reliability', values: [1.5, 0.75, 0] }, { node: 'a', setting: 'muted', values: [true, false] }, { node: 'f', setting: 'rule', values: ['mean', 'product'] }];
  assert.deepEqual(again({ axes }), [fader, muted, rule]);
});

test('what is wrong with axes is said', () => {
  const axis = { node: 'a', setting: 'reliability', control: 'a.reliability', title: 'Text · reliability', low: 0, high: 2, start: 0, stop: 1, count: 5 };
  assert.equal(wrong([axis]), '');
  assert.match(wrong([]), /nothing to sweep/);
  assert.match(wrong([axis, axis]), /two different settings/);
  assert.match(wrong([{ ...axis, stop: 3 }]), /from 0 to 2/);
  assert.match(wrong([{ ...axis, stop: NaN }]), /from 0 to 2/);
  assert.match(wrong([{ ...axis, stop: 0 }]), /two different ends/);
  assert.match(wrong([{ ...axis, count: 2.5 }]), /2 to 25/);
  assert.match(wrong([{ ...axis, whole: true, stop: 2 }]), /whole numbers/);
  assert.match(wrong([{ ...axis, whole: true, stop: 1.5, count: 2 }]), /whole numbers/);
  assert.match(wrong([{ ...axis, open: true }]), /from above 0 to 2/);
  assert.match(wrong([{ ...axis, low: -Infinity, start: -1, stop: 3 }]), /at most 2/);
  assert.match(wrong([{ ...axis, count: 20 }, { ...axis, control: 'a.guidance', count: 20 }]), /400 pictures/);
});

test('what is wrong with choices is said', () => {
  const schedule = { control: 's.schedule', title: 'Sampler · schedule', options: ['plain', 'log_snr'], count: 2 };
  assert.equal(wrong([schedule]), '');
  assert.equal(wrong([schedule, { ...schedule, control: 's.scheduled' }]), '');
  assert.match(wrong([{ ...schedule, count: 1 }]), /^Sampler · schedule: tick at least two/);
  assert.match(wrong([{ ...schedule, count: 26 }]), /tick at most 25/);
  const within = { control: 's.schedule.log_snr_min', title: 'Sampler · schedule log snr min', low: -20, high: 0, start: -9, stop: -1, count: 2 };
  for (const axes of [[schedule, within], [within, schedule]]) assert.match(wrong(axes), /^Sampler · schedule log snr min is a part of Sampler · schedule/);
});

test('a cell is the workflow with its numbers, choices and switches', () => {
  const sampler = { ...SAMPLER, settings: { steps: 24, schedule: { name: 'log_snr', log_snr_min: -3 } } };
  const workflow = settled(A, FUSE, sampler);
  const cell = (axes, index = 0) => cellOf(workflow, { axes, cells: [[0, 0], [1, 1]] }, index, CATALOGUE).nodes;
  const [a, fuse, s] = cell([{ node: 'a', setting: 'muted', values: [false, true] }, { node: 's', setting: 'schedule.log_snr_min', values: [-9, -5] }], 1);
  assert.deepEqual(a.settings, { reliability: 1, muted: true });
  assert.deepEqual(s.settings, { steps: 24, schedule: { name: 'log_snr', log_snr_min: -5 } });
  assert.equal(fuse, FUSE);
  const schedules = [{ node: 's', setting: 'schedule', values: ['log_snr', 'discrete'] }, { node: 's', setting: 'steps', values: [8, 9] }];
  assert.deepEqual(cell(schedules)[2].settings, { steps: 8, schedule: { name: 'log_snr', log_snr_min: -3 } }, 'what is in use keeps its own');
  assert.deepEqual(cell(schedules, 1)[2].settings, { steps: 9, schedule: { name: 'discrete', spacing: 'trailing', skip_last: false } });
  assert.deepEqual(cell([{ node: 'gone', setting: 'steps', values: [1] }, { node: 's', setting: 'steps', values: [2] }])[2].settings.steps, 2);
});

test('a cell of a nested node is changed in its place alone', () => {
  const before = nestedTwice();
  const axes = [{ node: 'choir/low/what', setting: 'name', values: ['sea', 'city at night'] }, { node: 'choir/low/a', setting: 'reliability', values: [0, 0.5] }];
  const made = cellOf(before, { axes, cells: [[1, 1]] }, 0, CATALOGUE);
  assert.deepEqual(nodeAt(made, 'choir/low/what').settings, { name: 'city at night' });
  assert.deepEqual(nodeAt(made, 'choir/low/a').settings, { reliability: 0.5 });
  assert.deepEqual([nodeAt(made, 'solo/what').settings, nodeAt(made, 'solo/a').settings], [{}, { reliability: 1 }]);
  assert.deepEqual(Object.keys(made.subgraphs), ['choir', 'voices', 'voices_2']);
  assert.deepEqual(before, nestedTwice());
  const once = cellOf(before, { axes: [{ node: 's', setting: 'steps', values: [3] }], cells: [[0]] }, 0, CATALOGUE);
  assert.equal(once.subgraphs, before.subgraphs);
});

test('values and settings are read as they are spoken', () => {
  assert.deepEqual([0.12345, 3, false, true, 'perp_neg', 'city at night'].map(shown), ['0.123', '3', 'off', 'on', 'perp neg', 'city at night']);
  assert.equal(worded('schedule.log_snr_min'), 'schedule log snr min');
});
