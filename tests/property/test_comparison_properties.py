"""Exact search, statistics and fusion against slow plain loops and what must always hold."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from kpsearch.comparison import exact_search, nearest
from kpsearch.comparison.curves import found_by_rank, precision_over_recall
from kpsearch.comparison.drawing import spread_heights
from kpsearch.comparison.exact_search import exact_scores
from kpsearch.comparison.fusion import RRF_K, reciprocal_rank
from kpsearch.comparison.instances import instance_numbers, strata
from kpsearch.comparison.labels import beside
from kpsearch.comparison.logistic import fit_curve
from kpsearch.comparison.measures import figures, measures
from kpsearch.comparison.resampling import draws, interval, resampled_means
from kpsearch.comparison.significance import (
    bootstrap_test,
    holm,
    instance_sums,
    mcnemar_test,
    randomisation_test,
)
from kpsearch.evaluation import (
    PROTOCOLS,
    QueryOutcome,
    TruthRow,
    micro_average_precision,
    recall_at_precision,
)
from kpsearch.evaluation.outcomes import pool_of
from kpsearch.evaluation.resampled import MicroAveragePrecision, RecallAtPrecision

SEARCHES = {
    "seed": st.integers(0, 2**32),
    "queries": st.integers(1, 7),
    "pictures": st.integers(1, 40),
    "depth": st.integers(1, 45),
    "distance": st.sampled_from(["cosine", "l2"]),
}


def search_in_small_blocks(asked, gallery, *, depth, distance):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_search, "_QUERY_ROWS", 2)
        patch.setattr(exact_search, "_GALLERY_ROWS", 7)
        return list(nearest(asked, gallery, depth=depth, distance=distance))


@given(
    **SEARCHES,
    scale=st.sampled_from([1e-30, 1.0, 1e30]),
    offset=st.sampled_from([0, 10_000]),
    kind=st.sampled_from([np.float16, np.float32, np.float64, np.int16]),
)
@settings(deadline=None, max_examples=150)
def test_search_in_blocks_is_a_full_sort(
    seed, queries, pictures, depth, distance, scale, offset, kind
):
    """By the exact scores, equal ones by the row: also where they straddle the depth."""
    rng = np.random.default_rng(seed)
    whole = offset + rng.integers(1, 4, (queries + pictures, 3))  # many are equal
    vectors = (whole * (scale if kind in (np.float32, np.float64) else 1)).astype(kind)
    asked, gallery = vectors[:queries], vectors[queries:]
    found = search_in_small_blocks(asked, gallery, depth=depth, distance=distance)
    assert len(found) == queries
    for query, (rows, scores) in zip(asked, found, strict=True):
        wanted = exact_scores(query, gallery, distance=distance)
        order = sorted(range(pictures), key=lambda row: (-wanted[row], row))[:depth]
        assert rows.tolist() == order
        assert scores.tolist() == wanted[order].tolist()


@given(seed=st.integers(0, 2**32), pictures=st.integers(1, 40))
@settings(deadline=None, max_examples=60)
def test_exact_scores_are_those_of_a_plain_loop(seed, pictures):
    rng = np.random.default_rng(seed)
    query, gallery = rng.normal(size=3), rng.normal(size=(pictures, 3))
    for distance in ("cosine", "l2"):
        wanted = [plain_score(query, vector, distance) for vector in gallery]
        scores = exact_scores(query, gallery, distance=distance)
        np.testing.assert_allclose(scores, wanted, rtol=1e-12, atol=1e-15)


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


def resampled(values, rng, resamples, *, strata=None, instances=None):
    """(b, runs, measures) means of (runs, queries, measures) values.

    One stratum if not given, and one query an instance.
    """
    queries = np.arange(values.shape[1])
    instances = queries if instances is None else instances
    blocks = draws(strata or [queries], rng, instances=instances, resamples=resamples)
    return np.concatenate([resampled_means(times, values) for times in blocks])


ANSWERS = st.lists(
    st.tuples(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=5), st.integers(0, 2)),
    min_size=1,
    max_size=6,
)
"""Of each query: confidence and whether it is right of each hit, and right ones not found."""


@pytest.fixture(params=[2, 2_000_000])
def cells(request, monkeypatch):
    """Of the tables: one right answer at a time, or all."""
    monkeypatch.setattr("kpsearch.evaluation.resampled._BLOCK_CELLS", request.param)


@pytest.mark.usefixtures("cells")
@given(ANSWERS, st.sampled_from([0.5, 0.9, 1.0]), st.integers(0, 2**32))
@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_figures_of_a_resample_are_those_of_the_answers_written_out(answers, precision, seed):
    outcomes = [outcome(sorted(hits, key=lambda hit: -hit[0]), lost) for hits, lost in answers]
    times = np.random.default_rng(seed).integers(0, 4, (5, len(outcomes))).astype(np.float64)
    for depth in (None, 1):
        pool = pool_of(outcomes, depth=depth)
        if pool is None:
            assert not any(one.n_relevant for one in outcomes)
            continue
        area = MicroAveragePrecision(pool)(times)
        recall = RecallAtPrecision(pool, precision)(times)
        for at, drawn in enumerate(times.astype(int).tolist()):
            repeated = pool_of(
                [one for one, n in zip(outcomes, drawn, strict=True) for _ in range(n)], depth=depth
            )
            if repeated is None:
                assert np.isnan([area[at], recall[at]]).all()
                continue
            given_ = (repeated.confidence, repeated.correct)
            n_positive = repeated.n_positive
            wanted = micro_average_precision(*given_, n_positive=n_positive)
            assert area[at] == pytest.approx(wanted, abs=1e-12)
            wanted = recall_at_precision(*given_, n_positive=n_positive, precision=precision)
            assert recall[at] == pytest.approx(wanted, abs=1e-12)


def outcome(hits, lost):
    """A query whose hits are (confidence, right), best first, and right pictures not found."""
    positions = tuple(at for at, (_, right) in enumerate(hits) if right)
    confidences = np.array([confidence for confidence, _ in hits], np.float64)
    n_relevant = len(positions) + lost
    return QueryOutcome("q", "", positions, n_relevant, False, True, confidences)


def test_the_bootstrap_test_is_where_the_interval_reaches_zero():
    rng = np.random.default_rng(0)
    samples = rng.normal(1, 1, 20_000)
    p = bootstrap_test(samples)
    assert p == pytest.approx(2 * stats.norm.cdf(-1), abs=0.02)
    low, high = np.quantile(samples, [p / 2, 1 - p / 2])
    assert low == pytest.approx(0, abs=1e-3) or high == pytest.approx(0, abs=1e-3)
    assert bootstrap_test(np.zeros(99)) == 1.0
    assert bootstrap_test(np.ones(99)) == pytest.approx(0.02)


def test_bootstrap_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    covered, trials = 0, 300
    for _ in range(trials):
        values = rng.beta(2, 1, size=(1, 80, 1))  # of mean 2/3
        found = interval(values.mean(), resampled(values, rng, 400)[:, 0, 0])
        covered += found.low <= 2 / 3 <= found.high
    assert 0.90 <= covered / trials <= 0.98


def test_a_stratified_bootstrap_keeps_the_differences_between_sources_out():
    rng = np.random.default_rng(0)
    easy = np.arange(60) % 2 == 0
    values = easy.astype(np.float64).reshape(1, 60, 1)
    strata = [np.flatnonzero(easy), np.flatnonzero(~easy)]
    assert np.all(resampled(values, rng, 200, strata=strata) == 0.5)
    assert not np.all(resampled(values, rng, 200) == 0.5)


@given(st.integers(1, 9), st.integers(0, 2**32))
def test_each_stratum_is_drawn_as_often_as_it_is_large(size, seed):
    rng = np.random.default_rng(seed)
    strata = np.array_split(rng.permutation(2 * size), 2)
    blocks = list(draws(strata, rng, instances=np.arange(2 * size), resamples=30))
    assert sum(map(len, blocks)) == 30
    for times in blocks:
        for stratum in strata:
            assert np.all(times[:, stratum].sum(axis=1) == size)


GROUPED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=12)
"""Of each query, its instance and its source: an instance may be in several."""


def grouped(queries):
    sources = [str(source) for _, source in queries]
    instances = instance_numbers([TruthRow("/q", str(one), "query") for one, _ in queries])
    return sources, instances, strata(sources, instances)


@given(GROUPED)
def test_strata_part_the_queries_keep_instances_whole_and_are_each_of_the_same_sources(queries):
    sources, instances, parts = grouped(queries)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(queries)))
    spans = []
    for part in parts:
        inside = set(instances[part].tolist())
        assert inside.isdisjoint(instances[np.setdiff1d(np.arange(len(queries)), part)].tolist())
        spans.append({frozenset(np.array(sources)[instances == one].tolist()) for one in inside})
    assert all(len(span) == 1 for span in spans)
    assert len({next(iter(span)) for span in spans}) == len(spans)


@given(GROUPED, st.integers(0, 2**32))
@settings(deadline=None)
def test_instances_are_drawn_whole_as_a_plain_loop_draws_them(queries, seed):
    _, instances, parts = grouped(queries)
    (times,) = draws(parts, np.random.default_rng(seed), instances=instances, resamples=7)
    rng = np.random.default_rng(seed)
    wanted = np.zeros((7, len(queries)))
    for part in parts:
        names = list(dict.fromkeys(instances[part].tolist()))
        for row, drawn in enumerate(rng.integers(len(names), size=(7, len(names))).tolist()):
            for place in drawn:
                wanted[row] += instances == names[place]
    assert times.tolist() == wanted.tolist()


@given(st.integers(1, 9), st.integers(0, 2**32))
def test_with_one_query_an_instance_queries_are_drawn(size, seed):
    instances = instance_numbers([TruthRow(f"/{n}", "", "query") for n in range(2 * size)])
    parts = strata(["a"] * size + ["b"] * size, instances)
    (times,) = draws(parts, np.random.default_rng(seed), instances=instances, resamples=5)
    rng = np.random.default_rng(seed)
    for stratum in (0, size):
        for row, drawn in enumerate(rng.integers(size, size=(5, size))):
            part = times[row, stratum : stratum + size]
            assert part.tolist() == np.bincount(drawn, minlength=size).tolist()


def test_queries_of_one_thing_that_agree_make_the_interval_no_shorter():
    rng = np.random.default_rng(3)
    once = rng.random((1, 40, 1))
    four = np.repeat(once, 4, axis=1)
    of = [np.quantile(resampled(once, rng, 4000), q) for q in (0.025, 0.975)]
    together = resampled(four, rng, 4000, instances=np.repeat(np.arange(40), 4))
    assert np.quantile(together, [0.025, 0.975]) == pytest.approx(of, abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 4)), min_size=1, max_size=12))
def test_differences_are_summed_by_instance(pairs):
    instances, thirds = np.array(pairs).T
    sums = instance_sums(thirds / 3, instances)
    wanted = [sum(d for i, d in pairs if i == one) / 3 for one in sorted(set(instances.tolist()))]
    assert sums.tolist() == pytest.approx(wanted)
    assert np.array_equal(sums == 0, np.array(wanted) == 0)


def test_the_p_value_of_random_signs_is_at_least_two_in_the_resamples_and_one():
    p = randomisation_test(np.full(100, 0.5), np.random.default_rng(0), resamples=999)
    assert p == pytest.approx(2 / 1000)


def test_a_query_without_a_figure_takes_no_part_in_its_mean():
    values = np.array([[[1.0, 2.0], [0.0, np.nan], [1.0, np.nan]]])
    means = resampled(values, np.random.default_rng(0), 300)[:, 0]
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
        QueryOutcome("q", "", tuple(sorted(found)[:wanted]), wanted, False, True, np.zeros(31))
        for wanted, found in queries
    ]
    judged.insert(0, QueryOutcome("stranger", "", (), 0, False, True, np.zeros(31)))
    levels, precision = precision_over_recall(judged)
    for level, value in list(zip(levels, precision, strict=True))[::10]:
        total = 0.0
        for one in judged[1:]:
            points = [
                ((n + 1) / one.n_relevant, (n + 1) / (p + 1))
                for n, p in enumerate(one.relevant_positions)
            ]
            total += max((p for recall, p in points if recall >= level - 1e-9), default=0.0)
        assert value == pytest.approx(total / len(queries))
    _, found_share = found_by_rank(judged)
    metrics = measures(PROTOCOLS.resolve("manifest"))
    numbers = np.arange(len(judged))
    values = figures([judged], metrics, instances=numbers, convention="rectangle").values[0]
    recall = {metric.name: value for metric, value in zip(metrics, values, strict=True)}
    assert [found_share[0], found_share[4]] == pytest.approx(
        [recall["recall@1"], recall["recall@5"]]
    )


@given(st.lists(st.floats(0, 1), max_size=10))
def test_labels_are_spread_in_order_and_stay_on_the_plot(heights):
    placed = spread_heights(heights, gap=0.06)
    order = sorted(range(len(heights)), key=lambda at: heights[at])
    assert all(placed[b] - placed[a] >= 0.06 - 1e-9 for a, b in itertools.pairwise(order))
    assert all(-1e-9 <= height <= 1 + 1e-9 for height in placed)


def test_a_name_is_right_of_its_point_unless_something_is_there():
    assert beside([(0.5, 0.5)], [0.1], height=0.06) == [(pytest.approx(0.53), 0.5)]
    apart = beside([(0.5, 0.5), (0.56, 0.5)], [0.1, 0.1], height=0.06)
    assert apart == [(pytest.approx(0.37), 0.5), (pytest.approx(0.59), 0.5)]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=6))
def test_names_beside_points_stay_near_them(points):
    placed = beside(points, [0.1] * len(points), height=0.06)
    for (x, y), (left, middle) in zip(points, placed, strict=True):
        assert left - x in (pytest.approx(0.03), pytest.approx(-0.13))
        assert abs(middle - y) <= 3 * 0.06 + 1e-9
