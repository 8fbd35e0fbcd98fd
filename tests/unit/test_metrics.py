import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from kpsearch.errors import UsageError
from kpsearch.evaluation import (
    QueryOutcome,
    average_precision,
    average_precision_at,
    ns_score,
    precision_at,
    r_precision,
    recall_at,
    relevant_positions,
    summarise,
)


def outcome(positions=(), n_relevant=1, *, source="shop", four=False, answered=True):
    return QueryOutcome("q", source, tuple(positions), n_relevant, four, answered)


def random_ranking(rng):
    """Flags of a ranking with at least one relevant item, and their positions."""
    flags = rng.random(rng.integers(1, 40)) < 0.3
    flags[rng.integers(len(flags))] = True
    return flags, np.flatnonzero(flags)


def area_by_trapezoids(flags, n_relevant):
    """The area under the precision-recall curve, one trapezoid a retrieved item."""
    area, recall_before, precision_before, found = 0.0, 0.0, 1.0, 0
    for seen, flag in enumerate(flags, start=1):
        found += int(flag)
        recall, precision = found / n_relevant, found / seen
        area += (recall - recall_before) * (precision_before + precision) / 2
        recall_before, precision_before = recall, precision
    return area


def mean_precision_at_relevant(flags, n_relevant):
    total, found = 0.0, 0
    for seen, flag in enumerate(flags, start=1):
        if flag:
            found += 1
            total += found / seen
    return total / n_relevant


@pytest.mark.parametrize("seed", range(20))
def test_rectangle_equals_sklearn_when_everything_is_retrieved(seed):
    flags, positions = random_ranking(np.random.default_rng(seed))
    expected = average_precision_score(flags, -np.arange(len(flags), dtype=float))
    ap = average_precision(positions, len(positions), convention="rectangle")
    assert ap == pytest.approx(expected)


@pytest.mark.parametrize("missing", [0, 1, 5])
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("convention", "oracle"),
    [("rectangle", mean_precision_at_relevant), ("trapezoid", area_by_trapezoids)],
)
def test_average_precision_equals_the_plain_loop(convention, oracle, seed, missing):
    flags, positions = random_ranking(np.random.default_rng(seed))
    n_relevant = len(positions) + missing
    ap = average_precision(positions, n_relevant, convention=convention)
    assert ap == pytest.approx(oracle(flags, n_relevant))


@pytest.mark.parametrize(
    ("positions", "n_relevant", "rectangle", "trapezoid"),
    [
        ([0], 1, 1, 1),
        ([1], 1, 1 / 2, 1 / 4),
        ([0, 2], 2, 5 / 6, 19 / 24),
        ([0], 2, 1 / 2, 1 / 2),
        ([1, 3], 4, 1 / 4, (1 / 4 + (1 / 3 + 1 / 2) / 2) / 4),
        ([], 3, 0, 0),
    ],
)
def test_average_precision_of_cases_worked_by_hand(positions, n_relevant, rectangle, trapezoid):
    values = [
        average_precision(positions, n_relevant, convention="rectangle"),
        average_precision(positions, n_relevant, convention="trapezoid"),
    ]
    assert values == pytest.approx([rectangle, trapezoid])


def test_an_unknown_convention_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="'square'; known: rectangle, trapezoid"):
        average_precision([0], 1, convention="square")


@pytest.mark.parametrize(
    ("positions", "n_relevant"), [([], 0), ([0, 1], 1), ([1, 0], 2), ([1, 1], 2), ([-1], 1)]
)
def test_impossible_positions_are_refused(positions, n_relevant):
    with pytest.raises(UsageError):
        average_precision(positions, n_relevant, convention="rectangle")
    with pytest.raises(UsageError):
        recall_at(positions, n_relevant, k=1)


@pytest.mark.parametrize(
    ("positions", "k", "expected"),
    [([], 5, 0), ([0], 1, 1), ([1], 1, 0), ([4], 5, 1), ([5], 5, 0), ([0, 9], 1, 1)],
)
def test_recall_asks_for_one_relevant_item_among_the_first(positions, k, expected):
    assert recall_at(positions, 2, k=k) == expected


@pytest.mark.parametrize("metric", [recall_at, precision_at, average_precision_at])
def test_a_metric_at_nothing_is_refused(metric):
    with pytest.raises(UsageError, match="k must be at least 1"):
        metric([0], 1, k=0)


