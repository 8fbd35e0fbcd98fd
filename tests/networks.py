"""Small classifiers as ONNX graphs, and coloured pictures for them to learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.models import Shape, built

CHANNELS = 8
CLASSES = 3
SIDE_PX = 24

Node = tuple[str, Sequence[str], str, dict[str, object]]


def classifier(
    nodes: Sequence[Node], constants: dict[str, np.ndarray], *, shape: Shape = ("n", 3, 24, 24)
) -> onnx.ModelProto:
    """A graph of (operator, inputs, output, attributes), from ``image`` to ``logits``."""
    made = [
        helper.make_node(operator, list(inputs), [output], **given)
        for operator, inputs, output, given in nodes
    ]
    return built(made, constants, ["logits"], inputs={"image": shape})


def headed(
    body: Sequence[Node], constants: dict[str, np.ndarray], *, width: int = 3, seed: int = 0
) -> onnx.ModelProto:
    """``body`` makes the map ``map`` of so many channels; pooling and a head follow."""
    rng = np.random.default_rng(seed)
    head: list[Node] = [
        ("GlobalAveragePool", ["map"], "pooled", {}),
        ("Flatten", ["pooled"], "features", {}),
        ("Gemm", ["features", "head.w", "head.b"], "logits", {"transB": 1}),
    ]
    weights = {
        "head.w": rng.normal(0, 0.5, (CLASSES, width)).astype(np.float32),
        "head.b": rng.normal(0, 0.5, CLASSES).astype(np.float32),
    }
    return classifier([*body, *head], constants | weights)


def kernels(shape: Sequence[int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.3, shape).astype(np.float32)


def bottlenecks(seed: int = 0) -> onnx.ModelProto:
    """A stem, an inverted bottleneck with a way around it, one without, and a head."""
    rng = np.random.default_rng(seed)
    nodes: list[Node] = []
    constants: dict[str, np.ndarray] = {"zero": np.float32(0), "six": np.float32(6)}

    def conv(x: str, name: str, shape: Sequence[int], *, active: bool, stride: int = 1) -> str:
        constants[name + ".w"] = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype("f4")
        constants[name + ".b"] = rng.normal(0, 0.1, shape[0]).astype(np.float32)
        given: dict[str, object] = {"strides": [stride, stride]}
        given |= {"pads": [shape[2] // 2] * 4, "group": shape[0] if shape[1] == 1 else 1}
        nodes.append(("Conv", [x, name + ".w", name + ".b"], name, given))
        if active:
            nodes.append(("Clip", [name, "zero", "six"], name + ".clip", {}))
        return name + ".clip" if active else name

    def bottleneck(x: str, name: str) -> str:
        x = conv(x, name + ".expand", (16, CHANNELS, 1, 1), active=True)
        x = conv(x, name + ".depthwise", (16, 1, 3, 3), active=True)
        return conv(x, name + ".project", (CHANNELS, 16, 1, 1), active=False)

    stem = conv("image", "stem", (CHANNELS, 3, 3, 3), active=True, stride=2)
    nodes.append(("Add", [stem, bottleneck(stem, "one")], "joined", {}))
    nodes.append(("Identity", [bottleneck("joined", "two")], "map", {}))
    return headed(nodes, constants, width=CHANNELS, seed=seed)


def half_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its weights in float16."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for value in changed.graph.initializer:
        if value.data_type == TensorProto.FLOAT:
            halved = numpy_helper.to_array(value).astype(np.float16)
            value.CopyFrom(numpy_helper.from_array(halved, value.name))
    return changed


def coloured_pictures(folder: Path, count: int, *, seed: int = 0) -> list[tuple[str, int]]:
    """PNG files with their classes: 0 is bluish, 1 greenish, 2 reddish, with much noise."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        target = number % CLASSES
        pixels = rng.integers(40, 140, (40, 48, 3))
        pixels[:, :, target] += 60
        path = folder / f"{seed}-{number}.png"
        path.write_bytes(cv2.imencode(".png", pixels.astype(np.uint8))[1].tobytes())
        made.append((str(path), target))
    return made


def with_random_head(backbone: onnx.ModelProto, *, seed: int = 0) -> onnx.ModelProto:
    """A backbone of ``features``, (n, D), with a head that knows nothing."""
    changed = onnx.ModelProto()
    changed.CopyFrom(backbone)
    width = changed.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    changed.graph.node.append(helper.make_node("Gemm", ["features", "w"], ["logits"], transB=1))
    changed.graph.initializer.append(numpy_helper.from_array(kernels((CLASSES, width), seed), "w"))
    changed.graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, None))
    return changed
