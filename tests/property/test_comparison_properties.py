"""Exact search, statistics and fusion against slow plain loops and what must always hold."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kpsearch.comparison import exact_search, nearest
from kpsearch.comparison.curves import found_by_rank, precision_over_recall
from kpsearch.comparison.drawing import spread_heights
from kpsearch.comparison.fusion import RRF_K, reciprocal_rank
from kpsearch.comparison.logistic import fit_curve
from kpsearch.comparison.measures import Judged, figures, measures
from kpsearch.comparison.resampling import interval, resample
from kpsearch.comparison.significance import holm, mcnemar_test, randomisation_test
from kpsearch.evaluation import TruthRow

ROW = TruthRow("/q", "q", "query")


@given(
    seed=st.integers(0, 2**32),
    queries=st.integers(1, 7),
    pictures=st.integers(1, 40),
    depth=st.integers(1, 45),
    distance=st.sampled_from(["cosine", "l2"]),
)
@settings(deadline=None, max_examples=60)
def test_search_in_blocks_finds_what_a_plain_loop_finds(seed, queries, pictures, depth, distance):
    rng = np.random.default_rng(seed)
    # Few different values: many ties, which go by the row.
    asked, gallery = (rng.integers(1, 4, (n, 3)).astype(np.float32) for n in (queries, pictures))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_search, "_QUERY_ROWS", 2)
        patch.setattr(exact_search, "_GALLERY_ROWS", 7)
        found = list(nearest(asked, gallery, depth=depth, distance=distance))
    assert len(found) == queries
    for query, (rows, scores) in zip(asked, found, strict=True):
        wanted = [plain_score(query, vector, distance) for vector in gallery]
        assert len(rows) == min(depth, pictures) == len(set(rows.tolist()))
        np.testing.assert_allclose(scores, [wanted[row] for row in rows], rtol=1e-12)
        best = sorted(wanted, reverse=True)[: len(rows)]
        np.testing.assert_allclose(scores, best, rtol=1e-6)
        for (a, row_a), (b, row_b) in itertools.pairwise(zip(scores, rows, strict=True)):
            assert a > b or (a == b and row_a < row_b)


def plain_score(query, vector, distance):
    q, v = ([float(x) for x in one] for one in (query, vector))
    if distance == "l2":
        return -math.dist(q, v)
    product = sum(a * b for a, b in zip(q, v, strict=True))
    return product / math.hypot(*q) / math.hypot(*v)


def test_vectors_far_from_the_origin_are_told_apart():
    rng = np.random.default_rng(0)
    gallery = (1000 + rng.normal(size=(500, 16))).astype(np.float32)
    for row, (rows, scores) in enumerate(nearest(gallery, gallery, depth=3, distance="l2")):
        assert (rows[0], scores[0]) == (row, 0.0)


@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 2)), min_size=1, max_size=11))
@settings(deadline=None, max_examples=40)
def test_the_randomisation_test_is_exact_for_few_queries(differences):
    """All assignments of signs, one by one, of all differences: those of 0 do not matter."""
    given_ = np.array(differences)
    sums = [np.dot(signs, given_) for signs in itertools.product([1, -1], repeat=len(given_))]
    tail = np.mean(np.array(sums) >= abs(given_.sum()) - 1e-9)
    p = randomisation_test(given_, np.random.default_rng(0), resamples=10_000)
    assert p == pytest.approx(min(1.0, 2 * tail), abs=1e-9)


def test_the_randomisation_test_agrees_with_the_t_test_where_that_is_right():
    rng = np.random.default_rng(1)
    differences = rng.normal(0.15, 1, 200)
    p = randomisation_test(differences, rng, resamples=5000)
    assert p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)


def test_equal_runs_do_not_differ():
    assert randomisation_test(np.zeros(9), np.random.default_rng(0), resamples=100) == 1.0
    assert mcnemar_test(np.ones(9, bool), np.ones(9, bool)) == 1.0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
@settings(deadline=None)
def test_mcnemar_counts_the_pairs_of_which_one_succeeds(pairs):
    first, second = np.array(pairs).T
    wins, losses = pairs.count((True, False)), pairs.count((False, True))
    n, k = wins + losses, min(wins, losses)
    plain = sum(math.comb(n, i) for i in range(k + 1)) / 2**n
    assert mcnemar_test(first, second) == pytest.approx(min(1.0, 2 * plain))


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    for level in (0.01, 0.05, 0.3):
        rejected = set()
        for place, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
            if p_values[at] * (len(p_values) - place) > level:
                break
            rejected.add(at)
        assert {at for at, p in enumerate(adjusted) if p <= level} == rejected


def test_bootstrap_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    covered, trials = 0, 300
    for _ in range(trials):
        values = rng.beta(2, 1, size=(1, 80, 1))  # of mean 2/3
        samples = resample(values, rng, resamples=400)
        found = interval(values.mean(), samples.means[:, 0, 0])
        covered += found.low <= 2 / 3 <= found.high
    assert 0.90 <= covered / trials <= 0.98


def test_a_stratified_bootstrap_keeps_the_differences_between_sources_out():
    rng = np.random.default_rng(0)
    easy, hard = np.ones((1, 30, 1)), np.zeros((1, 30, 1))
    samples = resample(easy, rng, resamples=200) + resample(hard, rng, resamples=200)
    assert np.all(samples.means == 0.5)


def test_a_query_without_a_figure_takes_no_part_in_its_mean():
    values = np.array([[[1.0, 2.0], [0.0, np.nan], [1.0, np.nan]]])
    means = resample(values, np.random.default_rng(0), resamples=300).means[:, 0]
    defined = ~np.isnan(means[:, 1])
    assert np.all(means[defined, 1] == 2.0)
    assert means[:, 0].mean() == pytest.approx(2 / 3, abs=0.05)


RANKINGS = st.lists(
    st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8), min_size=1, max_size=4
)


@given(RANKINGS)
def test_reciprocal_rank_fusion_sums_what_a_plain_loop_sums(rankings):
    fused = reciprocal_rank([tuple((path, 0.0) for path in ranking) for ranking in rankings])
    wanted = {
        path: sum(1 / (RRF_K + r.index(path) + 1) for r in rankings if path in r)
        for path in {path for ranking in rankings for path in ranking}
    }
    assert {path: pytest.approx(score) for path, score in fused} == wanted
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


@given(RANKINGS.map(lambda rankings: rankings[0]), st.integers(1, 4))
def test_a_ranking_fused_with_itself_is_itself(ranking, times):
    hits = tuple((path, 0.0) for path in ranking)
    assert [path for path, _ in reciprocal_rank([hits] * times)] == ranking


def test_a_fitted_curve_is_the_one_the_data_were_drawn_from():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(20_000, 2))
    p = 0.05 + 0.9 / (1 + np.exp(-(2 * x[:, 0] + x[:, 1] - 1)))
    curve = fit_curve(x, rng.random(len(p)) < p)
    np.testing.assert_allclose(curve.slopes, [2, 1], atol=0.25)
    assert curve.floor == pytest.approx(0.05, abs=0.015)
    assert curve.lapse == pytest.approx(0.05, abs=0.015)
    known = 1 / (1 + np.exp(-curve.log_odds(x)))
    assert np.abs(known - p).max() < 0.03


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.sets(st.integers(0, 30), max_size=5)),
        min_size=1,
        max_size=6,
    )
)
def test_curves_are_means_of_what_a_plain_loop_finds(queries):
    judged = [
        Judged(ROW, tuple(sorted(found)[:wanted]), wanted, group_of_four=False)
        for wanted, found in queries
    ]
    levels, precision = precision_over_recall(judged)
    for level, value in list(zip(levels, precision, strict=True))[::10]:
        total = 0.0
        for one in judged:
            points = [
                ((n + 1) / one.n_relevant, (n + 1) / (p + 1)) for n, p in enumerate(one.positions)
            ]
            total += max((p for recall, p in points if recall >= level - 1e-9), default=0.0)
        assert value == pytest.approx(total / len(judged))
    _, found_share = found_by_rank(judged)
    recall = figures(judged, measures("rectangle"))[:, 1:3].mean(axis=0)
    assert [found_share[0], found_share[4]] == pytest.approx(recall.tolist())


@given(st.lists(st.floats(0, 1), max_size=10))
def test_labels_are_spread_in_order_and_stay_on_the_plot(heights):
    placed = spread_heights(heights, gap=0.06)
    order = sorted(range(len(heights)), key=lambda at: heights[at])
    assert all(placed[b] - placed[a] >= 0.06 - 1e-9 for a, b in itertools.pairwise(order))
    assert all(-1e-9 <= height <= 1 + 1e-9 for height in placed)
