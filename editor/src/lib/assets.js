/** Stored files: PNG bytes named by the sha256 of their content. */

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The sha256 of bytes as hex; crypto.subtle exists only in secure contexts, hence the fallback. */
export async function sha256(bytes, subtle = globalThis.crypto?.subtle) {
  return hex(subtle ? new Uint8Array(await subtle.digest('SHA-256', bytes)) : plainSha256(bytes));
}

const primes = (count) => {
  const found = [];
  for (let n = 2; found.length < count; n += 1) if (found.every((prime) => n % prime)) found.push(n);
  return found;
};
const fraction = (value) => ((value - Math.floor(value)) * 2 ** 32) >>> 0;
const rotate = (word, by) => (word >>> by) | (word << (32 - by));

/** FIPS 180-4 in plain arithmetic. */
function plainSha256(bytes) {
  const state = Uint32Array.from(primes(8), (prime) => fraction(Math.sqrt(prime)));
  const constants = primes(64).map((prime) => fraction(Math.cbrt(prime)));
  const padded = new Uint8Array(((bytes.length + 72) >> 6) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length << 3);
  for (let at = 0; at < padded.length; at += 64) compress(state, constants, view, at);
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => out.setUint32(4 * index, word));
  return new Uint8Array(out.buffer);
}

function compress(state, constants, view, at) {
  const w = new Uint32Array(64);
  for (let i = 0; i < 16; i += 1) w[i] = view.getUint32(at + 4 * i);
  for (let i = 16; i < 64; i += 1) {
    const a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >>> 3);
    const b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >>> 10);
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i += 1) {
    const one = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + w[i]) | 0;
    const two = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [a, b, c, d, e, f, g, h] = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => { state[index] += word; });
}

/** The bytes behind a data URL or plain base64. */
export function bytesOf(text) {
  const raw = atob(text.slice(text.indexOf(',') + 1));
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
}

/** A stored file as a picture's address: workflows hold base64 with or without its data URL. */
export function pictureAddress(stored) {
  if (!stored) return '';
  return stored.startsWith('data:image/') ? stored : `data:image/png;base64,${stored}`;
}

/** A stored sound's address, or '' for a file that begins like none: the first letters of base64 tell. */
export function soundAddress(stored) {
  if (!stored) return '';
  const plain = stored.slice(stored.indexOf(',') + 1);
  const kind = { UklGR: 'audio/wav', ZkxhQ: 'audio/flac', T2dnU: 'audio/ogg' }[plain.slice(0, 5)];
  return kind ? `data:${kind};base64,${plain}` : '';
}

/** 128 unguessable bits; randomUUID is missing in insecure contexts, getRandomValues is not. */
export const unguessable = () => hex(crypto.getRandomValues(new Uint8Array(16)));
