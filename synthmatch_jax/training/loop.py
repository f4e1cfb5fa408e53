"""The one training loop."""

from pathlib import Path

from synthmatch_jax import models
from synthmatch_jax.config import Config
from synthmatch_jax.data.growing import Passes
from synthmatch_jax.training import parallel, run_log, validation
from synthmatch_jax.training import workdir as workdirs
from synthmatch_jax.training.checkpoints import Checkpoints
from synthmatch_jax.training.preemption import Preemption
from synthmatch_jax.training.progress import Progress
from synthmatch_jax.training.quiet import quiet
from synthmatch_jax.training.run import Run
from synthmatch_jax.training.trace import Trace


def train_and_evaluate(config: Config, workdir: Path) -> bool:
  """Trains a model, from the last checkpoint in `workdir` or from the start.

  After a kill the same call goes on from the last checkpoint with the same records in the same
  order, the same dropout and, on the same devices, the same numbers to the last bit. After
  SIGTERM it writes a checkpoint and returns.

  Args:
    config: See `config.base_config`.
    workdir: Gets config.json, data.json, checkpoints/, metrics.jsonl, validation.md and
      tensorboard/.

  Returns:
    Whether the run is finished; one that SIGTERM has ended is not.

  Raises:
    UserError: Something in the config, the data set or the folder does not fit; the sentence
      says what.
  """
  run = Run.open(config)
  train, total = run.config.train, run.total
  with (
    workdirs.claim(workdir),
    quiet(),
    Checkpoints(workdirs.checkpoints(workdir)) as checkpoints,
  ):
    statistics = workdirs.prepare(workdir, run.config, run.dataset).statistics
    restored = checkpoints.restore(run.wanted())
    state = restored.state if restored else run.begin()
    step = start = int(state.step)
    history = [line for line in run_log.read(workdir) if line["step"] <= start]
    if start >= total or validation.stalled(history, train.patience):
      _say(f"training is finished: {start} of {total} steps are done", checkpoints, workdir)
      return True
    _introduce(run, start=start)
    train_step, eval_step = run.train_step(statistics), run.eval_step(statistics)
    floors = validation.floor(run.dataset, statistics.controls_mean)
    passes = run.passes(workdir, start)

    with (
      run_log.MetricLog(workdir, step=start, keep=parallel.is_first()) as metric_log,
      Progress(
        step=start,
        total=total,
        batch_size=train.batch_size,
        losses=restored.losses if restored else (),
        share=run.share_of_peak(),
        silent=not parallel.is_first(),
      ) as progress,
      Trace(workdir, first_step=train.trace_at) as trace,
      Preemption() as preemption,
    ):
      batches = progress.watch(run.batches(start, passes))
      for step in range(start + 1, total + 1):
        trace.before(step)
        state, loss = train_step(state, next(batches))
        trace.after(step, loss)
        progress.add(loss)
        preempted = preemption.reached(step)
        if step % run.eval_every == 0 or step == total:
          metrics = progress.drain() | _heard(passes, step)
          metrics |= validation.evaluate(eval_step, state, run)
          checkpoints.wait()  # Two validations in the log say that a checkpoint is finished.
          history.append(metrics)
          metric_log.write(step, metrics)
          metric_log.table(step, validation.table(metrics, floors))
          checkpoints.save(state, metrics)
          progress.report(metrics)
          if validation.stalled(history, train.patience):
            break
        else:
          if step % train.log_every == 0:
            metric_log.write(step, progress.drain() | _heard(passes, step))
          if preempted or (train.save_every and step % train.save_every == 0):
            checkpoints.save(state, losses=progress.settle())
        if preempted and step < total:
          checkpoints.wait()
          _say(
            f"ended by a signal after step {step}; the same command goes on", checkpoints, workdir
          )
          return False
    checkpoints.wait()
    _say(f"trained {step} steps", checkpoints, workdir)
    return True


def _heard(passes: Passes | None, step: int) -> dict[str, float]:
  return passes.report(step) if passes else {}


def _introduce(run: Run, *, start: int) -> None:
  dataset, config = run.dataset, run.config
  sizes = ", ".join(f"{dataset.num_examples(s)} {s}" for s in dataset.sources)
  if run.live is not None:
    sizes += f"; trained on those of a build under way, {len(run.live)} so far"
  weights = models.num_params(run.wanted().params)
  devices = run.layout.mesh.devices.ravel()
  parallel.say(
    f"{dataset.name}/{dataset.version}: {sizes}\n"
    f"{config.model.name}: {weights:,} weights; {run.total} steps of {config.train.batch_size}"
    f" on {devices.size} x {devices[0].device_kind}"
    + (f", going on from step {start}" if start else "")
  )


def _say(what: str, checkpoints: Checkpoints, workdir: Path) -> None:
  found = checkpoints.best()
  best = f"; lowest validation loss {found[1]:.5f} at step {found[0]}" if found else ""
  parallel.say(f"{what}{best}; the model is in {workdir}")
