"""The loss that fine-tuning descends, the weights of pictures in it, and the loss that judges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn import functional

from kpsearch.training.finetuning.outcome import Sample


def picture_weights(samples: Sequence[Sample], balance: float) -> npt.NDArray[np.float32]:
    """(n,), 1 in the mean: each picture's own weight by its class's count to the −``balance``."""
    own = np.array([sample.weight for sample in samples])
    targets = np.array([sample.target for sample in samples], int)
    weights = own * np.bincount(targets)[targets] ** -float(balance)
    return np.asarray(weights / weights.mean(), np.float32)


def loss_of(logits: Tensor, targets: Tensor, weights: Tensor, *, smoothing: float) -> Tensor:
    """Cross-entropy with smoothed labels (Szegedy et al., CVPR 2016, section 7), weighted."""
    each = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
    return (each * weights).mean()


_SHARPNESS = np.geomspace(0.05, 20, 61).tolist()
"""Inverse temperatures that are tried."""


def calibrated_loss(logits: Tensor, targets: Tensor) -> float:
    """Mean cross-entropy in nats at the temperature where it is lowest (Guo et al., ICML 2017).

    Smoothed labels and more training change how sure a network is, which a temperature sets right
    afterwards; what is left is how well it ranks the classes.
    """
    return min(functional.cross_entropy(logits * by, targets).item() for by in _SHARPNESS)
