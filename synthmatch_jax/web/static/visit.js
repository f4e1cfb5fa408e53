// The answers of the visit as the server knows them; what it has forgotten, as a new one has, is
// made again from what this browser has kept.

import * as api from "./api.js";
import * as keep from "./keep.js";

export class Visit {
  /**
   * Begins without an answer.
   *
   * @param on Has `shown()`, the answer that is shown or null, `took(event)`, which shows the answer
   *   of an event, and `busy(event)`, which says that answers are made again, or, without an event,
   *   that they are there.
   */
  constructor(on) {
    this.on = on;
    this.answers = []; // The newest first.
    this.began = 0;
    this.version = 0;
    this.reviving = null; // Once, whoever has missed something.
  }

  /** Takes in all answers of an event, unless a newer one was there before. */
  async take({ answers, began, version }) {
    if (began < this.began || (began === this.began && version < this.version)) return;
    Object.assign(this, { answers, began, version });
    await keep.save(answers, began);
  }

  /** Returns an answer as the server knows it now; undefined where it does not. */
  same(answer) {
    return this.answers.find((one) => one.key === answer.key) ?? this.answers.find((one) => keep.isSame(one, answer));
  }

  /** Asks for something of an answer, and once more if that was forgotten and has been made again. */
  async alive(ask, answer = this.on.shown()) {
    const { began } = this;
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof api.Refused)) throw error;
      await this.reviving; // Only then is the answer shown under its new key.
      if (began === this.began) {
        const told = await api.answers();
        if (told.answers.some((one) => one.key === answer.key) || !(await this.revive(answer))) throw error;
      }
      return ask();
    }
  }

  /** Makes again what a new server does not know, before it is asked for something else. */
  async wake() {
    const told = await api.answers();
    await this.reviving;
    if (told.began !== this.began) await this.revive(this.on.shown());
    return true;
  }

  /**
   * Makes again what the server has forgotten, and shows an answer: the one that is wanted, or else
   * the newest. Returns whether the one that is wanted is there.
   */
  async revive(wanted) {
    this.reviving ??= this.#revive(wanted).finally(() => { this.reviving = null; });
    await this.reviving;
    return Boolean(wanted && this.same(wanted));
  }

  async #revive(wanted) {
    const told = await api.answers();
    const misses = (answers) => (one) => !answers.some((other) => keep.isSame(one, other));
    const lost = keep.began() === told.began ? [] : keep.kept().filter(misses(told.answers));
    if (wanted && misses([...told.answers, ...lost])(wanted)) lost.unshift(wanted.key ? keep.essence(wanted) : wanted);
    const last = { ...told, ...(await this.#restore(lost)) };
    const found = last.answers.find((one) => wanted && keep.isSame(one, wanted)) ?? last.answers[0];
    await this.on.took({ ...last, key: found?.key });
  }

  /** Makes answers again whose sounds this browser has kept; returns the last event. */
  async #restore(essences) {
    let last = {};
    const sent = new Set();
    for (const fields of keep.restorations(essences)) {
      const blob = await keep.soundOf(fields.sound);
      if (!blob) continue;
      this.on.busy({ place: 0 });
      if (!sent.has(fields.sound)) await api.upload(blob, fields.name);
      sent.add(fields.sound);
      last = await api.stream("restore", fields, this.on.busy);
    }
    if (sent.size) this.on.busy();
    return last;
  }
}
