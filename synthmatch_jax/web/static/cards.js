// The answers of the visit as cards, what one takes along of them, and what was assumed.

import * as api from "./api.js";
import { toLink } from "./keep.js";
import { digits, say, t } from "./words.js";

const $ = (id) => document.getElementById(id);
const TYPES = { "preset": "application/octet-stream", "answer.wav": "audio/wav", "patch.json": "application/json" };

/** Shows all answers, the newest first; `choose` is called with the one that is chosen. */
export function show(answers, current, choose) {
  const furthest = Math.max(...answers.map((one) => one.distance ?? 0));
  $("answers").hidden = !answers.length;
  const focused = document.activeElement?.closest?.("#cards") && document.activeElement.dataset.key;
  $("cards").replaceChildren(...answers.map((answer) => {
    const item = document.createElement("li");
    const card = document.createElement("button");
    card.type = "button";
    card.className = "card";
    card.dataset.key = answer.key;
    card.setAttribute("aria-pressed", String(answer.key === current?.key));
    const { number, source, origin, distance } = answer;
    const words = { number, source, origin, distance: distance === null ? "" : digits(distance) };
    card.textContent = t(distance === null ? "card_silent" : "card", words);
    card.style.setProperty("--near", `${100 * (1 - (distance ?? furthest) / (1.25 * furthest || 1))}%`);
    card.addEventListener("click", () => choose(answer));
    item.append(card);
    return item;
  }));
  if (focused) $("cards").querySelector(`[data-key="${focused}"]`)?.focus();
}

/** Lets an answer be taken along: by a click, by dragging it out, by a link. */
export function offer(answer, page) {
  const links = { "take-preset": "preset", "take-sound": "answer.wav", "take-patch": "patch.json" };
  for (const [id, file] of Object.entries(links)) {
    const name = answer.files[file];
    link($(id), api.at(`/answers/${answer.key}/${file}`), name, TYPES[file]);
  }
  link($("take-zip"), api.at("/answers.zip"), "answers.zip", "application/zip");
  $("install").hidden = !page.own;
  say($("take-says"), "");
}

function link(element, path, name, type) {
  element.href = path;
  element.download = name;
  element.title = name;
  element.ondragstart = (event) => {
    const address = new URL(path, location.href).href;
    event.dataTransfer.setData("DownloadURL", `${type}:${name}:${address}`);
    event.dataTransfer.setData("text/uri-list", address);
    event.dataTransfer.effectAllowed = "copy";
  };
}

/** Follows links to files after `wake`, which returns whether the server is sure to know them. */
export function wire(wake) {
  $("take").addEventListener("click", async (event) => {
    const chosen = event.target.closest("a");
    if (!chosen || !event.isTrusted) return;
    event.preventDefault();
    if (await wake()) chosen.click();
  });
}

/** Copies a link to an answer, and says it. */
export async function copyLink(answer) {
  const address = new URL(`#${toLink(answer)}`, location.href).href;
  try {
    await navigator.clipboard.writeText(address);
  } catch {
    // It is said, and can be copied by hand.
  }
  say($("take-says"), t("linked", { link: address }));
}

/** Says how near an answer is, and what was assumed. */
export function describe(answer) {
  const { confidence, distance, model, origin, assumed, note } = answer;
  const key = distance === null ? "silent_facts" : "facts";
  const facts = [t(key, { distance: distance === null ? "" : digits(distance), words: confidence.words })];
  const by = t("by", { model, origin });
  $("facts").replaceChildren(...[...facts, by].flatMap((text) => [text, document.createElement("br")]));
  $("facts").title = confidence.beside.join("\n");

  const { told, pitch, predicted } = assumed;
  const said = (name) => (told[name] === undefined ? "" : t("as_told"));
  const sure = (one) => digits(100 * one.confidence, 0);
  const lines = [
    t("assumed_note", { name: note.name, pitch: note.pitch, told: said("note") }),
    pitch ? t("assumed_pitch", { midi: digits(pitch.midi), sure: sure(pitch) }) : t("assumed_no_pitch"),
    ...(predicted ? [t("assumed_predicted", { midi: digits(predicted.pitch), sure: sure(predicted) })] : []),
    t("assumed_onset", { onset: digits(assumed.onset, 3), told: said("onset_seconds") }),
    t("assumed_hold", { hold: digits(assumed.hold, 2), held: digits(assumed.held, 2), told: said("hold_seconds") }),
    t("assumed_gain", { gain: digits(assumed.gain), told: said("level_db") }),
    ...assumed.guesses,
  ];
  $("assumed").hidden = false;
  $("assumptions").replaceChildren(...lines.map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  }));
}

/** Draws how near a search has come, and says it. */
export function course({ trace, renders, over = true }) {
  const gained = 1 - Math.min(1, ...trace.map(([, value]) => value));
  const words = { renders, share: digits(100 * gained, 0) };
  say($("turn-says"), t(over ? "searched" : "searching", words));
  const svg = $("course");
  svg.toggleAttribute("hidden", !trace.length);
  svg.setAttribute("aria-label", t("course_alt"));
  const values = trace.map(([, value]) => value);
  const [top, bottom] = [Math.max(1, ...values), 0.7 * Math.min(1, ...values)];
  const ends = [...trace.slice(1).map(([at]) => at), renders];
  const points = trace.flatMap(([at, value], i) =>
    [at, ends[i]].map((x) => `${((240 * x) / renders).toFixed(1)},${((50 * (top - value)) / (top - bottom)).toFixed(1)}`));
  svg.querySelector("polyline").setAttribute("points", points.join(" "));
}
