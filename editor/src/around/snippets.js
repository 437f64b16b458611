/** The same run as text: plain Python, gradio_client, and curl. */

const MOST_MOVES = 24;

/** A title as the name of a file. */
export const stem = (title) => title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'workflow';

/** Moves beyond the opening values: what makes a performance of a run. */
export const moves = (record) => (record ?? []).filter(([step]) => step > 0);

/** Python that plays the run; a picture brings its fader moves, a workflow file has none. */
export function python(title, played) {
  const file = `${stem(title)}.${played ? 'png' : 'json'}`;
  return `from studio.piece import load

pictures = load("${file}").run()
pictures[0].save("${stem(title)}-again.png")
`;
}

/** A call through gradio_client. */
export function client(title, address, record) {
  const played = performance(record);
  return `import json
from gradio_client import Client

with open("${stem(title)}.json", encoding="utf-8") as file:
    workflow = json.load(file)
pictures, told = Client("${address}").predict(
    workflow=workflow,${played ? `\n    performance=json.loads('${played}'),` : ''}
    api_name="/run",
)
print(pictures, told["seconds"])
`;
}

/** A call over plain HTTP: settings, seed and count are left as the workflow has them. */
export function curl(title, address, record) {
  const played = performance(record);
  return `run="${address}gradio_api/call/run"
(printf '{"data": ['; cat ${stem(title)}.json; printf ', null, null, null, %s]}' '${played || 'null'}') |
  curl -sS "$run" -H 'Content-Type: application/json' --data-binary @- |
  sed -E 's/.*"event_id": ?"([^"]+)".*/\\1/' |
  xargs -I EVENT curl -sSN "$run/EVENT"
`;
}

/** Fader moves as JSON; '' where there are none, or so many that the picture itself is the place. */
function performance(record) {
  const played = moves(record);
  return played.length && played.length <= MOST_MOVES ? JSON.stringify(record) : '';
}
