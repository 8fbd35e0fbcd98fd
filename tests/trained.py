"""A classifier trained on a few pictures, for the tests of what follows a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kpsearch.training import (
    LabelledPicture,
    TrainingOptions,
    TrainingReport,
    read_labels,
    train_categories,
    write_card,
)
from kpsearch.training.plots import write_plots
from tests.built_classifiers import backbone_file, write_folders, write_picture

HUES = {"blue": 0.62, "green": 0.33, "red": 0.0}
EACH = 8
"""Labelled pictures of each category; beside them lie a bad one and six without a label."""
OTHERS = 6


@dataclass(frozen=True)
class Trained:
    """A folder with ``m.onnx``, its ``pictures``, and ``queries`` that are others."""

    folder: Path
    options: TrainingOptions
    pictures: Sequence[LabelledPicture]
    report: TrainingReport

    @property
    def model(self) -> Path:
        return self.folder / "m.onnx"

    def queries(self) -> tuple[LabelledPicture, ...]:
        return read_labels(str(self.folder / "queries"))


def trained(folder: Path) -> Trained:
    write_folders(folder / "pictures", HUES, each=EACH)
    (folder / "pictures" / "red" / "bad.png").write_bytes(b"none")
    write_folders(folder / "queries", HUES, each=12, first=100)
    hues = list(HUES.values())
    others = [
        write_picture(folder / "more" / f"u{n}.png", hues[n % 3], 500 + n) for n in range(OTHERS)
    ]
    options = TrainingOptions(weights=str(backbone_file(folder)))
    pictures = [
        *read_labels(str(folder / "pictures")),
        *(LabelledPicture(path, None) for path in others),
    ]
    report = train_categories(pictures, folder / "m.onnx", options)
    write_plots(folder / "m.onnx", report)
    write_card(folder / "m.onnx")
    return Trained(folder, options, pictures, report)
