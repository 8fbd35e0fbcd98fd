"""Any classifier in an ONNX file as a backbone: its last layer cut off, its names made ours.

This file imports ``onnx``: import it where it is needed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError

from kpsearch.embedding.session import first_line
from kpsearch.errors import UnusableModel
from kpsearch.options import EmbeddingOptions
from kpsearch.training.backbone import Backbone
from kpsearch.training.graph_edits import (
    Dims,
    Unfit,
    batch_freed,
    constants_of,
    cut,
    model_of,
    plain,
    renamed,
    shapes_of,
    standard,
)
from kpsearch.training.padding import explicitly_padded

USUAL_SIDE_PX = 224
OURS = ("image", "image_nhwc", "feature_map", "pooled_map", "features")
"""Names of tensors in the backbone that are made here."""
DENSE = ("Gemm", "MatMul")
AFTER_DENSE = ("Add", "Cast", "Flatten", "LogSoftmax", "Reshape", "Sigmoid", "Softmax", "Squeeze")
"""What may stand between the last fully connected layer and the output, where it reads one tensor
and constants."""


def read_onnx(path: str | os.PathLike[str], options: EmbeddingOptions) -> Backbone:
    """The model at ``path`` up to its features; those of ``options.output``, if it names a tensor.

    Raises `UnusableModel` for a file that is no model of one picture, with the reason.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UnusableModel(f"{path}: cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(content).hexdigest()
    try:
        model, side = without_classifier(content, options)
    except Unfit as error:
        raise UnusableModel(f"{path}: {error}") from error
    how = replace(options, size=side, layout="nchw", output=None)
    return Backbone(model, Path(path).stem, digest, how)


def without_classifier(content: bytes, options: EmbeddingOptions) -> tuple[onnx.ModelProto, int]:
    """A model from ``image`` (n, 3, s, s) to ``features`` (n, d), and s. Raises `Unfit`."""
    try:
        return _backbone_of(standard(content), options)
    except (ValueError, TypeError, KeyError, ValidationError, InferenceError) as error:
        raise Unfit(f"a damaged ONNX model: {first_line(error)}") from error


def _backbone_of(graph: onnx.GraphProto, options: EmbeddingOptions) -> tuple[onnx.ModelProto, int]:
    asked_for = [options.output] if options.output else []
    graph = plain(graph, keep=[*asked_for, *(value.name for value in graph.output)])
    picture, side, channels_first = _picture(graph, options)
    graph = batch_freed(graph, picture, _dims(side, channels_first))
    shapes = shapes_of(graph)
    features = _features(graph, shapes, options.output)
    width = _width(features, shapes[features], channels_first=channels_first)
    graph = explicitly_padded(cut(graph, features), shapes)
    if not any(picture in node.input for node in graph.node):
        raise Unfit(f"{features!r} does not depend on the picture")
    before = [] if channels_first else [_transpose()]
    after = _pooling() if len(shapes[features]) == 4 else []
    names = {
        picture: before[-1].output[0] if before else "image",
        features: after[0].input[0] if after else "features",
    }
    graph = renamed(graph, names, reserved=OURS)
    return model_of(_graph([*before, *graph.node, *after], graph, side, width)), side


def _picture(graph: onnx.GraphProto, options: EmbeddingOptions) -> tuple[str, int, bool]:
    """The name of the one input, its side in pixels, and whether channels come first."""
    constants = constants_of(graph)
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(repr(value.name) for value in inputs)
        raise Unfit(f"has {len(inputs)} inputs ({names}), not one picture")
    tensor = inputs[0].type.tensor_type
    dims = [dim.dim_value or None for dim in tensor.shape.dim]
    if len(dims) != 4 or tensor.elem_type != TensorProto.FLOAT:
        kind = TensorProto.DataType.Name(tensor.elem_type)
        raise Unfit(f"its input is {kind} {dims}, not pictures in FLOAT (float32)")
    channels_first = _channels_first(dims, options.layout)
    sides = {side for side in (dims[2:] if channels_first else dims[1:3]) if side}
    if len(sides) > 1 or not sides <= {options.size or max(sides, default=0)}:
        wanted = options.size or "one side"
        raise Unfit(f"takes pictures of {sorted(sides)} px, not squares of {wanted}")
    return inputs[0].name, max(sides, default=options.size or USUAL_SIDE_PX), channels_first


def _channels_first(dims: Dims, layout: str) -> bool:
    first, last = dims[1] in (3, None), dims[3] in (3, None)
    if layout == "auto" and (dims[1] == 3) != (dims[3] == 3):
        return dims[1] == 3
    if (layout == "nchw" and first) or (layout == "nhwc" and last):
        return layout == "nchw"
    raise Unfit(
        f"its input is {dims}, where the three channels are not those of the layout {layout}"
    )


def _dims(side: int, channels_first: bool) -> list[int | str]:
    return ["n", 3, side, side] if channels_first else ["n", side, side, 3]


def _features(graph: onnx.GraphProto, shapes: dict[str, Dims], wanted: str | None) -> str:
    """The tensor of the features: the one named, else what the last dense layer reads, else the
    last output that is a vector or, where there is none, a map.
    """
    if wanted is not None:
        if len(shapes.get(wanted, ())) not in (2, 4):
            raise Unfit(f"has no tensor {wanted!r} that is a vector or a map")
        return wanted
    outputs = [value.name for value in graph.output]
    for rank in (2, 4):
        for name in reversed(outputs):
            if len(shapes.get(name, ())) == rank:
                return _before_dense(graph, shapes, name)
    raise Unfit(f"none of its outputs {outputs} is a vector or a map; name a tensor within")


def _before_dense(graph: onnx.GraphProto, shapes: dict[str, Dims], output: str) -> str:
    """What the fully connected layer that makes an output reads; the output where none does."""
    makers = {name: node for node in graph.node for name in node.output}
    constants, name = constants_of(graph), output
    while name in makers:
        reads = [given for given in makers[name].input if given and given not in constants]
        if len(reads) != 1 or makers[name].op_type not in (*DENSE, *AFTER_DENSE):
            return output
        if makers[name].op_type in DENSE:
            return reads[0] if len(shapes.get(reads[0], ())) == 2 else output
        name = reads[0]
    return output


def _width(name: str, dims: Dims, *, channels_first: bool) -> int:
    """The number of features."""
    if dims[0] is not None:
        raise Unfit(f"makes {name!r} of {dims[0]} pictures, however many it is given")
    if not dims[1]:
        raise Unfit(f"the number of features of {name!r} cannot be told; name another tensor")
    if len(dims) == 4 and not channels_first:
        raise Unfit(f"{name!r} is a map with channels last; name a vector")
    return dims[1]


def _transpose() -> onnx.NodeProto:
    """For a model with channels last, from pictures with channels first."""
    return helper.make_node("Transpose", ["image"], ["image_nhwc"], "turn", perm=[0, 2, 3, 1])


def _pooling() -> list[onnx.NodeProto]:
    """The average of a map over all its places."""
    pool = helper.make_node("GlobalAveragePool", ["feature_map"], ["pooled_map"], "pool")
    return [pool, helper.make_node("Flatten", ["pooled_map"], ["features"], "flatten")]


def _graph(
    nodes: Sequence[onnx.NodeProto], weights: onnx.GraphProto, side: int, width: int
) -> onnx.GraphProto:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, side, side])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])
    return helper.make_graph(nodes, "backbone", [image], [features], weights.initializer)
