"""How a classifier is trained; the values are stored with it."""

from __future__ import annotations

from dataclasses import dataclass

from kpsearch.categories import VIEWS
from kpsearch.errors import UsageError
from kpsearch.options import EmbeddingOptions


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a classifier is made of labelled pictures."""

    weights: str | None = None
    """The backbone, see `kpsearch.training.open_backbone`; None is EfficientNet-Lite0."""
    preprocessing: EmbeddingOptions | None = None
    """What the backbone wants to see; None is what it was trained with."""
    size: int | None = None
    """Sides in pixels of its input; None is its own."""
    views: tuple[float, ...] = VIEWS
    """Shares of the shorter side of a picture that are looked at, and averaged."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.views or not all(0 < share <= 1 for share in self.views):
            raise UsageError(f"a view shows a share of the picture, above 0 to 1, not {self.views}")
