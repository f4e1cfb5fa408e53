// The sound of the visitor: chosen, dropped, pasted or recorded, and the part of it that counts.

import { audio, decode, mono, wav } from "./sound.js";
import { drawRegion } from "./views.js";
import { digits, say, t } from "./words.js";

const $ = (id) => document.getElementById(id);
const READ = /\.(wav|flac|ogg|mp3|aiff?)$/i; // What every server reads as it is.
const PLAIN = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export class Bring {
  /**
   * Listens for sounds.
   *
   * @param limits The greatest length in seconds and size in bytes.
   * @param onSound Is called when there is a sound.
   */
  constructor(limits, onSound) {
    this.limits = limits;
    this.onSound = onSound;
    this.sound = null; // {blob, name, buffer?}, and {sound} where the server has it.
    this.recorder = null;
    this.previewing = null;
    $("file").addEventListener("change", () => {
      if ($("file").files[0]) this.take($("file").files[0]);
      $("file").value = ""; // So that the same file can be chosen again.
    });
    $("record").addEventListener("click", () => this.record());
    $("region-play").addEventListener("click", () => this.preview());
    for (const id of ["region-start", "region-end"]) {
      $(id).addEventListener("input", () => this.#setRegion($("region-start").value, $("region-end").value));
    }
    $("region-wave").addEventListener("pointerdown", (event) => this.#drag(event));
    this.#listen();
  }

  #listen() {
    const has = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!has(event)) return;
      event.preventDefault();
      $("dropping").hidden = false;
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) $("dropping").hidden = true;
    });
    document.addEventListener("drop", (event) => {
      $("dropping").hidden = true;
      if (!has(event)) return;
      event.preventDefault();
      if (event.dataTransfer.files[0]) this.take(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => {
      const file = event.clipboardData?.files[0];
      if (file) this.take(file);
    });
  }

  /** Takes a file; what this browser cannot show is matched as a whole. */
  async take(file, name = file.name) {
    this.sound = { blob: file, name: name || "sound" };
    $("sound-name").textContent = this.sound.name;
    say($("match-says"), "");
    $("region").hidden = true;
    const taken = this.sound;
    try {
      taken.buffer = await decode(await file.arrayBuffer());
      taken.samples = mono(taken.buffer);
    } catch {
      say($("match-says"), t("not_shown", { name: taken.name }));
    }
    if (this.sound !== taken) return;
    if (taken.buffer) {
      $("region").hidden = false;
      const { duration } = taken.buffer;
      const most = this.limits.seconds;
      this.#setRegion(0, Math.min(1, most / duration));
      const words = { length: digits(duration), most: digits(most, 0) };
      if (duration > most) say($("match-says"), t("too_long", words));
    }
    this.onSound();
  }

  /** Returns the sound to upload: as it came, or the part that was chosen, as {blob, name}. */
  chosen() {
    if (!this.sound) throw new Error(t("no_sound"));
    const { blob, name, buffer } = this.sound;
    const whole = this.start === 0 && this.end === 1 && READ.test(name);
    const made = !buffer || whole ? blob : wav(buffer, this.start * buffer.duration, this.end * buffer.duration);
    if (made.size > this.limits.bytes) {
      const [size, most] = [made.size, this.limits.bytes].map((bytes) => digits(bytes / 2 ** 20, 0));
      throw new Error(t("too_large", { name, size, most }));
    }
    return { blob: made, name };
  }

  /** Returns what the visitor says about the sound. */
  told() {
    const found = { top: Number($("top").value), note: $("note").value.trim() || null };
    for (const [id, field] of [["onset", "onset"], ["hold", "hold"], ["loudness", "level"]]) {
      const text = $(id).value.trim().replace(",", ".");
      const what = $(id).labels[0].querySelector("span").textContent;
      if (text && !Number.isFinite(Number(text))) throw new Error(t("no_number", { what, text }));
      found[field] = text ? Number(text) : null;
    }
    return found;
  }

  #setRegion(start, end) {
    [this.start, this.end] = [Number(start), Number(end)].sort((a, b) => a - b);
    if (this.end - this.start < 1e-3) this.end = Math.min(1, this.start + 1e-3);
    const { buffer, samples } = this.sound;
    [$("region-start").value, $("region-end").value] = [this.start, this.end];
    const [from, to] = [this.start, this.end].map((share) => share * buffer.duration);
    const words = { start: digits(from, 2), end: digits(to, 2), length: digits(to - from, 2) };
    $("region-length").value = t("region_length", words);
    for (const [id, seconds] of [["region-start", from], ["region-end", to]]) {
      $(id).setAttribute("aria-valuetext", `${digits(seconds, 2)} s`);
    }
    drawRegion($("region-wave"), samples, this.start, this.end);
  }

  redraw() {
    if (this.sound?.buffer) this.#setRegion(this.start, this.end);
  }

  #drag(event) {
    const canvas = $("region-wave");
    const place = ({ clientX }) => {
      const box = canvas.getBoundingClientRect();
      return Math.min(1, Math.max(0, (clientX - box.left) / box.width));
    };
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    const near = (share) => Math.abs(place(event) - share) * canvas.clientWidth < 8;
    const fixed = near(this.start) ? this.end : near(this.end) ? this.start : place(event);
    const move = (moved) => this.#setRegion(Math.min(fixed, place(moved)), Math.max(fixed, place(moved)));
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("lostpointercapture", () => canvas.removeEventListener("pointermove", move), { once: true });
  }

  /** Plays the part that was chosen. */
  preview() {
    this.previewing?.stop();
    const { buffer } = this.sound;
    this.previewing = new AudioBufferSourceNode(audio(), { buffer });
    this.previewing.connect(audio().destination);
    const from = this.start * buffer.duration;
    this.previewing.start(0, from, this.end * buffer.duration - from);
  }

  /** Records after a count of three, or ends the recording. */
  async record() {
    if (this.recorder) return this.recorder.state === "recording" ? this.recorder.stop() : undefined;
    this.recorder = {}; // Asked for: once.
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
    } catch {
      this.recorder = null;
      return say($("match-says"), t("no_microphone"), { isError: true });
    }
    const chunks = [];
    const recorder = (this.recorder = new MediaRecorder(stream));
    const shown = $("sound-name").textContent;
    const ended = new AbortController();
    recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
    recorder.addEventListener("stop", async () => {
      ended.abort();
      this.recorder = null;
      for (const track of stream.getTracks()) track.stop();
      $("record").textContent = t("record");
      $("level").hidden = true;
      say($("match-says"), "");
      try {
        const buffer = await decode(await new Blob(chunks).arrayBuffer());
        this.take(wav(buffer, 0, buffer.duration), t("recording_name")); // Which every server reads.
      } catch {
        $("sound-name").textContent = shown;
        say($("match-says"), t("no_recording"), { isError: true });
      }
    });
    this.#meter(stream, ended.signal);
    for (let count = 3; count > 0; count--) {
      say($("match-says"), t("count_in", { count }));
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
    say($("match-says"), "");
    recorder.start();
    $("record").textContent = t("record_stop");
    const begun = performance.now();
    const tick = () => {
      if (ended.signal.aborted) return;
      const seconds = (performance.now() - begun) / 1000;
      $("sound-name").textContent = t("recording", { seconds: digits(seconds) });
      if (seconds > this.limits.seconds) recorder.stop();
      else setTimeout(tick, 200);
    };
    tick();
  }

  #meter(stream, signal) {
    const analyser = new AnalyserNode(audio(), { fftSize: 1024 });
    const source = audio().createMediaStreamSource(stream);
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    $("level").hidden = false;
    const measure = () => {
      if (signal.aborted) return source.disconnect();
      analyser.getFloatTimeDomainData(samples);
      $("level").value = samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
      requestAnimationFrame(measure);
    };
    measure();
  }
}
