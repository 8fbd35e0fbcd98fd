"""What fine-tuning is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from kpsearch.types import Reject

if TYPE_CHECKING:
    import onnx


Judge = Callable[["onnx.ModelProto"], tuple[float, float]]
"""Validation loss and accuracy of a classifier as it is after an epoch."""


class Sample(NamedTuple):
    """A picture to learn from, or to validate with."""

    path: str
    target: int
    """Column of its class in the logits."""
    weight: float = 1.0
    """Of its loss against that of the others: below 1 where the label is a guess."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One point of the learning curves. Epoch 0 is the model as it was given."""

    number: int
    phase: int
    """Counted from 1; 0 for epoch 0."""
    blocks: int
    """That learned, the head among them."""
    rate: float
    """Learning rate at its end."""
    train_loss: float | None
    """Mean over the augmented pictures as they were learned from; None for epoch 0."""
    validation_loss: float | None
    """Mean cross-entropy in nats, at its best temperature, of the weights that would be kept;
    None without validation."""
    validation_accuracy: float | None
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class FineTuned:
    """A fine-tuned classifier and how it came about."""

    model: onnx.ModelProto
    """The graph that was given, with the best weights found."""
    curves: tuple[Epoch, ...]
    best: int
    """Number of the epoch that the weights are from."""
    rejects: tuple[Reject, ...]
    """Pictures that could not be read and were left out."""
    interrupted: bool
    """Stopped from outside: the weights are the best until then."""
