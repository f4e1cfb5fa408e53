// A keyboard that plays the answer: by pointer, by the computer's keys, by Web MIDI.

import { audio, decode } from "./sound.js";
import { say, t } from "./words.js";

const KEYS = "awsedftgyhujkolp";
const BLACK = [1, 3, 6, 8, 10];
const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const AHEAD = [1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 7, -7, 12, -12];
const TAP = 400; // Milliseconds for which a key sounds that was let go of before its sound was there.
const FADE = 0.06; // Seconds, after a key is let go of.

const nameOf = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

export class Keyboard {
  /**
   * Makes the keys.
   *
   * @param fetchNote Returns a promise of the bytes of a pitch's sound: (pitch, signal) => bytes;
   *   `signal()` is the one by which all notes of the answer that is shown are given up.
   * @param says The element for what is to be said.
   */
  constructor(fetchNote, says) {
    this.fetchNote = fetchNote;
    this.says = says;
    this.host = document.getElementById("piano");
    this.notes = new Map(); // Pitch -> promise of its sound.
    this.sounding = new Map(); // Pitch -> {source, gain}, or {} until it is there.
    this.typing = new Map(); // Key of the computer -> the pitch that it plays.
    this.ahead = [];
    this.busy = false;
    this.leaving = new AbortController();
    this.host.addEventListener("keydown", (event) => this.#move(event));
    window.addEventListener("blur", () => this.#releaseAll()); // Nobody says that keys are let go of.
    document.getElementById("octave-down").addEventListener("click", () => this.shift(-12));
    document.getElementById("octave-up").addEventListener("click", () => this.shift(12));
    document.getElementById("midi").addEventListener("click", (event) => this.useMidi(event.target));
  }

  /** Turns to another answer, whose note is in the middle. */
  show(pitch) {
    this.leaving.abort();
    this.leaving = new AbortController();
    this.notes.clear();
    this.ahead = [];
    this.own = pitch;
    if (this.lowest === undefined) this.#draw(Math.min(84, Math.max(24, 12 * Math.floor(pitch / 12) - 12)));
    for (const key of this.host.children) key.classList.toggle("own", Number(key.dataset.pitch) === pitch);
  }

  shift(by) {
    const place = [...this.host.children].indexOf(document.activeElement);
    this.#releaseAll();
    this.#draw(Math.min(84, Math.max(12, this.lowest + by)));
    this.host.children[place]?.focus();
  }

  #releaseAll() {
    for (const pitch of [...this.sounding.keys()]) this.release(pitch);
  }

  #draw(lowest) {
    this.lowest = lowest;
    const pitches = Array.from({ length: 37 }, (_, i) => lowest + i);
    this.host.replaceChildren(...pitches.map((pitch, i) => {
      const key = document.createElement("button");
      key.type = "button";
      key.className = BLACK.includes(pitch % 12) ? "black" : "white";
      key.dataset.pitch = pitch;
      key.tabIndex = i === 12 ? 0 : -1;
      key.setAttribute("aria-label", nameOf(pitch));
      key.classList.toggle("own", pitch === this.own);
      if (pitch % 12 === 0) key.textContent = nameOf(pitch);
      key.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        key.focus();
        key.releasePointerCapture(event.pointerId);
        this.press(pitch);
      });
      key.addEventListener("pointerenter", (event) => {
        if (event.buttons & 1) this.press(pitch);
      });
      key.addEventListener("click", (event) => {
        if (event.detail) return;
        this.press(pitch); // For a moment: a screen reader, or Space, has no pointer to hold.
        this.release(pitch);
      });
      for (const name of ["pointerup", "pointerleave", "pointercancel"]) {
        key.addEventListener(name, () => this.release(pitch));
      }
      return key;
    }));
  }

  #key(pitch) {
    return this.host.querySelector(`[data-pitch="${pitch}"]`);
  }

  /** Plays a note, from 0 to 127, for as long as it is held. */
  async press(pitch, velocity = 127) {
    if (pitch < 0 || pitch > 127 || this.sounding.has(pitch)) return;
    const held = {};
    this.sounding.set(pitch, held);
    this.#key(pitch)?.classList.add("pressed");
    const context = audio();
    try {
      const buffer = await this.#note(pitch);
      if (this.sounding.get(pitch) === held) {
        held.source = new AudioBufferSourceNode(context, { buffer });
        held.gain = new GainNode(context, { gain: velocity / 127 });
        held.source.connect(held.gain).connect(context.destination);
        held.source.start();
        if (held.tapped) setTimeout(() => this.release(pitch), TAP);
      }
      say(this.says, "");
    } catch (error) {
      this.sounding.delete(pitch);
      this.#key(pitch)?.classList.remove("pressed");
      if (error.name !== "AbortError") say(this.says, error.message, { isError: true });
    }
    this.ahead = AHEAD.map((by) => pitch + by).filter((one) => one >= 0 && one <= 127);
    this.#fetchAhead();
  }

  release(pitch) {
    const held = this.sounding.get(pitch);
    if (!held) return;
    if (!held.source) { // It is heard for a moment when it has come.
      held.tapped = true;
      return;
    }
    this.sounding.delete(pitch);
    this.#key(pitch)?.classList.remove("pressed");
    const now = audio().currentTime;
    held.gain.gain.setTargetAtTime(0, now, FADE / 4);
    held.source.stop(now + 2 * FADE);
  }

  #note(pitch) {
    if (!this.notes.has(pitch)) {
      const found = this.fetchNote(pitch, () => this.leaving.signal).then(decode);
      found.catch(() => this.notes.get(pitch) === found && this.notes.delete(pitch));
      this.notes.set(pitch, found);
    }
    return this.notes.get(pitch);
  }

  /** Fetches the neighbours of the last note, one at a time, so that their keys answer at once. */
  async #fetchAhead() {
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.ahead.length) await this.#note(this.ahead.shift());
    } catch {
      this.ahead = []; // It is said when the key is pressed.
    }
    this.busy = false;
  }

  /** Plays by the keys of the computer; returns whether a key is one of them. */
  typed(event) {
    const name = event.key.toLowerCase();
    const place = KEYS.indexOf(name);
    if (event.type === "keyup" && this.typing.has(name)) {
      this.release(this.typing.get(name));
      this.typing.delete(name);
    } else if (place >= 0) {
      if (event.type === "keyup" || event.repeat) return true;
      this.typing.set(name, this.lowest + 12 + place);
      this.press(this.lowest + 12 + place);
    } else if (event.type === "keydown" && "zx".includes(name)) {
      this.shift(name === "z" ? -12 : 12);
    } else return false;
    return true;
  }

  /** Moves along the keys by arrows, and plays by Enter. */
  #move(event) {
    const pitch = Number(event.target.dataset?.pitch);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -12, ArrowUp: 12 }[event.key];
    if (by && this.#key(pitch + by)) {
      event.target.tabIndex = -1;
      this.#key(pitch + by).tabIndex = 0;
      this.#key(pitch + by).focus();
    } else if (event.key === "Enter" && !event.repeat) {
      this.press(pitch);
      const end = () => this.release(pitch);
      event.target.addEventListener("keyup", end, { once: true });
      event.target.addEventListener("blur", end, { once: true });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Listens to MIDI keyboards. */
  async useMidi(button) {
    let access;
    try {
      access = await navigator.requestMIDIAccess();
    } catch {
      return say(this.says, t("midi_not"), { isError: true });
    }
    const listen = () => {
      const inputs = [...access.inputs.values()];
      for (const input of inputs) input.onmidimessage = ({ data }) => this.midi(data);
      const names = inputs.map((input) => input.name).join(", ");
      say(this.says, names ? t("midi_on", { names }) : t("midi_none"));
    };
    access.onstatechange = listen;
    listen();
    button.setAttribute("aria-pressed", "true");
  }

  /** Plays a MIDI message: note on, or note off. */
  midi([status, pitch, velocity]) {
    if ((status & 0xf0) === 0x90 && velocity) this.press(pitch, velocity);
    else if ((status & 0xe0) === 0x80) this.release(pitch);
  }
}
