"""Edits of ONNX graphs, each a new graph from one that stays as it is.

This file imports ``onnx``: import it where it is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, inliner, numpy_helper, shape_inference, version_converter

from kpsearch.embedding.session import first_line

OPSET, IR_VERSION = 17, 9
"""Of every model that is trained here: what OpenCV 4.14 and onnxruntime 1.19 both run."""
SAME = ("Identity", "Dropout")
"""Nodes that hand on what they are given, when a network is not being trained."""
Dims = list[int | None]
"""Sides of a tensor; None is one that is not fixed."""


class Unfit(Exception):
    """A model that cannot be used as a backbone; the text says why."""


def model_of(graph: onnx.GraphProto) -> onnx.ModelProto:
    """A graph as a model of our opset, checked."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def standard(content: bytes) -> onnx.GraphProto:
    """The graph of a model file, in our opset, of standard operators in one straight line."""
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's, which has no public name
        raise Unfit("no ONNX model") from error
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise Unfit("keeps its weights in other files; save it as one file")
    try:
        _check(model)
        model = inliner.inline_local_functions(model) if model.functions else model
        if {op.version for op in model.opset_import if not op.domain} != {OPSET}:
            model = version_converter.convert_version(model, OPSET)
    except Exception as error:  # onnx's errors have no base of their own
        raise Unfit(
            f"no model of opset {OPSET}, nor to be made one: {first_line(error)}"
        ) from error
    for node in model.graph.node:
        if node.domain or any(field.HasField("g") or field.graphs for field in node.attribute):
            raise Unfit(f"has a {node.domain} {node.op_type}, which is no plain operator of ONNX")
    return model.graph


def _check(model: onnx.ModelProto) -> None:
    """Check a model but for the shapes of its outputs, which some exporters leave out."""
    outputs = list(model.graph.output)
    del model.graph.output[:]
    onnx.checker.check_model(model)
    model.graph.output.extend(outputs)


def plain(graph: onnx.GraphProto, *, keep: Collection[str]) -> onnx.GraphProto:
    """The graph with constants among its weights, and without nodes that change nothing.

    Tensors of the names ``keep`` are still made by nodes.
    """
    source: dict[str, str] = {}
    nodes, weights = [], list(graph.initializer)
    for node in graph.node:
        if node.op_type == "Constant":
            weights.append(_constant(node))
        elif node.op_type in SAME and node.output[0] not in keep:
            source[node.output[0]] = source.get(node.input[0], node.input[0])
        else:
            nodes.append(_reading(node, source))
    return helper.make_graph(nodes, graph.name, graph.input, graph.output, weights)


def _constant(node: onnx.NodeProto) -> onnx.TensorProto:
    (field,) = node.attribute
    value = helper.get_attribute_value(field)
    if not isinstance(value, TensorProto):
        kind = np.float32 if field.name.startswith("value_float") else np.int64
        return numpy_helper.from_array(np.array(value, kind), node.output[0])
    tensor = TensorProto()
    tensor.CopyFrom(value)
    tensor.name = node.output[0]
    return tensor


def batch_freed(graph: onnx.GraphProto, picture: str, dims: Sequence[int | str]) -> onnx.GraphProto:
    """The graph with an input ``picture`` of the shape ``dims``, for any number of pictures.

    Where a model was exported for a fixed number, that number stands in the shapes its tensors are
    brought to; it becomes 0, which is "as many as there are" (ONNX, Reshape).
    """
    (given,) = (value for value in graph.input if value.name == picture)
    batch = given.type.tensor_type.shape.dim[0].dim_value
    constants = constants_of(graph)
    nodes, weights = [], list(graph.initializer)
    for number, node in enumerate(graph.node):
        given_shape = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        shape = [] if given_shape is None else numpy_helper.to_array(given_shape).tolist()
        if batch and len(shape) > 1 and shape[0] == batch:
            name = f"reshape_{number}_of_any_batch"
            weights.append(numpy_helper.from_array(np.array([0, *shape[1:]], np.int64), name))
            node = _reading(node, {node.input[1]: name})
        nodes.append(node)
    image = helper.make_tensor_value_info(picture, TensorProto.FLOAT, dims)
    outputs = [helper.make_empty_tensor_value_info(value.name) for value in graph.output]
    return helper.make_graph(nodes, graph.name, [image], outputs, weights)


def constants_of(graph: onnx.GraphProto) -> Mapping[str, TensorProto]:
    """Weights and other constants by name."""
    return {tensor.name: tensor for tensor in graph.initializer}


def shapes_of(graph: onnx.GraphProto) -> dict[str, Dims]:
    """The sides of each tensor, of those whose number of sides can be inferred."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    return {
        value.name: [side.dim_value or None for side in value.type.tensor_type.shape.dim]
        for value in (*inferred.input, *inferred.value_info, *inferred.output)
        if value.type.tensor_type.HasField("shape")
    }


def cut(graph: onnx.GraphProto, tensor: str) -> onnx.GraphProto:
    """The part of a graph that a tensor follows from, which becomes its only output."""
    wanted, nodes = {tensor}, []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            nodes.append(node)
    weights = [values for values in graph.initializer if values.name in wanted]
    output = helper.make_empty_tensor_value_info(tensor)
    return helper.make_graph(nodes[::-1], graph.name, graph.input, [output], weights)


def renamed(
    graph: onnx.GraphProto, names: Mapping[str, str], *, reserved: Collection[str]
) -> onnx.GraphProto:
    """The graph with other names for some tensors; any other tensor leaves the ``reserved`` ones,
    which are at least the new ones, and gets a name of its own.
    """
    taken = {name for node in graph.node for name in (*node.input, *node.output)} - names.keys()
    every = {**{name: f"{name}_of_the_model" for name in taken.intersection(reserved)}, **names}
    found = onnx.GraphProto()
    found.CopyFrom(graph)
    for value in (*found.initializer, *found.input, *found.output):
        value.name = every.get(value.name, value.name)
    del found.node[:]
    found.node.extend(_reading(node, every) for node in graph.node)
    return found


def _reading(node: onnx.NodeProto, names: Mapping[str, str]) -> onnx.NodeProto:
    """A copy of a node with other names for what it reads and makes."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = [names.get(name, name) for name in node.input]
    copy.output[:] = [names.get(name, name) for name in node.output]
    return copy
