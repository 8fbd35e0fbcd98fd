"""Small classifiers in ONNX files, and pictures of categories that they can tell apart."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx

from kpsearch.categories import Calibration, ClassifierRecord, Label
from kpsearch.options import EmbeddingOptions
from kpsearch.training.assembly import with_head
from kpsearch.training.backbone import open_backbone
from kpsearch.training.head import Head
from tests.models import CHANNELS, convolution, save
from tests.textures import textured

SIDE_PX = 32
PREPROCESSING = EmbeddingOptions(size=SIDE_PX, layout="nchw")
FRUIT = (Label("fruit", "apple"), Label("fruit", "pear"), Label("milk"), Label("tea/green"))
"""Four labels in three categories."""


def backbone_file(folder: Path) -> Path:
    """A backbone of two layers of random weights, for ``--weights``."""
    return save(folder, convolution(), "backbone.onnx")


def random_head(classes: int, *, seed: int = 5) -> Head:
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 1, (classes, CHANNELS)).astype(np.float32)
    return Head(weights, rng.normal(0, 1, classes).astype(np.float32))


def classifier_model(folder: Path, labels: Sequence[Label] = FRUIT) -> onnx.ModelProto:
    """The graph of a classifier, without a record."""
    backbone = open_backbone(str(backbone_file(folder)))
    return with_head(backbone.model, random_head(len(labels)))


def record_of(labels: Sequence[Label] = FRUIT, **fields: object) -> ClassifierRecord:
    return ClassifierRecord(tuple(labels), PREPROCESSING, **fields)  # type: ignore[arg-type]


def classifier_file(
    folder: Path,
    labels: Sequence[Label] = FRUIT,
    *,
    calibration: Calibration | None = None,
    name: str = "model.onnx",
    **fields: object,
) -> Path:
    """A classifier that has learned nothing: its last layer is random."""
    record = record_of(labels, calibration=calibration, **fields)
    path = folder / name
    model = classifier_model(folder, labels).SerializeToString()
    path.write_bytes(record.written_to(model))
    return path


def even_calibration(pictures: int, categories: Iterable[str]) -> Calibration:
    """Scores spread evenly over 0 to 1, of pictures of each category in turn."""
    counts = dict.fromkeys(categories, 0)
    for number in range(pictures):
        counts[list(counts)[number % len(counts)]] += 1
    return Calibration(
        np.linspace(0, 1, pictures), {name: n for name, n in counts.items() if n}, "photos.csv"
    )


def tinted(hue: float, seed: int, side_px: int = 48) -> npt.NDArray[np.uint8]:
    """(side, side, 3) a texture in the colour ``hue``, 0 to 1: what tells categories apart."""
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.8, 1.0)
    grey = textured(seed, side_px, side_px)[:, :, np.newaxis]
    return np.asarray(grey * np.array([blue, green, red]), np.uint8)


def write_picture(path: Path, hue: float, seed: int) -> str:
    """Write a tinted PNG; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", tinted(hue, seed))[1].tobytes())
    return str(path)


def write_folders(root: Path, hues: dict[str, float], *, each: int, first: int = 0) -> Path:
    """A folder of ``each`` pictures for each category, numbered from ``first``."""
    for place, (category, hue) in enumerate(hues.items()):
        for number in range(first, first + each):
            write_picture(root / category / f"{number}.png", hue, 1000 * place + number)
    return root
