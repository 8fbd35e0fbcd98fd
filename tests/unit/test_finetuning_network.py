"""A graph in torch is the graph in onnxruntime, and comes back as a graph."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from kpsearch.errors import UnusableModel
from kpsearch.training.finetuning.attention import with_attention
from kpsearch.training.finetuning.blocks import read_graph
from tests import networks
from tests.networks import Node, kernels

torch = pytest.importorskip("torch")

from kpsearch.training.finetuning.network import GraphNetwork  # noqa: E402  (needs torch)

IMAGES = np.random.default_rng(5).normal(0, 1, (2, 3, 24, 24)).astype(np.float32)


def by_onnxruntime(model: onnx.ModelProto, images: np.ndarray = IMAGES) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(["logits"], {"image": images})[0]


def by_torch(model: onnx.ModelProto, images: np.ndarray = IMAGES) -> np.ndarray:
    with torch.no_grad():
        return GraphNetwork(model)(torch.from_numpy(images)).numpy()


def conv(**given: object) -> list[Node]:
    return [("Conv", ["image", "w"], "map", given)]


def pool(operator: str, **given: object) -> list[Node]:
    return [(operator, ["image"], "map", given)]


def unary(operator: str, *inputs: str, **given: object) -> list[Node]:
    return [(operator, ["image", *inputs], "map", given)]


W3, W9 = kernels((3, 3, 3, 3)), kernels((9, 1, 3, 3))
AXES = np.array([0], np.int64)
SMALL: dict[str, tuple[list[Node], dict[str, np.ndarray], int]] = {
    "conv": (conv(), {"w": W3}, 3),
    "strides": (conv(strides=[2, 1]), {"w": W3}, 3),
    "pads": (conv(pads=[1, 0, 2, 1]), {"w": W3}, 3),
    "dilations": (conv(dilations=[2, 3], pads=[1, 1, 1, 1]), {"w": W3}, 3),
    "same upper": (conv(auto_pad="SAME_UPPER", strides=[2, 2]), {"w": W3}, 3),
    "same lower": (conv(auto_pad="SAME_LOWER", strides=[2, 2]), {"w": W3}, 3),
    "valid": (conv(auto_pad="VALID"), {"w": W3}, 3),
    "groups": (conv(group=3), {"w": W9}, 9),
    "max pool": (pool("MaxPool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]), {}, 3),
    "average pool": (pool("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 0, 1]), {}, 3),
    "average with borders": (
        pool("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 0, 1], count_include_pad=1),
        {},
        3,
    ),
    "relu": (unary("Relu"), {}, 3),
    "sigmoid": (unary("Sigmoid"), {}, 3),
    "hard sigmoid": (unary("HardSigmoid", alpha=0.3), {}, 3),
    "hard swish": (unary("HardSwish"), {}, 3),
    "clip": (unary("Clip", "a", "b"), {"a": np.float32(-0.5), "b": np.float32(0.5)}, 3),
    "clip from below": (unary("Clip", "a"), {"a": np.float32(-0.5)}, 3),
    "identity": (unary("Identity"), {}, 3),
    "dropout": (unary("Dropout"), {}, 3),
    "add": (unary("Add", "w"), {"w": kernels((3, 1, 1))}, 3),
    "sub": (unary("Sub", "w"), {"w": kernels((3, 1, 1))}, 3),
    "mul": (unary("Mul", "w"), {"w": kernels((3, 1, 1))}, 3),
    "div": (unary("Div", "w"), {"w": kernels((3, 1, 1))}, 3),
    "gather": (unary("Gather", "i", axis=1), {"i": np.array([2, -3], np.int64)}, 2),
    "reduce mean": (unary("ReduceMean", axes=[2], keepdims=1), {}, 3),
    "transpose": (unary("Transpose", perm=[0, 1, 3, 2]), {}, 3),
    "batch normalization": (
        unary("BatchNormalization", "s", "b", "m", "v", epsilon=1e-3),
        {"s": kernels([3]), "b": kernels([3], 1), "m": kernels([3], 2), "v": kernels([3], 3) ** 2},
        3,
    ),
    "concat": (
        [("Relu", ["image"], "r", {}), ("Concat", ["image", "r"], "map", {"axis": 1})],
        {},
        6,
    ),
    "squeeze, unsqueeze": (
        [("Unsqueeze", ["image", "axes"], "u", {}), ("Squeeze", ["u", "axes"], "map", {})],
        {"axes": AXES},
        3,
    ),
    "reshape": (
        [("Reshape", ["image", "shape"], "map", {})],
        {"shape": np.array([0, 6, -1, 24], np.int64)},
        6,
    ),
}


@pytest.mark.parametrize("case", SMALL)
def test_each_operator_does_what_onnxruntime_does(case: str) -> None:
    nodes, constants, width = SMALL[case]
    model = networks.headed(nodes, constants, width=width)
    np.testing.assert_allclose(by_torch(model), by_onnxruntime(model), atol=1e-5, rtol=1e-4)


def test_a_head_may_be_a_plain_product_or_untransposed() -> None:
    flat: Node = ("Flatten", ["image"], "features", {})
    weights = {"w": kernels((3 * 24 * 24, 3)), "b": kernels((1, 3))}
    for head in (
        ("MatMul", ["features", "w"], "logits", {}),
        ("Gemm", ["features", "w", "b"], "logits", {"alpha": 0.5, "beta": 2.0}),
    ):
        model = networks.classifier([flat, head], weights)
        np.testing.assert_allclose(by_torch(model), by_onnxruntime(model), atol=1e-3, rtol=1e-4)
        assert GraphNetwork(model).classes == 3


def test_an_exported_flattening_by_shape_runs() -> None:
    nodes: list[Node] = [
        ("Shape", ["image"], "shape", {}),
        ("Gather", ["shape", "zero"], "n", {}),
        ("Unsqueeze", ["n", "axes"], "rows", {}),
        ("Concat", ["rows", "rest"], "wanted", {"axis": 0}),
        ("Reshape", ["image", "wanted"], "flat", {}),
        ("MatMul", ["flat", "w"], "logits", {}),
    ]
    integers = {"zero": np.array(0), "axes": AXES, "rest": np.array([-1])}
    model = networks.classifier(nodes, {**integers, "w": kernels((3 * 24 * 24, 3))})
    np.testing.assert_allclose(by_torch(model), by_onnxruntime(model), atol=1e-3, rtol=1e-4)


def test_an_unknown_operator_is_named() -> None:
    model = networks.headed([("Erf", ["image"], "map", {})], {})
    with pytest.raises(UnusableModel, match="Erf"):
        by_torch(model)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(UnusableModel, match="float16"):
        GraphNetwork(networks.half_precision(networks.bottlenecks()))
    renamed = networks.bottlenecks()
    renamed.graph.node[-1].output[0] = "scores"
    with pytest.raises(UnusableModel, match="logits"):
        GraphNetwork(renamed)
    headless = networks.classifier([("Flatten", ["image"], "logits", {})], {})
    with pytest.raises(UnusableModel, match="fully connected"):
        _ = GraphNetwork(headless).classes


def test_blocks_are_cut_around_bottlenecks() -> None:
    blocks = read_graph(networks.bottlenecks()).blocks
    assert [block.entry for block in blocks] == ["image", "stem.clip", "joined", "features"]
    assert [len(block.weights) for block in blocks] == [2, 6, 6, 2]


def test_a_plain_stack_has_a_block_for_each_convolution() -> None:
    nodes: list[Node] = [
        ("Conv", ["image", "one"], "a", {}),
        ("Relu", ["a"], "b", {}),
        ("MaxPool", ["b"], "c", {"kernel_shape": [2, 2]}),
        ("Conv", ["c", "two"], "map", {}),
    ]
    model = networks.headed(nodes, {"one": W3, "two": W3})
    assert [block.weights for block in read_graph(model).blocks] == [
        ("one",),
        ("two",),
        ("head.w", "head.b"),
    ]


@pytest.mark.parametrize("last", [0, 1, 2, 3, None])
def test_trunk_and_rest_are_the_whole(last: int | None) -> None:
    network = GraphNetwork(networks.bottlenecks())
    images = torch.from_numpy(IMAGES)
    network.train_last(last)
    trunk = network.trunk(images)
    assert not trunk.requires_grad
    assert torch.allclose(network.after_trunk(trunk), network(images))
    learned = 4 if last is None else min(last + 1, 4)
    assert len(network.blocks) - network.frozen == learned


def test_gradients_reach_the_last_blocks_only() -> None:
    network = GraphNetwork(networks.bottlenecks())
    network.train_last(1)
    network(torch.from_numpy(IMAGES)).square().sum().backward()
    moved = {name for name, weights in network.weights.items() if weights.grad is not None}
    assert moved == set(network.trained_parameters())
    assert all(name.startswith(("two", "head")) for name in moved)


def test_batch_normalization_is_not_learned() -> None:
    nodes, constants, _ = SMALL["batch normalization"]
    network = GraphNetwork(networks.headed(nodes, constants))
    assert set(network.weights) == {"head.w", "head.b"}


def test_changed_weights_go_back_into_the_graph() -> None:
    model = networks.bottlenecks()
    before = model.SerializeToString()
    network = GraphNetwork(model)
    with torch.no_grad():
        for weights in network.weights.values():
            weights.mul_(1.1)
        changed = network.with_weights(model)
        expected = network(torch.from_numpy(IMAGES)).numpy()
    np.testing.assert_allclose(by_onnxruntime(changed), expected, atol=1e-5, rtol=1e-4)
    assert model.SerializeToString() == before


def test_untouched_weights_come_back_to_the_bit() -> None:
    model = networks.bottlenecks()
    again = GraphNetwork(model).with_weights(model)
    for old, new in zip(model.graph.initializer, again.graph.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(old), numpy_helper.to_array(new))


def test_attention_changes_nothing_at_first() -> None:
    model = networks.bottlenecks()
    attentive = with_attention(model)
    np.testing.assert_array_equal(by_onnxruntime(attentive), by_onnxruntime(model))


def test_attention_is_learned_with_the_head() -> None:
    network = GraphNetwork(with_attention(networks.bottlenecks()))
    network.train_last(0)
    assert set(network.trained_parameters()) == {
        "attention.weight",
        "attention.bias",
        "head.w",
        "head.b",
    }
    network(torch.from_numpy(IMAGES)).square().sum().backward()
    assert float(network.weights["attention.weight"].grad.abs().max()) > 0


def test_attention_needs_a_pool_of_a_known_map() -> None:
    flat = networks.classifier(
        [("Flatten", ["image"], "f", {}), ("MatMul", ["f", "w"], "logits", {})],
        {"w": kernels((3 * 24 * 24, 3))},
    )
    with pytest.raises(UnusableModel, match="average pool"):
        with_attention(flat)
