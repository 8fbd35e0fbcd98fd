"""A classifier's graph cut into blocks, so that the last ones can be trained alone.

A graph can be cut behind a node where a single tensor goes on to the rest: between the
convolutions of a plain stack, around a residual unit but never inside it. A block begins at a cut
that weights follow, and an inverted bottleneck (1 × 1, depthwise, 1 × 1: Sandler et al., CVPR
2018, fig. 3) is one block however it is cut. EfficientNet-Lite0 has its stem, sixteen bottlenecks,
its last convolution and the head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from kpsearch.errors import UnusableModel
from kpsearch.training.finetuning.attention import is_attention

_WEIGHTS_OF = {"Conv": (1, 2), "Gemm": (1, 2), "MatMul": (0, 1)}
"""Inputs of an operator that are learned where they are constants.

Batch normalisation is not among them: it stays what it was on the backbone's own pictures.
"""


@dataclass(frozen=True, slots=True)
class Block:
    """Nodes that are trained together or not at all."""

    entry: str
    """The one tensor that it takes from what is before it."""
    nodes: tuple[onnx.NodeProto, ...]
    weights: tuple[str, ...]
    """Initializers that training may change."""


@dataclass(frozen=True, slots=True)
class ClassifierGraph:
    """What there is between ``image`` and ``logits``."""

    constants: dict[str, np.ndarray]
    blocks: tuple[Block, ...]
    """In the order they run; the last one is the head."""


def read_graph(model: onnx.ModelProto) -> ClassifierGraph:
    """The blocks of a classifier; raises `UnusableModel` where it has no image or no logits."""
    graph = model.graph
    if "image" not in {value.name for value in graph.input}:
        raise UnusableModel("the classifier's graph has no input 'image'")
    constants = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    constants |= {
        node.output[0]: numpy_helper.to_array(node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant"
    }
    nodes = _leading_to("logits", [node for node in graph.node if node.op_type != "Constant"])
    return ClassifierGraph(constants, _blocks(nodes, constants))


def _leading_to(output: str, nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    wanted, found = {output}, []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            found.append(node)
    if not found:
        raise UnusableModel(f"the classifier's graph has no output {output!r}")
    return found[::-1]


def _blocks(nodes: Sequence[onnx.NodeProto], constants: dict[str, np.ndarray]) -> tuple[Block, ...]:
    found: list[_Piece] = []
    for piece in _pieces(nodes, constants):
        if found and piece.belongs_to(found[-1]):
            found[-1] = found[-1].joined(piece)
        else:
            found.append(piece)
    return tuple(Block(piece.entry, piece.nodes, piece.weights) for piece in found)


def _pieces(nodes: Sequence[onnx.NodeProto], constants: dict[str, np.ndarray]) -> Iterable[_Piece]:
    """The nodes from each cut to the next."""
    last_use = {name: at for at, node in enumerate(nodes) for name in node.input}
    live, entry, begun = {"image"}, "image", 0
    for at, node in enumerate(nodes):
        live |= set(node.output)
        live = {name for name in live if last_use.get(name, -1) > at}
        if len(live) == 1 or at == len(nodes) - 1:
            yield _piece(entry, nodes[begun : at + 1], constants)
            entry, begun = next(iter(live), ""), at + 1


@dataclass(frozen=True, slots=True)
class _Piece:
    entry: str
    nodes: tuple[onnx.NodeProto, ...]
    weights: tuple[str, ...]
    shapes: tuple[str, ...]
    """Of its convolutions: ``pointwise``, ``depthwise`` or ``full``; ``head`` from there on."""

    def joined(self, after: _Piece) -> _Piece:
        return _Piece(
            self.entry,
            self.nodes + after.nodes,
            self.weights + after.weights,
            self.shapes + after.shapes,
        )

    def belongs_to(self, before: _Piece) -> bool:
        if "head" in before.shapes or not self.weights or not before.weights:
            return True
        return (before.shapes, self.shapes) in (
            (("pointwise",), ("depthwise",)),
            (("depthwise",), ("pointwise",)),
            (("pointwise", "depthwise"), ("pointwise",)),
        )


def _piece(entry: str, nodes: Sequence[onnx.NodeProto], constants: dict[str, np.ndarray]) -> _Piece:
    weights = tuple(name for node in nodes for name in _weights(node, constants))
    shapes = tuple(_shape(node, constants) for node in nodes if node.op_type in _WEIGHTS_OF)
    if any(is_attention(node) for node in nodes) or nodes[-1].output[0] == "logits":
        shapes = ("head",)
    return _Piece(entry, tuple(nodes), weights, shapes)


def _weights(node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> list[str]:
    places = _WEIGHTS_OF.get(node.op_type, ())
    return [name for at, name in enumerate(node.input) if at in places and name in constants]


def _shape(node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> str:
    weights = constants.get(node.input[1])
    if node.op_type != "Conv" or weights is None:
        return "full"
    if weights.shape[1] == 1 < weights.shape[0] and weights[0, 0].size > 1:
        return "depthwise"
    return "pointwise" if weights[0, 0].size == 1 else "full"
