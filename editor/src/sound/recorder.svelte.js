import { LONGEST } from './decoding.js';

const REFUSED = {
  NotAllowedError: 'The microphone is not allowed. Allow it beside the address of the page, or choose a file.',
  NotFoundError: 'There is no microphone. Plug one in, or choose a file.',
  NotReadableError: 'The microphone is in use by another program. Close that, or choose a file.',
};
const INSECURE = 'The browser lends the microphone to pages at https or localhost alone. Choose a file instead.';

/** The microphone: `start` resolves to the recording when it is stopped, or to {wrong}, a sentence. */
export class Recorder {
  on = $state(false);
  seconds = $state(0);
  level = $state(0);
  #recorder = null; #ticking = 0;

  async start() {
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return { wrong: INSECURE };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      return { wrong: REFUSED[error.name] ?? `The microphone cannot be opened (${error.name}). Choose a file instead.` };
    }
    return this.#record(stream);
  }

  stop() {
    if (this.#recorder?.state === 'recording') this.#recorder.stop();
  }

  #record(stream) {
    const parts = [];
    const meter = this.#meter(stream);
    this.#recorder = new MediaRecorder(stream);
    this.#recorder.ondataavailable = ({ data }) => parts.push(data);
    const ended = new Promise((done) => { this.#recorder.onstop = done; });
    const limit = setTimeout(() => this.stop(), 1000 * LONGEST);
    this.#recorder.start();
    this.on = true;
    return ended.then(() => {
      clearTimeout(limit);
      cancelAnimationFrame(this.#ticking);
      meter.close();
      for (const track of stream.getTracks()) track.stop();
      this.on = false;
      return { blob: new Blob(parts, { type: this.#recorder.mimeType }) };
    });
  }

  /** Shows seconds and level until it is closed. */
  #meter(stream) {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const began = performance.now();
    const tick = () => {
      analyser.getFloatTimeDomainData(samples);
      this.level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
      this.seconds = (performance.now() - began) / 1000;
      this.#ticking = requestAnimationFrame(tick);
    };
    tick();
    return context;
  }
}
