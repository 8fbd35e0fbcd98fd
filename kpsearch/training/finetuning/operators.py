"""What each ONNX operator of a plain convolutional network is in torch.

Semantics: onnx.ai/onnx/operators, opset 11 to 18, in inference form: dropout passes everything,
batch normalisation uses the statistics it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from onnx import NodeProto, helper
from torch import Tensor
from torch.nn import functional

from kpsearch.errors import UnusableModel

Inputs = Sequence[Tensor]
Given = Mapping[str, Any]
"""The attributes of a node that it states; the others have their ONNX defaults."""


def run(node: NodeProto, values: Mapping[str, Tensor]) -> Tensor:
    """The output of a node whose inputs are among ``values``.

    Raises `UnusableModel`, naming the operator, for one that training does not go through.
    """
    if node.op_type not in OPERATORS or "" in list(node.input):
        raise UnusableModel(
            f"the operator {node.op_type} (of {node.output[0]!r}) is not one that a classifier is "
            "fine-tuned through: train its head alone"
        )
    given = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    return OPERATORS[node.op_type]([values[name] for name in node.input], given)


def _conv(inputs: Inputs, given: Given) -> Tensor:
    x, weight = inputs[:2]
    padded = _padded(x, weight.shape[2:], given, 0.0)
    bias = inputs[2] if len(inputs) > 2 else None
    stride, dilation = given.get("strides", (1, 1)), given.get("dilations", (1, 1))
    return functional.conv2d(
        padded, weight, bias, stride, dilation=dilation, groups=given.get("group", 1)
    )


def _max_pool(inputs: Inputs, given: Given) -> Tensor:
    padded = _padded(inputs[0], given["kernel_shape"], given, -torch.inf)
    stride, dilation = given.get("strides", (1, 1)), given.get("dilations", (1, 1))
    return functional.max_pool2d(padded, given["kernel_shape"], stride, dilation=dilation)


def _average_pool(inputs: Inputs, given: Given) -> Tensor:
    kernel, stride = given["kernel_shape"], given.get("strides", (1, 1))
    x = inputs[0]
    total = functional.avg_pool2d(_padded(x, kernel, given, 0.0), kernel, stride)
    if given.get("count_include_pad", 0):
        return total
    inside = _padded(torch.ones_like(x[:1, :1]), kernel, given, 0.0)
    return total / functional.avg_pool2d(inside, kernel, stride)


def _padded(x: Tensor, kernel: Sequence[int], given: Given, value: float) -> Tensor:
    """``x`` with the borders that a window over it asks for."""
    if given.get("ceil_mode", 0):
        raise UnusableModel("a pooling that rounds up is not one that is fine-tuned through")
    top, left, bottom, right = _pads(x.shape[2:], kernel, given)
    if not any((top, left, bottom, right)):
        return x
    return functional.pad(x, (left, right, top, bottom), value=value)


def _pads(sides: Sequence[int], kernel: Sequence[int], given: Given) -> tuple[int, int, int, int]:
    """(top, left, bottom, right): stated, or what "same" padding comes to for these sides."""
    how = given.get("auto_pad", b"NOTSET")
    if how in (b"NOTSET", b"VALID"):
        stated = given.get("pads", (0, 0, 0, 0)) if how == b"NOTSET" else (0, 0, 0, 0)
        return tuple(stated)
    begin, end = [], []
    strides, dilations = given.get("strides", (1, 1)), given.get("dilations", (1, 1))
    for side, size, stride, dilation in zip(sides, kernel, strides, dilations, strict=True):
        missing = max((-(-side // stride) - 1) * stride + dilation * (size - 1) + 1 - side, 0)
        few, many = missing // 2, missing - missing // 2
        begin.append(few if how == b"SAME_UPPER" else many)
        end.append(many if how == b"SAME_UPPER" else few)
    return begin[0], begin[1], end[0], end[1]


def _batch_normalization(inputs: Inputs, given: Given) -> Tensor:
    x, scale, bias, mean, variance = inputs
    return functional.batch_norm(x, mean, variance, scale, bias, eps=given.get("epsilon", 1e-5))


def _gemm(inputs: Inputs, given: Given) -> Tensor:
    a: Tensor = inputs[0].T if given.get("transA", 0) else inputs[0]
    b: Tensor = inputs[1].T if given.get("transB", 0) else inputs[1]
    product = (a @ b) * float(given.get("alpha", 1.0))
    return product + inputs[2] * float(given.get("beta", 1.0)) if len(inputs) > 2 else product


def _clip(inputs: Inputs, given: Given) -> Tensor:
    lower, upper = (*inputs[1:], None, None)[:2]
    floor = given.get("min", -torch.inf) if lower is None else float(lower)
    ceiling = given.get("max", torch.inf) if upper is None else float(upper)
    return functional.hardtanh(inputs[0], floor, ceiling)  # clamp, with a faster gradient


def _flatten(inputs: Inputs, given: Given) -> Tensor:
    axis = given.get("axis", 1)
    return inputs[0].reshape(*inputs[0].shape[:axis], -1) if axis else inputs[0].reshape(1, -1)


def _reshape(inputs: Inputs, given: Given) -> Tensor:
    x, wanted = inputs
    shape = [int(side) for side in wanted]
    if not given.get("allowzero", 0):
        shape = [side or x.shape[axis] for axis, side in enumerate(shape)]
    return x.reshape(shape)


def _axes(inputs: Inputs, given: Given) -> list[int]:
    """Stated as an attribute, as older opsets do, or as a second input."""
    return [int(axis) for axis in (inputs[1] if len(inputs) > 1 else given.get("axes", ()))]


def _squeeze(inputs: Inputs, given: Given) -> Tensor:
    axes = _axes(inputs, given)
    return inputs[0].squeeze(tuple(axes)) if axes else inputs[0].squeeze()


def _unsqueeze(inputs: Inputs, given: Given) -> Tensor:
    x, axes = inputs[0], _axes(inputs, given)
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _reduce_mean(inputs: Inputs, given: Given) -> Tensor:
    axes = _axes(inputs, given) or list(range(inputs[0].ndim))
    return inputs[0].mean(axes, keepdim=bool(given.get("keepdims", 1)))


def _hard_sigmoid(inputs: Inputs, given: Given) -> Tensor:
    slope, middle = given.get("alpha", 0.2), given.get("beta", 0.5)
    return (inputs[0] * float(slope) + float(middle)).clamp(0, 1)


def _gather(inputs: Inputs, given: Given) -> Tensor:
    x, where, axis = inputs[0], inputs[1], given.get("axis", 0) % inputs[0].ndim
    found = x.index_select(axis, where.reshape(-1) % x.shape[axis])
    return found.reshape([*x.shape[:axis], *where.shape, *x.shape[axis + 1 :]])


OPERATORS: dict[str, Callable[[Inputs, Given], Tensor]] = {
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Clip": _clip,
    "Concat": lambda inputs, given: torch.cat(list(inputs), given["axis"]),
    "Conv": _conv,
    "Div": lambda inputs, _: inputs[0] / inputs[1],
    "Dropout": lambda inputs, _: inputs[0],
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda inputs, _: inputs[0].mean((2, 3), keepdim=True),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda inputs, _: functional.hardswish(inputs[0]),
    "Identity": lambda inputs, _: inputs[0],
    "MatMul": lambda inputs, _: inputs[0] @ inputs[1],
    "MaxPool": _max_pool,
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "ReduceMean": _reduce_mean,
    "Relu": lambda inputs, _: inputs[0].relu(),
    "Reshape": _reshape,
    "Shape": lambda inputs, _: torch.tensor(inputs[0].shape),
    "Sigmoid": lambda inputs, _: inputs[0].sigmoid(),
    "Squeeze": _squeeze,
    "Sub": lambda inputs, _: inputs[0] - inputs[1],
    "Transpose": lambda inputs, given: inputs[0].permute(*given["perm"]),
    "Unsqueeze": _unsqueeze,
}
"""A further operator is one line here."""
