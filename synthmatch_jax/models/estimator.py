"""A model: an encoder, which hears a sound, and a head, which answers to it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PRNGKeyArray

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.models.encoder import Encoder
from synthmatch_jax.models.head import Head
from synthmatch_jax.models.model import Heard, Model
from synthmatch_jax.models.note import NoteHead, NoteInput


class Estimator(Model):
  """A model: it maps the mel of a sound to controls that reproduce it.

  Training asks a model for its loss and inference for its answers; neither knows more about it.
  Mels are normalised over the training data to about zero mean and unit variance.

  Attributes:
    encoder: Maps the mel to tokens.
    head: Maps the tokens to controls.
    note_input: Tells the encoder what is known of the notes; None where it is told nothing.
    note_head: Maps the tokens to notes; None where they are not predicted.
  """

  def __init__(
    self,
    encoder: Encoder,
    head: Head,
    *,
    note_input: NoteInput | None = None,
    note_head: NoteHead | None = None,
  ):
    self.encoder, self.head = encoder, head
    self.note_input, self.note_head = note_input, note_head

  def __call__(self, mel: Float[Array, "b t f"]) -> Float[Array, "b d"]:
    """Gives one answer to each sound, with the same key for all of them; see `answers`."""
    keys = jnp.broadcast_to(jax.random.key(0), len(mel))
    return self.answers(mel, keys=keys, count=1)[:, 0]

  @property
  def is_told_notes(self) -> bool:
    """See `Model`."""
    return self.note_input is not None or self.note_head is not None

  def loss(
    self,
    batch: Batch,
    key: PRNGKeyArray,
    *,
    hear: Callable[[Float[Array, "b d"]], Heard] | None = None,
  ) -> Heard:
    """See `Model.loss`.

    What is predicted of a note counts only where it was not told, and only in a batch that says
    what is told: what a model has been told it has not heard.
    """
    note = jnp.asarray(batch["note"]) if "note" in batch else None
    told = batch.get("told")
    given = note if note is None or told is None else jnp.where(told, note, jnp.nan)
    tokens = self.tokens(jnp.asarray(batch["mel"]), given)
    losses, report = self.head.loss(tokens, batch, key)
    if hear is not None:
      keys = jnp.broadcast_to(key, len(tokens))
      more, heard = hear(self.head.answers(tokens, keys=keys, count=1)[:, 0])
      losses, report = losses + more, report | heard
    if self.note_head is None or note is None or told is None:
      return losses, report
    hidden = ~told | (self.note_input is None)
    more, heard = self.note_head.loss(tokens, note, hidden)
    return losses + more, report | heard

  def answers(
    self,
    mel: Float[Array, "b t f"],
    note: Float[Array, "b 3"] | None = None,
    *,
    keys: Key[Array, " b"],
    count: int,
  ) -> Float[Array, "b n d"]:
    """Gives up to `count` answers to each sound, in no order of merit.

    Args:
      mel: Normalised log-mel spectrograms, time first.
      note: The notes as in `Batch`; NaN, or None for all of them, where they are not known.
      keys: Keys for what is drawn at random, one for each sound, so that its answers do not
        depend on the other sounds of the batch.
      count: How many answers are wanted; a model that knows only one gives one.

    Returns:
      Controls, float32, not clamped; decoding clamps them.

    Raises:
      ValueError: The mel does not have the frames and bins that the model was built for.
    """
    return self.head.answers(self.tokens(mel, note), keys=keys, count=count)

  def once(self) -> Float[Array, "b n d"]:
    """See `Model.once`."""
    return self.answers(self._silence, keys=jax.random.split(jax.random.key(0), 1), count=1)

  def learning(self) -> Array:
    """See `Model.learning`."""
    return self.head.learning(self.tokens(self._silence))

  @property
  def _silence(self) -> Float[Array, "1 t f"]:
    return jnp.zeros((1, self.encoder.num_frames, self.encoder.num_bins))

  def notes(self, mel: Float[Array, "b t f"]) -> Float[Array, "b 3"]:
    """Predicts pitch, its confidence and hold from mels alone (see `NoteHead.predict`)."""
    assert self.note_head is not None
    return self.note_head.predict(self.tokens(mel))

  def tokens(
    self, mel: Float[Array, "b t f"], note: Float[Array, "b 3"] | None = None
  ) -> Float[Array, "b l w"]:
    """Maps sounds, and what is known of their notes, to tokens; see `answers`."""
    if self.note_input is None:
      return self.encoder(mel)
    unknown = jnp.full((len(mel), 3), jnp.nan)
    return self.note_input(self.encoder, mel, unknown if note is None else note)
