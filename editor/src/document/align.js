/** Aligning: boxes {id: {x, y, w, h}} share an edge or a middle. */

const EDGES = {
  left: (boxes) => ['x', Math.min(...boxes.map((box) => box.x)), () => 0],
  right: (boxes) => ['x', Math.max(...boxes.map((box) => box.x + box.w)), (box) => box.w],
  top: (boxes) => ['y', Math.min(...boxes.map((box) => box.y)), () => 0],
  bottom: (boxes) => ['y', Math.max(...boxes.map((box) => box.y + box.h)), (box) => box.h],
};

/** {id: [x, y]} of boxes whose `edge` is level. */
export function aligned(boxes, edge) {
  const [axis, at, off] = EDGES[edge](Object.values(boxes));
  return Object.fromEntries(Object.entries(boxes).map(([id, box]) => {
    const next = { ...box, [axis]: at - off(box) };
    return [id, [next.x, next.y]];
  }));
}

/** The nearest box to `id` in a direction of [dx, dy]; undefined at the rim. What lies far aside is not in it. */
export function nextTo(boxes, id, [dx, dy]) {
  const middle = (box) => [box.x + box.w / 2, box.y + box.h / 2];
  const [x, y] = middle(boxes[id]);
  let best;
  let least = Infinity;
  for (const [other, box] of Object.entries(boxes)) {
    const away = [middle(box)[0] - x, middle(box)[1] - y];
    const along = away[0] * dx + away[1] * dy;
    const aside = Math.abs(away[0] * dy) + Math.abs(away[1] * dx);
    if (other === id || along <= 4 || aside > 4 * along) continue;
    if (along + 2 * aside < least) [best, least] = [other, along + 2 * aside];
  }
  return best;
}

/** A place of size w×h at [x, y] or below it that no box covers. */
export function freePlace(boxes, [x, y], { w, h }, gap = 24) {
  let at = y;
  const over = () => Object.values(boxes).find((box) => x < box.x + box.w + gap && box.x < x + w + gap && at < box.y + box.h + gap && box.y < at + h + gap);
  for (let hit = over(); hit; hit = over()) at = hit.y + hit.h + gap + 1;
  return [x, at];
}
