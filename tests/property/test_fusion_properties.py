"""What the evidence of an embedding keeps to, whatever the cosines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kpsearch.scoring import embedding_evidence
from kpsearch.scoring.fusion import LEAST_WIDTH

cosines = arrays(np.float32, st.integers(1, 40), elements=st.floats(-1, 1, width=32))
steepness = st.floats(0.1, 10)


def slowly(cosine: float, background: list[float], steepness: float) -> float:
    ordered = sorted(background)
    m = len(ordered)
    median = (ordered[(m - 1) // 2] + ordered[m // 2]) / 2
    lower = [value - median for value in ordered if value <= median]
    width = max(math.sqrt(sum(d * d for d in lower) / len(lower)), LEAST_WIDTH)
    most = (m - 1) / math.sqrt(m)
    z = min(max((cosine - median) / width, -most), most)
    return max(steepness * z, 0) + math.log1p(math.exp(-abs(steepness * z)))


@given(cosines, steepness)
def test_it_is_the_formula(values, slope):
    found = embedding_evidence(values, values, slope)
    assert found.shape == values.shape
    for value, evidence in zip(values.tolist(), found.tolist(), strict=True):
        assert evidence == pytest.approx(slowly(value, values.tolist(), slope), abs=1e-9)


@given(cosines, steepness)
def test_it_is_never_negative_and_rises_with_the_cosine(values, slope):
    found = embedding_evidence(values, values, slope)
    assert (found >= 0).all()
    assert (np.diff(found[np.argsort(values, kind="stable")]) >= 0).all()


@given(cosines, st.floats(0.1, 4), st.floats(-1, 1))
def test_the_unit_and_zero_of_the_cosine_do_not_matter(values, unit, zero):
    values = values.astype(np.float64)
    if np.ptp(values) < 0.1:
        return
    one = embedding_evidence(values, values, 2.0)
    other = embedding_evidence(unit * values + zero, unit * values + zero, 2.0)
    lower = values[values <= np.median(values)]
    if np.ptp(lower) * unit > 100 * LEAST_WIDTH and np.ptp(lower) > 100 * LEAST_WIDTH:
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@given(cosines, st.floats(0.5, 1))
def test_likenesses_do_not_widen_the_background(values, high):
    """Raising what is above the median already changes nothing for the others."""
    centre = np.median(values)
    raised = np.where(values > centre, np.maximum(values, np.float32(high)), values)
    if np.median(raised) != centre:  # of an even number the median lies between two
        return
    low = values <= centre
    np.testing.assert_allclose(
        embedding_evidence(values, values, 2.0)[low],
        embedding_evidence(raised, raised, 2.0)[low],
    )


@pytest.mark.parametrize("background", [[], [0.4], [0.4, 0.4, 0.4]])
def test_nothing_to_compare_with_gives_the_same_to_all(background):
    found = embedding_evidence(np.array([0.4, 0.4]), np.array(background), 2.0)
    np.testing.assert_allclose(found, math.log(2))


def test_few_images_give_little_evidence():
    """Three images cannot show that one of them is far from what is usual."""
    found = embedding_evidence(np.array([0.9]), np.array([0.3, 0.301, 0.9]), 2.0)
    assert found[0] < 2.0 * 2 / math.sqrt(3) + math.log(2)
