// What was shown, for undo and redo.

import { enable } from "./words.js";

const $ = (id) => document.getElementById(id);

export class Trail {
  /**
   * Begins with nothing to go back to.
   *
   * @param on Has `shown()`, the answer that is shown, `idle()`, which waits for what is being
   *   changed, and `go(answer)`, which shows an answer and returns whether it could.
   */
  constructor(on) {
    this.on = on;
    this.past = []; // The latest last.
    this.future = [];
    this.turn = Promise.resolve(); // One after the other, however fast the keys come.
  }

  /** Remembers an answer that something else follows. */
  leave(answer) {
    this.past.push(answer);
    this.future = [];
    this.#show();
  }

  undo = () => this.#travel("past", "future");
  redo = () => this.#travel("future", "past");

  #travel(from, to) {
    this.turn = this.turn.then(async () => {
      await this.on.idle();
      const there = this[from].pop();
      if (!there) return;
      const before = this.on.shown();
      if (await this.on.go(there)) this[to].push(before);
      else this[from].push(there);
      this.#show();
    });
  }

  #show() {
    const [undo, redo] = [$("undo"), $("redo")];
    if (this.past.length) enable(undo, true);
    enable(redo, this.future.length > 0, undo);
    enable(undo, this.past.length > 0, redo);
  }
}
