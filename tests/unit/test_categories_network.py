"""Networks of pictures by onnxruntime and by OpenCV: the same numbers, and errors with a name."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from kpsearch.categories import FEATURES, LOGITS, open_network
from kpsearch.categories.network import Network, OpenCvNetwork, OrtNetwork
from kpsearch.errors import UnusableModel
from kpsearch.training import open_backbone
from kpsearch.training.assembly import with_head
from kpsearch.training.head import Head
from tests.built_classifiers import FRUIT, SIDE_PX, classifier_model
from tests.models import CHANNELS, built, convolution

BOTH = (FEATURES, LOGITS)
ENGINES = {
    "onnxruntime": lambda content: OrtNetwork("net.onnx", content),
    "OpenCV": lambda content: OpenCvNetwork("net.onnx", content, BOTH),
}


def images(count: int, side: int = SIDE_PX, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (count, 3, side, side)).astype(np.float32)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return classifier_model(tmp_path_factory.mktemp("small")).SerializeToString()


@pytest.fixture(params=ENGINES)
def network(request, content) -> Network:
    return ENGINES[request.param](content)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_both_engines_give_the_same_numbers(content, count):
    batch = images(count)
    for output, width in ((LOGITS, len(FRUIT)), (FEATURES, CHANNELS)):
        ort, cv = (ENGINES[name](content).run(batch, output) for name in ENGINES)
        assert (ort.shape, ort.dtype, cv.dtype) == ((count, width), np.float32, np.float32)
        np.testing.assert_allclose(cv, ort, rtol=1e-4, atol=1e-5)


def test_batches_of_any_size_one_after_the_other_give_what_single_pictures_do(network):
    batch = images(4)
    single = np.concatenate([network.run(batch[i : i + 1], LOGITS) for i in range(4)])
    for some in (slice(0, 4), slice(1, 3), slice(0, 1), slice(0, 4)):
        np.testing.assert_allclose(network.run(batch[some], LOGITS), single[some], atol=1e-5)


def test_a_result_is_not_overwritten_by_the_next(network):
    first = network.run(images(2), FEATURES)
    before = first.copy()
    network.run(images(2, seed=9), FEATURES)
    np.testing.assert_array_equal(first, before)


def test_threads_do_not_get_each_others_numbers(network):
    batches = [images(1 + i % 3, seed=i) for i in range(24)]
    alone = [network.run(batch, LOGITS) for batch in batches]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda batch: network.run(batch, LOGITS), batches * 3))
    for found, want in zip(together, alone * 3, strict=True):
        np.testing.assert_array_equal(found, want)


def test_efficientnet_lite0_is_the_same_by_both_engines():
    side = 96
    backbone = open_backbone(None, size=side)
    width = backbone.model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    weights = np.random.default_rng(0).normal(0, 0.02, (5, width)).astype(np.float32)
    model = with_head(backbone.model, Head(weights, np.zeros(5, np.float32)))
    both = [engine(model.SerializeToString()) for engine in ENGINES.values()]
    for count in (1, 3):
        for output in BOTH:
            ort, cv = (network.run(images(count, side), output) for network in both)
            np.testing.assert_allclose(cv, ort, rtol=1e-3, atol=1e-3 * np.abs(ort).max())


def test_onnxruntime_is_taken_where_it_is(content):
    assert isinstance(open_network("net.onnx", content, BOTH), OrtNetwork)


def test_without_it_opencv_is(content, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert isinstance(open_network("net.onnx", content, BOTH), OpenCvNetwork)


def no_models(content: bytes) -> dict[str, bytes]:
    return {
        "text": b"Not Found",
        "zeros": bytes(100),
        "half of one": content[: len(content) // 2],
        "all but its end": content[:-40],
        "bytes by chance": np.random.default_rng(0).bytes(4000),
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", no_models(b""))
def test_files_that_are_no_model_are_refused_by_name(content, engine, kind, capfd):
    with pytest.raises(UnusableModel, match=r"^net\.onnx: "):
        ENGINES[engine](no_models(content)[kind]).run(images(1), LOGITS)
    assert capfd.readouterr().err == ""


def network_of(
    nodes: list[onnx.NodeProto],
    outputs: dict[str, list[str | int]],
    *,
    given: int = TensorProto.FLOAT,
) -> bytes:
    """The layers of `convolution` and more, with other outputs than a classifier has."""
    first = convolution()
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in first.graph.initializer}
    layers = list(first.graph.node) if given == TensorProto.FLOAT else []
    model = built([*layers, *nodes], weights, list(outputs), dtype=given)
    for output, shape in zip(model.graph.output, outputs.values(), strict=True):
        described = helper.make_tensor_value_info(output.name, TensorProto.FLOAT, shape)
        output.CopyFrom(described)
    return model.SerializeToString()


VECTOR = helper.make_node("Identity", ["vector"], [FEATURES])
MISSHAPEN = {
    "a map": (helper.make_node("Relu", ["map"], [LOGITS]), ["n", CHANNELS, 6, 6]),
    "one for all": (
        helper.make_node("ReduceMean", ["vector"], [LOGITS], axes=[0], keepdims=1),
        [1, CHANNELS],
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", MISSHAPEN)
def test_outputs_that_are_no_vector_a_picture_are_refused(engine, kind):
    node, shape = MISSHAPEN[kind]
    content = network_of([node, VECTOR], {LOGITS: shape, FEATURES: ["n", CHANNELS]})
    with pytest.raises(UnusableModel, match=r"^net\.onnx: gives .*, not a vector a picture"):
        ENGINES[engine](content).run(images(2), LOGITS)


@pytest.mark.parametrize("engine", ENGINES)
def test_other_names_and_other_inputs_are_errors_not_crashes(engine, capfd):
    other_names = network_of([], {"vector": ["n", CHANNELS]})
    with pytest.raises(UnusableModel, match=r"^net\.onnx: cannot be run"):
        ENGINES[engine](other_names).run(images(1), LOGITS)
    cast = helper.make_node("Cast", ["image"], [LOGITS], to=TensorProto.FLOAT)
    bytes_in = network_of([cast], {LOGITS: ["n", 3, 32, 32]}, given=TensorProto.UINT8)
    with pytest.raises(UnusableModel, match=r"^net\.onnx: "):
        ENGINES[engine](bytes_in).run(images(1), LOGITS)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_library_logs_is_one_line_of_the_error(engine, content, capfd):
    """OpenCV prints five lines for this one, and raises seven."""
    with pytest.raises(UnusableModel, match=r"^net\.onnx: no ONNX model") as caught:
        ENGINES[engine](content.replace(b"head.bias", b"head.bixs", 1))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""
