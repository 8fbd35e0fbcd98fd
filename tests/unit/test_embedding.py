"""A model, a picture, a vector; and models that are none, each refused by name."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from kpsearch.embedding import Embedder, embedder_of
from kpsearch.embedding.graph import with_output
from kpsearch.embedding.preprocessing import fit, model_input
from kpsearch.errors import ImageRejected, IndexMismatch, UnusableModel, UsageError
from kpsearch.images import as_grey
from kpsearch.options import EmbeddingOptions
from kpsearch.types import FileFacts, Image, ImageSize
from tests.models import CHANNELS, built, channel_means, convolution, save

PLAIN = EmbeddingOptions(mean=(0, 0, 0), std=(1, 1, 1), scale=1.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"), convolution())


def picture(pixels: np.ndarray, path: str = "/a.png") -> Image:
    size = ImageSize(pixels.shape[1], pixels.shape[0])
    return Image(path, pixels, size, FileFacts(1, 1, b""), "PNG")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# Vectors


def test_a_vector_has_unit_length_and_is_the_same_every_time(model):
    image = picture(noise(50, 70, 3))
    one, again = Embedder(model).embed(image), Embedder(model).embed(image)
    assert (one.shape, one.dtype) == ((CHANNELS,), np.float32)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-6)
    assert one.tobytes() == again.tobytes()


def test_the_last_vector_is_taken_and_a_named_map_is_averaged(model):
    image = picture(noise(40, 40, 3))
    vector = Embedder(model).embed(image)
    from_map = Embedder(model, EmbeddingOptions(output="map")).embed(image)
    np.testing.assert_allclose(from_map, vector, atol=1e-5)


def test_a_tensor_within_the_model_can_be_taken(model):
    embedder = Embedder(model, EmbeddingOptions(output="rectified"))
    vector = embedder.embed(picture(noise(40, 40, 3)))
    assert vector.shape == (CHANNELS,)
    assert (vector >= 0).all()


def test_a_grey_picture_is_a_colour_picture_without_colours(model):
    grey = noise(40, 60)
    coloured = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    embedder = Embedder(model)
    assert np.array_equal(embedder.embed(picture(grey)), embedder.embed(picture(coloured)))


def test_a_model_of_zeros_gives_zeros_where_it_sees_nothing(tmp_path):
    path = save(tmp_path, channel_means(["n", 3, 16, 16]))
    vector = Embedder(path, PLAIN).embed(picture(np.zeros((20, 20, 3), np.uint8)))
    assert vector.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ([1, 3, 16, 16], TensorProto.FLOAT),
        (["n", 16, 16, 3], TensorProto.FLOAT),
        ([1, 3, "h", "w"], TensorProto.FLOAT16),
        ([1, 16, 24, 3], TensorProto.UINT8),
    ],
)
def test_every_layout_and_type_of_input_is_fed_the_same_channels(tmp_path, shape, dtype):
    blue_green_red = np.full((30, 30, 3), (10, 20, 40), np.uint8)
    path = save(tmp_path, channel_means(shape, dtype=dtype))
    for colour, expected in (("rgb", [40, 20, 10]), ("bgr", [10, 20, 40])):
        options = EmbeddingOptions(mean=(0, 0, 0), std=(1, 1, 1), scale=1.0, colour=colour)
        vector = Embedder(path, options).embed(picture(blue_green_red))
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-3)


def test_the_size_is_the_models_own_or_the_one_asked_for(tmp_path):
    fixed = save(tmp_path, channel_means([1, 3, 16, 24]), "fixed.onnx")
    free = save(tmp_path, channel_means([1, 3, "h", "w"]), "free.onnx")
    assert Embedder(fixed).size == ImageSize(24, 16)
    assert Embedder(free).size == ImageSize(224, 224)
    assert Embedder(free, EmbeddingOptions(size=96)).size == ImageSize(96, 96)
    with pytest.raises(UnusableModel, match=r"fixed\.onnx: takes pictures of 16 px, not 96"):
        Embedder(fixed, EmbeddingOptions(size=96))


# Preprocessing


def test_normalisation_is_scale_then_mean_then_deviation():
    options = EmbeddingOptions(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0), crop=None)
    pixels = noise(8, 8, 3)
    found = model_input(pixels, ImageSize(8, 8), options, channels_first=True, dtype=np.float32)
    for y, x, c in ((0, 0, 0), (3, 5, 1), (7, 7, 2)):
        rgb = pixels[y, x, 2 - c] / 255
        expected = (rgb - options.mean[c]) / options.std[c]
        assert found[0, c, y, x] == pytest.approx(expected, abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(8, 40), st.sampled_from([None, 0.5, 1.0])
)
def test_a_picture_of_any_shape_fits(width, height, side, crop):
    size = ImageSize(side, side + 3)
    fitted = fit(noise(height, width, 3), size, crop=crop)
    assert fitted.shape == (side + 3, side, 3)


def test_a_crop_keeps_the_centre_and_its_proportions():
    pixels = np.zeros((100, 300), np.uint8)
    pixels[25:75, 125:175] = 255
    kept = fit(pixels, ImageSize(50, 50), crop=0.5)
    assert kept.min() == 255
    whole = fit(pixels, ImageSize(300, 100), crop=None)
    assert np.array_equal(whole, pixels)


# Files that are no such model


def two_inputs():
    add = helper.make_node("Add", ["image", "other"], ["v"])
    return built([add], {}, ["v"], inputs={"image": [1, 3, 8, 8], "other": [1, 3, 8, 8]})


def not_a_number():
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("Sub", ["m", "m"], ["zero"]),
        helper.make_node("Div", ["zero", "zero"], ["v"]),
    ]
    return built(nodes, {}, ["v"])


def only_a_number():
    node = helper.make_node("ReduceMean", ["image"], ["v"], axes=[0, 1, 2, 3], keepdims=0)
    return built([node], {}, ["v"])


def of_text():
    shape = ["n", 12]
    return built([helper.make_node("Relu", ["ids"], ["v"])], {}, ["v"], inputs={"ids": shape})


MODELS = {
    "two inputs": (two_inputs, r"has 2 inputs \(image, other\), not one picture"),
    "an output that is not a number": (not_a_number, "no finite numbers"),
    "an output without a vector": (only_a_number, "no vector and no map of features"),
    "an input that is no picture": (of_text, "not one picture"),
    "a batch of four": (lambda: channel_means([4, 3, 8, 8]), "not one picture"),
    "four channels": (lambda: channel_means([1, 4, 8, 8]), "where are the three channels"),
    "three of everything": (lambda: channel_means([1, 3, 3, 3]), "where are the three channels"),
}
FILES = {
    "an empty file": (lambda raw: b"", "is empty"),
    "a text": (lambda raw: b"Not Found\n", "no ONNX model"),
    "a file cut short": (lambda raw: raw[: len(raw) // 2], "no ONNX model"),
    "a file of zeros": (lambda raw: bytes(len(raw)), "no ONNX model"),
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_something_else_is_refused_by_name(kind, tmp_path):
    make, reason = MODELS[kind]
    path = save(tmp_path, make(), "odd.onnx")
    with pytest.raises(UnusableModel, match=rf"odd\.onnx: .*{reason}"):
        Embedder(path)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_model_is_refused_by_name(kind, model, tmp_path, capfd):
    change, reason = FILES[kind]
    path = tmp_path / "odd.onnx"
    path.write_bytes(change(model.read_bytes()))
    with pytest.raises(UnusableModel, match=rf"odd\.onnx: .*{reason}"):
        Embedder(path)
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_not_there_and_a_tensor_that_is_not_there_are_named(model, tmp_path):
    with pytest.raises(UnusableModel, match=r"none\.onnx: cannot be read: No such file"):
        Embedder(tmp_path / "none.onnx")
    with pytest.raises(UnusableModel, match="has no tensor 'nonsense'"):
        Embedder(model, EmbeddingOptions(output="nonsense"))


def test_a_picture_the_model_fails_on_is_rejected(tmp_path):
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("Log", ["m"], ["v"]),  # of black, minus infinity
    ]
    embedder = Embedder(save(tmp_path, built(nodes, {}, ["v"])), PLAIN)
    with pytest.raises(ImageRejected, match=r"/black\.png: embedding_failed: .*finite"):
        embedder.embed(picture(np.zeros((20, 20, 3), np.uint8), "/black.png"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 4},
        {"crop": 0.0},
        {"std": (1, 1, 0)},
        {"mean": (1,)},
        {"layout": "nc"},
        {"scale": 0.0},
    ],
)
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(UsageError):
        EmbeddingOptions(**wrong)


@given(st.text(min_size=1, max_size=200))
def test_an_added_output_is_read_back_by_another_reader(name):
    import onnx

    model = channel_means([1, 3, 8, 8])
    found = onnx.load_from_string(with_output(model.SerializeToString(), name))
    assert [output.name for output in found.graph.output] == ["v", name]
    assert found.graph.node == model.graph.node


def test_another_file_at_the_path_is_not_the_model(tmp_path):
    path = save(tmp_path, convolution(seed=1))
    facts = Embedder(path).facts
    save(tmp_path, convolution(seed=2))
    with pytest.raises(IndexMismatch, match=r"model\.onnx: not the model"):
        embedder_of(facts)


# Colours


def test_grey_is_what_extractors_see_of_a_colour_picture():
    grey = picture(noise(9, 7))
    assert as_grey(grey) is grey
    coloured = picture(noise(9, 7, 3))
    assert as_grey(coloured).pixels.shape == (9, 7)
