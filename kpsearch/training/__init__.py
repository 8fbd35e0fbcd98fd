"""Classifiers of categories, trained: what is built here is run by `kpsearch.categories`."""

from kpsearch.training.backbone import Backbone, open_backbone
from kpsearch.training.calibrating import CalibrationReport, calibrate_categories
from kpsearch.training.card import write_card
from kpsearch.training.options import TrainingOptions
from kpsearch.training.pictures import LabelledPicture, read_labels
from kpsearch.training.report import TrainingReport
from kpsearch.training.train import train_categories

__all__ = [
    "Backbone",
    "CalibrationReport",
    "LabelledPicture",
    "TrainingOptions",
    "TrainingReport",
    "calibrate_categories",
    "open_backbone",
    "read_labels",
    "train_categories",
    "write_card",
]
