"""A backbone and a head as one ONNX graph.

This file imports ``onnx``: import it where it is needed.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper, numpy_helper

from kpsearch.categories import FEATURES, LOGITS
from kpsearch.training.head import Head

WEIGHTS, BIAS = "head.weight", "head.bias"


def with_head(backbone: onnx.ModelProto, head: Head) -> onnx.ModelProto:
    """The backbone with the head behind its features, which stay an output beside the logits."""
    model = onnx.ModelProto()
    model.CopyFrom(backbone)
    graph = model.graph
    graph.initializer.extend(
        [numpy_helper.from_array(head.weights, WEIGHTS), numpy_helper.from_array(head.bias, BIAS)]
    )
    graph.node.append(
        helper.make_node("Gemm", [FEATURES, WEIGHTS, BIAS], [LOGITS], LOGITS, transB=1)
    )
    shape: list[str | int | None] = ["n", len(head.bias)]
    graph.output.append(helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, shape))
    onnx.checker.check_model(model)
    return model


def without_head(classifier: onnx.ModelProto) -> onnx.ModelProto:
    """The backbone of a classifier that `with_head` made."""
    model = onnx.ModelProto()
    model.CopyFrom(classifier)
    graph = model.graph
    for kept, left_out in (
        (graph.node, {LOGITS}),
        (graph.output, {LOGITS}),
        (graph.initializer, {WEIGHTS, BIAS}),
    ):
        others = [item for item in kept if item.name not in left_out]
        del kept[:]
        kept.extend(others)
    onnx.checker.check_model(model)
    return model


def width_of(backbone: onnx.ModelProto) -> int:
    """Numbers of its feature vector."""
    (found,) = (value for value in backbone.graph.output if value.name == FEATURES)
    return int(found.type.tensor_type.shape.dim[1].dim_value)
