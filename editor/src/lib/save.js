/** Handing files to the person's browser. */

const slug = (title) => title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'workflow';

/** Save what an address holds under a name. */
export function hand(address, name) {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
}

/** Save the workflow as one JSON file. */
export function saveJson(workflow) {
  const address = URL.createObjectURL(new Blob([JSON.stringify(workflow, null, 2)], { type: 'application/json' }));
  hand(address, `${slug(workflow.title)}.json`);
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Save a finished picture; its PNG already carries the workflow. */
export function savePicture(picture, title, index = 0) {
  hand(picture, `${slug(title)}${index ? `-${index + 1}` : ''}.png`);
}
