// The keys of the computer that do something wherever the focus is, and the dialog that lists them.

import * as listening from "./listening.js";
import { t } from "./words.js";

const $ = (id) => document.getElementById(id);
const LISTED = {
  space: () => t("key_space"),
  b: () => "B",
  undo: () => t("key_undo"),
  piano: () => "A W S E D F T G Y H U J K",
  octave: () => "Z X",
  knob: () => "↑ ↓",
};

/**
 * Listens to keys.
 *
 * @param on Has `undo()`, `redo()`, `isReady()`, and `typed(event)`, which plays the keyboard.
 */
export function wire(on) {
  const heard = (event) => handle(event, on);
  document.addEventListener("keydown", heard);
  document.addEventListener("keyup", heard);
  $("help").addEventListener("click", () => $("help-dialog").showModal());
  for (const [name, key] of Object.entries(LISTED)) {
    const [term, meaning] = ["dt", "dd"].map((one) => document.createElement(one));
    [term.textContent, meaning.textContent] = [key(), t(`help_${name}`)];
    $("help-keys").append(term, meaning);
  }
}

function handle(event, on) {
  const at = (selector) => event.target.closest?.(selector);
  const typing = at("input:not([type=checkbox]):not([type=range]), select, textarea");
  const key = event.key.toLowerCase();
  const pressed = event.type === "keydown" && !event.repeat;
  if (pressed && (event.ctrlKey || event.metaKey) && key === "z" && !typing) {
    event.preventDefault();
    if (event.shiftKey) on.redo();
    else on.undo();
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing || !$("shortcuts").checked || !on.isReady()) return;
  if (!on.typed(event)) {
    if (!pressed) return;
    if (key === " " && !at("button, a, summary, input")) listening.toggle();
    else if (key === "b") listening.hear();
    else return;
  }
  event.preventDefault();
}
