"""Spatial attention before the pooling: which places of the picture the features are taken from.

The spatial half of CBAM (Woo et al., ECCV 2018, eq. 5) reduced to one 1 × 1 convolution, as in
the attention that DELF pools by (Noh et al., ICCV 2017, eq. 1): F' = 2 · σ(w · F + b) · F. With w
and b zero it changes nothing, so a head trained without it stays right when it is put in.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from kpsearch.errors import UnusableModel

_PREFIX = "attention."


def is_attention(node: onnx.NodeProto) -> bool:
    """Whether the node was put in by `with_attention`."""
    return bool(node.name.startswith(_PREFIX))


def with_attention(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with an attention that changes nothing yet before its last global average pool.

    Raises `UnusableModel` where it has no such pool, or the pooled map has no known depth.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    nodes = list(changed.graph.node)
    pools = [at for at, node in enumerate(nodes) if node.op_type == "GlobalAveragePool"]
    if not pools:
        raise UnusableModel("attention goes before a global average pool: the model has none")
    pool = nodes[pools[-1]]
    pooled = pool.input[0]
    added = _attention(pooled)
    pool.input[0] = added[-1].output[0]
    del changed.graph.node[:]
    changed.graph.node.extend([*nodes[: pools[-1]], *added, *nodes[pools[-1] :]])
    changed.graph.initializer.extend(_initial(_width(model, pooled)))
    return changed


def _attention(features: str) -> list[onnx.NodeProto]:
    steps = [
        ("Conv", [features, _PREFIX + "weight", _PREFIX + "bias"], "logit"),
        ("Sigmoid", [_PREFIX + "logit"], "share"),
        ("Mul", [_PREFIX + "share", _PREFIX + "two"], "map"),
        ("Mul", [features, _PREFIX + "map"], "features"),
    ]
    return [
        helper.make_node(operator, inputs, [_PREFIX + output], name=_PREFIX + output)
        for operator, inputs, output in steps
    ]


def _initial(channels: int) -> list[onnx.TensorProto]:
    return [
        numpy_helper.from_array(np.zeros((1, channels, 1, 1), np.float32), _PREFIX + "weight"),
        numpy_helper.from_array(np.zeros(1, np.float32), _PREFIX + "bias"),
        numpy_helper.from_array(np.array(2, np.float32), _PREFIX + "two"),
    ]


def _width(model: onnx.ModelProto, value: str) -> int:
    """Channels of a map within the graph."""
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    for known in inferred:
        sides = known.type.tensor_type.shape.dim
        if known.name == value and len(sides) == 4 and sides[1].dim_value:
            return int(sides[1].dim_value)
    raise UnusableModel(f"attention goes to the map {value!r}, whose channels cannot be counted")
