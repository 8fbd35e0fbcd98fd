"""A classifier's ONNX graph run in torch, node by node, with its weights as parameters.

What is trained is the very graph that runs afterwards: no second description of the network, no
export. The trained weights go back into the file they came from.
"""

from __future__ import annotations

from collections import ChainMap

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from kpsearch.errors import UnusableModel
from kpsearch.training.finetuning.blocks import Block, read_graph
from kpsearch.training.finetuning.operators import run

FAST_LAYOUT = torch.channels_last
"""Of pictures and kernels in memory: depthwise convolutions take a third of the time in it."""


class GraphNetwork(torch.nn.Module):
    """A classifier from ``image``, (n, 3, h, w), to ``logits``, (n, K), both float32.

    Its parameters are the weights and biases of convolutions and of matrix products. Nothing is
    trained until `train_last` says what. Raises `UnusableModel` for a graph that is not float32.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = read_graph(model)
        self.blocks = graph.blocks
        """In the order they run; the last one is the head."""
        self._constants = {name: _tensor(value) for name, value in graph.constants.items()}
        self.weights = {
            name: torch.nn.Parameter(_trainable(name, self._constants.pop(name)))
            for name in dict.fromkeys(name for block in self.blocks for name in block.weights)
        }
        """All that can be learned, by its name in the graph."""
        self._stored = torch.nn.ParameterList(self.weights.values())
        self._last_use = {
            name: node.output[0]
            for block in self.blocks
            for node in block.nodes
            for name in node.input
        }
        self.train_last(0)

    def train_last(self, blocks: int | None) -> None:
        """Let gradients reach the head and so many blocks before it; None is all of them."""
        trained = len(self.blocks) if blocks is None else min(blocks + 1, len(self.blocks))
        self.frozen = len(self.blocks) - trained
        """Blocks that stay as they are: the first ones."""
        learned = {name for block in self.blocks[self.frozen :] for name in block.weights}
        for name, parameter in self.weights.items():
            parameter.requires_grad_(name in learned)

    def trained_parameters(self) -> dict[str, torch.nn.Parameter]:
        """Those that gradients reach, by their names in the graph."""
        return {
            name: parameter for name, parameter in self.weights.items() if parameter.requires_grad
        }

    def forward(self, image: Tensor) -> Tensor:
        """(n, K) logits of (n, 3, h, w) pictures."""
        return self.after_trunk(self.trunk(image))

    @property
    def classes(self) -> int:
        """K: the values that the head gives for a picture."""
        head = self.blocks[-1].nodes[-1]
        if head.op_type not in ("Gemm", "MatMul") or head.input[1] not in self.weights:
            raise UnusableModel("the logits are not what a fully connected layer gives")
        transposed = any(item.name == "transB" and item.i for item in head.attribute)
        return self.weights[head.input[1]].shape[0 if transposed else 1]

    @torch.no_grad()
    def trunk(self, image: Tensor) -> Tensor:
        """What the frozen blocks make of pictures: what `after_trunk` takes."""
        return self._run(self.blocks[: self.frozen], image)

    def after_trunk(self, value: Tensor) -> Tensor:
        """(n, K) logits of what the frozen blocks gave."""
        return self._run(self.blocks[self.frozen :], value)

    def _run(self, blocks: tuple[Block, ...], value: Tensor) -> Tensor:
        """The output of the last block; tensors are let go after their last use."""
        if value.ndim == 4:
            value = value.contiguous(memory_format=FAST_LAYOUT)
        for block in blocks:
            values: dict[str, Tensor] = {block.entry: value}
            known = ChainMap[str, Tensor](values, self._constants, dict(self.weights))
            for node in block.nodes:
                value = run(node, known)
                values[node.output[0]] = value
                for name in node.input:
                    if self._last_use[name] == node.output[0]:
                        values.pop(name, None)
        return value

    def with_weights(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """A copy of the model with the weights as they are now."""
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        for stored in changed.graph.initializer:
            parameter = self.weights.get(stored.name)
            if parameter is not None:
                values = parameter.detach().numpy()
                stored.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), stored.name))
        return changed


def _tensor(value: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(np.array(value))
    return tensor.contiguous(memory_format=FAST_LAYOUT) if tensor.ndim == 4 else tensor


def _trainable(name: str, value: Tensor) -> Tensor:
    if value.dtype != torch.float32:
        raise UnusableModel(f"the weights {name!r} are {value.dtype}: float32 ones can be trained")
    return value
