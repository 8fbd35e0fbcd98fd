"""An ONNX file opened by onnxruntime, and what its input says of the pictures it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.embedding.graph import with_output
from kpsearch.errors import NotInstalled, UnusableModel
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    from kpsearch.options import EmbeddingOptions

USUAL_SIDE_PX = 224
INPUT_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
PLACES = {"nchw": 1, "nhwc": 3}
"""Axis of the channels in each layout."""
_SILENT = 4
"""onnxruntime's log level "fatal": what goes wrong is raised, not printed as well."""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """The one input of a model of pictures."""

    name: str
    dtype: type[np.generic]
    channels_first: bool
    size: ImageSize


def open_session(path: str, content: bytes, output: str | None) -> Any:
    """The model in ``content`` on one thread, with the tensor ``output`` among its outputs.

    ``path`` names it in errors: `NotInstalled` without onnxruntime, `UnusableModel`.
    """
    try:
        session = _session(content)
    except NotInstalled:
        raise
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise UnusableModel(f"{path}: no ONNX model: {first_line(error)}") from error
    if output is None or output in {node.name for node in session.get_outputs()}:
        return session
    try:
        return _session(with_output(content, output))
    except Exception as error:
        raise UnusableModel(f"{path}: has no tensor {output!r}") from error


def _session(content: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise NotInstalled("deep embeddings need onnxruntime: kpsearch[onnx] has it") from error
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = _SILENT
    return onnxruntime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])


def input_of(path: str, session: Any, options: EmbeddingOptions) -> ModelInput:
    """The input of a model, where it takes one picture; raises `UnusableModel` where not."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(node.name for node in inputs)
        raise UnusableModel(f"{path}: has {len(inputs)} inputs ({names}), not one picture")
    node = inputs[0]
    shape = node.shape
    one = len(shape) == 4 and not (isinstance(shape[0], int) and shape[0] != 1)
    if not one or node.type not in INPUT_TYPES:
        raise UnusableModel(f"{path}: its input is {node.type} {shape}, not one picture")
    layout = _layout(path, shape, options.layout)
    sides = shape[1:3] if layout == "nhwc" else shape[2:]
    height, width = (_side(path, side, options.size) for side in sides)
    return ModelInput(node.name, INPUT_TYPES[node.type], layout == "nchw", ImageSize(width, height))


def _layout(path: str, shape: Sequence[int | str | None], wanted: str) -> str:
    fitting = [name for name, place in PLACES.items() if shape[place] == 3]
    if wanted == "auto":
        if len(fitting) != 1:
            raise UnusableModel(
                f"{path}: its input is {shape}: where are the three channels? Say so with the "
                "layout nchw or nhwc"
            )
        return fitting[0]
    if isinstance(shape[PLACES[wanted]], int) and wanted not in fitting:
        raise UnusableModel(f"{path}: its input is {shape}, not {wanted} of three channels")
    return wanted


def _side(path: str, of_model: int | str | None, wanted: int | None) -> int:
    if not isinstance(of_model, int):
        return wanted or USUAL_SIDE_PX
    if wanted not in (None, of_model):
        raise UnusableModel(f"{path}: takes pictures of {of_model} px, not {wanted}")
    return of_model


def first_line(error: Exception) -> str:
    """What an error says, without what follows in further lines."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
