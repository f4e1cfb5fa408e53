"""A head that knows several answers: conditional flow matching over the controls."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Key, PRNGKeyArray

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.models.encoder import Encoder, require_positive
from synthmatch_jax.models.head import Head, Report
from synthmatch_jax.spaces.scales import Layout

# Uniform controls have unit variance on this scale, as the noise has that they are made of.
_MIDDLE, _SCALE = 0.5, 12**0.5
_MOST_STEPS = 256
_TIMES = 32
"""Sines and cosines that stand for a time."""


class Flow(Head):
  """Draws its answers from the distribution of patches that sound alike, in place of their mean.

  A velocity carries noise at time 0 to controls at time 1 (flow matching, arXiv:2210.02747, along
  straight lines, arXiv:2209.03003), as in the best results on synthesizers (arXiv:2506.07199). Each
  parameter is a token, which looks at the others and at the tokens of the encoder; a choice is one
  token with an output for each option, of which decoding takes the largest.

  Attributes:
    flow_steps: Euler steps of an answer.
    flow_draws: Number of times and noises that each record is trained on in a step. The encoder,
      which costs the most, hears it once.
    guidance: How far an answer follows the sound: 1 is what was learned, more exaggerates it
      (classifier-free guidance, arXiv:2207.12598), at twice the cost.
    unconditional: Share of the records of which training hides the sound, for guidance.
    condition_noise: The largest standard deviation of noise that training adds to the encoder's
      tokens, which are normalised; each record draws its own.
  """

  is_drawn = True

  def __init__(
    self,
    encoder: Encoder,
    *,
    num_controls: int,
    layout: Layout = (),
    flow_width: int = 128,
    flow_depth: int = 4,
    flow_heads: int = 4,
    flow_steps: int = 8,
    flow_draws: int = 4,
    guidance: float = 1.0,
    unconditional: float = 0.1,
    condition_noise: float = 0.0,
    rngs: nnx.Rngs,
  ):
    require_positive(num_controls=num_controls, flow_steps=flow_steps, flow_draws=flow_draws)
    require_positive(flow_width=flow_width, flow_depth=flow_depth, flow_heads=flow_heads)
    if flow_width % flow_heads:
      raise ValueError(
        f"flow_heads must divide flow_width: {flow_heads} does not divide {flow_width}"
      )
    if not 0 <= unconditional < 1 or condition_noise < 0 or guidance < 0:
      raise ValueError("unconditional is a share below 1; condition_noise, guidance at least 0")
    if guidance != 1 and not unconditional:
      raise ValueError(
        "guidance needs sounds that training has hidden: raise unconditional above 0"
      )
    self.flow_steps, self.flow_draws, self.guidance = flow_steps, flow_draws, guidance
    self.unconditional, self.condition_noise = unconditional, condition_noise
    if flow_steps > _MOST_STEPS:
      raise ValueError(f"flow_steps is at most {_MOST_STEPS}, not {flow_steps}")
    widths = [width for _, width in layout] or [1] * num_controls
    if sum(widths) != num_controls:
      raise ValueError(f"the layout has {sum(widths)} controls, not {num_controls}")
    self.tokens = _ParameterTokens(widths, flow_width, rngs=rngs)
    self.condition_norm = nnx.LayerNorm(
      encoder.token_width, use_scale=False, use_bias=False, rngs=rngs
    )
    self.condition = nnx.Linear(encoder.token_width, flow_width, rngs=rngs)
    self.nothing = nnx.Param(jnp.zeros(encoder.token_width))
    self.time = nnx.List(
      [nnx.Linear(2 * _TIMES, flow_width, rngs=rngs), nnx.Linear(flow_width, flow_width, rngs=rngs)]
    )
    self.blocks = nnx.List(
      [_Block(flow_width, heads=flow_heads, rngs=rngs) for _ in range(flow_depth)]
    )
    self.norm = nnx.LayerNorm(flow_width, rngs=rngs)

  def loss(
    self, tokens: Float[Array, "b l w"], batch: Batch, key: PRNGKeyArray
  ) -> tuple[Float[Array, " b"], Report]:
    """See `Estimator.loss`; the loss is the squared error of the velocity, in units of controls.

    What cannot be heard in the target does not count, and a choice counts as much as a number. The
    report holds the squared error ("mse") of each control at the mean of the answers, which the
    velocity at time 0 tells: it compares with that of a regression.
    """
    wanted = _scaled(jnp.asarray(batch["controls"]))[:, None]
    of_noise, of_time, of_condition, of_mean = jax.random.split(key, 4)
    noise = jax.random.normal(of_noise, (len(wanted), self.flow_draws, wanted.shape[-1]))
    time = jax.random.uniform(of_time, noise.shape[:2])
    between = noise + time[..., None] * (wanted - noise)
    heard = self.tokens.spread(batch.get("heard"))
    hidden = self._hidden(self.condition_norm(tokens.astype(jnp.float32)), of_condition)
    errors = jnp.square(self._velocity(hidden)(between, time) - (wanted - noise))
    losses = (errors.mean(axis=1) * heard).sum(-1) / jnp.maximum(heard.sum(-1), 1)
    start = jax.random.normal(of_mean, wanted.shape)
    plain = self.condition_norm(tokens.astype(jnp.float32))
    mean = start + self._velocity(plain)(start, jnp.zeros(start.shape[:2]))
    return losses / _SCALE**2, {"mse": jnp.square((mean - wanted)[:, 0] / _SCALE)}

  def answers(
    self, tokens: Float[Array, "b l w"], *, keys: Key[Array, " b"], count: int
  ) -> Float[Array, "b n d"]:
    """See `Estimator.answers`; answers are drawn, and the first ones are those of a lower count."""
    tokens = self.condition_norm(tokens.astype(jnp.float32))
    velocity = self._velocity(tokens)
    nothing = jnp.broadcast_to(self.nothing[...], tokens.shape)
    without = self._velocity(nothing) if self.guidance != 1 else None
    size = self.tokens.num_controls
    draw = jax.vmap(
      lambda key, i: jax.random.normal(jax.random.fold_in(key, i), (size,)), (None, 0)
    )
    noise = jax.vmap(draw, (0, None))(keys, jnp.arange(count))

    def step(
      x: Float[Array, "b n d"], time: Float[Array, ""]
    ) -> tuple[Float[Array, "b n d"], None]:
      times = jnp.broadcast_to(time, x.shape[:2])
      towards = velocity(x, times)
      if without is not None:
        aimless = without(x, times)
        towards = aimless + self.guidance * (towards - aimless)
      return x + towards / self.flow_steps, None

    drawn, _ = jax.lax.scan(step, noise, jnp.arange(self.flow_steps) / self.flow_steps)
    return jnp.clip(drawn / _SCALE + _MIDDLE, 0.0, 1.0)

  def learning(self, tokens: Float[Array, "1 l w"]) -> Array:
    """See `Head`: a step asks for the velocity of each draw once, whatever `flow_steps` says."""
    x = jnp.zeros((1, self.flow_draws, self.tokens.num_controls))
    return self._velocity(self.condition_norm(tokens.astype(jnp.float32)))(x, x[..., 0])

  def _hidden(self, tokens: Float[Array, "b l w"], key: PRNGKeyArray) -> Float[Array, "b l w"]:
    """Makes what is heard noisy, and hides it from a share of the records."""
    of_size, of_noise, of_share = jax.random.split(key, 3)
    if self.condition_noise:
      sizes = jax.random.uniform(of_size, (len(tokens), 1, 1), maxval=self.condition_noise)
      tokens = tokens + sizes * jax.random.normal(of_noise, tokens.shape)
    is_hidden = jax.random.uniform(of_share, (len(tokens), 1, 1)) < self.unconditional
    return jnp.where(is_hidden, self.nothing[...], tokens)

  def _velocity(self, tokens: Float[Array, "b l w"]):
    """Returns the velocity, a function of controls (b n d) and times (b n), for some sounds.

    What the blocks read of the sounds is computed once, for all draws and steps.
    """
    heard = self.condition(tokens)
    keys_values = [block.hear(heard) for block in self.blocks]
    summary = heard.mean(axis=1)[:, None]

    def velocity(x: Float[Array, "b n d"], time: Float[Array, "b n"]) -> Float[Array, "b n d"]:
      angles = time[..., None] * jnp.asarray(2 ** np.linspace(0, 10, _TIMES), jnp.float32)
      waves = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
      state = self.time[1](jax.nn.silu(self.time[0](waves))) + summary
      tokens = self.tokens(x)
      for block, heard in zip(self.blocks, keys_values, strict=True):
        tokens = block(tokens, state, heard)
      return self.tokens.back(self.norm(tokens))

    return velocity


class _ParameterTokens(nnx.Module):
  """Turns controls into a token for each parameter, and tokens into controls."""

  def __init__(self, widths: Sequence[int], token_width: int, *, rngs: nnx.Rngs):
    most, starts = max(widths), np.cumsum([0, *widths[:-1]])
    outputs = np.arange(most)
    self.num_controls = int(sum(widths))
    # Which control is the k-th of a parameter; those that a narrower one does not have are masked.
    is_there = outputs < np.array(widths)[:, None]
    self._places = tuple(map(tuple, np.where(is_there, starts[:, None] + outputs, 0).tolist()))
    self._there = tuple(map(tuple, is_there.tolist()))
    self._parameter = tuple(np.repeat(np.arange(len(widths)), widths).tolist())
    shape = (len(widths), most, token_width)
    normal = nnx.initializers.normal(1.0)(rngs.params(), shape)
    self.embedding = nnx.Param(normal / np.sqrt(np.array(widths, np.float32))[:, None, None])
    self.name = nnx.Param(nnx.initializers.normal(1.0)(rngs.params(), (len(widths), token_width)))
    self.output = nnx.Param(jnp.zeros(shape))

  def __call__(self, controls: Float[Array, "b n d"]) -> Float[Array, "b n p w"]:
    """Returns the token of each parameter."""
    spread = jnp.where(np.array(self._there), controls[..., np.array(self._places)], 0)
    return jnp.einsum("bnpk,pkw->bnpw", spread, self.embedding[...]) + self.name[...]

  def back(self, tokens: Float[Array, "b n p w"]) -> Float[Array, "b n d"]:
    """Returns the controls that tokens stand for."""
    values = jnp.einsum("bnpw,pkw->bnpk", tokens, self.output[...])
    return values[..., np.array(self._there)]

  def spread(self, of_parameters: Array | np.ndarray | None) -> Float[Array, "#b d"]:
    """Shares the weight of each parameter among its controls; all weigh 1 where none is told."""
    count = len(self._there)
    weights = jnp.ones((1, count)) if of_parameters is None else jnp.asarray(of_parameters)
    parameter = np.array(self._parameter)
    return weights.astype(jnp.float32)[:, parameter] / np.bincount(parameter)[parameter]


class _Block(nnx.Module):
  """Parameters look at each other and at the sound, as the time asks (adaLN, arXiv:2212.09748)."""

  def __init__(self, width: int, *, heads: int, rngs: nnx.Rngs):
    self.heads = heads
    zeros = nnx.initializers.zeros
    self.state = nnx.Linear(width, 6 * width, kernel_init=zeros, rngs=rngs)
    self.norms = nnx.List(
      [nnx.LayerNorm(width, use_scale=k == 1, use_bias=k == 1, rngs=rngs) for k in range(3)]
    )
    self.packed = nnx.Linear(width, 3 * width, rngs=rngs)
    self.mixed = nnx.Linear(width, width, rngs=rngs)
    self.query = nnx.Linear(width, width, rngs=rngs)
    self.key_value = nnx.Linear(width, 2 * width, rngs=rngs)
    self.heard = nnx.Linear(width, width, rngs=rngs)
    self.expand = nnx.Linear(width, 4 * width, rngs=rngs)
    self.contract = nnx.Linear(4 * width, width, rngs=rngs)

  def hear(self, sounds: Float[Array, "b l w"]) -> tuple[Array, Array]:
    """Returns what is read of the sounds: keys and values, each (b l h k)."""
    key, value = jnp.split(self.key_value(sounds), 2, axis=-1)
    return self._split(key), self._split(value)

  def __call__(
    self,
    x: Float[Array, "b n p w"],
    state: Float[Array, "b n w"],
    heard: tuple[Array, Array],
  ) -> Float[Array, "b n p w"]:
    """Returns the tokens after the block."""
    batch, draws, count, width = x.shape
    modulation = self.state(jax.nn.silu(state))[:, :, None]
    shift, scale, gate, shift_2, scale_2, gate_2 = jnp.split(modulation, 6, axis=-1)
    normal = (self.norms[0](x) * (1 + scale) + shift).reshape(batch * draws, count, width)
    query, key, value = map(self._split, jnp.split(self.packed(normal), 3, axis=-1))
    looked = jax.nn.dot_product_attention(query, key, value).reshape(x.shape)
    x = x + gate * self.mixed(looked)
    query = self._split(self.query(self.norms[1](x)).reshape(batch, draws * count, width))
    looked = jax.nn.dot_product_attention(query, *heard).reshape(x.shape)
    x = x + self.heard(looked)
    normal = self.norms[2](x) * (1 + scale_2) + shift_2
    return x + gate_2 * self.contract(jax.nn.gelu(self.expand(normal)))

  def _split(self, x: Float[Array, "b m w"]) -> Float[Array, "b m h k"]:
    return x.reshape(*x.shape[:2], self.heads, -1)


def _scaled(controls: Float[Array, "b d"]) -> Float[Array, "b d"]:
  return (controls - _MIDDLE) * _SCALE