def test_what_is_overlooked_leaves_no_gap():
    assert relevant_positions("jajbcj", {"a", "c"}, ignored={"j"}) == (0, 2)
    assert relevant_positions("abc", {"a", "c"}) == (0, 2)
    assert relevant_positions("", {"a"}) == ()


@pytest.mark.parametrize(
    ("positions", "n_relevant", "k", "expected"),
    [
        ([0, 1, 2], 3, 10, 1),
        ([0, 3], 2, 10, 2 / 4),
        ([0, 12], 2, 10, 1 / 10),
        ([0, 1], 3, 10, 2 / 10),
        ([4], 1, 1, 0),
        ([], 2, 5, 0),
    ],
)
def test_precision_is_taken_at_the_last_relevant_item_where_that_is_sooner(
    positions, n_relevant, k, expected
):
    assert precision_at(positions, n_relevant, k=k) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("positions", "n_relevant", "k", "expected"),
    [
        ([0, 2], 2, 100, 5 / 6),
        ([0, 2], 2, 2, 1 / 2),
        ([0, 1], 200, 2, 1),
        ([0, 1], 200, 100, 2 / 100),
        ([5], 1, 5, 0),
    ],
)
def test_average_precision_at_k_divides_by_what_can_be_found_there(
    positions, n_relevant, k, expected
):
    assert average_precision_at(positions, n_relevant, k=k) == pytest.approx(expected)


def test_r_precision_is_precision_at_the_number_of_relevant_items():
    assert r_precision([0, 2, 3], 3) == pytest.approx(2 / 3)
    assert r_precision([], 3) == 0


@pytest.mark.parametrize(
    ("positions", "expected"),
    [([0, 1, 2], 4), ([0, 1, 3], 3), ([2], 2), ([3, 4, 5], 1), ([], 1)],
)
def test_ns_score_counts_a_query_left_out_as_found_first(positions, expected):
    assert ns_score(positions, query_left_out=True) == expected


@pytest.mark.parametrize(
    ("positions", "expected"), [([0, 1, 2, 3], 4), ([0, 1, 2, 4], 3), ([3], 1), ([4], 0), ([], 0)]
)
def test_ns_score_of_a_query_in_its_ranking_counts_the_top_four(positions, expected):
    assert ns_score(positions, query_left_out=False) == expected


def test_ns_score_refuses_more_pictures_than_a_group_has():
    with pytest.raises(UsageError):
        ns_score([0, 1, 2, 3], query_left_out=True)


def test_summary_keeps_sources_apart_in_order_of_appearance():
    outcomes = [outcome([0], source="b"), outcome([1], source="a"), outcome([2], source="b")]
    summaries = summarise(outcomes, "rectangle")
    assert list(summaries) == ["b", "a"]
    assert summaries["b"].queries == 2
    assert summaries["b"].map == pytest.approx((1 + 1 / 3) / 2)
    assert summaries["a"].map == 0.5


def test_summary_means_are_over_queries_with_an_answer_in_the_catalogue():
    outcomes = [
        outcome([0]),
        outcome([3], n_relevant=2),
        outcome([], answered=False),
        outcome([], n_relevant=0, answered=False),
        outcome([], n_relevant=0),
    ]
    summary = summarise(outcomes, "rectangle")["shop"]
    assert (summary.queries, summary.without_answer, summary.no_match) == (5, 2, 2)
    assert summary.map == pytest.approx((1 + 1 / 8 + 0) / 3)
    assert summary.recall_at_1 == pytest.approx(1 / 3)
    assert summary.recall_at_5 == pytest.approx(2 / 3)
    assert summary.ns is None


def test_summary_follows_the_convention_asked_for():
    assert summarise([outcome([1])], "rectangle")["shop"].map == 0.5
    assert summarise([outcome([1])], "trapezoid")["shop"].map == 0.25


def test_summary_gives_the_ns_score_of_the_groups_of_four_only():
    outcomes = [
        outcome([0, 1, 2], n_relevant=3, four=True),
        outcome([0, 5], n_relevant=3, four=True),
        outcome([], n_relevant=1),
    ]
    assert summarise(outcomes, "rectangle")["shop"].ns == 3.0


def test_summary_of_queries_without_answer_has_no_means():
    summary = summarise([outcome(n_relevant=0)], "rectangle")["shop"]
    assert (summary.map, summary.recall_at_1, summary.recall_at_5) == (None, None, None)


def test_summary_of_nothing_is_empty():
    assert summarise([], "rectangle") == {}
