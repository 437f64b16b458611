/** Pure questions about sweep sheets. */

export const MOST_CELLS = 144;
const FADERS = ['reliability', 'guidance'];

/** The faders that a sheet can move: number settings of nodes whose weight can be multiplied. */
export function faders(nodes, declarationOf) {
  return nodes.flatMap((node) => {
    const { inputs = [], label, schema } = declarationOf(node);
    if (!inputs.some((port) => port.kind === 'reliability')) return [];
    return FADERS.filter((name) => schema.properties?.[name]?.live === 'number').map((setting) => {
      const { minimum = 0, maximum = 1 } = schema.properties[setting];
      return { node: node.id, setting, title: `${node.title || label} · ${setting}`, low: minimum, high: maximum };
    });
  });
}

/** What is wrong with the chosen axes, as a sentence, or ''. */
export function wrong(axes) {
  if (!axes.length) return 'No expert of this workflow has a fader to sweep.';
  if (axes.length === 2 && axes[0].node === axes[1].node && axes[0].setting === axes[1].setting) return 'Choose two different faders.';
  for (const { title, low, high, start, stop, count } of axes) {
    if (![start, stop].every((end) => Number.isFinite(end) && end >= low && end <= high)) return `${title} goes from ${low} to ${high}.`;
    if (start === stop) return `${title} needs two different ends.`;
    if (!Number.isInteger(count) || count < 2 || count > 25) return 'An axis has 2 to 25 values.';
  }
  const cells = axes.reduce((product, { count }) => product * count, 1);
  return cells > MOST_CELLS ? `${cells} pictures are too many for one sheet; ${MOST_CELLS} fit.` : '';
}

/** The workflow of one cell: the faders where the sheet had them. */
export function cellOf(workflow, sheet, index) {
  const place = sheet.cells[index];
  const set = new Map(sheet.axes.map((axis, number) => [axis.node, number]));
  return {
    ...workflow,
    nodes: workflow.nodes.map((node) => (set.has(node.id) ? {
      ...node,
      settings: sheet.axes.reduce((settings, axis, number) => (axis.node === node.id
        ? { ...settings, [axis.setting]: axis.values[place[number]] } : settings), { ...node.settings }),
    } : node)),
  };
}

/** A number as a label shows it. */
export const shown = (value) => String(Math.round(value * 1000) / 1000);
