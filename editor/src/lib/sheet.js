/** A sheet of equal pictures: its columns, and the part of its width that each picture has. */

/** `ratio` is a picture's width to its height. A wide sheet is as high as it must be, any other is a square that all fit into. */
export function laid(count, ratio) {
  const across = Math.ceil(Math.sqrt((count || 1) / ratio));
  if (ratio > 1) return { columns: across, part: 1 / across };
  let best = { columns: 1, part: 0 };
  for (let columns = 1; columns <= Math.max(count, 1); columns += 1) {
    const part = Math.min(1 / columns, ratio / Math.ceil((count || 1) / columns));
    if (part >= best.part) best = { columns, part };
  }
  return best;
}
