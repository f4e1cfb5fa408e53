"""Our AST as a PyTorch model: `transformers`' ASTModel with our weights and a head like ours.

This needs `pip install -e ".[peer]"`.
"""

from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import ASTConfig, ASTModel

from synthmatch_jax.models.estimator import Estimator

GELU = {"gelu_tanh": "gelu_pytorch_tanh", "gelu_exact": "gelu"}


class TorchAST(nn.Module):
  """Computes what our AST computes with ASTModel: with our weights, and dropout where ours has it.

  Attributes:
    encoder: The ASTModel.
    head: MLP on the mean of the two class tokens, which ASTModel calls the pooled output.
  """

  def __init__(self, model: Estimator, *, dropout: float = 0.0):
    """Copies a model that has two class tokens, as ASTModel always does."""
    super().__init__()
    ours: Any = model.encoder
    head: Any = model.head
    if ours.class_tokens != 2:
      raise ValueError("ASTModel has two class tokens; ours needs class_tokens=2")
    missing = [
      (count - 1) * ours.stride + ours.patch_size - size
      for count, size in zip(ours.grid, (ours.num_frames, ours.num_bins), strict=True)
    ]
    self.padding = (0, missing[1], 0, missing[0])  # PyTorch counts from the last axis.
    blocks = ours.blocks
    activation = GELU[blocks[0].activation]
    self.encoder = ASTModel(
      ASTConfig(
        hidden_size=ours.position_embedding.shape[1],
        num_hidden_layers=len(blocks),
        num_attention_heads=blocks[0].attention.num_heads,
        intermediate_size=blocks[0].expand.out_features,
        hidden_act=activation,
        hidden_dropout_prob=dropout,
        layer_norm_eps=ours.norm.epsilon,
        patch_size=ours.patch_size,
        frequency_stride=ours.stride,
        time_stride=ours.stride,
        max_length=ours.num_frames + missing[0],
        num_mel_bins=ours.num_bins + missing[1],
      )
    )
    hidden: list[nn.Module] = []
    for layer in head.layers:
      approximate = "tanh" if activation == GELU["gelu_tanh"] else "none"
      hidden += [nn.Linear(layer.in_features, layer.out_features), nn.GELU(approximate)]
    self.head = nn.Sequential(*hidden, nn.Linear(head.output.in_features, head.output.out_features))
    with torch.no_grad():
      self._copy(ours, head)
    if dropout:
      for layer in self.encoder.layers:  # Ours has one more dropout within the MLP.
        layer.mlp.activation_fn = nn.Sequential(layer.mlp.activation_fn, nn.Dropout(dropout))

  def forward(self, mel: torch.Tensor) -> torch.Tensor:
    """Maps mels (b, t, f) to controls (b, d)."""
    return self.head(self.encoder(self.pad(mel)).pooler_output)

  def pad(self, mel: torch.Tensor) -> torch.Tensor:
    """Repeats the last frame and bin as ours does; ASTModel drops those that fill no patch."""
    return nn.functional.pad(mel, self.padding, mode="replicate")

  def _copy(self, ours: Any, head: Any) -> None:
    embeddings = self.encoder.embeddings
    embeddings.cls_token.copy_(_tensor(ours.class_embedding)[None, :1])
    embeddings.distillation_token.copy_(_tensor(ours.class_embedding)[None, 1:])
    embeddings.position_embeddings.copy_(_tensor(ours.position_embedding)[theirs(ours)])
    projection = embeddings.patch_embeddings.projection
    projection.weight.copy_(_tensor(ours.patch_embedding.kernel).permute(3, 2, 1, 0))
    projection.bias.copy_(_tensor(ours.patch_embedding.bias))
    for layer, block in zip(self.encoder.layers, ours.blocks, strict=True):
      _copy_norm(layer.layernorm_before, block.attention_norm)
      _copy_norm(layer.layernorm_after, block.mlp_norm)
      _copy_linear(layer.attention.q_proj, block.attention.query)
      _copy_linear(layer.attention.k_proj, block.attention.key)
      _copy_linear(layer.attention.v_proj, block.attention.value)
      _copy_linear(layer.attention.o_proj, block.attention.out)
      _copy_linear(layer.mlp.fc1, block.expand)
      _copy_linear(layer.mlp.fc2, block.contract)
    _copy_norm(self.encoder.layernorm, ours.norm)
    for linear, layer in zip(self.head[::2], [*head.layers, head.output], strict=True):
      _copy_linear(linear, layer)


def theirs(ours: Any) -> np.ndarray:
  """Returns our index of each of ASTModel's tokens, whose patches run through time first."""
  patches = 2 + np.arange(ours.grid[0] * ours.grid[1]).reshape(ours.grid)
  return np.concatenate([[0, 1], patches.T.reshape(-1)])


def _tensor(variable: Any) -> torch.Tensor:
  return torch.from_numpy(np.array(variable[...]))


def _copy_linear(linear: Any, ours: Any) -> None:
  """Copies a layer: (inputs, outputs), with heads apart or not, into (outputs, inputs)."""
  linear.weight.copy_(_tensor(ours.kernel).reshape(linear.weight.shape[::-1]).T)
  linear.bias.copy_(_tensor(ours.bias).reshape(-1))


def _copy_norm(norm: Any, ours: Any) -> None:
  norm.weight.copy_(_tensor(ours.scale))
  norm.bias.copy_(_tensor(ours.bias))
