// What this browser keeps of a visit, so that a reload, another tab or a new server finds it again:
// the sounds in IndexedDB, the answers to them, without their sounds, in the local storage.

const TOKEN = "synthmatch.visit";
const ANSWERS = "synthmatch.answers";
const BEGAN = "synthmatch.began";
const TURNED = "synthmatch.turned";
const AT_ONCE = 4; // Answers in one request, which has at most 64 kB.

const page = {}; // The synth of this page, and the number of its controls.
const memory = new Map(); // What a browser does not keep, because it may not or has no room.

function get(name) {
  try {
    return memory.get(name) ?? localStorage.getItem(name);
  } catch {
    return null;
  }
}

function set(name, value) {
  memory.delete(name);
  try {
    localStorage.setItem(name, value);
  } catch {
    memory.set(name, value);
  }
}

/** Tells which synth plays here; what is kept of another one waits for that. Returns the visit's token. */
export function begin(synth, width) {
  Object.assign(page, { synth, width });
  let found = get(TOKEN);
  if (!found) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    found = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    set(TOKEN, found);
  }
  return found;
}

const told = ({ note, onset_seconds, hold_seconds, level_db }) =>
  ({ note: note === undefined ? undefined : String(note), onset: onset_seconds, hold: hold_seconds, level: level_db });

/** Returns what has to be kept of an answer: all with which it can be made again. */
export const essence = (answer) => ({
  synth: page.synth,
  sound: answer.sound,
  name: answer.source,
  told: told(answer.assumed.told),
  controls: answer.controls,
  by_hand: answer.by_hand,
  step: answer.step,
  locked: answer.locked,
});

/** Returns whether two answers are one: the same controls for the same sound. */
export const isSame = (one, other) =>
  one.sound === other.sound && JSON.stringify(one.controls) === JSON.stringify(other.controls);

/** Returns whether the synth of this page plays an answer that is kept. */
export const fits = ({ synth, controls }) => controls?.length === page.width && (synth ?? page.synth) === page.synth;

/** Keeps answers of a visit that began then, the newest first, and forgets the sounds of all others. */
export async function save(answers, began) {
  set(ANSWERS, JSON.stringify([...answers.map(essence), ...all().filter((one) => !fits(one))]));
  set(BEGAN, String(began));
  for (const sound of (await request("readonly", (store) => store.getAllKeys())) ?? []) {
    // Which are used may have changed meanwhile, in another tab as well.
    if (!all().some((one) => one.sound === sound)) await request("readwrite", (store) => store.delete(sound));
  }
}

function all() {
  try {
    return JSON.parse(get(ANSWERS)) ?? [];
  } catch {
    return [];
  }
}

/** Returns the answers of this page's synth that are kept, the newest first. */
export const kept = () => all().filter(fits);

/** Returns when the visit began whose answers are kept. */
export const began = () => Number(get(BEGAN));

/** Keeps an answer under controls that were moved, until the synth has played it; null ends that. */
export const turn = (answer) => set(TURNED, JSON.stringify(answer && essence(answer)));

/** Returns what a reload has interrupted; null where that is nothing. */
export function turned() {
  const found = JSON.parse(get(TURNED));
  return found && fits(found) ? found : null;
}

export const keepSound = (sound, blob) => request("readwrite", (store) => store.put(blob, sound));
export const soundOf = (sound) => request("readonly", (store) => store.get(sound));

/** Returns requests that make answers again: one for each sound, the oldest first. */
export function restorations(essences) {
  const groups = new Map();
  for (const { synth: _, sound, name, told, ...answer } of [...essences].reverse()) {
    const group = JSON.stringify([sound, name, told]);
    if (!groups.has(group)) groups.set(group, []);
    const parts = groups.get(group);
    if (!parts.at(-1) || parts.at(-1).answers.length === AT_ONCE) parts.push({ sound, name, ...told, answers: [] });
    parts.at(-1).answers.push(answer);
  }
  return [...groups.values()].flat();
}

/** Returns the part of a link, behind its #, that stands for an answer. */
export function toLink(answer) {
  const bytes = new TextEncoder().encode(JSON.stringify(essence(answer)));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** Returns what a link stands for; null where it is none. */
export function ofLink(hash) {
  try {
    const text = atob(hash.replace(/^#/, "").replace(/-/g, "+").replace(/_/g, "/"));
    const found = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    return Array.isArray(found.controls) ? found : null;
  } catch {
    return null;
  }
}

let opened;

/** Asks the browser's database; a browser without one answers with nothing. */
function request(mode, act) {
  opened ??= new Promise((resolve, reject) => {
    const opening = indexedDB.open("synthmatch", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("sounds");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  return opened.then((database) => new Promise((resolve, reject) => {
    const made = act(database.transaction("sounds", mode).objectStore("sounds"));
    made.onsuccess = () => resolve(made.result);
    made.onerror = () => reject(made.error);
  })).catch(() => undefined);
}
