"""A deep model in an ONNX file, and the embedding of a picture by it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from kpsearch.embedding.model_file import read_model
from kpsearch.embedding.preprocessing import model_input
from kpsearch.embedding.session import first_line, input_of, open_session
from kpsearch.errors import ImageRejected, IndexMismatch, UnusableModel
from kpsearch.options import EmbeddingFacts, EmbeddingOptions

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import Image, ImageSize


class Embedder:
    """Turns pictures into vectors of unit length. One thread, the same vector every time."""

    def __init__(
        self, model: str | os.PathLike[str], options: EmbeddingOptions | None = None
    ) -> None:
        """Load a model and try it on a made-up picture.

        Raises `NotInstalled` without onnxruntime, `UnusableModel` for a file that is no ONNX model
        of one picture.
        """
        path, content = os.path.abspath(model), read_model(os.path.abspath(model))
        self._options = options or EmbeddingOptions()
        self._session = open_session(path, content, self._options.output)
        self._input = input_of(path, self._session, self._options)
        self._path = path
        tried = self._vector(_made_up_picture(self.size))
        if not np.isfinite(tried).all():
            raise UnusableModel(f"{path}: gives no finite numbers for an ordinary picture")
        if not tried.any():
            raise UnusableModel(f"{path}: gives nothing but zeros for an ordinary picture")
        digest = xxhash.xxh3_128_hexdigest(content)
        self.facts = EmbeddingFacts(path, digest, len(tried), self._options)

    @property
    def size(self) -> ImageSize:
        """Of the input, in pixels."""
        return self._input.size

    def embed(self, image: Image) -> npt.NDArray[np.float32]:
        """(d,) of unit length; zeros, like nothing at all, where the model gives zeros.

        Raises `ImageRejected` with ``embedding_failed`` where the model fails on this picture.
        """
        try:
            vector = self._vector(image.pixels)
        except UnusableModel as error:
            raise ImageRejected(image.path, "embedding_failed", str(error)) from error
        if len(vector) != self.facts.dimensions or not np.isfinite(vector).all():
            text = f"{self._path}: gives no {self.facts.dimensions} finite numbers for it"
            raise ImageRejected(image.path, "embedding_failed", text)
        length = float(np.linalg.norm(vector))
        return (vector / (length or 1.0)).astype(np.float32)

    def _vector(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """The model's raw answer, as one vector."""
        how, options = self._input, self._options
        batch = model_input(
            pixels, how.size, options, channels_first=how.channels_first, dtype=how.dtype
        )
        outputs = [node.name for node in self._session.get_outputs()]
        wanted = outputs if options.output is None else [options.output]
        try:
            tensors = self._session.run(wanted, {how.name: batch})
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise UnusableModel(f"{self._path}: cannot be run: {first_line(error)}") from error
        vector = pooled(tensors, channels_first=how.channels_first)
        if vector is None:
            shapes = [getattr(tensor, "shape", type(tensor).__name__) for tensor in tensors]
            text = f"gives no vector and no map of features for a picture, but {shapes}"
            raise UnusableModel(f"{self._path}: {text}")
        return vector


def pooled(tensors: Sequence[Any], *, channels_first: bool) -> npt.NDArray[np.float64] | None:
    """The last (1, d) tensor; where there is none, the last map, averaged over its places."""
    real = [t for t in tensors if isinstance(t, np.ndarray) and t.dtype.kind == "f" and t.size]
    for tensor in reversed(real):
        if tensor.ndim == 2 and tensor.shape[0] == 1:
            return np.asarray(tensor[0], np.float64)
    for tensor in reversed(real):
        if tensor.ndim == 4 and tensor.shape[0] == 1:
            places = (1, 2) if channels_first else (0, 1)
            return np.asarray(tensor[0].mean(axis=places, dtype=np.float64))
    return None


def moved(facts: EmbeddingFacts, model: str | os.PathLike[str]) -> EmbeddingFacts:
    """The facts of a model whose file is now at ``model``.

    Raises `IndexMismatch` where that is another model, `UnusableModel` where it cannot be read.
    """
    path = os.path.abspath(model)
    digest = xxhash.xxh3_128_hexdigest(read_model(path))
    if digest != facts.model_hash:
        other = "" if path == facts.model else f", by {facts.model}"
        raise IndexMismatch(
            f"{path}: not the model the index was embedded with{other}: its hash is {digest}, not "
            f"{facts.model_hash}; give that one, or make a new index"
        )
    return replace(facts, model=path)


@lru_cache(maxsize=2)
def embedder_of(facts: EmbeddingFacts, model: str | None = None) -> Embedder:
    """The embedder an index was made with, loaded once in a process.

    Its file is at ``model`` now, None for where it was. Raises `IndexMismatch` where that is
    another model.
    """
    return Embedder(moved(facts, model or facts.model).model, facts.options)


def _made_up_picture(size: ImageSize) -> npt.NDArray[np.uint8]:
    """Noise: a flat picture may rightly give zeros."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (size.height, size.width, 3), dtype=np.uint8)
