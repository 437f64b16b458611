/** Colour and shape by what a port carries; the page's one legend. */

export const KINDS = {
  text: { colour: '--amber', rgb: [242, 180, 92], shape: 'circle' },
  mask: { colour: '--green', rgb: [111, 207, 151], shape: 'square' },
  sketch: { colour: '--blue', rgb: [108, 197, 224], shape: 'diamond' },
  depth: { colour: '--sky', rgb: [159, 180, 216], shape: 'layers' },
  class: { colour: '--lime', rgb: [195, 207, 111], shape: 'circle' },
  photo: { colour: '--rose', rgb: [231, 146, 184], shape: 'pill' },
  region: { colour: '--rose', rgb: [231, 146, 184], shape: 'square' },
  audio: { colour: '--violet', rgb: [183, 156, 242], shape: 'bars' },
  score: { colour: '--coral', rgb: [239, 125, 107], shape: 'hexagon' },
  adapter: { colour: '--violet', rgb: [183, 156, 242], shape: 'hexagon' },
  reliability: { colour: '--cream', rgb: [233, 228, 216], shape: 'triangle' },
  sampling: { colour: '--cream', rgb: [233, 228, 216], shape: 'triangle' },
  any: { colour: '--faint', rgb: [133, 131, 121], shape: 'circle' },
  out: { colour: '--violet', rgb: [183, 156, 242], shape: 'pill' },
};

/** The CSS colour of a kind. */
export const cssColour = (kind) => `var(${(KINDS[kind] ?? KINDS.out).colour})`;
