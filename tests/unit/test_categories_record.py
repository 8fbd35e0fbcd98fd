"""What a classifier's file says of itself: round trips, and records that were tampered with."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.categories import Calibration, ClassifierRecord, Label, categories_of
from kpsearch.categories.network import FEATURES, LOGITS, OpenCvNetwork, OrtNetwork
from kpsearch.categories.onnx_metadata import properties, with_property
from kpsearch.categories.record import PROPERTY, identity
from kpsearch.errors import UnusableModel
from kpsearch.options import EmbeddingOptions
from tests.built_classifiers import FRUIT, classifier_model, even_calibration, record_of

names = st.text(min_size=1, max_size=8)
BARE = onnx.ModelProto(producer_name="a test").SerializeToString()


@st.composite
def records(draw: st.DrawFn) -> ClassifierRecord:
    labels = draw(
        st.lists(st.builds(Label, names, st.text(max_size=3)), min_size=1, max_size=5, unique=True)
    )
    known = even_calibration(draw(st.integers(1, 5)), categories_of(labels))
    channels = st.tuples(*[st.floats(0.1, 300)] * 3)
    preprocessing = EmbeddingOptions(
        size=draw(st.none() | st.integers(8, 512)),
        scale=draw(st.floats(1e-3, 1)),
        mean=draw(channels),
        std=draw(channels),
        colour=draw(st.sampled_from(["rgb", "bgr"])),
    )
    return ClassifierRecord(
        labels=tuple(labels),
        preprocessing=preprocessing,
        views=tuple(draw(st.lists(st.floats(0.1, 1), min_size=1, max_size=4))),
        temperature=draw(st.floats(0.05, 20)),
        calibration=draw(st.sampled_from([None, known])),
        facts={"training": draw(st.dictionaries(names, st.none() | st.integers() | names))},
    )


def plainly(record: ClassifierRecord) -> dict[str, Any]:
    values = asdict(record)
    if record.calibration is not None:
        values["calibration"]["scores"] = record.calibration.scores.tolist()
    return values


@settings(max_examples=50)
@given(records())
def test_a_record_comes_back_as_it_was(record):
    assert plainly(ClassifierRecord.read_from("m", record.written_to(BARE))) == plainly(record)


@settings(max_examples=50)
@given(records(), records())
def test_a_record_replaces_the_one_before_and_leaves_the_rest(record, other):
    content = with_property(BARE, "author", "someone")
    written = other.written_to(record.written_to(content))
    assert written == other.written_to(content)
    assert properties(written).keys() == {"author", PROPERTY}


@settings(max_examples=50)
@given(records(), st.floats(0.05, 20))
def test_a_classifier_that_is_calibrated_anew_is_the_same(record, temperature):
    anew = replace(
        record,
        temperature=temperature,
        calibration=even_calibration(7, record.categories),
        facts={"calibration": {"accuracy": 0.5}},
    )
    assert identity("m", record.written_to(BARE)) == identity("m", anew.written_to(BARE))


OTHERS = {
    "labels": record_of(FRUIT[::-1]),
    "preprocessing": replace(record_of(), preprocessing=EmbeddingOptions(size=48)),
    "views": record_of(views=(1.0,)),
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_classifier_has_another_identity(what):
    own = identity("m", record_of().written_to(BARE))
    assert identity("m", OTHERS[what].written_to(BARE)) != own
    other_weights = onnx.ModelProto(producer_name="a toast").SerializeToString()
    assert identity("m", record_of().written_to(other_weights)) != own


def test_a_model_with_a_record_is_the_same_model_to_whoever_runs_it(tmp_path):
    model = classifier_model(tmp_path)
    content = record_of(calibration=even_calibration(50, ["milk"])).written_to(
        model.SerializeToString()
    )
    onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)
    read = onnx.ModelProto.FromString(content)
    assert [p.key for p in read.metadata_props] == [PROPERTY]
    assert read.graph == model.graph
    images = np.random.default_rng(0).normal(0, 1, (2, 3, 32, 32)).astype(np.float32)
    for bytes_of in (model.SerializeToString(), content):
        for network in (
            OrtNetwork("m", bytes_of),
            OpenCvNetwork("m", bytes_of, (FEATURES, LOGITS)),
        ):
            assert network.run(images, LOGITS).shape == (2, len(FRUIT))


GOOD: dict[str, Any] = json.loads(
    properties(record_of(calibration=even_calibration(3, ["milk"])).written_to(BARE))[PROPERTY]
)


def with_value(path: str, value: object) -> bytes:
    """A file whose record has another value at ``path``."""
    changed = json.loads(json.dumps(GOOD))
    *inner, last = path.split(".")
    at = changed
    for name in inner:
        at = at[name]
    at[last] = value
    return with_property(BARE, PROPERTY, json.dumps(changed))


HUGE = 10**400
HOSTILE = [
    ("format_version", 2, "format version 2, this kpsearch reads 1"),
    ("format_version", None, "format version None"),
    ("labels", [], "its labels are not distinct"),
    ("labels", [["a", ""], ["a", ""]], "its labels are not distinct"),
    ("labels", [["a"]], "ValueError"),
    ("labels", 7, "TypeError"),
    ("labels", [None], "TypeError"),
    ("preprocessing", [], "TypeError"),
    ("preprocessing", {}, "KeyError"),
    ("preprocessing.size", 4, "no model takes pictures of 4 px"),
    ("preprocessing.size", 32.5, "an input of 32.5 px"),
    ("preprocessing.size", "32", "an input of 32 px"),
    ("preprocessing.scale", 0, "cannot be scaled"),
    ("preprocessing.scale", HUGE, "OverflowError"),
    ("preprocessing.mean", [1, 2], "each of three channels"),
    ("preprocessing.mean", [1, 2, float("nan")], "moved by"),
    ("preprocessing.std", [1, 0, 1], "positive standard deviation"),
    ("preprocessing.colour", "hsv", "no model takes hsv"),
    ("preprocessing.more", 1, "TypeError"),
    ("temperature", 0, "a temperature of 0.0"),
    ("temperature", -1, "a temperature of -1.0"),
    ("temperature", float("nan"), "a temperature of nan"),
    ("temperature", float("inf"), "a temperature of inf"),
    ("temperature", 1e-300, "a temperature of 1e-300"),
    ("temperature", HUGE, "OverflowError"),
    ("views", [], "views of"),
    ("views", [0], "views of"),
    ("views", [1.5], "views of"),
    ("views", "ab", "ValueError"),
    ("facts", 3, "AttributeError"),
    ("facts", {"training": 3}, "TypeError"),
    ("calibration", {}, "KeyError"),
    ("calibration", True, "TypeError"),
    ("calibration.scores", [], "not what was written"),
    ("calibration.scores", [0.1], "not what was written"),
    ("calibration.scores", [0.1, 0.2, 1.2], "not what was written"),
    ("calibration.scores", [0.1, 0.2, float("nan")], "not what was written"),
    ("calibration.scores", [0.1, 0.2, HUGE], "OverflowError"),
    ("calibration.scores", [[0.1, 0.2, 0.3]], "not what was written"),
    ("calibration.scores", [[1], [1, 2], 3], "ValueError"),
    ("calibration.counts", {}, "not what was written"),
    ("calibration.counts", {"milk": float("inf")}, "OverflowError"),
    ("calibration.counts", {"beer": 3}, "not its own"),
    ("calibration.counts", {"milk": 4, "fruit": -1}, "not its own"),
    ("calibration.counts", [3], "AttributeError"),
]


@pytest.mark.parametrize(("path", "value", "reason"), HOSTILE)
def test_a_record_that_was_tampered_with_is_refused_by_name(path, value, reason):
    with pytest.raises(
        UnusableModel, match=rf"^m\.onnx: its categories cannot be read: .*{reason}"
    ):
        ClassifierRecord.read_from("m.onnx", with_value(path, value))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
PLACES = [*GOOD, *(f"{p}.{k}" for p in ("preprocessing", "calibration") for k in GOOD[p])]


@settings(max_examples=300)
@given(st.sampled_from(PLACES), values)
def test_a_record_with_anything_in_it_is_read_or_refused(path, value):
    with suppress(UnusableModel):
        assert ClassifierRecord.read_from("m.onnx", with_value(path, value)).written_to(BARE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a model", "no ONNX model"),
        (b"\x72\x05ab", "no ONNX model: a field that ends behind the message"),
        (BARE, "an ONNX model, but not one made by `kpsearch train-categories`"),
        (with_property(BARE, PROPERTY, "{"), "cannot be read: JSONDecodeError"),
        (with_property(BARE, PROPERTY, "[" * 100_000), "cannot be read: RecursionError"),
        (with_property(BARE, PROPERTY, "null"), "cannot be read: TypeError"),
        (with_property(record_of().written_to(BARE), "more", "of it"), "is damaged, not the model"),
        (record_of().written_to(BARE).replace(b"a test", b"a toast"), "no ONNX model"),
        (record_of().written_to(BARE).replace(b"a test", b"a nest"), "is damaged, not the model"),
    ],
)
def test_files_without_a_record_of_their_own_are_refused_by_name(content, reason):
    with pytest.raises(UnusableModel, match=rf"^m\.onnx: .*{reason}"):
        ClassifierRecord.read_from("m.onnx", content)


def test_a_calibration_keeps_its_counts_and_scores_in_order():
    known = Calibration(np.array([0.3, 0.1]), {"milk": 2}, "q\n.csv")
    read = ClassifierRecord.read_from("m", record_of(calibration=known).written_to(BARE))
    assert read.calibration is not None
    assert read.calibration.scores.tolist() == [0.1, 0.3]
    assert (dict(read.calibration.counts), read.calibration.source) == ({"milk": 2}, "q\n.csv")
