/** Painting softly: strokes that fade to their rims, and gradients of light. */

/** A stroke of a soft brush over a picture as it was: where dabs overlap, the strongest counts. */
export class SoftStroke {
  #before;
  #cover;

  constructor(image) {
    this.#before = Float32Array.from(image.data);
    this.#cover = new Float32Array(image.width * image.height);
  }

  /** Draw a segment towards a colour; in the brush's middle it goes `strength` of the way. */
  draw(image, from, to, diameter, colour, strength) {
    const dabs = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / Math.max(0.5, diameter / 8)));
    for (let i = 0; i <= dabs; i += 1) {
      const t = i / dabs;
      this.#dab(image, from.x + (to.x - from.x) * t, from.y + (to.y - from.y) * t, Math.max(0.75, diameter / 2), colour, strength);
    }
  }

  #dab(image, x, y, radius, colour, strength) {
    const { width, height } = image;
    for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(height - 1, Math.ceil(y + radius)); row += 1) {
      for (let col = Math.max(0, Math.floor(x - radius)); col <= Math.min(width - 1, Math.ceil(x + radius)); col += 1) {
        const away = Math.hypot(col + 0.5 - x, row + 0.5 - y) / radius;
        const at = row * width + col;
        const cover = away < 1 ? strength * Math.cos((Math.PI / 2) * away) ** 2 : 0;
        if (cover <= this.#cover[at]) continue;
        this.#cover[at] = cover;
        this.#mix(image.data, 4 * at, colour, cover);
      }
    }
  }

  /** What was transparent takes the colour as it is, and is covered as far as the stroke goes. */
  #mix(data, at, colour, cover) {
    const under = this.#before[at + 3] / 255;
    const whole = cover + under * (1 - cover);
    for (let i = 0; i < 3; i += 1) data[at + i] = Math.round((colour[i] * cover + this.#before[at + i] * under * (1 - cover)) / whole);
    data[at + 3] = Math.round(255 * whole);
  }
}

/** A gradient over the whole picture: `start` up to the first point, `end` beyond the second. */
export function gradient(image, from, to, start, end) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy || 1;
  for (let row = 0; row < image.height; row += 1) {
    for (let col = 0; col < image.width; col += 1) {
      const t = Math.min(1, Math.max(0, ((col + 0.5 - from.x) * dx + (row + 0.5 - from.y) * dy) / length));
      grey(image, row * image.width + col, start + (end - start) * t);
    }
  }
}

function grey(image, at, light) {
  image.data.fill(Math.round(light), 4 * at, 4 * at + 3);
  image.data[4 * at + 3] = 255;
}
