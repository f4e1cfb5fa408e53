// Envelopes and filters as curves, whose points can be dragged; the knobs beside do the same.

import { valueOf } from "./units.js";
import { t } from "./words.js";

const [WIDE, HIGH] = [200, 72];
const HOLD = 0.25; // Share of the width for which a sustained level is drawn.

/**
 * Returns a drawing, and what draws it anew.
 *
 * @param curve What the server says of it: its kind, and the names of its controls.
 * @param module The module that it belongs to.
 * @param controls Name of each control -> {control, get, input, change}, which hold one share.
 */
export function make(curve, module, controls) {
  const svg = svgElement("svg", { viewBox: `-6 -6 ${WIDE + 12} ${HIGH + 12}`, class: "curve", role: "img" });
  svg.setAttribute("aria-label", t("curve_of", { name: module.name }));
  const path = svgElement("path");
  svg.append(path);
  const shape = SHAPES[curve.kind](curve, controls);
  const handles = shape.handles.map((handle) => {
    const point = svgElement("circle", { r: 5 });
    svg.append(point);
    point.addEventListener("pointerdown", (event) => drag(svg, point, event, handle, controls));
    return point;
  });

  function draw() {
    path.setAttribute("d", shape.path());
    shape.handles.forEach((handle, i) => {
      const [x, y] = handle.at();
      handles[i].setAttribute("cx", x);
      handles[i].setAttribute("cy", y);
    });
  }
  return { element: svg, draw };
}

function drag(svg, point, event, handle, controls) {
  event.preventDefault();
  point.setPointerCapture(event.pointerId);
  const moves = {};
  const move = (moved) => {
    const at = new DOMPoint(moved.clientX, moved.clientY).matrixTransform(svg.getScreenCTM().inverse());
    for (const [name, share] of Object.entries(handle.move(at.x, at.y))) {
      moves[name] = [Math.min(1, Math.max(0, share))];
      controls[name].input(moves[name]);
    }
  };
  point.addEventListener("pointermove", move);
  point.addEventListener("lostpointercapture", () => {
    point.removeEventListener("pointermove", move);
    for (const [name, values] of Object.entries(moves)) controls[name].change(values);
  }, { once: true });
}

/** Attack, decay, the level that is held, and release; each time is drawn as its knob is turned. */
function envelope({ attack, decay, sustain, release, level, fixed_sustain: fixed }, controls) {
  const share = (name, otherwise) => (name ? controls[name].get()[0] : otherwise);
  const parts = release ? 3 : 2;
  const wide = (WIDE * (1 - HOLD)) / parts;
  const peak = () => HIGH * (1 - share(level, 1));
  const held = () => HIGH - (HIGH - peak()) * share(sustain, fixed ?? 0);
  const rises = () => share(attack) * wide;
  const falls = () => rises() + share(decay) * wide;
  const ends = () => falls() + HOLD * WIDE + (release ? share(release) * wide : 0);
  const curved = (x0, y0, x1, y1) => `Q${x0 + (x1 - x0) * 0.25},${y1 - (y1 - y0) * 0.15} ${x1},${y1}`;
  const handles = [
    { at: () => [rises(), peak()], move: (x, y) => ({ [attack]: x / wide, ...(level && { [level]: 1 - y / HIGH }) }) },
    {
      at: () => [falls(), held()],
      move: (x, y) => ({
        [decay]: (x - rises()) / wide,
        ...(sustain && { [sustain]: (HIGH - y) / Math.max(1, HIGH - peak()) }),
      }),
    },
  ];
  if (release) {
    const from = () => falls() + HOLD * WIDE;
    handles.push({ at: () => [ends(), HIGH], move: (x) => ({ [release]: (x - from()) / wide }) });
  }
  const path = () => {
    const top = `M0,${HIGH}L${rises()},${peak()}${curved(rises(), peak(), falls(), held())}`;
    const hold = `L${falls() + HOLD * WIDE},${held()}`;
    return top + hold + (release ? curved(falls() + HOLD * WIDE, held(), ends(), HIGH) : "");
  };
  return { path, handles };
}

/** The four levels of a DX7's envelope, and the ways to them: the longer, the lower the rate. */
function levels({ of }, controls) {
  const share = (name, i) => controls[`${of}${name}${i + 1}`].get()[0];
  const wide = (WIDE * (1 - HOLD)) / 4;
  const way = (i) => (1 - share("rate", i)) * wide;
  const from = (i) => [0, 1, 2].slice(0, i).reduce((x, k) => x + way(k), i === 3 ? HOLD * WIDE : 0); // Level 3 is held.
  const at = (i) => [from(i) + way(i), HIGH * (1 - share("level", i))];
  const handles = [0, 1, 2, 3].map((i) => ({
    at: () => at(i),
    move: (x, y) => ({ [`${of}rate${i + 1}`]: 1 - (x - from(i)) / wide, [`${of}level${i + 1}`]: 1 - y / HIGH }),
  }));
  const path = () => `M0,${at(3)[1]}L${at(0)}L${at(1)}L${at(2)}H${from(3)}L${at(3)}`;
  return { path, handles };
}

/** The response of a filter of second order, as Vital's analogue model is drawn: 36 dB in height. */
function filter({ cutoff, resonance, blend, shape }, controls) {
  const share = (name) => controls[name].get()[0];
  const range = controls[cutoff].control;
  const octaves = (range.high - range.low) / 12;
  const mixed = () => {
    const value = blend ? valueOf(controls[blend].control, share(blend)) : shape === "high" ? 2 : 0;
    return [Math.max(0, 1 - value), 1 - Math.abs(1 - value), Math.max(0, value - 1)];
  };
  const response = (x) => {
    const w = 2 ** ((x / WIDE - share(cutoff)) * octaves);
    const damping = 1.4 * (1 - share(resonance)) + 0.05;
    const [low, band, high] = mixed();
    const size = Math.hypot(low - high * w * w, band * w * damping) / Math.hypot(1 - w * w, w * damping);
    return 20 * Math.log10(size + 1e-6);
  };
  const y = (decibels) => Math.min(HIGH, Math.max(0, HIGH * (1 - (decibels + 24) / 48)));
  const path = () => {
    const points = Array.from({ length: 101 }, (_, i) => `${2 * i},${y(response(2 * i)).toFixed(1)}`);
    return `M${points.join("L")}`;
  };
  const handle = {
    at: () => [share(cutoff) * WIDE, HIGH * (1 - share(resonance))],
    move: (x, at) => ({ [cutoff]: x / WIDE, [resonance]: 1 - at / HIGH }),
  };
  return { path, handles: [handle] };
}

const SHAPES = { envelope, filter, levels };

function svgElement(name, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
