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
import { Trail } from "./trail.js";
import * as views from "./views.js";
import { Visit } from "./visit.js";
import { digits, enable, load, say, t } from "./words.js";

const $ = (id) => document.getElementById(id);

const page = await api.page();
await load(page.languages);
const controls = page.modules.flatMap((module) => module.controls);
const width = controls.reduce((sum, control) => sum + control.width, 0);
api.begin(keep.begin(page.synth, width), () => t("lost"));

let current = null; // The answer that is shown.
let own = null; // Its sound.
let asked = 0; // Counts what was asked: an older response is not shown over a newer one.
let shows = 0;
let waiting = null; // Ends a search that has not begun yet.
const previews = { busy: false, next: null };
const changes = { done: null, next: null };

const { flip } = listening;
const bring = new Bring(page.limits, () => $("match").focus());
const visit = new Visit({
  shown: () => current,
  took: (event) => took(event, { remember: false }),
  busy: (event) => (event ? placed($("match-says"), t("restoring"))(event) : say($("match-says"), "")),
});
const keyboard = new Keyboard(
  (pitch, signal) => visit.alive(() => api.note({ key: current.key, pitch }, signal())), $("keys-says"),
);
const trail = new Trail({ shown: () => current, idle: () => changes.done, go: goBack });
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

/** Takes in what the server says: all answers, and the key of the one to show, if it is the latest. */
async function took(event, { isLatest = true, ...how } = {}) {
  if (!event.answers) return;
  await visit.take(event);
  const found = visit.answers.find((one) => one.key === (event.key ?? event.course?.key));
  if (found && isLatest) await show(found, how);
  else cards.show(visit.answers, current, choose);
}

async function show(answer, { remember = true, play = false, locked = answer.locked } = {}) {
  const before = current;
  const number = ++shows;
  const [target, sound] = await Promise.all(["target.wav", "answer.wav"].map(async (name) =>
    (name === "target.wav" && before && sameTarget(before, answer))
      ? flip.buffers.target : decode(await api.file(answer.key, name))));
  if (number !== shows) return;
  if (remember && before && before.key !== answer.key) trail.leave(before);
  if (remember && location.hash) history.replaceState(null, "", location.pathname); // A reload stays here.
  current = { ...answer, locked: [...locked] };
  own = sound;
  for (const id of ["hear", "turn", "keys", "take"]) $(id).hidden = false;
  views.draw(target, sound);
  settle(target);
  if (play) listening.hear("answer");
  keyboard.show(answer.note.pitch);
  cards.show(visit.answers, answer, choose);
  cards.offer(answer, page);
  cards.describe(answer);
  if (answer.searched) cards.course(answer.searched);
  else $("course").setAttribute("hidden", "");
}

/** Puts sounds and knobs to those of the answer that is shown. */
function settle(target = flip.buffers.target) {
  listening.set(target, own);
  panel.show(current, current.by_hand ? baseOf(current) : current.controls);
}

const sameTarget = (one, other) =>
  one.sound === other.sound && JSON.stringify(one.assumed) === JSON.stringify(other.assumed);

/** Returns the controls that a double click goes back to: those before any were moved by hand. */
function baseOf(answer) {
  const older = visit.answers.filter((one) => !one.by_hand && one.sound === answer.sound);
  return (older.find((one) => one.key < answer.key) ?? older[0] ?? answer).controls;
}

/** Begins something else: what was asked before is not shown any more. */
function turnTo() {
  waiting?.abort();
  changes.next = null;
  return ++asked;
}

async function match() {
  if (!$("working").hidden) return;
  const says = $("match-says");
  const number = turnTo();
  $("working").hidden = false;
  $("match").setAttribute("aria-disabled", "true"); // It keeps the focus.
  await trying(says, async () => {
    const { blob, name } = bring.chosen();
    const fields = bring.told();
    await visit.wake();
    say(says, t("uploading"));
    const sound = await api.upload(blob, name);
    const last = await api.stream("match", { sound, name, ...fields }, placed(says, t("matching")));
    await keep.keepSound(sound, blob);
    await took(last, { play: true, isLatest: number === asked });
    const { distance, confidence, title } = last.answers.find((one) => one.key === last.key);
    say(says, t("matched", { title, distance: distance === null ? "∞" : digits(distance), words: confidence.words }));
  });
  $("working").hidden = true;
  $("match").removeAttribute("aria-disabled");
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
      let of;
      const note = () => api.note({ key: (of = current).key, controls: moved });
      const buffer = await decode(await visit.alive(note));
      if (of !== current) return; // Another answer has come meanwhile.
      flip.set("answer", buffer);
      listening.start();
    });
  }
  previews.busy = false;
}

