/** How two experts' directions agreed over a run: [a, b, [[noise, cosine], …]] for every pair. */

/** The courses with one more point for each pair; a step at `noise` found these cosines. */
export function longer(courses, noise, cosines) {
  const known = new Map(courses.map(([a, b, points]) => [JSON.stringify([a, b]), points]));
  for (const [a, b, cosine] of cosines) {
    const key = JSON.stringify([a, b]);
    known.set(key, [...(known.get(key) ?? []), [noise, cosine]]);
  }
  return [...known].map(([key, points]) => [...JSON.parse(key), points]);
}

/** The points of an SVG polyline in a box of w by h: noise falls to the right, agreement is on top. */
export const drawn = (points, w, h) => points.map(([noise, cosine]) => `${((1 - noise) * w).toFixed(1)},${(((1 - cosine) / 2) * h).toFixed(1)}`).join(' ');

/** The mean cosine of a course, which tells more than any one step. */
export const mean = (points) => points.reduce((sum, [, cosine]) => sum + cosine, 0) / points.length;
