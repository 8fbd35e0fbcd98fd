"""Small deep models in ONNX files: real ones, of random weights, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 24
Shape = Sequence[int | str]


def save(folder: Path, model: onnx.ModelProto, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def built(
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    outputs: Sequence[str],
    *,
    inputs: dict[str, Shape] | None = None,
    dtype: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A model of these nodes; its outputs have no shapes, as some exporters leave them."""
    given = inputs or {"image": ["n", 3, 32, 32]}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in given.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return model


def convolution(seed: int = 0, *, shape: Shape = ("n", 3, 32, 32)) -> onnx.ModelProto:
    """Two layers: a map ``map`` of `CHANNELS` features, and its average, ``vector``."""
    rng = np.random.default_rng(seed)
    weights = {
        "w1": rng.normal(0, 0.3, (CHANNELS, 3, 5, 5)).astype(np.float32),
        "w2": rng.normal(0, 0.3, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["one"], strides=[2, 2]),
        helper.make_node("Relu", ["one"], ["rectified"]),
        helper.make_node("Conv", ["rectified", "w2"], ["map"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["map"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["vector"]),
    ]
    return built(nodes, weights, ["map", "vector"], inputs={"image": shape})


def channel_means(shape: Shape, *, dtype: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """The mean of each channel: (1, 3); of any picture size that ``shape`` allows."""
    last = shape[3] == 3
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node(
            "ReduceMean", ["real"], ["v"], axes=[1, 2] if last else [2, 3], keepdims=0
        ),
    ]
    return built(nodes, {}, ["v"], inputs={"image": shape}, dtype=dtype)
