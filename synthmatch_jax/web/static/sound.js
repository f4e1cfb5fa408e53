// Sounds as the browser holds them: decoding, encoding, cutting.

let context;

/** Returns the one audio context, which plays once the visitor has done something. */
export function audio() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
  return context;
}

/** Decodes the bytes of a sound file, at the rate of the audio context. */
export const decode = (bytes) => audio().decodeAudioData(bytes);

/** Returns the mean of the channels. */
export function mono(buffer) {
  const sum = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const data = buffer.getChannelData(channel);
    for (let i = 0; i < sum.length; i++) sum[i] += data[i] / buffer.numberOfChannels;
  }
  return sum;
}

/** Returns a part of a sound, in seconds, as a WAV file of 32-bit floats. */
export function wav(buffer, start, end) {
  const samples = mono(buffer).subarray(
    Math.round(start * buffer.sampleRate), Math.round(end * buffer.sampleRate),
  );
  const view = new DataView(new ArrayBuffer(44 + 4 * samples.length));
  const text = (at, letters) => [...letters].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 4 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 3, true); // IEEE floats.
  view.setUint16(22, 1, true);
  view.setUint32(24, buffer.sampleRate, true);
  view.setUint32(28, 4 * buffer.sampleRate, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 32, true);
  text(36, "data");
  view.setUint32(40, 4 * samples.length, true);
  samples.forEach((sample, i) => view.setFloat32(44 + 4 * i, sample, true));
  return new Blob([view], { type: "audio/wav" });
}
