"""The page's command at work."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]
EXAMPLES = REPO / "examples"
SECONDS = 30_000
"""What a browser waits for, in milliseconds: the machine may be busy."""


@contextlib.contextmanager
def served(workdir, folder, *flags):
  """The command at work: its process and its address; temporary files go to a folder."""
  command = [sys.executable, "-m", "synthmatch_jax.app", f"--workdir={workdir}", "--port=0", *flags]
  environment = os.environ | {"PYTHONPATH": str(REPO), "TMPDIR": str(folder)}
  with (folder / "log.txt").open("w") as log:
    process = subprocess.Popen(
      command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=REPO
    )
    try:
      assert process.stdout
      line = process.stdout.readline()
      assert line.startswith("open http://127.0.0.1:"), (folder / "log.txt").read_text()
      yield process, line.split()[1]
    finally:
      process.terminate()
      process.communicate(timeout=30)
