"""Convolutions that pad "the same" told how much that is.

OpenCV 5 computes such convolutions with a stride wrongly, and without a word: with the padding
written out, for the one size of picture that a backbone takes, it agrees with onnxruntime.

This file imports ``onnx``: import it where it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import helper

from kpsearch.training.graph_edits import Dims, Unfit, constants_of

PADDED = ("Conv", "MaxPool", "AveragePool")
ROW_AND_COLUMN = 2


def same_padding(side: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Pixels put before and after a side so that the output has ⌈side / stride⌉.

    An odd one goes after: TensorFlow's "SAME", ONNX's SAME_UPPER.
    """
    reach = (kernel - 1) * dilation + 1
    total = max((-(-side // stride) - 1) * stride + reach - side, 0)
    return total // 2, total - total // 2


def explicitly_padded(graph: onnx.GraphProto, shapes: Mapping[str, Dims]) -> onnx.GraphProto:
    """The graph with ``pads`` for every ``auto_pad``; raises `Unfit` where a side is not known."""
    found = onnx.GraphProto()
    found.CopyFrom(graph)
    kernels = {name: list(tensor.dims[2:]) for name, tensor in constants_of(graph).items()}
    for node in found.node:
        given = {field.name: helper.get_attribute_value(field) for field in node.attribute}
        how = given.pop("auto_pad", b"NOTSET")
        if node.op_type not in PADDED or how == b"NOTSET":
            continue
        given["pads"] = [0] * 2 * ROW_AND_COLUMN
        if how != b"VALID":
            kernel = given.get("kernel_shape") or kernels.get(node.input[1])
            upper = _pads(node.input[0], shapes, kernel, given)
            # SAME_LOWER has the odd pixel before.
            given["pads"] = upper if how == b"SAME_UPPER" else upper[2:] + upper[:2]
        del node.attribute[:]
        node.attribute.extend(helper.make_attribute(name, value) for name, value in given.items())
    return found


def _pads(
    tensor: str,
    shapes: Mapping[str, Dims],
    kernel: Sequence[int] | None,
    given: Mapping[str, Any],
) -> list[int]:
    """Before each side, then after each: of rows and columns."""
    sides = shapes.get(tensor, [])[2:]
    if kernel is None or len(sides) != ROW_AND_COLUMN or None in sides:
        raise Unfit(f"the sides of {tensor!r} cannot be told, which the padding depends on")
    ones = [1] * ROW_AND_COLUMN
    strides, dilations = given.get("strides") or ones, given.get("dilations") or ones
    columns = (map(int, filter(None, sides)), kernel, strides, dilations)
    pairs = [same_padding(*each) for each in zip(*columns, strict=True)]
    return [before for before, _ in pairs] + [after for _, after in pairs]
