/** Who painted: the expert with the largest share at each place, from the meters' maps. */

const shareOf = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/** RGBA pixels, h×w: each place in the colour of its strongest expert, stronger where it rules. */
export function tints(map, colours) {
  const { h, w } = map;
  const names = Object.keys(map).filter((name) => name !== 'h' && name !== 'w' && colours[name]);
  const shares = names.map((name) => shareOf(map[name]));
  const data = new Uint8ClampedArray(4 * h * w);
  for (let at = 0; at < h * w; at += 1) {
    let best = -1;
    let total = 0;
    shares.forEach((share, index) => {
      total += share[at];
      if (best < 0 || share[at] > shares[best][at]) best = index;
    });
    if (best < 0 || total === 0) continue;
    const [r, g, b] = colours[names[best]];
    data.set([r, g, b, 90 + 150 * (shares[best][at] / total)], 4 * at);
  }
  return { data, width: w, height: h };
}