/** Has the synth play moved controls, one change at a time; of those that wait, the latest. */
function change(controls, { remember = true } = {}) {
  waiting?.abort();
  previews.next = null;
  changes.next = { moved: controls.map(Math.fround), remember };
  changes.done ??= makeChanges().finally(() => { changes.done = null; });
  return changes.done;
}

async function makeChanges() {
  const says = $("turn-says");
  while (changes.next) {
    const { moved, remember } = changes.next;
    const number = ++asked;
    changes.next = null;
    keep.turn({ ...current, controls: moved, locked: [...panel.locked], by_hand: true });
    const isDone = await trying(says, async () => {
      const last = await visit.alive(() => {
        const fields = { key: current.key, controls: moved, locked: [...panel.locked] };
        return api.stream("change", fields, placed(says, t("rendering")));
      });
      const isFollowed = Boolean(changes.next);
      await took(last, { play: true, remember, isLatest: number === asked && !isFollowed });
      if (number !== asked) return true;
      if (isFollowed) { // The knobs stay where they have got to meanwhile.
        if (remember) trail.leave(current);
        current = last.answers.find((one) => one.key === last.key);
      } else say(says, "");
      return true;
    });
    if (!isDone && !changes.next) settle();
  }
  keep.turn(null);
}

function choose(answer, { remember = true } = {}) {
  turnTo();
  return trying($("turn-says"), async () => {
    api.tell("stop").catch(() => {});
    await visit.alive(() => show(visit.same(answer) ?? answer, { play: true, remember }), answer);
    return true;
  });
}

async function improve() {
  const number = turnTo();
  const says = $("turn-says");
  enable($("stop"), true);
  enable($("improve"), false, $("stop"));
  await trying(says, async () => {
    listening.start();
    let showing = Promise.resolve();
    const on = (event) => {
      placed(says, "")(event);
      if (!event.course) return;
      waiting = null;
      if (number === asked) cards.course(event.course);
      // Where the visitor has turned to something else, it stays; so do locks that were set meanwhile.
      const how = () => ({ isLatest: number === asked, locked: panel.locked });
      showing = showing.then(() => trying(says, () => took(event, how())));
    };
    await visit.alive(() => {
      waiting = new AbortController();
      return api.stream("improve", { key: current.key, locked: [...panel.locked] }, on, waiting.signal);
    });
    await showing;
  });
  if (waiting?.signal.aborted) say(says, "");
  waiting = null;
  enable($("improve"), true);
  enable($("stop"), false, $("improve"));
}

async function stop() {
  if (waiting) waiting.abort();
  else await trying($("turn-says"), () => api.tell("stop"));
}

/** Shows an answer that was shown before; what the server has dropped is made again. */
async function goBack(there) {
  const before = current;
  const kept = visit.same(there);
  if (kept) return choose(kept, { remember: false });
  if (sameTarget(there, before)) await change(there.controls, { remember: false });
  else await trying($("turn-says"), () => visit.revive(there));
  return current !== before;
}

/** Shows what there was before: of a link, of the visit, or of what this browser has kept. */
async function begin() {
  const linked = keep.ofLink(location.hash);
  const isHere = linked && keep.fits(linked);
  const wanted = linked ? isHere && linked : keep.turned();
  const isThere = await visit.revive(wanted || null);
  if (linked && !isThere) say($("match-says"), t(isHere ? "no_link" : "other_synth"), { isError: true });
}

function wire() {
  const on = (id, act) => $(id).addEventListener("click", act);
  on("match", match);
  on("improve", improve);
  on("stop", stop);
  on("undo", trail.undo);
  on("redo", trail.redo);
  on("take-link", () => cards.copyLink(current));
  on("install", () => trying($("take-says"), async () =>
    say($("take-says"), t("installed", await visit.alive(() => api.tell("install", { key: current.key }))))));
  shortcuts.wire({
    undo: trail.undo,
    redo: trail.redo,
    isReady: () => current !== null,
    typed: (event) => keyboard.typed(event),
  });
  cards.wire(() => trying($("take-says"), () => visit.wake()));
  addEventListener("hashchange", () => keep.ofLink(location.hash) && trying($("match-says"), begin));
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
