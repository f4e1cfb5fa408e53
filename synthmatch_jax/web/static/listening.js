// Hearing target and answer: play, flip, loop, and a playhead that follows.

import { Flip } from "./flip.js";
import { audio } from "./sound.js";
import { movePlayhead, secondsAt } from "./views.js";
import { digits, t } from "./words.js";

const $ = (id) => document.getElementById(id);
const NAMES = ["target", "answer"];

export const flip = new Flip(audio(), show);

/** Shows what is heard, and whether it plays. */
export function show() {
  const playing = Boolean(flip.playing);
  $("play").textContent = t(playing ? "pause" : "play");
  for (const name of NAMES) {
    const chosen = flip.heard === name;
    $(`hear-${name}`).setAttribute("aria-checked", String(chosen));
    $(`hear-${name}`).tabIndex = chosen ? 0 : -1;
  }
}

/** Sets both sounds, and plays the answer if asked. */
export function set(target, answer, play) {
  flip.set("target", target);
  flip.set("answer", answer);
  if (play) hear("answer");
  show();
}

/** Plays what is there, if it does not play yet. */
export function start() {
  audio();
  if (!flip.playing) flip.play();
  show();
}

export function toggle() {
  if (!flip.playing) return start();
  flip.stop();
  return show();
}

/** Flips to the other sound, or to one of a name, and plays it. */
export function hear(name) {
  flip.flip(name);
  start();
}

export function wire() {
  $("play").addEventListener("click", toggle);
  for (const name of NAMES) $(`hear-${name}`).addEventListener("click", () => hear(name));
  $("flip").addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    hear();
    $(`hear-${flip.heard}`).focus();
  });
  $("loop").addEventListener("change", () => flip.setLoop($("loop").checked));
  $("views").addEventListener("pointerdown", (event) => {
    if (!event.target.closest("canvas")) return;
    flip.play(secondsAt(event));
    start();
  });
  $("playhead").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -0.1, ArrowRight: 0.1, Home: -Infinity }[event.key];
    if (!by) return;
    event.preventDefault();
    const place = Math.min(flip.seconds - 0.01, Math.max(0, flip.position() + by));
    event.target.setAttribute("aria-valuenow", ((100 * place) / flip.seconds).toFixed());
    event.target.setAttribute("aria-valuetext", `${digits(place)} s`);
    flip.play(place);
    start();
  });
  const follow = () => {
    movePlayhead(flip.position());
    requestAnimationFrame(follow);
  };
  follow();
}
