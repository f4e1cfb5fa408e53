// Target and answer, played together in one loop; one of them is heard, without a gap between.

const FADE = 0.008; // Seconds: too short for a gap, and too long for a click.

export class Flip {
  /**
   * Plays in an audio context, be it an offline one.
   *
   * @param context The context.
   * @param onStop Is called when what does not loop is over.
   */
  constructor(context, onStop = () => {}) {
    this.context = context;
    this.heard = "answer";
    this.loop = true;
    this.buffers = {};
    this.playing = null; // {begun, sources, gains} while it plays.
    this.onStop = onStop;
  }

  /** Sets a sound; one that is heard is replaced at the place where it is. */
  set(name, buffer) {
    if (this.buffers[name] === buffer) return;
    this.buffers[name] = buffer;
    if (!this.playing?.sources[name]) return;
    const now = this.context.currentTime;
    this.#fade(name, 0, now);
    const { source, gain } = this.#start(name, now, this.position(now));
    this.playing.sources[name].stop(now + 2 * FADE);
    this.playing.sources[name] = source;
    this.playing.gains[name] = gain;
    this.#fade(name, name === this.heard ? 1 : 0, now);
  }

  /** Plays both from a place in seconds. */
  play(position = 0, when = this.context.currentTime) {
    this.stop(when);
    this.playing = { begun: when - position, sources: {}, gains: {} };
    for (const name of Object.keys(this.buffers)) {
      const { source, gain } = this.#start(name, when, position);
      this.playing.sources[name] = source;
      this.playing.gains[name] = gain;
      gain.gain.setValueAtTime(name === this.heard ? 1 : 0, when);
    }
  }

  stop(when = this.context.currentTime) {
    if (!this.playing) return;
    for (const name of Object.keys(this.playing.sources)) {
      this.#fade(name, 0, when);
      this.playing.sources[name].onended = null;
      this.playing.sources[name].stop(when + 2 * FADE);
    }
    this.playing = null;
  }

  /** Flips to the other sound, or to one of a name. */
  flip(name = this.heard === "answer" ? "target" : "answer", when = this.context.currentTime) {
    this.heard = name;
    if (!this.playing) return;
    for (const one of Object.keys(this.playing.gains)) this.#fade(one, one === name ? 1 : 0, when);
  }

  /** Sets whether it goes on from its end. */
  setLoop(loop) {
    this.loop = loop;
    if (this.playing) this.play(this.position());
  }

  get seconds() {
    return Math.max(0, ...Object.values(this.buffers).map((buffer) => buffer.duration));
  }

  /** Returns where it is, in seconds. */
  position(when = this.context.currentTime) {
    if (!this.playing || !this.seconds) return 0;
    const passed = Math.max(0, when - this.playing.begun);
    return this.loop ? passed % this.seconds : Math.min(passed, this.seconds);
  }

  #start(name, when, position) {
    const source = new AudioBufferSourceNode(this.context, { buffer: this.buffers[name] });
    const gain = new GainNode(this.context, { gain: 0 });
    source.loop = this.loop;
    source.connect(gain).connect(this.context.destination);
    source.start(when, position);
    const playing = this.playing;
    source.onended = () => {
      if (this.playing !== playing || this.loop || playing.sources[name] !== source) return;
      this.playing = null;
      this.onStop();
    };
    return { source, gain };
  }

  #fade(name, level, when) {
    const { gain } = this.playing.gains[name];
    gain.cancelScheduledValues(when);
    gain.setTargetAtTime(level, when, FADE / 4);
  }
}
