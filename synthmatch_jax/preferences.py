"""Analyses a listening test: `python -m synthmatch_jax.preferences ANSWERS.json... --key=K`.

It takes the files that listeners saved, and the key that was written with the test's page. For
every pair of rows it prints how often one was found nearer to the target than the other, with the
exact 95 % interval and the p-value of a binomial test. Ties are counted and left out.
"""

from collections.abc import Sequence

from synthmatch_jax import cli
from synthmatch_jax.errors import UserError

_KEY = cli.define_path(
  "key", None, "The file listening_test_key.json of the test that was taken.", required=True
)


def main(arguments: Sequence[str]) -> None:
  """Prints the table."""
  if not arguments:
    raise UserError("name the files of answers: preferences answers_*.json --key=KEY.json")
  for path in (*cli.paths(arguments), _KEY.value):
    if not path.is_file():
      raise UserError(f"there is no file {path}: check the path")
  # This stands here so that a mistyped flag is answered at once.
  from synthmatch_jax.evaluation import listeners

  found, sessions = listeners.analyse(cli.paths(arguments), key=_KEY.value)
  print(listeners.markdown(found))
  heard = sum(p.wins + p.losses + p.ties for p in found)
  print(
    f"{heard} answers of {sessions} listener{'' if sessions == 1 else 's'}; ties are left out of"
    " the rate, and p is not corrected for the number of pairs."
  )


if __name__ == "__main__":
  cli.run(main)
