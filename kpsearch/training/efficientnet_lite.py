"""EfficientNet-Lite0 as an ONNX graph, from the weights of a PyTorch state dict.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
table 1, without squeeze-and-excitation and with ReLU6 for swish, which is what makes it Lite
(Renjie Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow blog, March 2020;
tensorflow/tpu: models/official/efficientnet/lite). The names in the state dict are those of
``efficientnet_pytorch`` and its ports.

This file imports ``onnx``: import it where it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kpsearch.errors import UnusableModel
from kpsearch.options import EmbeddingOptions
from kpsearch.training.graph_edits import model_of
from kpsearch.training.padding import same_padding

if TYPE_CHECKING:
    import numpy.typing as npt

NAME = "efficientnet-lite0"
SIZE_PX = 224
PREPROCESSING = EmbeddingOptions(
    size=SIZE_PX,
    crop=0.875,
    scale=1.0,
    mean=(127.0, 127.0, 127.0),
    std=(128.0, 128.0, 128.0),
    layout="nchw",
)
"""What it was trained with: tensorflow/tpu, efficientnet/lite/efficientnet_lite_builder.py."""
EPSILON = 1e-3
"""Of the batch normalisation."""


class Stage(NamedTuple):
    """Blocks in a row: the first has the stride, the others a shortcut around them."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STEM_CHANNELS = 32
STAGES = (
    Stage(blocks=1, kernel=3, stride=1, expansion=1, channels=16),
    Stage(blocks=2, kernel=3, stride=2, expansion=6, channels=24),
    Stage(blocks=2, kernel=5, stride=2, expansion=6, channels=40),
    Stage(blocks=3, kernel=3, stride=2, expansion=6, channels=80),
    Stage(blocks=3, kernel=5, stride=1, expansion=6, channels=112),
    Stage(blocks=4, kernel=5, stride=2, expansion=6, channels=192),
    Stage(blocks=1, kernel=3, stride=1, expansion=6, channels=320),
)
TOP = 1280
"""Channels of the last map, which the classifier of ImageNet reads."""
TAPPED = (11, 15)
"""Blocks whose widest maps are features as well: what is printed on a pack is more in them than in
what ImageNet asks for at the top (docs/categories.md)."""
CLASSES = 1000
"""Of ImageNet, in their usual order."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution of the state dict, the batch normalisation after it, and what it makes."""

    weights: str
    normalisation: str
    channels: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    rectified: bool = True


def lite0_graph(
    state: Mapping[str, npt.NDArray[Any]], *, size: int = SIZE_PX, logits: bool = False
) -> onnx.ModelProto:
    """The network for RGB pictures of ``size`` pixels a side, batch normalisation folded in.

    Input ``image`` (n, 3, size, size), output ``features`` (n, 3104): the averages of the maps
    within the blocks `TAPPED` and of the last map. With ``logits`` also the classifier of ImageNet,
    output ``logits`` (n, 1000), first of the two.
    Raises `UnusableModel` where the state dict is of another network.
    """
    graph = _Graph(state, size)
    graph.convolve(Convolution("_conv_stem", "_bn0", STEM_CHANNELS, kernel=3, stride=2))
    for block in _blocks():
        graph.block(*block)
    graph.convolve(Convolution("_conv_head", "_bn1", TOP))
    outputs = {"features": graph.pool()}
    if logits:
        graph.classify()
        outputs = {"logits": CLASSES, **outputs}
    return graph.model(outputs)


def _blocks() -> Iterator[tuple[list[Convolution], bool]]:
    """The inverted residual blocks: their convolutions, and whether a shortcut goes around."""
    channels, number = STEM_CHANNELS, 0
    for stage in STAGES:
        for place in range(stage.blocks):
            yield list(_block(f"_blocks.{number}", stage, channels, place)), place > 0
            channels, number = stage.channels, number + 1


