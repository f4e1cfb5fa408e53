"""Checks that a checkpoint is what was saved: its files by checksums, its numbers as finite."""

import errno
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from jaxtyping import Array, Bool, Inexact

from synthmatch_jax import checksums, untrusted
from synthmatch_jax.errors import UserError, first_line
from synthmatch_jax.training import parallel

# Words in the errors of Orbax and TensorStore that mean that the next attempt may succeed.
_PASSING = (
  *("RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "UNAVAILABLE", "DEADLINE_EXCEEDED"),
  *(
    os.strerror(number)
    for number in (errno.EACCES, errno.EAGAIN, errno.EINTR, errno.EIO, errno.EMFILE)
  ),
  *(os.strerror(number) for number in (errno.ENFILE, errno.ENOMEM, errno.EPERM, errno.ETIMEDOUT)),
  *([os.strerror(errno.ESTALE)] if hasattr(errno, "ESTALE") else []),
)


LOG, STEP = "log", "step"
"""The part of a checkpoint that says its step, and the entry that has it."""


class DamageError(Exception):
  """A checkpoint is not what was saved; the text is a clause that says why."""


class Sealed(ocp.path.atomicity.AtomicRenameTemporaryPath):
  """Makes Orbax put a finished checkpoint in place together with its checksums.

  Orbax writes into a folder with a temporary name and renames it in the end. The checksums have to
  cover what it writes last and to lie in what it renames, so there is a second temporary name
  between the two. A kill at any moment leaves a checkpoint with its checksums, or none.
  """

  async def finalize(self) -> None:
    """Puts the checkpoint in place, in the thread that saves, in the first process only."""
    final, temporary = self._final_path, self.get()
    if not _is_step(final.name):  # A part of a checkpoint, not a whole one.
      await super().finalize()
      return
    self._final_path = temporary.with_name(f"{temporary.name}-unsealed")
    try:
      await super().finalize()
      checksums.write(Path(self._final_path))
      self._final_path.rename(final)
    finally:
      self._final_path = final


def steps(folder: Path) -> set[int]:
  """Returns the steps of the finished checkpoints in a folder, which need not exist.

  Raises:
    UserError: The folder cannot be read now; a run that took it for empty would begin anew.
  """
  try:
    # Unfinished and damaged ones have longer names.
    return {int(path.name) for path in folder.iterdir() if _is_step(path.name)}
  except FileNotFoundError as error:
    if folder.is_symlink():  # The link leads to a drive that is not mounted.
      raise unreadable(folder, error) from None
    return set()
  except OSError as error:
    raise unreadable(folder, error) from None


def _is_step(name: str) -> bool:
  """Whether a name is that of a checkpoint; digits of other scripts do not count."""
  return name.isascii() and name.isdecimal() and name == str(int(name))


def damage(folder: Path, *, only_metrics: bool = False) -> str | None:
  """Says what is wrong with the files of a checkpoint; returns None where nothing is.

  Earlier versions wrote no checksums; of their checkpoints only the metrics are checked.

  Args:
    folder: The folder of the checkpoint.
    only_metrics: Whether to check only what tells which checkpoint is the best.

  Raises:
    UserError: The files cannot be read now.
  """
  try:
    if not checksums.exist(folder):
      return _damaged_metrics(folder)
    found = checksums.damages(folder, ours=_is_of_metrics if only_metrics else _is_of_orbax)
    return next((f"{name} {what}" for name, what in found.items()), None) or _other_step(folder)
  except OSError as error:
    raise unreadable(folder, error) from None


def _is_of_metrics(name: str) -> bool:
  return name.startswith("metrics/")


def _is_of_orbax(name: str) -> bool:
  """Whether a file is a part of a checkpoint; file managers put others beside its folders."""
  return "/" in name or name == "_CHECKPOINT_METADATA"


def _other_step(folder: Path) -> str | None:
  """Says whether a checkpoint has the name of another step; older ones do not know theirs."""
  try:
    step = untrusted.read_json(folder / LOG / "metadata").get(STEP)
  except (FileNotFoundError, ValueError, AttributeError):
    return None
  return None if step is None or str(step) == folder.name else f"it holds step {step}"


def warn_if_unsealed(folder: Path) -> None:
  """Prints a warning about a checkpoint that is going to be used and has no checksums."""
  if not checksums.exist(folder) and parallel.is_first():
    print(
      f"warning: the checkpoint in {folder} is of a version without checksums: damage of it may go"
      " unnoticed",
      file=sys.stderr,
    )


def require_sound(folder: Path, *, only_metrics: bool = False) -> None:
  """Raises a UserError where a checkpoint is damaged, or cannot be read now; see `damage`."""
  if what := damage(folder, only_metrics=only_metrics):
    raise refusal(DamageError(what), folder)


def refusal(error: Exception, folder: Path) -> UserError:
  """Returns the error for a caller that only reads a checkpoint, where reading has failed."""
  found = verdict(error, folder)
  if isinstance(found, UserError):
    return found
  return UserError(
    f"the checkpoint in {folder} is damaged ({found}); the command that trained it, given again,"
    " puts it aside and goes on from the others"
  )


def _damaged_metrics(folder: Path) -> str | None:
  """Says what is wrong with the metrics; Orbax does not start where they are no JSON."""
  path = folder / "metrics" / "metrics"
  try:
    sound = not path.exists() or isinstance(untrusted.read_json(path), dict)
  except ValueError:
    sound = False
  return None if sound else "metrics/metrics is no object of JSON"


def verdict(error: Exception, folder: Path) -> DamageError | UserError:
  """Decides what an error of Orbax says about the checkpoint that it was reading.

  A checkpoint whose checksums are right is not damaged, whatever was raised.
  """
  if isinstance(error, DamageError | UserError):
    return error
  sealed, passing = checksums.exist(folder), _may_pass(error)
  if sealed and not passing and isinstance(error, ValueError | KeyError | TypeError):
    return UserError(
      f"the checkpoint in {folder} is whole, but is not of the model that config.json describes"
      f" ({first_line(error)}); put back the config.json that it was trained with"
    )
  if sealed or passing:
    return unreadable(folder, error)
  return DamageError(first_line(error))


def unreadable(folder: Path, error: Exception) -> UserError:
  """Returns the error for a checkpoint that cannot be read for a reason that may pass."""
  return UserError(
    f"the checkpoint in {folder} cannot be read now ({first_line(error)}); it is not known to be"
    " damaged and nothing was removed: the same command tries again"
  )


def _may_pass(error: BaseException | None) -> bool:
  while error is not None:
    gone = isinstance(error, FileNotFoundError | NotADirectoryError)
    if isinstance(error, OSError | MemoryError) and not gone:
      return True
    if any(words in str(error) for words in _PASSING):
      return True
    error = error.__cause__ or error.__context__
  return False


def set_aside(folder: Path, damaged: Mapping[int, str]) -> None:
  """Renames damaged checkpoints, so that they do not count any more, and prints a warning.

  Args:
    folder: The folder of all checkpoints.
    damaged: Step -> what is wrong with its checkpoint.
  """
  parallel.meet("checked")  # Every process has read what the first one renames.
  for step, reason in damaged.items() if parallel.is_first() else ():
    kept, number = folder / f"damaged-{step}", 1
    while kept.exists():
      number += 1
      kept = folder / f"damaged-{step}-{number}"
    (folder / str(step)).rename(kept)
    print(
      f"warning: the checkpoint of step {step} in {folder} is damaged and left out ({reason}); it"
      f" is kept as {kept.name}",
      file=sys.stderr,
    )
  parallel.meet("renamed")


def is_finite(tree: Any) -> bool:
  """Whether all floating-point numbers of a pytree of arrays are finite."""
  leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
  return bool(_all_finite(leaves))


@jax.jit
def _all_finite(leaves: list[Inexact[Array, "..."]]) -> Bool[Array, ""]:
  return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()
