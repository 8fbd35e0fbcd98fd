"""Classifiers of pictures by their colour: real ONNX files, of weights that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from onnx import helper

from kpsearch.categories import Calibration, ClassifierRecord, Label
from kpsearch.options import EmbeddingOptions
from tests.models import built
from tests.textures import textured

COLOURS = {"Red": (0.35, 0.35, 1.0), "Green": (0.35, 1.0, 0.35), "Blue": (1.0, 0.35, 0.35)}
"""Blue, green, red, as OpenCV has it."""
SHARPNESS = 80.0
SIDE = 32


def colour_classifier(
    names: Sequence[str] = tuple(COLOURS), *, counts: Mapping[str, int] | None = None
) -> bytes:
    """The strongest of red, green and blue has the first, second and third of the ``names``.

    Further names get nothing. Calibrated on 300 pictures, or as many of each as ``counts`` says;
    not at all where those are none.
    """
    weights = np.zeros((3, len(names)), np.float32)
    weights[:, :3] = SHARPNESS * np.eye(3)
    weights[:, 3:] = -SHARPNESS
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["features"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["features", "weights"], ["logits"]),
    ]
    model = built(
        nodes,
        {"weights": weights},
        ["logits", "features"],
        inputs={"image": ["n", 3, SIDE, SIDE]},
    )
    record = ClassifierRecord(
        tuple(Label(name) for name in names),
        EmbeddingOptions(size=SIDE, crop=None, mean=(0, 0, 0), std=(1, 1, 1)),
    )
    held = dict.fromkeys(names, 300 // len(names)) if counts is None else dict(counts)
    if held:
        scores = np.linspace(0, 0.95, sum(held.values()))
        record = replace(record, calibration=Calibration(scores, held, "made up"))
    return record.written_to(model.SerializeToString())


def write_classifier(path: Path, *names: str, counts: Mapping[str, int] | None = None) -> Path:
    path.write_bytes(colour_classifier(names or tuple(COLOURS), counts=counts))
    return path


def tinted(seed: int, *colours: str, width: int = 200, height: int = 150) -> np.ndarray:
    """(h, w, 3) a texture in a colour, or in a mixture of some."""
    tint = np.max([COLOURS[colour] for colour in colours], axis=0)
    return np.asarray(textured(seed, width, height)[:, :, np.newaxis] * tint, np.uint8)


def save_picture(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path
