"""What prediction sets and the properties of ONNX files keep to, whatever they are made of."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kpsearch.categories import (
    Calibration,
    aps_scores,
    prediction_sets,
    related,
    softmax,
)
from kpsearch.categories.calibration import _rounded_up
from kpsearch.categories.conformal import least_alpha, threshold
from kpsearch.categories.onnx_metadata import properties, with_property, without_property
from kpsearch.errors import UsageError

alphas = st.sampled_from([0.003, 0.01, 0.05, 0.1, 0.25, 0.5, 0.9]) | st.floats(0.001, 0.999)
scores = st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0]) | st.floats(0, 1), max_size=40).map(
    np.array
)


@st.composite
def probabilities(draw: st.DrawFn) -> np.ndarray:
    """(n, c) with equal ones and zeros among them."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 7)))
    raised = draw(arrays(np.float64, shape, elements=st.integers(0, 4).map(float)))
    raised[:, 0] += raised.sum(axis=1) == 0
    return raised / raised.sum(axis=1, keepdims=True)


def slow_score(row: list[float], category: int) -> float:
    """Of one category, by the words of its definition."""
    likelier = [i for i in range(len(row)) if (-row[i], i) < (-row[category], category)]
    if not likelier:
        return 0.0
    return sum(row[i] for i in likelier) + row[category] / 2


def slow_threshold(scores: list[float], alpha: float) -> float:
    """The least score that a share of 1 - alpha of n + 1 keeps to, the new one being infinite."""
    every = [*sorted(scores), math.inf]
    for limit in every:
        if sum(score <= limit for score in every) >= (1 - alpha) * len(every) - 1e-9:
            return limit
    raise AssertionError


@given(probabilities())
def test_the_score_of_a_category_is_the_mass_before_it_and_half_its_own(rows):
    found = aps_scores(rows)
    for row, of_row in zip(rows.tolist(), found.tolist(), strict=True):
        assert of_row == pytest.approx([slow_score(row, i) for i in range(len(row))])


@given(probabilities(), st.floats(0, 1), st.floats(0, 1))
def test_sets_are_never_empty_hold_the_likeliest_and_grow_with_the_limit(rows, a, b):
    small, large = prediction_sets(rows, min(a, b)), prediction_sets(rows, max(a, b))
    assert small[np.arange(len(rows)), rows.argmax(axis=1)].all()
    assert not (small & ~large).any()
    assert prediction_sets(rows, math.inf).all()


@given(probabilities(), st.floats(0, 1))
def test_a_category_in_a_set_brings_all_likelier_ones_along(rows, limit):
    for row, held in zip(rows, prediction_sets(rows, limit), strict=True):
        assert row[held].min() >= row[~held].max(initial=0)


@given(scores, alphas)
def test_the_threshold_is_the_one_found_by_trying_all(values, alpha):
    assert threshold(values, alpha) == slow_threshold(values.tolist(), alpha)


@given(scores.filter(len), alphas, alphas)
def test_a_smaller_error_rate_has_a_larger_threshold(values, a, b):
    assert threshold(values, min(a, b)) >= threshold(values, max(a, b))


@given(st.integers(1, 3000), alphas)
def test_an_error_rate_is_refused_where_its_sets_would_hold_everything(pictures, alpha):
    known = Calibration(np.linspace(0, 1, pictures), {"a": pictures}, "q.csv")
    if not math.isinf(threshold(known.scores, alpha)):
        assert known.threshold(alpha) == threshold(known.scores, alpha)
    else:
        with pytest.raises(UsageError, match="cannot be promised"):
            known.threshold(alpha)


@given(st.integers(1, 100_000))
def test_the_error_rate_that_is_proposed_is_allowed_and_near_the_least(pictures):
    proposed = float(f"{_rounded_up(least_alpha(pictures)):g}")
    assert least_alpha(pictures) <= proposed <= 1.011 * least_alpha(pictures)


@given(st.integers(1, 3000), st.floats(0.001, 0.999))
def test_with_the_pictures_that_are_asked_for_the_error_rate_is_promised(pictures, alpha):
    known = Calibration(np.zeros(pictures), {"a": pictures}, "q.csv")
    try:
        known.threshold(alpha)
    except UsageError as error:
        wanted = int(str(error).split("calibrate with ")[1].split()[0])
        Calibration(np.zeros(wanted), {"a": wanted}, "q.csv").threshold(alpha)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
def test_coverage_is_what_was_asked_within_a_point(alpha):
    """200 pairs of a calibration of 1,000 and a test of 1,000, exchangeable, with a classifier
    that is far too sure of itself; no more is covered than asked, either.
    """
    rng = np.random.default_rng(7)
    covered = []
    for _ in range(200):
        logits = rng.normal(0, 1, (2000, 6))
        chances = softmax(2 * logits)
        truth = (chances.cumsum(axis=1) < rng.random((2000, 1))).sum(axis=1)
        said = softmax(6 * logits + rng.normal(0, 1, logits.shape))
        own = aps_scores(said)[np.arange(2000), truth]
        covered.append(np.mean(own[1000:] <= threshold(own[:1000], alpha)))
    assert 1 - alpha - 0.003 <= np.mean(covered) <= 1 - alpha + 0.01


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@st.composite
def models(draw: st.DrawFn) -> onnx.ModelProto:
    """Messages with all that may stand beside the properties; `onnx` is the one to agree with."""
    model = onnx.ModelProto(
        ir_version=draw(st.integers(0, 2**40)),
        producer_name=draw(names),
        model_version=draw(st.integers(-(2**63), 2**63 - 1)),
    )
    model.graph.name = draw(names)
    for key, value in draw(st.dictionaries(names, names, max_size=4)).items():
        model.metadata_props.add(key=key, value=value)
    return model


def as_onnx_reads(content: bytes) -> dict[str, str]:
    return {p.key: p.value for p in onnx.ModelProto.FromString(content).metadata_props}


@given(models(), names, names | st.text(min_size=200, max_size=300))
def test_properties_are_read_and_written_as_the_package_onnx_does(model, key, value):
    content = model.SerializeToString()
    assert properties(content) == as_onnx_reads(content)
    written = with_property(content, key, value)
    assert properties(written) == as_onnx_reads(written) == properties(content) | {key: value}


@given(models(), names, names)
def test_all_but_the_property_stays_as_it_was(model, key, value):
    content = model.SerializeToString()
    once = with_property(content, key, value)
    assert with_property(once, key, value) == once
    assert without_property(once, key) == without_property(content, key)
    if key not in properties(content):
        assert without_property(once, key) == content


@given(st.binary(max_size=60), names)
def test_any_bytes_are_a_message_or_a_value_error(content, key):
    with suppress(ValueError):
        assert all(isinstance(name, str) for name in properties(content))
    with suppress(ValueError):
        assert properties(with_property(content, key, "v"))[key] == "v"


@given(models(), st.data())
def test_a_damaged_file_is_a_message_or_a_value_error(model, data):
    content = bytearray(with_property(model.SerializeToString(), "k", "v" * 20))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
    with suppress(ValueError):
        properties(bytes(content[: data.draw(st.integers(0, len(content)))]))


paths = st.lists(st.sampled_from(["a", "ab", "b"]), min_size=1, max_size=4)


@given(paths, paths)
def test_categories_are_related_where_one_begins_with_all_names_of_the_other(a, b):
    shorter = min(len(a), len(b))
    assert related("/".join(a), "/".join(b)) == (a[:shorter] == b[:shorter])
