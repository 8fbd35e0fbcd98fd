"""EfficientNet-Lite0 in ONNX against a plain forward pass, by both engines, and what it sees."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.embedding.preprocessing import model_input
from kpsearch.errors import UnusableModel
from kpsearch.training.backbone import lite0_weights
from kpsearch.training.checkpoint import read_checkpoint
from kpsearch.training.efficientnet_lite import (
    EPSILON,
    PREPROCESSING,
    STAGES,
    TAPPED,
    lite0_graph,
)
from kpsearch.training.padding import same_padding
from kpsearch.types import ImageSize
from tests.drawings import DRAWINGS


@pytest.fixture(scope="module")
def state():
    return read_checkpoint(lite0_weights()).tensors


@pytest.fixture(scope="module")
def classifier(state):
    return lite0_graph(state, logits=True)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)


def run(model: onnx.ModelProto, names: list[str], image: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(names, {"image": image})


# A plain forward pass


def convolved(x: np.ndarray, weights: np.ndarray, stride: int) -> np.ndarray:
    """A convolution with TensorFlow's padding, as a sum over the places of the kernel."""
    side, kernel = x.shape[1], weights.shape[2]
    made = -(-side // stride)
    padded = np.zeros((len(x), *[(made - 1) * stride + kernel + side] * 2))
    first = max((made - 1) * stride + kernel - side, 0) // 2
    padded[:, first : first + side, first : first + side] = x
    out = np.zeros((len(weights), made, made))
    for i, j in np.ndindex(kernel, kernel):
        seen = padded[:, i : i + made * stride : stride, j : j + made * stride : stride]
        if weights.shape[1] == 1 < len(x):
            out += weights[:, 0, i, j, None, None] * seen
        else:
            out += np.tensordot(weights[:, :, i, j], seen, 1)
    return out


class Plain:
    """The network layer by layer as its names in the state dict tell it, nothing folded."""

    def __init__(self, state):
        self._state = state

    def layer(self, x, convolution, norm, stride=1, relu=True):
        weights = self._state[f"{convolution}.weight"].astype(np.float64)
        x = convolved(x, weights, stride)
        named = ("running_mean", "running_var", "weight", "bias")
        mean, var, scale, shift = (self._state[f"{norm}.{n}"][:, None, None] for n in named)
        x = (x - mean) / np.sqrt(var.astype(np.float64) + EPSILON) * scale + shift
        return np.clip(x, 0, 6) if relu else x

    def __call__(self, x):
        x = self.layer(x, "_conv_stem", "_bn0", 2)
        seen = {}
        strides = [s.stride if n == 0 else 1 for s in STAGES for n in range(s.blocks)]
        for number, stride in enumerate(strides):
            name, entered = f"_blocks.{number}.", x
            if f"{name}_expand_conv.weight" in self._state:
                x = self.layer(x, name + "_expand_conv", name + "_bn0")
            x = self.layer(x, name + "_depthwise_conv", name + "_bn1", stride)
            seen[number] = x.mean(axis=(1, 2))
            x = self.layer(x, name + "_project_conv", name + "_bn2", relu=False)
            x = x + entered if x.shape == entered.shape else x
        top = self.layer(x, "_conv_head", "_bn1").mean(axis=(1, 2))
        logits = top @ self._state["_fc.weight"].T + self._state["_fc.bias"]
        return logits, np.concatenate([*(seen[number] for number in TAPPED), top])


@pytest.mark.parametrize("side", [33, 64])
def test_the_graph_is_the_network(state, side):
    image = noise(1, 3, side, side)
    logits, features = run(
        lite0_graph(state, size=side, logits=True), ["logits", "features"], image
    )
    want_logits, want_features = Plain(state)(image[0].astype(np.float64))
    np.testing.assert_allclose(features[0], want_features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits[0], want_logits, rtol=1e-4, atol=1e-4)


@given(side=st.integers(1, 300), kernel=st.sampled_from([1, 3, 5, 7]), stride=st.integers(1, 4))
def test_same_padding_makes_each_output_once_and_is_the_least_that_does(side, kernel, stride):
    before, after = same_padding(side, kernel, stride)
    assert 0 <= after - before <= 1
    outputs = (side + before + after - kernel) // stride + 1
    assert outputs == -(-side // stride) or kernel < stride
    if before + after:
        assert (side + before + after - 1 - kernel) // stride + 1 < outputs


# What it sees


@pytest.mark.parametrize("drawn", DRAWINGS)
def test_drawings_are_recognised(classifier, drawn):
    size = ImageSize(224, 224)
    pixels = DRAWINGS[drawn]()
    image = model_input(pixels, size, PREPROCESSING, channels_first=True, dtype=np.float32)
    assert (image.min() >= -127 / 128, image.max() <= 1) == (True, True)
    (logits,) = run(classifier, ["logits"], image)
    assert logits[0].argmax() == drawn


# The engines


def test_opencv_agrees_with_onnxruntime_in_batches_of_any_size(classifier):
    names, images = ["logits", "features"], noise(3, 3, 224, 224)
    net = cv2.dnn.readNetFromONNX(np.frombuffer(classifier.SerializeToString(), np.uint8))
    want = run(classifier, names, images)
    for count in (1, 3, 2):
        net.setInput(images[:count], "image")
        for found, wanted in zip(net.forward(names), want, strict=True):
            close = 1e-4 * np.abs(wanted).max()
            np.testing.assert_allclose(found, wanted[:count], rtol=0, atol=close)


def test_without_logits_it_is_the_same_network_without_its_classifier(state, classifier):
    backbone = lite0_graph(state)
    assert [value.name for value in backbone.graph.output] == ["features"]
    image = noise(2, 3, 224, 224)
    assert np.array_equal(*(run(m, ["features"], image)[0] for m in (backbone, classifier)))


def test_a_graph_is_the_same_bytes_every_time(state, classifier):
    again = lite0_graph(state, logits=True)
    assert again.SerializeToString(deterministic=True) == classifier.SerializeToString(
        deterministic=True
    )


# What is refused


def test_weights_of_another_network_are_refused(state):
    missing = {name: array for name, array in state.items() if name != "_blocks.3._bn2.bias"}
    with pytest.raises(UnusableModel, match=r"_blocks\.3\._bn2\.bias .* \(40,\), it has nothing"):
        lite0_graph(missing)
    wider = {**state, "_conv_stem.weight": np.zeros((40, 3, 3, 3), np.float32)}
    with pytest.raises(UnusableModel, match=r"_conv_stem.*\(32, 3, 3, 3\), it has one of \(40,"):
        lite0_graph(wider)
