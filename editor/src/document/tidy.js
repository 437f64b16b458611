/** Tidy layout: left to right by signal, in columns, each node near what it hears and what hears it. */

import { nodeOf } from './scope.js';

const GAP = { x: 88, y: 28 };
const SWEEPS = 6;

/** {id: [x, y]} for nodes of known sizes {id: {w, h}}; `corner` is where the first column starts. */
export function tidied(ids, wires, sizes, corner = [0, 0]) {
  const known = new Set(ids);
  const links = wires.map((wire) => [nodeOf(wire.from), nodeOf(wire.to)]).filter(([a, b]) => known.has(a) && known.has(b) && a !== b);
  const [before, after] = [new Map(ids.map((id) => [id, []])), new Map(ids.map((id) => [id, []]))];
  for (const [a, b] of links) {
    before.get(b).push(a);
    after.get(a).push(b);
  }
  const columns = ordered(byColumn(ids, before, after), before, after);
  return placed(columns, before, after, sizes, corner);
}

/** Nodes by column: the longest way from a source, then sources drawn to what hears them. */
function byColumn(ids, before, after) {
  const rank = new Map();
  const visit = (id, trail) => {
    if (rank.has(id)) return rank.get(id);
    if (trail.has(id)) return 0; // a loop: cut where it closes
    const inside = new Set(trail).add(id);
    const found = before.get(id).length ? 1 + Math.max(...before.get(id).map((other) => visit(other, inside))) : 0;
    rank.set(id, found);
    return found;
  };
  for (const id of ids) visit(id, new Set());
  for (const id of [...ids].reverse()) {
    if (after.get(id).length && !before.get(id).length) rank.set(id, Math.max(0, Math.min(...after.get(id).map((other) => rank.get(other))) - 1));
  }
  const columns = [];
  for (const id of ids) (columns[rank.get(id)] ??= []).push(id);
  return columns.filter(Boolean);
}

/** Each column in the order of the middles of its neighbours, from both sides in turn. */
function ordered(columns, before, after) {
  let found = columns;
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const neighbours = sweep % 2 ? after : before;
    const height = new Map(found.flatMap((column) => column.map((id, index) => [id, (index + 0.5) / column.length])));
    const middle = (id) => {
      const near = neighbours.get(id).map((other) => height.get(other));
      return near.length ? near.reduce((sum, value) => sum + value, 0) / near.length : height.get(id);
    };
    found = found.map((column) => column.map((id, index) => [middle(id), index, id]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , id]) => id));
  }
  return found;
}

/** Stacks each column, then draws every node level with its neighbours where there is room. */
function placed(columns, before, after, sizes, [left, top]) {
  const y = new Map();
  const tall = columns.map((column) => column.reduce((sum, id) => sum + sizes[id].h + GAP.y, -GAP.y));
  const most = Math.max(0, ...tall);
  columns.forEach((column, index) => {
    let at = top + (most - tall[index]) / 2;
    for (const id of column) {
      y.set(id, at);
      at += sizes[id].h + GAP.y;
    }
  });
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const column of sweep % 2 ? columns : [...columns].reverse()) level(column, y, sizes, before, after);
  }
  const highest = Math.min(...y.values());
  const found = {};
  let x = left;
  for (const column of columns) {
    for (const id of column) found[id] = [Math.round(x), Math.round(y.get(id) - highest + top)];
    x += Math.max(...column.map((id) => sizes[id].w)) + GAP.x;
  }
  return found;
}

/** One column: wished heights are the neighbours' middles; what overlaps is pushed apart evenly. */
function level(column, y, sizes, before, after) {
  const wish = column.map((id) => {
    const near = [...before.get(id), ...after.get(id)].map((other) => y.get(other) + sizes[other].h / 2);
    return near.length ? near.reduce((sum, value) => sum + value, 0) / near.length - sizes[id].h / 2 : y.get(id);
  });
  const blocks = [];
  column.forEach((id, index) => {
    let block = { ids: [id], offsets: [0], at: wish[index], wishes: [wish[index]], h: sizes[id].h + GAP.y };
    while (blocks.length && blocks.at(-1).at + blocks.at(-1).h > block.at) {
      const above = blocks.pop();
      const wishes = [...above.wishes, ...block.wishes.map((value) => value - above.h)];
      block = {
        ids: [...above.ids, ...block.ids], offsets: [...above.offsets, ...block.offsets.map((value) => value + above.h)],
        wishes, at: wishes.reduce((sum, value) => sum + value, 0) / wishes.length, h: above.h + block.h,
      };
    }
    blocks.push(block);
  });
  for (const block of blocks) block.ids.forEach((id, index) => y.set(id, block.at + block.offsets[index]));
}
