// One control: a knob with its value, a switch, or a menu. All of them hold controls from 0 to 1.

import { read, show } from "./units.js";
import { t } from "./words.js";

const SWEEP = 270; // Degrees from the least to the greatest value.
const DRAG = 180; // Pixels from the least to the greatest value.

/**
 * Returns an element for a control, and what sets it.
 *
 * @param control What the server says of it.
 * @param on Has `input(values)` while it is moved, `change(values)` when it is let go of, and
 *   `reset()`, which returns the values of a double click. Values are a list of `control.width`.
 */
export function make(control, on) {
  if (control.kind === "switch") return makeSwitch(control, on);
  return control.options ? makeMenu(control, on) : makeKnob(control, on);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function makeSwitch(control, on) {
  const input = element("input", { type: "checkbox", role: "switch", "aria-label": control.label });
  input.addEventListener("change", () => on.change([input.checked ? 1 : 0]));
  input.addEventListener("dblclick", () => on.change(on.reset()));
  return { element: input, set: ([share]) => { input.checked = share >= 0.5; } };
}

function makeMenu(control, on) {
  const options = control.options.map((one, i) => element("option", { value: i }, one));
  const select = element("select", { "aria-label": control.label }, ...options);
  select.addEventListener("change", () =>
    on.change(control.options.map((_, i) => (i === select.selectedIndex ? 1 : 0))));
  select.addEventListener("wheel", (event) => {
    if (document.activeElement !== select) return; // Else the page is scrolled.
    event.preventDefault();
    const next = select.selectedIndex + Math.sign(event.deltaY);
    if (next < 0 || next >= control.options.length) return;
    select.selectedIndex = next;
    select.dispatchEvent(new Event("change"));
  }, { passive: false });
  return { element: select, set: (values) => { select.selectedIndex = values.indexOf(Math.max(...values)); } };
}

function makeKnob(control, on) {
  let share = 0;
  let settling = 0;
  const dial = element("div", {
    class: "knob", role: "slider", tabindex: 0, "aria-label": control.label,
    "aria-valuemin": 0, "aria-valuemax": 1,
  }, element("div", { class: "dial" }));
  const text = element("input", {
    class: "value", tabindex: -1, "aria-label": t("value_of", { name: control.label }), inputmode: "decimal",
  });

  function set([value]) {
    share = value;
    dial.style.setProperty("--turn", `${SWEEP * (share - 0.5)}deg`);
    dial.style.setProperty("--sweep", `${SWEEP * share}deg`);
    text.value = show(control, share);
    text.size = Math.max(4, text.value.length);
    dial.setAttribute("aria-valuenow", share.toFixed(3));
    dial.setAttribute("aria-valuetext", text.value);
  }

  function turn(value) {
    const inside = Math.min(1, Math.max(0, value));
    if (inside === share) return false;
    set([inside]);
    on.input([share]);
    return true;
  }

  /** Turns by a key or the wheel: it is let go of when nothing has come for a while. */
  function nudge(value) {
    if (!turn(value)) return;
    const turned = share; // Another answer may be shown meanwhile.
    clearTimeout(settling);
    settling = setTimeout(() => on.change([turned]), 300);
  }

  function reset() {
    set(on.reset());
    on.change([share]);
  }

  const step = (event) => (control.kind === "integer" ? 1 / (control.high - control.low) : event.shiftKey ? 0.001 : 0.01);

  dial.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    dial.focus();
    dial.setPointerCapture(event.pointerId);
    const before = share;
    let [at, y, x] = [share, event.clientY, event.clientX];
    const move = (moved) => {
      const way = y - moved.clientY + (moved.clientX - x);
      [y, x] = [moved.clientY, moved.clientX];
      at = Math.min(1, Math.max(0, at + way / (moved.shiftKey ? 10 * DRAG : DRAG)));
      turn(at);
    };
    dial.addEventListener("pointermove", move);
    const end = () => {
      dial.removeEventListener("pointermove", move);
      if (at !== before) on.change([at]); // Another answer may have been shown meanwhile.
    };
    dial.addEventListener("lostpointercapture", end, { once: true });
  });
  dial.addEventListener("dblclick", reset);
  dial.addEventListener("wheel", (event) => {
    if (document.activeElement !== dial) return; // Else the page is scrolled.
    event.preventDefault();
    nudge(share - Math.sign(event.deltaY) * step(event));
  }, { passive: false });
  dial.addEventListener("keydown", (event) => {
    const moves = {
      ArrowUp: step(event), ArrowRight: step(event), ArrowDown: -step(event), ArrowLeft: -step(event),
      PageUp: 0.1, PageDown: -0.1, Home: -1, End: 1,
    };
    if (event.key in moves) nudge(share + moves[event.key]);
    else if (event.key === "Enter") text.focus();
    else if (event.key === "Delete" || event.key === "Backspace") reset();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  text.addEventListener("focus", () => text.select());
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter") dial.focus();
    if (event.key === "Escape") {
      set([share]);
      dial.focus();
    }
  });
  text.addEventListener("change", () => {
    const found = read(control, text.value);
    if (found === null) on.refuse(t("no_value", { text: text.value, name: control.label }));
    else if (text.value !== show(control, share)) {
      set([found]);
      on.change([share]);
    }
    set([share]);
  });
  return { element: element("div", { class: "turning" }, dial, text), set };
}
