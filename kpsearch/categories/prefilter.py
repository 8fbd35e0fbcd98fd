"""The categories that a picture may be of, at a chosen error rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpsearch.categories.conformal import prediction_sets
from kpsearch.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.categories.calibration import Calibration
    from kpsearch.categories.classifier import Classifier, Prediction


def require_alpha(classifier: Classifier, alpha: float) -> Calibration:
    """The calibration; `UsageError` where there is none, or none that can promise ``alpha``."""
    calibration = classifier.calibration
    if calibration is None:
        raise UsageError(
            f"{classifier.path}: not calibrated: `kpsearch calibrate-categories MODEL QUERIES.csv` "
            "does it, with pictures that look like queries"
        )
    calibration.threshold(alpha)
    return calibration


def prediction_set(classifier: Classifier, prediction: Prediction, alpha: float) -> tuple[str, ...]:
    """The categories that hold the true one with probability 1 - ``alpha``, likeliest first.

    There is one at least. Raises as `require_alpha`.
    """
    limit = require_alpha(classifier, alpha).threshold(alpha)
    held = prediction_sets(prediction.by_category[np.newaxis], limit)[0]
    order: npt.NDArray[np.intp] = np.argsort(-prediction.by_category, kind="stable")
    return tuple(classifier.categories[i] for i in order if held[i])
