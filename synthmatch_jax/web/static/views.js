// What is heard as pictures over one axis of time: waves, spectrograms, and where they differ.

import { mono } from "./sound.js";
import * as spectrum from "./spectrum.js";
import { digits, t } from "./words.js";

const COLUMNS = 320;
const MOST_APART = 30; // dB, of the strongest colour.

const canvases = ["waves", "spectrum-target", "spectrum-answer", "difference", "axis"];
let shown = null;

/** Draws both sounds, and says where they differ most. */
export function draw(target, answer) {
  const rate = target.sampleRate;
  const sounds = [mono(target), mono(answer)];
  const levels = sounds.map((samples) => spectrum.levels(samples, rate, COLUMNS));
  const loudest = Math.max(...levels[0].map((column) => Math.max(...column)));
  const apart = spectrum.difference(...levels, loudest);
  shown = { sounds, levels, loudest, apart, seconds: target.duration, rate };
  redraw();
  sayDifference();
}

/** Draws again, after the window or the colours have changed. */
export function redraw() {
  if (!shown) return;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => rgb(style.getPropertyValue(name));
  const [paper, ink, target, answer] = ["--paper", "--ink", "--target", "--answer"].map(colour);
  const [waves, ofTarget, ofAnswer, apart, axis] = canvases.map((id) => sized(document.getElementById(id)));
  drawWaves(waves, [target, answer], ink);
  const level = (value) => (value - shown.loudest + 60) / 60;
  image(ofTarget, shown.levels[0], (value) => mix(paper, target, ink, level(value)));
  image(ofAnswer, shown.levels[1], (value) => mix(paper, answer, ink, level(value)));
  image(apart, shown.apart, (value) =>
    blend(paper, value > 0 ? answer : target, Math.min(1, Math.abs(value) / MOST_APART)));
  drawAxis(axis, ink);
}

/** Puts the playhead to a place in seconds. */
export function movePlayhead(seconds) {
  if (!shown) return;
  const canvas = document.getElementById("waves");
  const head = document.getElementById("playhead");
  const x = canvas.offsetLeft + (seconds / shown.seconds) * canvas.clientWidth;
  head.style.transform = `translateX(${x}px)`;
}

/** Returns the place in seconds of a pointer over one of the pictures. */
export function secondsAt(event) {
  const box = document.getElementById("waves").getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (shown?.seconds ?? 0);
}

/** Draws a sound alone, with what lies outside of a part dimmed; the ends are shares of it. */
export function drawRegion(canvas, samples, start, end) {
  const style = getComputedStyle(document.documentElement);
  const { context, width, height } = sized(canvas);
  const colour = style.getPropertyValue("--target");
  outline(context, samples, width, height, colour, 0.5);
  context.fillStyle = style.getPropertyValue("--paper");
  context.globalAlpha = 0.75;
  context.fillRect(0, 0, start * width, height);
  context.fillRect(end * width, 0, (1 - end) * width, height);
  context.globalAlpha = 1;
  context.fillStyle = style.getPropertyValue("--ink");
  for (const place of [start, end]) context.fillRect(Math.min(width - 2, place * width), 0, 2, height);
}

function sayDifference() {
  const found = spectrum.largest(shown.apart, shown.seconds, shown.rate);
  const words = {
    start: digits(found.start),
    end: digits(found.end),
    level: digits(Math.abs(found.level), 0),
    frequency: hertz(found.frequency),
  };
  const key = Math.abs(found.level) < 3 ? "no_difference" : found.level > 0 ? "louder_at" : "softer_at";
  document.getElementById("difference-says").textContent = t(key, words);
}

const hertz = (value) => (value < 1000 ? `${digits(value, 0)} Hz` : `${digits(value / 1000)} kHz`);

function sized(canvas) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  return { canvas, context, width, height };
}

function drawWaves({ context, width, height }, colours) {
  const most = Math.max(1e-3, ...shown.sounds.map((s) => s.reduce((a, b) => Math.max(a, Math.abs(b)), 0)));
  shown.sounds.forEach((samples, i) => {
    outline(context, samples, width, height, `rgb(${colours[i]})`, 0.75, most);
  });
}

function outline(context, samples, width, height, colour, alpha, most = 1) {
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x / width) * samples.length);
    const to = Math.max(from + 1, Math.floor(((x + 1) / width) * samples.length));
    let [low, high] = [0, 0];
    for (let i = from; i < to; i++) {
      low = Math.min(low, samples[i]);
      high = Math.max(high, samples[i]);
    }
    const y = (value) => (height / 2) * (1 - (0.95 * value) / most);
    context.fillRect(x, y(high), 1, Math.max(1, y(low) - y(high)));
  }
  context.globalAlpha = 1;
}

function image({ canvas, context }, columns, colourOf) {
  const made = new ImageData(columns.length, spectrum.ROWS);
  columns.forEach((column, x) => column.forEach((value, row) => {
    const at = 4 * ((spectrum.ROWS - 1 - row) * columns.length + x);
    made.data.set([...colourOf(value), 255], at);
  }));
  const small = new OffscreenCanvas(made.width, made.height);
  small.getContext("2d").putImageData(made, 0, 0);
  context.resetTransform();
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

function drawAxis({ context, width }, ink) {
  context.fillStyle = `rgb(${ink})`;
  context.font = "11px system-ui, sans-serif";
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10].find((one) => (one / shown.seconds) * width > 36) ?? 20;
  for (let at = 0; at <= shown.seconds + 1e-6; at += step) {
    const x = (at / shown.seconds) * width;
    context.fillRect(Math.min(width - 1, x), 0, 1, 4);
    context.textAlign = at === 0 ? "left" : x > width - 12 ? "right" : "center";
    context.fillText(`${at.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 })} s`, x, 14);
  }
}

function rgb(text) {
  const value = parseInt(text.trim().slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

const blend = (one, other, share) => one.map((value, i) => value + (other[i] - value) * share);

/** A colour from paper over another to ink, by a share from 0 to 1. */
function mix(paper, colour, ink, share) {
  const at = Math.min(1, Math.max(0, share));
  return at < 0.75 ? blend(paper, colour, at / 0.75) : blend(colour, ink, (at - 0.75) / 0.5);
}
