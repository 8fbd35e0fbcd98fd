"""Classifiers in ONNX files: what they say of a picture, and files that are none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper

from kpsearch.categories import (
    LOGITS,
    VIEWS,
    Classifier,
    Label,
    classifier_of,
    softmax,
    views_of,
)
from kpsearch.categories.network import OpenCvNetwork
from kpsearch.errors import ImageRejected, IndexMismatch, UnusableModel
from kpsearch.options import ClassifierFacts, EmbeddingOptions
from kpsearch.types import Image
from tests.built_classifiers import (
    FRUIT,
    PREPROCESSING,
    classifier_file,
    classifier_model,
    even_calibration,
    record_of,
    tinted,
)
from tests.textures import as_image


def picture(seed: int) -> Image:
    return as_image(tinted(seed / 10, seed))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return classifier_file(tmp_path_factory.mktemp("classifier"), temperature=1.7)


@pytest.fixture(scope="module")
def classifier(path):
    return Classifier(path)


def test_its_numbers_are_the_average_over_views_through_the_last_layer(classifier, path):
    """The long way: each view by itself, the head by hand."""
    image = picture(3)
    network = OpenCvNetwork("m", path.read_bytes(), ("features", LOGITS))
    model = onnx.load(path)
    head = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    found = []
    for share in VIEWS:
        view = views_of(image.pixels, PREPROCESSING, [share])
        (features,) = network.run(view, "features")
        found.append(head["head.weight"] @ features + head["head.bias"])
    want = np.mean(found, axis=0)
    np.testing.assert_allclose(classifier.logits(image), want, rtol=1e-4, atol=1e-4)
    raised = np.exp(want / 1.7)
    np.testing.assert_allclose(
        classifier.predict(image).by_label, raised / raised.sum(), rtol=1e-3, atol=1e-5
    )


def test_the_mass_of_a_category_is_that_of_its_labels(classifier):
    assert classifier.categories == ("fruit", "milk", "tea/green")
    for seed in range(5):
        said = classifier.predict(picture(seed))
        apple, pear, milk, tea = said.by_label.tolist()
        assert said.by_category.tolist() == pytest.approx([apple + pear, milk, tea])
        assert said.by_label.sum() == pytest.approx(1) == said.by_category.sum()


def test_views_are_the_centre_of_the_picture_at_the_side_asked_for():
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 200  # the central square
    how = EmbeddingOptions(size=16, scale=1, mean=(0, 0, 0), std=(1, 1, 1))
    found = views_of(pixels, how, [1.0, 0.5])
    assert (found.shape, found.dtype) == ((2, 3, 16, 16), np.float32)
    assert (found == 200).all()
    assert views_of(pixels, replace(how, size=None), [1.0]).shape == (1, 3, 224, 224)


def test_a_channel_is_the_colour_it_is_said_to_be():
    blue = np.zeros((20, 20, 3), np.uint8)
    blue[:, :, 0] = 90
    how = EmbeddingOptions(size=8, scale=1, mean=(0, 0, 0), std=(1, 1, 1))
    assert views_of(blue, how, [1.0])[0, :, 4, 4].tolist() == [0, 0, 90]
    assert views_of(blue, replace(how, colour="bgr"), [1.0])[0, :, 4, 4].tolist() == [90, 0, 0]


def test_threads_share_one(classifier):
    images = [picture(seed) for seed in range(12)]
    alone = [classifier.predict(image).by_label for image in images]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda image: classifier.predict(image).by_label, images * 3))
    np.testing.assert_array_equal(together, alone * 3)


def test_softmax_of_huge_numbers_is_finite():
    found = softmax(np.array([[1e300, 1e300, -1e300], [-1e5, 0, 1]]))
    np.testing.assert_allclose(found[0], [0.5, 0.5, 0])
    assert found[1].sum() == pytest.approx(1)


# Files


def damaged(content: bytes) -> dict[str, tuple[bytes, str]]:
    middle = len(content) // 2
    return {
        "empty": (b"", "is empty, no ONNX model"),
        "text": (b"<html>Not Found</html>", "no ONNX model"),
        "truncated": (content[:middle], "no ONNX model"),
        "record cut off": (content[:-10], "no ONNX model"),
        "a bit of its weights": (
            content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "is damaged, not the model that was written",
        ),
        "more behind it": (content + content, "is damaged"),
    }


@pytest.mark.parametrize("kind", damaged(bytes(1)))
def test_damaged_files_are_refused_by_name(path, tmp_path, kind):
    content, reason = damaged(path.read_bytes())[kind]
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(content)
    with pytest.raises(UnusableModel, match=rf"bad\.onnx: {reason}"):
        Classifier(bad)


def test_every_damaged_byte_is_found(path, tmp_path):
    """In the model or in the record: all but what the record says of its origin."""
    content, bad = path.read_bytes(), tmp_path / "bad.onnx"
    rng = np.random.default_rng(0)
    end = content.index(b"kpsearch.categories")
    for at in rng.integers(0, end, 150).tolist():
        bad.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        with pytest.raises(UnusableModel, match=r"bad\.onnx: "):
            Classifier(bad)


def test_a_folder_a_missing_file_and_another_model_are_refused_by_name(tmp_path):
    with pytest.raises(UnusableModel, match=r"none\.onnx: cannot be read: No such file"):
        Classifier(tmp_path / "none.onnx")
    with pytest.raises(UnusableModel, match="cannot be read: Is a directory"):
        Classifier(tmp_path)
    other = tmp_path / "other.onnx"
    other.write_bytes(classifier_model(tmp_path).SerializeToString())
    with pytest.raises(UnusableModel, match=r"other\.onnx: an ONNX model, but not one made by"):
        Classifier(other)


def test_a_model_without_a_number_for_each_label_is_refused_when_it_is_opened(tmp_path):
    path = tmp_path / "model.onnx"
    content = classifier_model(tmp_path, FRUIT[:3]).SerializeToString()
    path.write_bytes(record_of(FRUIT).written_to(content))
    with pytest.raises(UnusableModel, match=r"model\.onnx: gives 3 numbers for 4 labels"):
        Classifier(path)
    nameless = classifier_model(tmp_path)
    nameless.graph.output.pop()
    path.write_bytes(record_of(FRUIT).written_to(nameless.SerializeToString()))
    with pytest.raises(UnusableModel, match=r"model\.onnx: cannot be run: .*logits"):
        Classifier(path)


def test_a_picture_without_finite_numbers_is_a_reject(tmp_path):
    """A network whose logarithm is finite for the blank picture, and for no dark one."""
    model = classifier_model(tmp_path)
    (last,) = (node for node in model.graph.node if node.output[0] == LOGITS)
    last.output[0] = "raw"
    unit = onnx.numpy_helper.from_array(np.ones((1, 1), np.float32), "unit")
    model.graph.initializer.append(unit)
    model.graph.node.extend(
        [
            helper.make_node("ReduceMean", ["image"], ["shade_map"], keepdims=1),
            helper.make_node("Flatten", ["shade_map"], ["shade"]),
            helper.make_node("Add", ["shade", "unit"], ["shifted"]),
            helper.make_node("Log", ["shifted"], ["logarithm"]),
            helper.make_node("Add", ["raw", "logarithm"], [LOGITS]),
        ]
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(record_of().written_to(model.SerializeToString()))
    classifier = Classifier(path)
    bright = as_image(np.full((9, 9, 3), 200, np.uint8))
    assert np.isfinite(classifier.predict(bright).by_label).all()
    with pytest.raises(ImageRejected, match=r"categorisation_failed: .*no 4 finite numbers"):
        classifier.predict(as_image(np.zeros((9, 9, 3), np.uint8)))


# Where an index looks for it


def test_a_classifier_is_the_same_wherever_it_lies_and_when_it_is_calibrated(path, tmp_path):
    facts = Classifier(path).facts
    assert asdict(facts) == {"model": str(path), "model_hash": facts.model_hash}
    there = shutil.copy(path, tmp_path / "there.onnx")
    assert classifier_of(facts, str(there)).calibration is None
    anew = record_of(calibration=even_calibration(9, ["milk"]), temperature=0.3)
    there.write_bytes(anew.written_to(there.read_bytes()))
    known = classifier_of(facts, str(there)).calibration
    assert known is not None
    assert known.n == 9


def test_another_classifier_or_none_is_refused_by_name(path, tmp_path):
    facts = Classifier(path).facts
    other = classifier_file(tmp_path, [Label("a"), Label("b")], name="other.onnx")
    with pytest.raises(IndexMismatch, match=r"other\.onnx: not the classifier the index remembers"):
        classifier_of(facts, str(other))
    with pytest.raises(UnusableModel, match=r"gone\.onnx: cannot be read"):
        classifier_of(ClassifierFacts(str(tmp_path / "gone.onnx"), facts.model_hash))


# The base install


def test_the_base_install_says_the_same(classifier, path, tmp_path):
    """Without onnxruntime, in a process of its own, to the last digit that is shown."""
    program = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "import numpy as np\n"
        "from kpsearch.categories import Classifier\n"
        "from kpsearch.images import read_image\n"
        "classifier = Classifier(sys.argv[1])\n"
        "print(type(classifier._network).__name__)\n"
        "for path in sys.argv[2:]:\n"
        "    said = classifier.predict(read_image(path, colour=True))\n"
        "    print(*(f'{p:.3f}' for p in said.by_category))\n"
    )
    paths = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, name in enumerate(paths):
        name.write_bytes(cv2.imencode(".png", picture(seed).pixels)[1].tobytes())
    command = [sys.executable, "-c", program, path, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    engine, *lines = done.stdout.splitlines()
    assert (engine, done.stderr) == ("OpenCvNetwork", "")
    for seed, line in enumerate(lines):
        want = classifier.predict(picture(seed)).by_category
        np.testing.assert_allclose([float(p) for p in line.split()], want, atol=2e-3)
