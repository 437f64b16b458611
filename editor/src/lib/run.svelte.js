import { unguessable } from './assets.js';
import { longer } from './course.js';

const QUIET = { share: {}, cosine: [], course: [], map: null };

/** One run at a time: what the page knows of it from the bus. */
export class Run {
  id = $state(null);
  phase = $state('idle');
  step = $state(0);
  steps = $state(0);
  noise = $state(1);
  secondsLeft = $state(null);
  seconds = $state(null);
  weights = $state.raw({});
  meters = $state.raw(QUIET);
  /** What the corrector tells of the last step, by its word. */
  readings = $state.raw({});
  pictures = $state.raw([]);
  /** What was shown before this run began, to be held beside it; '' where there was nothing. */
  earlier = $state.raw('');
  labels = $state.raw([]);
  sheet = $state.raw(null);
  before = $state(null);
  diagnostics = $state.raw([]);
  record = $state.raw(null);
  played = $state.raw(null);
  replaying = $state(false);
  controls = $state.raw(new Set());

  get running() { return this.id !== null; }

  /** Whether the run can be told of moves. */
  get begun() { return this.running && this.phase !== 'waiting'; }

  begin(workflow, replaying = false) {
    this.id = unguessable();
    this.earlier = this.sheet ? '' : (this.pictures[0] ?? '');
    this.phase = 'waiting';
    this.step = 0;
    this.noise = 1;
    this.secondsLeft = null;
    this.before = null;
    this.diagnostics = [];
    this.meters = QUIET;
    this.readings = {};
    this.weights = {};
    this.played = workflow;
    this.replaying = replaying;
    return this.id;
  }

  /** Take in one event of the bus; events of other runs are not ours. Returns whether it was. */
  hear(event) {
    if (!event || event.run !== this.id || this.id === null) return false;
    this[`_${event.type}`]?.(event);
    return true;
  }

  end(phase) {
    this.id = null;
    this.phase = phase;
    this.replaying = false;
  }

  _started({ labels, controls, sheet }) {
    this.labels = labels ?? [];
    this.sheet = sheet ?? null;
    if (sheet) this.pictures = [];
    this.controls = new Set(controls);
    this.phase = 'preparing';
  }

  _progress(event) {
    this.phase = 'playing';
    this.step = event.step;
    this.steps = event.steps;
    if (event.meters) this.meters = { ...event.meters, course: longer(this.meters.course, this.noise, event.meters.cosine) };
    this.noise = event.noise;
    this.secondsLeft = event.seconds_left;
    this.weights = event.weights ?? {};
    this.readings = event.readings ?? {};
    if (event.preview) this.pictures = event.preview;
  }

  _result(event) {
    this.pictures = event.pictures;
    this.record = event.record;
    this.seconds = event.seconds;
    if (event.meters) this.meters = event.meters;
    this.end('done');
  }

  _stopped() { this.end('stopped'); }

  _failure(event) {
    this.diagnostics = event.diagnostics;
    this.end('failed');
  }
}
