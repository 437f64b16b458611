/** Painting on RGBA pixels without antialiasing: every pixel is exactly one class or ink. */

/** Stamp a disc of `diameter` along the segment; positions are in pixels of the picture. */
export function stroke(image, from, to, diameter, colour) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const stamps = Math.max(1, Math.ceil(length / Math.max(0.5, diameter / 4)));
  for (let i = 0; i <= stamps; i += 1) {
    const t = i / stamps;
    stamp(image, from.x + (to.x - from.x) * t, from.y + (to.y - from.y) * t, diameter / 2, colour);
  }
}

function stamp(image, x, y, radius, colour) {
  const reach = Math.max(radius, 0.5);
  for (let row = Math.max(0, Math.floor(y - reach)); row <= Math.min(image.height - 1, Math.ceil(y + reach)); row += 1) {
    for (let col = Math.max(0, Math.floor(x - reach)); col <= Math.min(image.width - 1, Math.ceil(x + reach)); col += 1) {
      if (Math.hypot(col + 0.5 - x, row + 0.5 - y) <= reach) put(image, col, row, colour);
    }
  }
}

function put(image, col, row, [r, g, b]) {
  const at = 4 * (row * image.width + col);
  image.data[at] = r;
  image.data[at + 1] = g;
  image.data[at + 2] = b;
  image.data[at + 3] = 255;
}

/** Replace the connected region of one colour that holds (x, y). */
export function fill(image, x, y, colour) {
  const { width, height, data } = image;
  const words = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const start = Math.floor(y) * width + Math.floor(x);
  const old = words[start];
  put(image, Math.floor(x), Math.floor(y), colour);
  const fresh = words[start];
  if (fresh === old) return;
  const queue = [start];
  while (queue.length) {
    const at = queue.pop();
    const col = at % width;
    for (const next of [col > 0 ? at - 1 : -1, col < width - 1 ? at + 1 : -1, at - width, at + width]) {
      if (next >= 0 && next < words.length && words[next] === old) {
        words[next] = fresh;
        queue.push(next);
      }
    }
  }
}

/** Cover everything with one colour. */
export function flood(image, colour) {
  for (let row = 0; row < image.height; row += 1) {
    for (let col = 0; col < image.width; col += 1) put(image, col, row, colour);
  }
}

/** How far a colour may lie from a class that it is by a hair, as graph/pictures.py has it. */
const HAIR = 16;

/**
 * Replace every pixel that is a colour of the palette by a hair (an uploaded mask). Soft borders and
 * what is transparent stay: who can read them does, and others take the nearest.
 */
export function snap(image, palette) {
  for (let at = 0; at < image.data.length; at += 4) {
    let best = palette[0];
    let least = Infinity;
    for (const colour of palette) {
      const away = colour.reduce((sum, part, i) => sum + (part - image.data[at + i]) ** 2, 0);
      if (away < least) [best, least] = [colour, away];
    }
    if (least < HAIR ** 2) image.data.set(best, at);
  }
}
