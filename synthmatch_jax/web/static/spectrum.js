// Spectrograms: levels in dB over time and over a logarithmic axis of frequencies.

const SIZE = 2048;
const LOWEST = 40;
export const ROWS = 96;
export const FLOOR = -120;

/** Transforms complex numbers in place, whose count is a power of two (Cooley and Tukey). */
export function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let half = 1; half < n; half *= 2) {
    const step = -Math.PI / half;
    for (let k = 0; k < half; k++) {
      const c = Math.cos(step * k);
      const s = Math.sin(step * k);
      for (let i = k; i < n; i += 2 * half) {
        const j = i + half;
        const a = re[j] * c - im[j] * s;
        const b = re[j] * s + im[j] * c;
        re[j] = re[i] - a;
        im[j] = im[i] - b;
        re[i] += a;
        im[i] += b;
      }
    }
  }
}

/** Returns the frequency at the middle of a row, in Hz; row 0 is the lowest. */
export const frequency = (row, rate) => LOWEST * (rate / 2 / LOWEST) ** ((row + 0.5) / ROWS);

/**
 * Returns the levels of a sound in dB, an array of ROWS for each of `columns` moments; full scale
 * of a sine is 0.
 */
export function levels(samples, rate, columns) {
  const window = Float32Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));
  const bins = Array.from({ length: ROWS + 1 }, (_, row) =>
    (LOWEST * (rate / 2 / LOWEST) ** (row / ROWS) * SIZE) / rate);
  const re = new Float32Array(SIZE);
  const im = new Float32Array(SIZE);
  return Array.from({ length: columns }, (_, column) => {
    const middle = Math.round(((column + 0.5) / columns) * samples.length);
    for (let i = 0; i < SIZE; i++) re[i] = (samples[middle - SIZE / 2 + i] ?? 0) * window[i];
    im.fill(0);
    fft(re, im);
    const found = new Float32Array(ROWS);
    for (let row = 0; row < ROWS; row++) {
      const last = Math.min(Math.max(Math.ceil(bins[row + 1]), Math.floor(bins[row]) + 1), SIZE / 2);
      let most = 0;
      for (let bin = Math.floor(bins[row]); bin < last; bin++) {
        most = Math.max(most, re[bin] ** 2 + im[bin] ** 2);
      }
      found[row] = Math.max(FLOOR, 10 * Math.log10(most * (4 / SIZE) ** 2 + 1e-14));
    }
    return found;
  });
}

/** Returns how much louder the answer is at each place, in dB; what neither can be heard in is 0. */
export function difference(target, answer, loudest) {
  const heard = loudest - 50;
  return target.map((column, i) => column.map((level, row) =>
    Math.max(answer[i][row], heard) - Math.max(level, heard)));
}

/** Returns the tenth of the time and the octave or so where the difference is largest. */
export function largest(apart, seconds, rate) {
  const wide = Math.max(1, Math.round(apart.length / 10));
  const high = 10;
  let best = { level: 0, start: 0, end: 0, frequency: 0 };
  for (let at = 0; at + wide <= apart.length; at += wide) {
    for (let row = 0; row + high <= ROWS; row += high / 2) {
      let sum = 0;
      for (let i = at; i < at + wide; i++) for (let k = row; k < row + high; k++) sum += apart[i][k];
      const level = sum / (wide * high);
      if (Math.abs(level) > Math.abs(best.level)) {
        const [start, end] = [at, at + wide].map((one) => (one / apart.length) * seconds);
        best = { level, start, end, frequency: frequency(row + high / 2, rate) };
      }
    }
  }
  return best;
}
