/** Links that carry a workflow: its JSON, deflated, as base64url behind the # of the address. */

export const PREFIX = '#workflow=';
export const LONGEST = 32_000;
const LARGEST = 16 * 2 ** 20;

/** The fragment of a link to the workflow. */
export async function packed(workflow) {
  const text = new Blob([JSON.stringify(workflow)]);
  const bytes = await collected(text.stream().pipeThrough(new CompressionStream('deflate')), Infinity);
  const chars = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return PREFIX + btoa(chars).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The text that a fragment carries, or null if it carries none that can be read. */
export async function unpacked(fragment) {
  if (!fragment.startsWith(PREFIX)) return null;
  try {
    const chars = atob(fragment.slice(PREFIX.length).replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(chars, (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
    return new TextDecoder('utf-8', { fatal: true }).decode(await collected(stream, LARGEST));
  } catch {
    return null; // cut, altered, or larger than any workflow: the caller says so
  }
}

/** All bytes of a stream; RangeError as soon as there are too many, so that no bomb unfolds. */
async function collected(stream, most) {
  const parts = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > most) throw new RangeError(`more than ${most} bytes`);
    parts.push(part);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
