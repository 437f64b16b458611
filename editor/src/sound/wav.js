/** Sounds as bytes and as samples in [-1, 1], without a browser. */

const HEAD = 44;
const KINDS = [['audio/flac', 'fLaC'], ['audio/ogg', 'OggS']];
const letters = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

/** The kind of a sound that is kept as it is, by its first bytes; '' for any other file. */
export function kindOf(bytes) {
  if (letters(bytes, 0, 4) === 'RIFF') return letters(bytes, 8, 12) === 'WAVE' ? 'audio/wav' : '';
  return KINDS.find(([, head]) => letters(bytes, 0, 4) === head)?.[0] ?? '';
}

/** A WAV file of one channel, 16 bits a sample. */
export function wavOf(samples, rate) {
  const bytes = new Uint8Array(HEAD + 2 * samples.length);
  const view = new DataView(bytes.buffer);
  const word = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  word(0, 'RIFF');
  view.setUint32(4, bytes.length - 8, true);
  word(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // plain numbers
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, 'data');
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(HEAD + 2 * i, Math.round(32767 * Math.min(1, Math.max(-1, sample))), true));
  return bytes;
}

/** Several channels as one: their mean. */
export function mixed(channels) {
  if (channels.length === 1) return channels[0];
  return Float32Array.from(channels[0], (_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}

/** The largest size of the samples within each of so many columns. */
export function peaksOf(samples, columns) {
  return Array.from({ length: columns }, (_, i) => {
    const [from, to] = [i, i + 1].map((edge) => Math.floor((edge * samples.length) / columns));
    let most = 0;
    for (let at = from; at < Math.max(to, from + 1) && at < samples.length; at += 1) most = Math.max(most, Math.abs(samples[at]));
    return most;
  });
}

/** Seconds as a clock shows them. */
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