def _block(prefix: str, stage: Stage, channels: int, place: int) -> Iterator[Convolution]:
    """Expand, look around in each channel by itself, project: Sandler et al., "MobileNetV2:
    Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 1.
    """
    wide = channels * stage.expansion
    stride = 1 if place else stage.stride
    if stage.expansion > 1:
        yield Convolution(f"{prefix}._expand_conv", f"{prefix}._bn0", wide)
    deep = f"{prefix}._depthwise_conv"
    yield Convolution(deep, f"{prefix}._bn1", wide, stage.kernel, stride, depthwise=True)
    project = f"{prefix}._project_conv"
    yield Convolution(project, f"{prefix}._bn2", stage.channels, rectified=False)


class _Graph:
    """The network as far as it has been built; tensors have the names of their layers."""

    def __init__(self, state: Mapping[str, npt.NDArray[Any]], size: int) -> None:
        self._state = state
        self._size = self._side = size
        self._channels, self._last = 3, "image"
        self._widths: dict[str, int] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._zero = self._constant("zero", np.array(0.0))
        self._six = self._constant("six", np.array(6.0))

    def convolve(self, layer: Convolution) -> None:
        """Add a convolution of what came last, and ReLU6 after it."""
        weights, bias = self._folded(layer)
        before, after = same_padding(self._side, layer.kernel, layer.stride)
        name = layer.weights
        given = [
            self._last,
            self._constant(f"{name}.weight", weights),
            self._constant(f"{name}.bias", bias),
        ]
        self._add(
            "Conv",
            given,
            name,
            group=self._channels if layer.depthwise else 1,
            kernel_shape=[layer.kernel] * 2,
            strides=[layer.stride] * 2,
            pads=[before, before, after, after],
        )
        self._side = -(-self._side // layer.stride)
        self._channels = layer.channels
        if layer.rectified:
            self._add("Clip", [self._last, self._zero, self._six], f"{name}.relu6")
        self._widths[self._last] = self._channels

    def block(self, layers: list[Convolution], shortcut: bool) -> None:
        """Add a block; with a ``shortcut`` what went in is added to what comes out."""
        entered = self._last
        for layer in layers:
            self.convolve(layer)
        if shortcut:
            self._add("Add", [entered, self._last], f"{layers[-1].weights}.sum")

    def pool(self) -> int:
        """Add the features, the averages over all places; returns how many they are."""
        maps = {f"_blocks.{number}._depthwise_conv.relu6": f"block{number}" for number in TAPPED}
        for tensor, name in {**maps, self._last: "top"}.items():
            self._add("GlobalAveragePool", [tensor], f"{name}.pooled")
            self._add("Flatten", [self._last], name)
        self._add("Concat", [*maps.values(), "top"], "features", axis=1)
        return TOP + sum(self._widths[tensor] for tensor in maps)

    def classify(self) -> None:
        """Add the classifier."""
        weights = self._constant("_fc.weight", self._tensor("_fc.weight", (CLASSES, TOP)))
        bias = self._constant("_fc.bias", self._tensor("_fc.bias", (CLASSES,)))
        self._add("Gemm", ["top", weights, bias], "logits", transB=1)

    def model(self, outputs: Mapping[str, int]) -> onnx.ModelProto:
        """The finished model; ``outputs`` are tensors (n, d) and their d."""
        shape: list[str | int | None] = ["n", 3, self._size, self._size]
        graph = helper.make_graph(
            self._nodes,
            NAME,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
                for name, width in outputs.items()
            ],
            self._constants,
        )
        return model_of(graph)

    def _folded(self, layer: Convolution) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Weights (c, c_in, k, k) and bias (c,) of a convolution that normalises its output."""
        each_reads = 1 if layer.depthwise else self._channels
        shape = (layer.channels, each_reads, layer.kernel, layer.kernel)
        weights = self._tensor(f"{layer.weights}.weight", shape)
        scale, shift, mean, variance = (
            self._tensor(f"{layer.normalisation}.{name}", (layer.channels,))
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + EPSILON)
        return weights * factor[:, np.newaxis, np.newaxis, np.newaxis], shift - mean * factor

    def _tensor(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        found = self._state.get(name)
        if found is None or found.shape != shape:
            what = "nothing" if found is None else f"one of {found.shape}"
            raise UnusableModel(
                f"not the weights of {NAME}: the tensor {name} should be of {shape}, it has {what}"
            )
        return found.astype(np.float64)

    def _constant(self, name: str, values: npt.NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        self._last = output
