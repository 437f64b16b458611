/** Between pictures' addresses and pixels; used by painters, which work on a 2d canvas. */

/** The decoded picture of a data URL; rejects what is no picture. */
export async function drawn(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

/** Draw a picture over the whole canvas, cropped to its proportions. */
export function cover(context, image) {
  const { width, height } = context.canvas;
  const scale = Math.max(width / image.naturalWidth, height / image.naturalHeight);
  const [w, h] = [image.naturalWidth * scale, image.naturalHeight * scale];
  context.drawImage(image, (width - w) / 2, (height - h) / 2, w, h);
}

/** Read, change and write back the canvas' pixels. */
export function change(context, work) {
  const { width, height } = context.canvas;
  const pixels = context.getImageData(0, 0, width, height);
  work(pixels);
  context.putImageData(pixels, 0, 0);
}
