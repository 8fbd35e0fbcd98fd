"""What a confidence promises for any ranking."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.search.confidence import (
    DEPTH,
    FOREGROUND,
    LEAST_BACKGROUND,
    SCORED,
    USUAL_BACKGROUND,
    VERIFIED,
    background,
    figures,
    log_odds,
)
from kpsearch.types import Hit

scores = st.lists(st.floats(1e-6, 1e5), max_size=80).map(lambda s: np.sort(s)[::-1])
curves = st.sampled_from([VERIFIED, SCORED])


@st.composite
def rankings(draw):
    """Scores, gains, inliers and effective inliers of a ranking."""
    falling = draw(scores)
    gains = falling * draw(st.floats(0, 1))
    inliers = draw(st.lists(st.integers(0, 500), min_size=len(falling), max_size=len(falling)))
    spread = draw(st.floats(0, 1))
    counts = np.array(inliers, float)
    return falling, gains, counts, np.minimum(counts, 1 + spread * counts)


@given(rankings(), st.integers(0, 1000), curves)
def test_log_odds_are_finite_and_never_rise(ranking, images, curve):
    falling, *seen = ranking
    level = background(falling, images)
    odds = log_odds(figures(falling, *seen, level), curve)
    assert odds.shape == falling.shape
    assert np.isfinite(odds).all()
    assert (np.diff(odds) <= 0).all()


@given(rankings(), st.integers(0, 1000), st.integers(1, 80), curves)
def test_what_is_below_does_not_change_what_is_above(ranking, images, limit, curve):
    falling, *seen = ranking
    rows = figures(falling, *seen, background(falling, images))
    np.testing.assert_array_equal(log_odds(rows[:limit], curve), log_odds(rows, curve)[:limit])


@given(st.floats(1, 1e5), st.floats(1, 1e5), st.integers(0, 300), st.floats(1, 500), curves)
def test_more_score_and_less_background_are_surer(score, level, inliers, factor, curve):
    def odds(score, level):
        facts = (
            np.array([score]),
            np.array([score / 2]),
            np.array([float(inliers)]),
            np.array([inliers / 2]),
        )
        return log_odds(figures(*facts, level), curve)[0]

    assert odds(score * factor, level) >= odds(score, level) >= odds(score, level * factor)


@given(st.integers(4, 300), st.floats(0, 1), st.floats(0, 1))
def test_inliers_spread_wider_are_surer(inliers, one, other):
    low, high = sorted([1 + one * (inliers - 1), 1 + other * (inliers - 1)])
    counts = np.full(2, float(inliers))
    rows = figures(np.full(2, 50.0), np.full(2, 30.0), counts, np.array([low, high]), 10.0)
    tight, wide = (log_odds(row[None], VERIFIED)[0] for row in rows)
    assert tight <= wide


@given(scores, st.integers(0, 1000))
def test_the_background_is_that_of_ranks_that_are_hardly_right(falling, images):
    level = background(falling, images)
    assert level >= LEAST_BACKGROUND
    lifted = falling.copy()
    lifted[:FOREGROUND] += 1000
    assert background(lifted, images) == level
    assert background(falling[:DEPTH], max(images, len(falling))) == background(
        falling, max(images, len(falling))
    )


@given(st.integers(0, FOREGROUND))
def test_a_gallery_of_a_few_pictures_has_the_usual_background(images):
    assert background(np.full(images, 400.0), images) == USUAL_BACKGROUND


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_confidence_is_a_probability_and_keeps_the_order(one, other):
    low, high = (
        Hit(1, 1, "a", "", 1.0, odds, False, 0, None, None, None) for odds in sorted([one, other])
    )
    assert 0 <= low.confidence <= high.confidence <= 1
    assert all(hit.confidence >= 0.5 for hit in (low, high) if hit.log_odds >= 0)
