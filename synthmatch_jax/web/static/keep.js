// What this browser keeps of a visit, so that a reload, another tab or a new server finds it again:
// the sounds in IndexedDB, the answers to them, without their sounds, in the local storage.

const TOKEN = "synthmatch.visit";
const ANSWERS = "synthmatch.answers";
const AT_ONCE = 4; // Answers in one request, which has at most 64 kB.

/** Returns the token of this browser's visit. */
export function token() {
  let found = localStorage.getItem(TOKEN);
  if (!found) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    found = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    localStorage.setItem(TOKEN, found);
  }
  return found;
}

const told = ({ note, onset_seconds, hold_seconds, level_db }) =>
  ({ note: note === undefined ? undefined : String(note), onset: onset_seconds, hold: hold_seconds, level: level_db });

/** Returns what has to be kept of an answer: all with which it can be made again. */
export const essence = (answer) => ({
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

/** Keeps answers, the newest first, and forgets the sounds of all others. */
export async function save(answers) {
  localStorage.setItem(ANSWERS, JSON.stringify(answers.map(essence)));
  const used = new Set(answers.map((one) => one.sound));
  for (const sound of await request("readonly", (store) => store.getAllKeys())) {
    if (!used.has(sound)) await request("readwrite", (store) => store.delete(sound));
  }
}

/** Returns the answers that are kept, the newest first. */
export function kept() {
  try {
    return JSON.parse(localStorage.getItem(ANSWERS)) ?? [];
  } catch {
    return [];
  }
}

export const keepSound = (sound, blob) => request("readwrite", (store) => store.put(blob, sound));
export const soundOf = (sound) => request("readonly", (store) => store.get(sound));

/** Returns requests that make answers again: one for each sound, the oldest first. */
export function restorations(essences) {
  const groups = new Map();
  for (const { sound, name, told, ...answer } of [...essences].reverse()) {
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
  }));
}
