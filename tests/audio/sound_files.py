"""Sound files of every format that is read."""

from pathlib import Path

import numpy as np
import soundfile as sf

RATE = 44_100
FORMATS = {
  "pcm16.wav": ("WAV", "PCM_16"),
  "pcm24.wav": ("WAV", "PCM_24"),
  "u8.wav": ("WAV", "PCM_U8"),
  "float.wav": ("WAV", "FLOAT"),
  "double.wav": ("WAV", "DOUBLE"),
  "adpcm.wav": ("WAV", "IMA_ADPCM"),
  "extensible.wav": ("WAVEX", "PCM_24"),
  "big.wav": ("RF64", "PCM_16"),
  "a.aiff": ("AIFF", "PCM_16"),
  "float.aif": ("AIFF", "FLOAT"),
  "a.flac": ("FLAC", "PCM_24"),
  "vorbis.ogg": ("OGG", "VORBIS"),
  "opus.ogg": ("OGG", "OPUS"),
  "a.mp3": ("MP3", "MPEG_LAYER_III"),
  "a.caf": ("CAF", "PCM_24"),
  "a.w64": ("W64", "PCM_24"),
  "a.au": ("AU", "PCM_16"),
}


def sine(seconds=1.0, *, rate=RATE, hz=261.63, gain=0.5):
  return (gain * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(
    np.float32
  )


def write(path, audio, rate=RATE, kind=("WAV", "PCM_16")) -> Path:
  sf.write(path, audio, rate, format=kind[0], subtype=kind[1])
  return path
