"""The category of a picture: a classifier in an ONNX file, and sets with a chosen error rate."""

from kpsearch.categories.calibration import Calibration
from kpsearch.categories.classifier import (
    Classifier,
    Prediction,
    classifier_at,
    classifier_of,
    softmax,
)
from kpsearch.categories.conformal import aps_scores, prediction_sets, threshold
from kpsearch.categories.labels import Label, categories_of, related
from kpsearch.categories.network import FEATURES, LOGITS, Network, open_network
from kpsearch.categories.prefilter import prediction_set, require_alpha
from kpsearch.categories.record import ClassifierRecord
from kpsearch.categories.views import VIEWS, views_of

__all__ = [
    "FEATURES",
    "LOGITS",
    "VIEWS",
    "Calibration",
    "Classifier",
    "ClassifierRecord",
    "Label",
    "Network",
    "Prediction",
    "aps_scores",
    "categories_of",
    "classifier_at",
    "classifier_of",
    "open_network",
    "prediction_set",
    "prediction_sets",
    "related",
    "require_alpha",
    "softmax",
    "threshold",
    "views_of",
]
