"""What is played on the synth: pitch, velocity, length."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Note:
  """One MIDI note from the start of a sound.

  The defaults are the paper's (section 3.1): C4, maximum velocity, held for one second.

  Attributes:
    pitch: MIDI note number, 0 to 127; 60 is C4 (261.63 Hz).
    velocity: MIDI velocity, 1 to 127.
    seconds: time from note-on, at the first sample, to note-off.
  """

  pitch: int = 60
  velocity: int = 127
  seconds: float = 1.0

  def __post_init__(self):
    if not 0 <= self.pitch <= 127:
      raise ValueError(f"note pitch {self.pitch} is no MIDI note number (0 to 127)")
    if not 1 <= self.velocity <= 127:
      raise ValueError(f"note velocity {self.velocity} is no MIDI velocity (1 to 127)")
    if not self.seconds > 0:
      raise ValueError(f"a note of {self.seconds} seconds has no length")
