"""The real backbone in torch: EfficientNet-Lite0 with the weights it is used with."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from kpsearch.training.backbone import open_backbone
from tests.networks import CLASSES, with_random_head

torch = pytest.importorskip("torch")

from kpsearch.training.finetuning.network import GraphNetwork  # noqa: E402  (needs torch)


@pytest.fixture(scope="module")
def lite0() -> onnx.ModelProto:
    return with_random_head(open_backbone(None, size=96).model)


def test_it_agrees_with_onnxruntime(lite0: onnx.ModelProto) -> None:
    images = np.random.default_rng(0).normal(0, 1, (3, 3, 96, 96)).astype(np.float32)
    session = onnxruntime.InferenceSession(lite0.SerializeToString())
    expected = session.run(["logits"], {"image": images})[0]
    with torch.no_grad():
        found = GraphNetwork(lite0)(torch.from_numpy(images)).numpy()
    assert found.shape == (3, CLASSES)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_its_blocks_go_to_where_its_features_branch_off_and_are_one_from_there(
    lite0: onnx.ModelProto,
) -> None:
    blocks = GraphNetwork(lite0).blocks
    convolutions = [sum(node.op_type == "Conv" for node in block.nodes) for block in blocks]
    assert convolutions == [1, 2, *[3] * 10, 2, 1 + 4 * 3 + 1, 0]
