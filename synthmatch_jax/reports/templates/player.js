"use strict";
// One sound at a time, through one audio element that loads nothing before it is asked to. A
// button of class `player` names its file in data-source; all buttons of a file play as one.

const audio = new Audio();
audio.preload = "none";
let source = null; // The file that plays.
let lit = []; // The buttons that show it.

function toggle(button) {
  const wanted = button.dataset.source;
  const again = wanted === source;
  stop();
  document.getElementById("status").textContent = "";
  if (again) return;
  source = wanted;
  light();
  audio.src = wanted;
  audio.play().catch((error) => {
    // Another sound may have been asked for before this one began.
    if (error.name !== "AbortError" && source === wanted) fail(wanted);
  });
  requestAnimationFrame(follow);
}

function stop() {
  audio.pause();
  source = null;
  light();
}

function fail(file) {
  stop();
  document.getElementById("status").textContent = `${decodeURIComponent(file)} cannot be played.`;
}

function light() {
  for (const button of lit) button.setAttribute("aria-pressed", "false");
  lit = [...document.querySelectorAll(".player")].filter((b) => b.dataset.source === source);
  for (const button of lit) {
    button.setAttribute("aria-pressed", "true");
    button.style.setProperty("--at", 0);
  }
}

function follow() {
  if (source === null) return;
  const at = audio.currentTime / audio.duration || 0;
  for (const button of lit) button.style.setProperty("--at", at);
  requestAnimationFrame(follow);
}

audio.addEventListener("ended", stop);
document.addEventListener("click", (event) => {
  const button = event.target.closest(".player");
  if (button && !button.disabled) toggle(button);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});
