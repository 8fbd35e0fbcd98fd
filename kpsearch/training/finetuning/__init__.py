"""Classifiers trained further, some blocks at a time; the only part of kpsearch that uses torch."""

from kpsearch.training.finetuning.options import Augmentation, FinetuneOptions, Phase
from kpsearch.training.finetuning.outcome import Epoch, FineTuned, Sample
from kpsearch.training.finetuning.start import finetune

__all__ = [
    "Augmentation",
    "Epoch",
    "FineTuned",
    "FinetuneOptions",
    "Phase",
    "Sample",
    "finetune",
]
