/** Sounds through the browser's own decoders. */

import { kindOf, mixed, wavOf } from './wav.js';

export const RATE = 16_000;
export const LONGEST = 60;
const LARGEST = 2_000_000;
const MOST = 200_000_000;

/** Samples of one channel at RATE; throws for what the browser cannot decode. */
export async function samplesOf(bytes) {
  const buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes.slice().buffer);
  return mixed(Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i)));
}

/**
 * {blob} to keep of a chosen file, or {wrong}, a sentence. WAV, FLAC and OGG stay as they are if they
 * are small; anything else that the browser can play becomes a WAV of one channel.
 */
export async function soundOf(file) {
  if (file.size > MOST) return { wrong: `'${file.name}' has ${Math.round(file.size / 1e6)} MB, too many to read. Cut it shorter.` };
  const bytes = new Uint8Array(await file.arrayBuffer());
  let samples;
  try {
    samples = await samplesOf(bytes);
  } catch {
    return { wrong: `'${file.name}' is no sound that the browser can read. Use WAV, FLAC, OGG or MP3.` };
  }
  if (!samples.length) return { wrong: `'${file.name}' is empty. Choose another sound.` };
  const seconds = samples.length / RATE;
  if (seconds > LONGEST) return { wrong: `'${file.name}' lasts ${Math.ceil(seconds)} s; at most ${LONGEST} are taken. Cut it shorter.` };
  const kind = kindOf(bytes);
  return { blob: kind && bytes.length <= LARGEST ? new Blob([bytes], { type: kind }) : asWav(samples) };
}

/** A recording, as long as a sound may be. */
export async function recordingOf(blob) {
  return asWav((await samplesOf(new Uint8Array(await blob.arrayBuffer()))).subarray(0, LONGEST * RATE));
}

const asWav = (samples) => new Blob([wavOf(samples, RATE)], { type: 'audio/wav' });
