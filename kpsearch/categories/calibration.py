"""What a classifier's errors were on pictures that look like queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.categories.conformal import aps_scores, least_alpha, threshold
from kpsearch.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

FEW_PICTURES = 500
"""With fewer, the coverage that is reached varies by more than a percent from one set to the next:
its standard deviation at alpha 0.05 is 0.01 (Angelopoulos & Bates 2021, section 3.2)."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The scores of the true categories of n pictures."""

    scores: npt.NDArray[np.float64]
    """(n,) rising, see `kpsearch.categories.conformal`."""
    counts: Mapping[str, int]
    """Pictures of each category; categories without any are left out."""
    source: str
    """Where the pictures were listed."""

    @classmethod
    def of(
        cls,
        probabilities: npt.NDArray[np.float64],
        truth: npt.NDArray[np.intp],
        *,
        categories: Sequence[str],
        source: str,
    ) -> Calibration:
        """From ``probabilities`` (n, c) and the number of the true category of each, (n,)."""
        scores = aps_scores(probabilities)[np.arange(len(truth)), truth]
        counts = np.bincount(truth, minlength=len(categories)).tolist()
        held = {name: n for name, n in zip(categories, counts, strict=True) if n}
        return cls(np.sort(scores), held, source)

    @property
    def n(self) -> int:
        """Pictures."""
        return len(self.scores)

    @property
    def least_alpha(self) -> float:
        """The smallest error rate it can promise."""
        return least_alpha(self.n)

    def threshold(self, alpha: float) -> float:
        """The score within which a category is in the set.

        Raises `UsageError` for an ``alpha`` that so few pictures cannot promise.
        """
        if not 0 < alpha < 1:
            raise UsageError(f"an error rate is between 0 and 1, not {alpha:g}")
        if alpha < self.least_alpha:
            raise UsageError(
                f"an error rate of {alpha:g} cannot be promised from {self.n} pictures: at least "
                f"{_rounded_up(self.least_alpha):g}, or calibrate with {round(1 / alpha)} or more"
            )
        return threshold(self.scores, alpha)


def _rounded_up(value: float) -> float:
    """To three digits, so that what is proposed is allowed."""
    step = 10.0 ** (np.floor(np.log10(value)) - 2)
    return float(min(np.ceil(value / step) * step, 1.0))
