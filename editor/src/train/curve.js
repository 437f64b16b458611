/** The curve of a training, in words and in numbers. */

/** The path of points [step, value] in a box of w×h, with `most` steps and values between low and high. */
export function path(points, { w, h, most, low, high }) {
  const x = (step) => (w * step) / Math.max(1, most);
  const y = (value) => h - (h * (value - low)) / Math.max(1e-9, high - low);
  return points.map(([step, value], index) => `${index ? 'L' : 'M'}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join('');
}

/** The bounds of every loss that is drawn, with a little room: {most, low, high}. */
export function bounds(losses, heldOut) {
  const values = [...losses.map(([, loss]) => loss), ...heldOut.flatMap(([, bent, base]) => [bent, base])].filter(Number.isFinite);
  const steps = [...losses, ...heldOut].map(([step]) => step);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.08 * (high - low || 1);
  return { most: Math.max(1, ...steps), low: low - room, high: high + room };
}

/** Seconds as a person says them. */
export function spoken(seconds) {
  if (seconds == null) return '';
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} min left` : `${(minutes / 60).toFixed(1)} h left`;
}

/** How much of the base's error is gone, in per cent. */
export const gained = ([, bent, base]) => Math.round(100 * (1 - bent / base));
