"""What libsndfile does not decode: recordings of phones, browsers and Windows."""

import io as streams
import subprocess
import sys

import av
import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio import formats, io
from synthmatch_jax.errors import UserError
from tests.audio.sound_files import RATE, sine

# File name, FFmpeg's container and encoder, sample rate.
KINDS = {
  "memo.m4a": ("ipod", "aac", 44_100),
  "lossless.m4a": ("ipod", "alac", 44_100),
  "clip.mp4": ("mp4", "aac", 48_000),
  "raw.aac": ("adts", "aac", 44_100),
  "browser.webm": ("webm", "libopus", 48_000),
  "browser.mka": ("matroska", "aac", 44_100),
  "windows.wma": ("asf", "wmav2", 44_100),
  "pack.wv": ("wv", "wavpack", 44_100),
  "flac.ogg": ("ogg", "flac", 44_100),
  "speech.spx": ("ogg", "libspeex", 16_000),
  "phone.amr": ("amr", "libopencore_amrnb", 8_000),
  "wma.wav": ("wav", "wmav2", 44_100),
}


def encoded(name: str, seconds=2.0, channels=1) -> bytes:
  container, codec, rate = KINDS[name]
  tone = sine(seconds, rate=rate, hz=300)
  if name == "flac.ogg":
    return _flac_in_ogg(np.stack([tone] * channels, 1), rate)
  made = streams.BytesIO()
  with av.open(made, "w", format=container) as output:
    layout = "mono" if channels == 1 else "stereo"
    stream = output.add_stream(codec, rate=rate, layout=layout)
    planes = np.ascontiguousarray(np.stack([tone] * channels))
    frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
    frame.sample_rate = rate
    context = stream.codec_context
    if codec == "wmav2":
      context.bit_rate = 128_000
    context.open()
    resampler = av.AudioResampler(context.format, layout, rate, context.frame_size or 1024)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
      output.mux(stream.encode(part))
    output.mux(stream.encode(None))
  return made.getvalue()


def _flac_in_ogg(samples, rate) -> bytes:
  flac, made = streams.BytesIO(), streams.BytesIO()
  sf.write(flac, samples, rate, format="FLAC")
  flac.seek(0)
  with av.open(flac) as source, av.open(made, "w", format="ogg") as output:
    stream = output.add_stream_from_template(source.streams.audio[0])
    for packet in source.demux(source.streams.audio[0]):
      if packet.dts is not None:
        packet.stream = stream
        output.mux(packet)
  return made.getvalue()


def can_encode(name: str) -> bool:
  return KINDS[name][1] in av.codecs_available


