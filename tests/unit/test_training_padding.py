"""Convolutions that pad "the same", told how much that is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from onnx import helper

from kpsearch.options import EmbeddingOptions
from kpsearch.training.onnx_backbone import read_onnx
from tests.models import built, save


@pytest.mark.parametrize("how", ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])
@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_backbone_computes_what_its_model_does_in_both_engines(
    tmp_path: Path, how: str, kernel: int, stride: int
) -> None:
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(4, 3, kernel, kernel)).astype(np.float32)}
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["map"], auto_pad=how, strides=[stride] * 2),
        helper.make_node(
            "MaxPool",
            ["map"],
            ["pooled"],
            auto_pad=how,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
        ),
        helper.make_node("Relu", ["pooled"], ["rectified"]),
        helper.make_node("GlobalAveragePool", ["rectified"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["vector"]),
    ]
    path = save(tmp_path, built(nodes, weights, ["vector"], inputs={"image": ["n", 3, 32, 32]}))
    images = rng.normal(size=(2, 3, 32, 32)).astype(np.float32)
    expected = onnxruntime.InferenceSession(path).run(["vector"], {"image": images})[0]
    content = read_onnx(path, EmbeddingOptions()).model.SerializeToString()
    found = onnxruntime.InferenceSession(content).run(["features"], {"image": images})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    network.setInput(images, "image")
    np.testing.assert_allclose(network.forward(["features"])[0], expected, rtol=1e-4)
