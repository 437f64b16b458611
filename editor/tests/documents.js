/** Documents for the tests of the editor: a small catalogue, and workflows of it. */

const port = (name, kind, many = false, required = true) => ({ name, kind, many, required, help: '' });
const declaration = (type, inputs, outputs, extra = {}) => ({ type, label: extra.label ?? type, help: extra.help ?? '', family: 'Tests', synonyms: extra.synonyms ?? [], inputs, outputs, schema: { properties: {} } });

export const catalogue = Object.fromEntries([
  declaration('text', [], [port('text', 'text')], { label: 'Text', help: 'A sentence that says what to paint.', synonyms: ['prompt'] }),
  declaration('mask', [], [port('mask', 'mask')], { label: 'Mask' }),
  declaration('curve', [], [port('reliability', 'reliability')], { label: 'Curve' }),
  declaration('text_expert', [port('text', 'text'), port('reliability', 'reliability', true, false)], [port('score', 'score')], { label: 'Text expert' }),
  declaration('mask_expert', [port('mask', 'mask'), port('reliability', 'reliability', true, false)], [port('score', 'score')], { label: 'Mask expert' }),
  declaration('fuse', [port('scores', 'score', true), port('background', 'score', false, false)], [port('score', 'score')], { label: 'Fuse', synonyms: ['mix'] }),
  declaration('picture', [port('score', 'score')], [], { label: 'Picture' }),
].map((each) => [each.type, each]));

export const wire = (text) => {
  const [from, to] = text.split(' > ');
  return { from, to };
};

export const wires = (...texts) => texts.map(wire);

export const workflow = () => ({
  chorale: 1, title: 'Test', description: '', assets: {},
  nodes: [
    { id: 'text', type: 'text', settings: { text: 'a boat' } }, { id: 'mask', type: 'mask', settings: {} },
    { id: 'te', type: 'text_expert', settings: {} }, { id: 'me', type: 'mask_expert', title: 'Where', settings: {} },
    { id: 'fuse', type: 'fuse', settings: {} }, { id: 'picture', type: 'picture', settings: {} },
  ],
  wires: wires('text.text > te.text', 'te.score > fuse.scores', 'mask.mask > me.mask', 'me.score > fuse.scores', 'fuse.score > picture.score'),
  view: { places: { text: [0, 0], mask: [0, 200], te: [300, 0], me: [300, 200], fuse: [600, 100], picture: [900, 100] } },
});

export const named = (list) => list.map(({ from, to }) => `${from} > ${to}`).sort();
