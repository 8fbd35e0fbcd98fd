"""Options of fine-tuning; their values are stored with the classifier that is made."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from kpsearch.errors import UsageError


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the training in which one share of the network learns."""

    blocks: int | None
    """Blocks before the head that learn with it, the last ones; None is the whole network."""
    epochs: int
    """At most; the phase ends earlier where validation stops improving."""
    rate: float
    """Peak learning rate: it rises linearly, then falls along a half cosine."""

    def __post_init__(self) -> None:
        if (self.blocks is not None and self.blocks < 0) or self.epochs < 1:
            raise UsageError(f"a phase of {self.epochs} epochs on {self.blocks} blocks trains none")
        if not 0 < self.rate < inf:
            raise UsageError(f"nothing learns at a rate of {self.rate:g}")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far pictures are changed; each change is drawn between none and what is said here."""

    flip: bool = True
    """Mirror half of the pictures. Off where what is printed on a thing, or its side, matters."""
    rotation_deg: float = 15.0
    smallest_area: float = 0.4
    """Share of the picture that a crop keeps at least."""
    aspect: float = 4 / 3
    """Of a crop, at most; its inverse at least."""
    perspective: float = 0.06
    """Shift of a crop's corner, as a share of its sides."""
    brightness: float = 0.25
    contrast: float = 0.25
    saturation: float = 0.25
    """Shares by which these three grow or shrink."""
    hue_deg: float = 8.0
    blur: float = 0.2
    """Share of the pictures that are blurred, by a Gaussian of up to 2 px."""
    jpeg: float = 0.2
    """Share that is compressed again, at a quality of 30 to 90."""

    def __post_init__(self) -> None:
        shares = (self.brightness, self.contrast, self.saturation, self.blur, self.jpeg)
        if not all(0 <= share <= 1 for share in shares):
            raise UsageError("pictures are augmented by shares from 0 to 1")
        if not 0 < self.smallest_area <= 1 or self.aspect < 1 or not 0 <= self.perspective < 0.5:
            raise UsageError("a crop keeps an area of 0 to 1, an aspect from 1 and its corners")


@dataclass(frozen=True, slots=True)
class FinetuneOptions:
    """How a classifier is trained further."""

    phases: tuple[Phase, ...] = (Phase(2, 2, 0.02), Phase(5, 10, 0.02))
    """Gradual unfreezing: each phase goes on from the best weights of the one before. Of
    EfficientNet-Lite0, all from where its features branch off is one block, the last but the head;
    the blocks before those that learn run once for each version of a picture."""
    attention: bool = False
    """Put a spatial attention before the pooling, to be learned with the head."""
    batch: int = 32
    momentum: float = 0.9
    weight_decay: float = 1e-4
    """Pull of the weights, not the biases, towards their start (L2-SP)."""
    warm_up: float = 0.1
    """Share of a phase's steps in which the rate rises."""
    label_smoothing: float = 0.1
    clip_norm: float = 1.0
    """Longest gradient, as a vector of all trained weights; longer ones are shortened to it."""
    balance: float = 0.0
    """0 counts every picture the same, 1 every class; 0.5 lies between."""
    patience: int | None = 4
    """Epochs without a better validation loss before a phase ends, and the best weights are kept;
    those of the start are not among them. None trains to the end and keeps the last."""
    augmentation: Augmentation = Augmentation()
    versions: int = 10
    """Augmented ones of a picture; epochs go through them in turn. What the frozen blocks make of
    one is computed once a phase."""
    memory_bytes: int = 2 * 2**30
    """At most, once for decoded pictures and once for what the frozen blocks made of them; as
    much again for validation."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.phases or self.batch < 1 or self.versions < 1:
            raise UsageError("fine-tuning needs a phase, a batch and a version, 1 at least")
        if self.patience is not None and self.patience < 1:
            raise UsageError(f"no training waits {self.patience} epochs for a better one")
        shares = (self.momentum, self.warm_up, self.label_smoothing)
        if not all(0 <= share < 1 for share in shares) or not 0 <= self.balance <= 1:
            raise UsageError("momentum, warm-up and smoothing are from 0 to below 1, balance to 1")
        if not self.clip_norm > 0 or not self.weight_decay >= 0:
            raise UsageError("gradients are clipped at lengths above 0, and decay is not negative")
