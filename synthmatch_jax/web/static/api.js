// What the page asks the server: JSON, sounds, and streams of events.

/** An error with a sentence for the visitor. */
export class Refused extends Error {}

let lost = () => "";
let visit = "";

/** Tells who asks, and what is said where nobody answers. */
export function begin(token, sayLost) {
  visit = token;
  lost = sayLost;
}

/** Returns the address of something of this visit. */
export const at = (path) => `/api/visits/${visit}${path}`;

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(lost());
  }
  if (response.ok) return response;
  const text = await response.text();
  let sentence = text.trim();
  try {
    sentence = JSON.parse(text).error;
  } catch {
    // A plain sentence.
  }
  throw new Refused(sentence);
}

const body = (fields) => ({ method: "POST", body: JSON.stringify(fields) });

export const page = async () => (await ask("/api/page")).json();
export const answers = async () => (await ask(at(""))).json();
export const tell = async (verb, fields = {}) => (await ask(at(`/${verb}`), body(fields))).json();

/** Returns the bytes of a WAV file of an answer: "target.wav" or "answer.wav". */
export const file = async (key, name) => (await ask(at(`/answers/${key}/${name}`))).arrayBuffer();

/** Returns the bytes of a note of an answer. */
export async function note(fields, signal) {
  return (await ask(at("/play"), { ...body(fields), signal })).arrayBuffer();
}

/** Uploads a sound, and returns its name there. */
export async function upload(blob, name) {
  const form = new FormData();
  form.append("sound", blob, name || "sound");
  return (await (await ask("/api/sounds", { method: "POST", body: form })).json()).sound;
}

/** Asks for something that waits its turn; `on` gets each event. Returns the last one. */
export async function stream(verb, fields, on = () => {}, signal = undefined) {
  const response = await ask(at(`/${verb}`), { ...body(fields), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let last = {};
  for (;;) {
    let read;
    try {
      read = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(lost());
    }
    if (read.done) break;
    const events = (text + read.value).split("\n\n");
    text = events.pop();
    for (const event of events) {
      last = JSON.parse(event.slice("data: ".length));
      if (last.error) throw new Refused(last.error);
      on(last);
    }
  }
  if (!last.answers && !last.course?.over) throw new Refused(lost()); // It broke off.
  return last;
}
