// The blind test: trials one by one; answers are kept in the browser and saved to a file.

const { test, seed, trials } = JSON.parse(document.getElementById("data").textContent);
const MEMORY = `synthmatch_jax listening test ${test}`;
const PARTS = ["target", "a", "b"];
const KEYS = {
  t: "#target", a: "#a", b: "#b", 1: "[data-answer=a]", 2: "[data-answer=b]",
  0: "[data-answer=none]", ArrowLeft: "#previous", ArrowRight: "#next",
};
const find = (selector) => document.querySelector(selector);
const choices = [...document.querySelectorAll("[data-answer]")];

let state = remembered() ?? fresh();
let place, plays, since; // The trial on screen, what was heard of it, and when it came up (ms).

function fresh() {
  // The session tells two files of one listener from files of two.
  const bytes = [...crypto.getRandomValues(new Uint8Array(8))];
  const session = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { session, listener: "", answers: {}, saved: false };
}

// Where a browser forbids to remember, the answers live as long as the page.
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(MEMORY));
  } catch {
    return null;
  }
}

function remember(changes) {
  Object.assign(state, changes);
  try {
    localStorage.setItem(MEMORY, JSON.stringify(state));
  } catch {}
}

const count = () => Object.keys(state.answers).length;
const heard = () => place in state.answers || PARTS.every((part) => plays[part]);

function open(trial) {
  stop();
  place = trial;
  plays = { target: 0, a: 0, b: 0 };
  since = performance.now();
  for (const part of PARTS) find(`#${part}`).dataset.source = trials[place][part];
  show();
}

function show() {
  find("#place").textContent = `Trial ${place + 1} of ${trials.length}`;
  find("#answered").textContent = `${count()} answered`;
  Object.assign(find("#progress"), { max: trials.length, value: count() });
  for (const part of PARTS) find(`#${part}`).classList.toggle("heard", plays[part] > 0);
  for (const button of choices) {
    const chosen = state.answers[place]?.answer === button.dataset.answer;
    button.setAttribute("aria-pressed", String(chosen));
    button.disabled = !heard();
  }
  find("#hint").textContent = heard() ? "" : "Listen to all three first.";
  find("#previous").disabled = place === 0;
  find("#next").disabled = place === trials.length - 1;
  find("#save").disabled = !count();
  const done = count() === trials.length;
  find("#save").classList.toggle("strong", done && !state.saved);
  find("#news").textContent = news(done);
}

function news(done) {
  if (!count()) return "Your answers stay in this browser until you save them to a file.";
  if (state.saved) return `${count()} answers are saved: send the file to whoever asked you.`;
  if (done) return "That was the last one, thank you! Save your answers to a file now.";
  return "You can save at any time, or come back later: this browser keeps your answers.";
}

function answer(button) {
  const seconds = Math.round((performance.now() - since) / 100) / 10;
  const given = { answer: button.dataset.answer, plays, seconds, time: new Date().toISOString() };
  remember({ answers: { ...state.answers, [place]: given }, saved: false });
  const left = trials.map((_, i) => i).filter((i) => !(i in state.answers));
  open(left.find((i) => i > place) ?? left[0] ?? place);
  if (left.length) find("#target").focus();
  else find("#save").focus();
}

function save() {
  const answers = Object.entries(state.answers).map(([i, given]) => ({ trial: Number(i) + 1, ...given }));
  const { session, listener } = state;
  const saved = new Date().toISOString();
  const content = { test, seed, num_trials: trials.length, session, listener, saved, answers };
  const file = new Blob([JSON.stringify(content, null, 2)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `answers_${session}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  remember({ saved: true });
  show();
}

function restart() {
  if (count() && !state.saved && !confirm("Your answers are not saved. Forget them?")) return;
  remember((state = fresh()));
  find("#listener").value = "";
  open(0);
}

audio.addEventListener("playing", () => {
  const part = PARTS.find((p) => trials[place][p] === source);
  if (part) plays[part] += 1;
  show();
});
for (const button of choices) button.addEventListener("click", () => answer(button));
find("#previous").addEventListener("click", () => open(place - 1));
find("#next").addEventListener("click", () => open(place + 1));
find("#save").addEventListener("click", save);
find("#restart").addEventListener("click", restart);
find("#listener").value = state.listener;
find("#listener").addEventListener("input", (event) =>
  remember({ listener: event.target.value, saved: false }));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.target.matches("input")) return;
  if (event.key in KEYS) find(KEYS[event.key]).click(); // Nothing, where it is disabled.
});
open(Math.max(0, trials.findIndex((_, i) => !(i in state.answers))));
