/** Curves over noise: points [noise, value], noise 1 at the start of a run (left) and 0 at its end. */

/** Points in the order of play. */
export const inOrder = (points) => [...points].sort((a, b) => b[0] - a[0]);

/** The height at a noise: straight between points, flat beyond the ends. */
export function heightAt(points, noise) {
  const order = inOrder(points);
  if (!order.length) return 1;
  if (noise >= order[0][0]) return order[0][1];
  for (let i = 1; i < order.length; i += 1) {
    const [[n0, v0], [n1, v1]] = [order[i - 1], order[i]];
    if (noise >= n1) return n0 === n1 ? v1 : v1 + ((v0 - v1) * (noise - n1)) / (n0 - n1);
  }
  return order.at(-1)[1];
}
