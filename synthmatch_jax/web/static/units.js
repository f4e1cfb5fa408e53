// Controls, from 0 to 1, as values in units that a musician reads, and back.

import { t } from "./words.js";

const clamp = (value) => Math.min(1, Math.max(0, value));

/** Returns the value of a control in the synth's own terms. */
export function valueOf(control, share) {
  const power = 1 / control.exponent;
  const [bottom, top] = [control.low ** power, control.high ** power];
  const value = (bottom + clamp(share) * (top - bottom)) ** control.exponent;
  return control.kind === "integer" ? Math.round(value) : value;
}

/** Returns the control of a value in the synth's own terms; the inverse of `valueOf`. */
export function shareOf(control, value) {
  const inside = Math.min(control.high, Math.max(control.low, value));
  const power = 1 / control.exponent;
  const [bottom, top] = [control.low ** power, control.high ** power];
  return clamp((inside ** power - bottom) / (top - bottom));
}

const three = (value) => (value + 0).toLocaleString(document.documentElement.lang, { maximumSignificantDigits: 3, useGrouping: false });
const signed = (value) => (value > 0 ? `+${three(value)}` : three(value));
const scaled = (value, small, large) => (value < 1 ? `${three(1000 * value)} ${small}` : `${three(value)} ${large}`);
const hertz = (value) => (value < 1000 ? `${three(value)} Hz` : `${three(value / 1000)} kHz`);
const most = (control) => Math.max(Math.abs(control.low), Math.abs(control.high));

// The unit of a value -> how it is shown, and which value a number with a suffix means.
const UNITS = {
  "s": { show: (v) => scaled(v, "ms", "s"), read: (n, suffix) => (suffix === "ms" ? n / 1000 : n) },
  "dB": { show: (v) => `${signed(v)} dB`, read: (n) => n },
  "MIDI semitones": {
    show: (v) => hertz(440 * 2 ** ((v - 69) / 12)),
    read: (n, suffix) => 69 + 12 * Math.log2(thousand(n, suffix) / 440),
  },
  "octaves over 1 Hz": { show: (v) => hertz(2 ** v), read: (n, suffix) => Math.log2(thousand(n, suffix)) },
  "octaves over 1 s": {
    show: (v) => scaled(2 ** v, "ms", "s"),
    read: (n, suffix) => Math.log2(suffix === "ms" ? n / 1000 : n),
  },
  "level; gain is its square": {
    show: (v) => (v > 0 ? `${three(40 * Math.log10(v))} dB` : "-∞ dB"),
    read: (n) => 10 ** (n / 40),
  },
  "wavetable frames up and down": { show: (v) => `±${three(v)}`, read: (n) => n },
  "wavetable frames": { show: (v) => `${t("unit_frame")} ${three(v)}`, read: (n) => n },
  "semitones": { show: (v) => `${signed(v)} ${t("unit_semitones")}`, read: (n) => n },
  "semitones up and down": { show: (v) => `±${three(v)} ${t("unit_semitones")}`, read: (n) => n },
};
const PERCENT = {
  show: (v, control) => `${three((100 * v) / most(control))} ${t("unit_percent")}`,
  read: (n, _, control) => (n / 100) * most(control),
};
const OTHER = {
  show: (v, control) => (control.unit ? `${three(v)} ${control.unit}` : three(v)),
  read: (n) => n,
};

const thousand = (number, suffix) => (suffix.startsWith("k") ? 1000 * number : number);

function unitOf(control) {
  return UNITS[control.unit] ?? (/^(wet$|of )/.test(control.unit) ? PERCENT : OTHER);
}

/** Returns a control's value as text. */
export function show(control, share) {
  return unitOf(control).show(valueOf(control, share), control);
}

/** Returns the control of a text such as "440 Hz" or "1.2k"; null where it is none. */
export function read(control, text) {
  const found = /^\D*?([+-]?(?:\d+\.?\d*|\.\d+))\s*(\D*)$/.exec(text.trim().replace(",", ".").replace("−", "-"));
  if (!found) return null;
  const value = unitOf(control).read(Number(found[1]), found[2].trim().toLowerCase(), control);
  return Number.isNaN(value) ? null : shareOf(control, value);
}
