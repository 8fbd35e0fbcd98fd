"""A vector a picture, of a network trained on ImageNet, compared by cosine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.errors import ImageRejected
from kpsearch.images import read_image
from peers.peer import Query, Ranked, Setting, Unavailable, best_first, timed

SIDE_PX, CROP_PX = 256, 224
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


class Embedding:
    """The last two-dimensional output of an ONNX model that takes (n, 3, 224, 224) RGB."""

    def __init__(self, setting: Setting) -> None:
        if setting.model is None:
            raise Unavailable("no network given: --model FILE.onnx")
        try:
            import onnxruntime
        except ImportError as error:
            raise Unavailable(f"pip install onnxruntime ({error})") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            setting.model, options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name
        flat = [each for each in self.session.get_outputs() if len(each.shape) == 2]
        if not flat:
            raise Unavailable(f"{setting.model}: no output of two dimensions")
        self.output = flat[-1].name
        self.description = (
            f"onnxruntime {onnxruntime.__version__}, {setting.model.name}, "
            f"{self.output} of {flat[-1].shape[1]} numbers, cosine"
        )

    def build(self, references: Sequence[str], folder: Path) -> tuple[int, float]:
        started = time.perf_counter()
        self.references = list(references)
        self.table = np.stack([self.embed(path) for path in references])
        return self.table.nbytes, time.perf_counter() - started

    def rank(self, queries: Sequence[Query]) -> list[Ranked]:
        return [self._ranked(query.path) for query in queries]

    def _ranked(self, path: str) -> Ranked:
        with timed() as extraction:
            own = self.embed(path)
        with timed() as search:
            hits = best_first(self.references, self.table @ own)
        return Ranked(hits, extraction.spent, search.spent)

    def embed(self, path: str) -> npt.NDArray[np.float32]:
        """A vector of norm 1; of zeros for a picture that cannot be read."""
        try:
            pixels = read_image(path, colour=True, at_least_px=SIDE_PX).pixels
        except ImageRejected:
            pixels = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
        (found,) = self.session.run([self.output], {self.input: prepared(pixels)[np.newaxis]})
        return np.asarray(found[0] / max(np.linalg.norm(found[0]), 1e-12), np.float32)


def prepared(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(3, 224, 224): the middle of a BGR picture whose shorter side is made 256 px."""
    height, width = pixels.shape[:2]
    factor = SIDE_PX / min(height, width)
    size = (max(CROP_PX, round(width * factor)), max(CROP_PX, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(pixels, size, interpolation=way)
    top, left = (resized.shape[0] - CROP_PX) // 2, (resized.shape[1] - CROP_PX) // 2
    middle = resized[top : top + CROP_PX, left : left + CROP_PX, ::-1]
    return np.ascontiguousarray(((middle.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1))
