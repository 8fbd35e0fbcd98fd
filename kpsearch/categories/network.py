"""An ONNX file that is run: by onnxruntime where it is installed, else by OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kpsearch.errors import UnusableModel
from kpsearch.images.stderr import captured_stderr

if TYPE_CHECKING:
    import numpy.typing as npt

INPUT = "image"
LOGITS, FEATURES = "logits", "features"


class Network(Protocol):
    """A network of pictures on one thread; safe to call from several."""

    def run(self, batch: npt.NDArray[np.float32], output: str) -> npt.NDArray[np.float32]:
        """(n, d) the tensor ``output`` of (n, 3, h, w); raises `UnusableModel`."""
        ...


def open_network(path: str, content: bytes, outputs: Sequence[str]) -> Network:
    """The network in ``content``, all of whose outputs are named.

    ``path`` names it in errors: raises `UnusableModel`.
    """
    if find_spec("onnxruntime") is not None:
        return OrtNetwork(path, content)
    return OpenCvNetwork(path, content, outputs)


class OrtNetwork:
    """By onnxruntime: the extra ``onnx``."""

    def __init__(self, path: str, content: bytes) -> None:
        from kpsearch.embedding.session import open_session

        self._path = path
        self._session = open_session(path, content, None)

    def run(self, batch: npt.NDArray[np.float32], output: str) -> npt.NDArray[np.float32]:
        """See `Network`."""
        try:
            (found,) = self._session.run([output], {INPUT: batch})
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise _failed(self._path, error) from error
        return _vectors(self._path, found, len(batch))


class OpenCvNetwork:
    """By OpenCV, which the base install has. Its nets hold the state of a run: one at a time."""

    def __init__(self, path: str, content: bytes, outputs: Sequence[str]) -> None:
        import cv2

        self._path, self._outputs, self._lock = path, tuple(outputs), Lock()
        try:
            with captured_stderr(keep_all=True):
                self._net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
        except cv2.error as error:
            text = f"{path}: no ONNX model that OpenCV runs: {_one_line(error.err)}"
            raise UnusableModel(text) from error

    def run(self, batch: npt.NDArray[np.float32], output: str) -> npt.NDArray[np.float32]:
        """See `Network`."""
        import cv2

        try:
            with self._lock, captured_stderr():
                self._net.setInput(batch, INPUT)
                # All of them: OpenCV 5 refuses to be asked for some.
                found = dict(zip(self._outputs, self._net.forward(self._outputs), strict=True))
        except cv2.error as error:
            raise _failed(self._path, error) from error
        return _vectors(self._path, found[output], len(batch))


def _failed(path: str, error: Exception) -> UnusableModel:
    return UnusableModel(f"{path}: cannot be run: {_one_line(str(error)) or type(error).__name__}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _vectors(path: str, found: object, pictures: int) -> npt.NDArray[np.float32]:
    vectors = np.array(found, np.float32)
    if vectors.ndim != 2 or len(vectors) != pictures:
        raise UnusableModel(f"{path}: gives {vectors.shape}, not a vector a picture")
    return vectors
