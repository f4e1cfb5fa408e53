// The page: what the visitor does goes to the server, and what comes back is shown and heard.

import * as api from "./api.js";
import { Bring } from "./bring.js";
import * as cards from "./cards.js";
import * as keep from "./keep.js";
import { Keyboard } from "./keyboard.js";
import * as listening from "./listening.js";
import { Panel } from "./panel.js";
import * as shortcuts from "./shortcuts.js";
import { decode } from "./sound.js";
import * as views from "./views.js";
import { digits, load, say, t } from "./words.js";

const $ = (id) => document.getElementById(id);

const page = await api.page();
await load(page.languages);
api.begin(keep.token(), () => t("lost"));

let answers = []; // All of the visit, the newest first.
let current = null; // The one that is shown.
const past = []; // What undo goes back to: answers, the latest last.
const future = [];
let asked = 0; // Counts what was asked: an older response is not shown over a newer one.
let shows = 0;
let reviving = null; // What is made again at the moment: once, whoever has missed it.
const previews = { busy: false, next: null };
const changes = { busy: false, next: null };

const { flip } = listening;
const bring = new Bring(page.limits, () => $("match").focus());
const keyboard = new Keyboard(
  (pitch, signal) => alive(() => api.note({ key: current.key, pitch }, signal)), $("keys-says"),
);
const panel = new Panel(page.modules, {
  input: preview,
  change: (controls) => change(controls),
  refuse: (text) => say($("turn-says"), text, { isError: true }),
});

/** Does something that may be refused, and says the sentence beside what it is about. */
async function trying(says, act) {
  try {
    return await act();
  } catch (error) {
    if (error.name !== "AbortError") say(says, error.message, { isError: true });
    return null;
  }
}

const placed = (says, doing) => ({ place }) => {
  if (place !== undefined) say(says, place ? t("waiting", { place }) : doing);
};

/** Takes in what the server says: all answers, and the key of the one to show. */
async function took(event, how = {}) {
  if (!event.answers) return;
  answers = event.answers;
  await keep.save(answers);
  const found = answers.find((one) => one.key === (event.key ?? event.course?.key));
  if (found) await show(found, how);
  else cards.show(answers, current, choose);
}

async function show(answer, { remember = true, play = false } = {}) {
  const before = current;
  const number = ++shows;
  const [target, sound] = await Promise.all(["target.wav", "answer.wav"].map(async (name) =>
    (name === "target.wav" && before?.sound === answer.sound && sameTarget(before, answer))
      ? flip.buffers.target : decode(await api.file(answer.key, name))));
  if (number !== shows) return;
  if (remember && before) {
    past.push(before);
    future.length = 0;
  }
  current = answer;
  for (const id of ["hear", "turn", "keys", "take"]) $(id).hidden = false;
  listening.set(target, sound, play);
  views.draw(target, sound);
  panel.show(answer, answer.by_hand ? baseOf(answer) : answer.controls);
  keyboard.show(answer.note.pitch);
  cards.show(answers, answer, choose);
  cards.offer(answer, page);
  cards.describe(answer);
  if (answer.searched) cards.course(answer.searched);
  else $("course").setAttribute("hidden", "");
  showTravel();
}

const sameTarget = (one, other) => JSON.stringify(one.assumed) === JSON.stringify(other.assumed);

/** Returns the controls that a double click goes back to: those before any were moved by hand. */
function baseOf(answer) {
  const older = answers.filter((one) => !one.by_hand && one.sound === answer.sound);
  return (older.find((one) => one.key < answer.key) ?? older[0] ?? answer).controls;
}

function showTravel() {
  $("undo").disabled = !past.length;
  $("redo").disabled = !future.length;
}

/**
 * Asks for something of the current answer; if the server has forgotten it, as a new one has, all
 * answers that this browser has kept are made again first.
 */
async function alive(ask) {
  const was = current;
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof api.Refused)) throw error;
    if (current.key === was.key) {
      const there = reviving ? [] : await api.answers();
      if (there.some((one) => one.key === was.key && keep.isSame(one, was))) throw error;
      reviving ??= restore(keep.kept(), was).finally(() => { reviving = null; });
      if (!(await reviving)) throw error;
    }
    return ask();
  }
}

async function match() {
  const says = $("match-says");
  const number = ++asked;
  $("working").hidden = false;
  $("match").disabled = true;
  await trying(says, async () => {
    const { blob, name } = bring.chosen();
    const fields = bring.told();
    say(says, t("uploading"));
    const sound = await api.upload(blob, name);
    await keep.keepSound(sound, blob);
    const last = await api.stream("match", { sound, name, ...fields }, placed(says, t("matching")));
    if (number !== asked) return;
    await took(last, { play: true });
    const { distance, confidence, title } = current;
    say(says, t("matched", { title, distance: distance === null ? "∞" : digits(distance), words: confidence.words }));
  });
  $("working").hidden = true;
  $("match").disabled = false;
}

