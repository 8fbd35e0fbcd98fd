"""Copies of the weights in training: their start and the best so far."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import Parameter

Weights = dict[str, Tensor]


def copied(parameters: Mapping[str, Parameter]) -> Weights:
    """Their values as they are now."""
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


@torch.no_grad()
def restore(parameters: Mapping[str, Parameter], weights: Weights) -> None:
    """Give parameters the values of a copy, as far as it has them."""
    for name, value in weights.items():
        parameters[name].copy_(value)