@pytest.mark.parametrize("name", [name for name in KINDS if can_encode(name)])
@pytest.mark.parametrize("channels", [1, 2])
def test_it_is_heard(name, channels):
  if KINDS[name][0] == "amr" and channels == 2:
    channels = 1
  found = io.decode(encoded(name, channels=channels), name=name)
  assert len(found) == pytest.approx(2 * RATE, abs=0.06 * RATE)
  middle = found[RATE // 2 :][:RATE] * np.hanning(RATE)
  spectrum = np.abs(np.fft.rfft(middle)) * 4 / RATE
  assert np.argmax(spectrum) == 300
  # Codecs for speech change the level.
  assert spectrum.max() == pytest.approx(0.5, rel=0.5 if KINDS[name][2] < 44_100 else 0.05)


def test_most_kinds_are_tried():
  assert {"aac", "alac", "libopus", "wmav2", "wavpack", "flac"} < set(av.codecs_available)


@pytest.mark.parametrize("name", ["memo.m4a", "lossless.m4a", "windows.wma", "pack.wv"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_cut_off(name, share, capfd):
  data = encoded(name)
  with pytest.raises(UserError, match="cut off"):
    io.decode(data[: round(share * len(data))], name="mine")
  assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["memo.m4a", "raw.aac", "browser.webm"])
def test_too_long_is_refused(name):
  with pytest.raises(UserError, match=r"at most 3 s|more than 3 s"):
    io.decode(encoded(name, 8.0), name="mine", max_seconds=3.0)


def test_damaged_files_give_a_sound_or_a_sentence(capfd):
  rng = np.random.default_rng(0)
  for name in ("memo.m4a", "lossless.m4a", "browser.webm", "windows.wma", "raw.aac"):
    data = encoded(name, 0.3)
    for _ in range(25):
      damaged = bytearray(data)
      for place in rng.integers(0, len(data), 4):
        damaged[place] = rng.integers(256)
      try:
        assert np.isfinite(io.decode(bytes(damaged), name="mine")).all()
      except UserError as error:
        assert "mine" in str(error)
  assert capfd.readouterr() == ("", "")


def test_a_film_without_sound():
  made = streams.BytesIO()
  with av.open(made, "w", format="mp4") as output:
    stream = output.add_stream("mpeg4", rate=10)
    stream.width = stream.height = 64
    for _ in range(5):
      output.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
    output.mux(stream.encode(None))
  with pytest.raises(UserError, match="holds no sound"):
    io.decode(made.getvalue(), name="mine")


def test_no_list_opens_another_file(tmp_path):
  """Formats that name files and addresses are not among those that are opened."""
  secret = tmp_path / "secret.m4a"
  secret.write_bytes(encoded("memo.m4a"))
  lists = (
    f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{secret}\n#EXT-X-ENDLIST\n",
    f"ffconcat version 1.0\nfile '{secret}'\n",
    f"concat:{secret}|{secret}",
    f"<MPD><BaseURL>{secret}</BaseURL></MPD>",
    f"v=0\nc=IN IP4 192.0.2.1\na={secret}\n",
  )
  for text in lists:
    for name in ("a.m3u8", "a.m4a", "a.webm"):
      (tmp_path / name).write_text(text)
      with pytest.raises(UserError, match="is no wav"):
        io.load(tmp_path / name)


def test_a_reference_within_a_film_is_not_followed(tmp_path):
  """An mp4 whose samples lie in another file (dref with url)."""
  secret = tmp_path / "secret.raw"
  data = encoded("lossless.m4a")
  secret.write_bytes(data)
  # The flag that says "in this file" is taken away, and the place given.
  place = f"file://{secret}".encode() + b"\0"
  start = data.index(b"url \0\0\0\1")
  within = data[: start - 4] + (12 + len(place)).to_bytes(4, "big") + b"url \0\0\0\0" + place
  boxes = bytearray(within + data[start + 8 :])
  for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
    at = boxes.index(name) - 4
    boxes[at : at + 4] = (int.from_bytes(boxes[at : at + 4], "big") + len(place)).to_bytes(4, "big")
  mdat = boxes.index(b"mdat")
  boxes[mdat + 4 : boxes.index(b"moov") - 4] = bytes(boxes.index(b"moov") - 8 - mdat)
  secret.write_bytes(data)
  with pytest.raises(UserError):
    io.decode(bytes(boxes), name="mine")


WITHOUT = """
import sys
sys.modules["av"] = None  # As if it were not installed.
from synthmatch_jax.audio import io
from synthmatch_jax.errors import UserError
for path in sys.argv[1:]:
  try:
    io.load(path)
  except UserError as error:
    print(error)
"""


def test_without_the_extra_a_sentence_names_it(tmp_path):
  names = ("memo.m4a", "raw.aac", "browser.webm", "windows.wma", "pack.wv", "flac.ogg")
  for name in names:
    (tmp_path / name).write_bytes(encoded(name, 0.5))
  paths = [tmp_path / name for name in names]
  command = [sys.executable, "-c", WITHOUT, *map(str, paths)]
  said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
  assert len(said) == len(names)
  for line, path in zip(said, paths, strict=True):
    assert line.startswith(str(path))
    assert f"pip install '{formats.EXTRA}'" in line