/** Lets hear what a knob does while it is held: the latest place, one render at a time. */
async function preview(controls) {
  previews.next = [...controls];
  if (previews.busy) return;
  previews.busy = true;
  while (previews.next) {
    const moved = previews.next;
    previews.next = null;
    await trying($("turn-says"), async () => {
      const note = () => api.note({ key: current.key, controls: moved });
      const buffer = await decode(await alive(note));
      flip.set("answer", buffer);
      listening.start();
    });
  }
  previews.busy = false;
}

/** Has the synth play moved controls, one change at a time; of those that wait, the latest. */
async function change(controls, { remember = true } = {}) {
  previews.next = null;
  changes.next = controls;
  if (changes.busy) return;
  changes.busy = true;
  while (changes.next) {
    const moved = changes.next;
    const number = ++asked;
    changes.next = null;
    await trying($("turn-says"), async () => {
      const on = placed($("turn-says"), t("rendering"));
      const last = await alive(() => {
        const fields = { key: current.key, controls: moved, locked: [...panel.locked] };
        return api.stream("change", fields, on);
      });
      if (number !== asked) return;
      if (changes.next) { // The knobs stay where they have got to meanwhile.
        if (remember) past.push(current);
        current = last.answers.find((one) => one.key === last.key);
        return;
      }
      await took(last, { play: true, remember });
      say($("turn-says"), "");
    });
  }
  changes.busy = false;
}

async function choose(answer, { remember = true } = {}) {
  asked++;
  changes.next = null;
  await trying($("turn-says"), async () => {
    api.tell("stop").catch(() => {});
    await show(answer, { play: true, remember });
  });
}

async function improve() {
  const number = ++asked;
  $("improve").disabled = true;
  $("stop").disabled = false;
  await trying($("turn-says"), async () => {
    listening.start();
    let showing = Promise.resolve();
    const on = (event) => {
      placed($("turn-says"), "")(event);
      if (!event.course) return;
      if (number === asked) cards.course(event.course);
      showing = showing.then(async () => {
        if (!event.answers) return;
        const { course, ...rest } = event; // The visitor has turned to something else: it stays.
        await took(number === asked ? event : rest);
      });
    };
    await alive(() => api.stream("improve", { key: current.key, locked: [...panel.locked] }, on));
    await showing;
  });
  $("improve").disabled = false;
  $("stop").disabled = true;
}

/** Goes back or forth between what was shown; what the server has dropped is made again. */
async function travel(from, to) {
  const there = from.pop();
  if (!there) return;
  to.push(current);
  const kept = answers.find((one) => one.key === there.key);
  if (kept) await choose(kept, { remember: false });
  else await change(there.controls, { remember: false });
  showTravel();
}

/** Makes answers again that this browser has kept, and shows one of them, or else the last. */
async function restore(essences, wanted) {
  const says = $("match-says");
  let last = null;
  for (const fields of keep.restorations(essences)) {
    const blob = await keep.soundOf(fields.sound);
    if (!blob) continue;
    say(says, t("restoring"));
    await api.upload(blob, fields.name);
    last = await api.stream("restore", fields, placed(says, t("restoring")));
  }
  if (!last) return false;
  say(says, "");
  const key = wanted && last.answers.find((one) => keep.isSame(one, wanted))?.key;
  await took({ ...last, key: key ?? last.key }, { remember: false });
  return true;
}

/** Shows what there was before: of a link, of the visit, or of what this browser has kept. */
async function begin() {
  const linked = keep.ofLink(location.hash);
  answers = await api.answers();
  const found = linked ? answers.find((one) => keep.isSame(one, linked)) : answers[0];
  if (found) return show(found);
  if (linked && (await restore([linked]))) return null;
  if (linked) say($("match-says"), t("no_link"), { isError: true });
  if (!answers.length) await restore(keep.kept());
  else await show(answers[0]);
}

function wire() {
  const on = (id, act) => $(id).addEventListener("click", act);
  on("match", match);
  on("improve", improve);
  on("stop", () => trying($("turn-says"), () => api.tell("stop")));
  on("undo", () => travel(past, future));
  on("redo", () => travel(future, past));
  on("take-link", () => cards.copyLink(current));
  on("install", () => trying($("take-says"), async () =>
    say($("take-says"), t("installed", await api.tell("install", { key: current.key })))));
  shortcuts.wire({
    undo: () => travel(past, future),
    redo: () => travel(future, past),
    isReady: () => current !== null,
    typed: (event) => keyboard.typed(event),
  });
  const redraw = () => { views.redraw(); bring.redraw(); };
  new ResizeObserver(redraw).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

function fill() {
  const { limits, synth } = page;
  const megabytes = digits(limits.bytes / 2 ** 20, 0);
  $("introduction").textContent = t("introduction", { synth: synth[0].toUpperCase() + synth.slice(1), seconds: limits.seconds, megabytes });
  $("file").accept = page.accept;
  for (let top = 1; top <= limits.top; top++) $("top").append(new Option(top, top));
}

fill();
wire();
listening.wire();
listening.show();
await trying($("match-says"), begin);
document.documentElement.dataset.ready = "true";
