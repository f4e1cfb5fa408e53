// The controls of the synth in their modules, with locks.

import * as curves from "./curves.js";
import * as knobs from "./knobs.js";
import { t } from "./words.js";

export class Panel {
  /**
   * Makes the modules.
   *
   * @param modules What the server says of them.
   * @param on Has `input(controls)` while a control is moved, `change(controls)` when it is let go
   *   of, and `refuse(sentence)` for what cannot be meant.
   */
  constructor(modules, on) {
    this.on = on;
    this.controls = []; // As they are on the screen.
    this.base = []; // What a double click goes back to.
    this.locked = new Set();
    this.parts = {}; // By name: {control, get, set, input, change, frame, lock, draw}.
    this.curves = [];
    const host = document.getElementById("modules");
    host.replaceChildren(...modules.map((module) => this.#module(module)));
  }

  /** Shows the controls of an answer; `base` are those that a double click goes back to. */
  show(answer, base) {
    this.controls = [...answer.controls];
    this.base = base;
    this.locked = new Set(answer.locked);
    const heard = answer.heard;
    Object.values(this.parts).forEach((part) => {
      part.set(part.get());
      const { meaning, name, index } = part.control;
      part.frame.classList.toggle("unheard", !heard[index]);
      part.frame.title = `${heard[index] ? meaning : t("unheard", { meaning })} (${name})`;
      this.#showLock(part);
    });
    for (const curve of this.curves) curve.draw();
  }

  #module(module) {
    const frame = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = module.name;
    const drawn = module.controls.map((control) => this.#control(module, control));
    const made = module.curves.map((curve) => curves.make(curve, module, this.parts));
    this.curves.push(...made);
    const row = document.createElement("div");
    row.className = "controls";
    row.append(...drawn);
    frame.append(legend, ...made.map((one) => one.element), row);
    return frame;
  }

  #control(module, control) {
    const [from, to] = [control.at, control.at + control.width];
    const of = (controls) => controls.slice(from, to);
    const put = (values) => this.controls.splice(from, control.width, ...values);
    const part = {
      control,
      get: () => of(this.controls),
      input: (values) => {
        put(values);
        part.set(values);
        this.#drawCurves();
        this.on.input(this.controls);
      },
      change: (values) => {
        put(values);
        part.set(values);
        this.#drawCurves();
        this.on.change([...this.controls]);
      },
    };
    this.parts[control.name] = part;
    const knob = knobs.make({ ...control, label: `${module.name}: ${control.label}` }, {
      input: part.input,
      change: part.change,
      reset: () => of(this.base),
      refuse: this.on.refuse,
    });
    part.set = knob.set;

    const label = document.createElement("span");
    label.className = "label";
    label.textContent = control.label;
    label.setAttribute("aria-hidden", "true");
    part.lock = document.createElement("button");
    part.lock.type = "button";
    part.lock.className = "lock";
    part.lock.setAttribute("aria-label", t("lock", { name: `${module.name}: ${control.label}` }));
    part.lock.addEventListener("click", () => {
      if (!this.locked.delete(control.name)) this.locked.add(control.name);
      this.#showLock(part);
    });
    part.frame = document.createElement("div");
    part.frame.className = `control ${control.kind}`;
    part.frame.dataset.name = control.name;
    part.frame.append(label, knob.element, part.lock);
    return part.frame;
  }

  #drawCurves() {
    for (const curve of this.curves) curve.draw();
  }

  #showLock(part) {
    part.lock.setAttribute("aria-pressed", String(this.locked.has(part.control.name)));
  }
}
