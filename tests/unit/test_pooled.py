import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from kpsearch.errors import UsageError
from kpsearch.evaluation import (
    QueryOutcome,
    micro_average_precision,
    recall_at_precision,
    summarise,
)


def outcome(positions, n_relevant, confidences):
    return QueryOutcome("q", "shop", tuple(positions), n_relevant, False, True, confidences)


def recall_by_every_threshold(confidence, correct, n_positive, precision):
    """The definition, threshold by threshold."""
    best = 0.0
    for threshold in confidence:
        taken = [
            right for value, right in zip(confidence, correct, strict=True) if value >= threshold
        ]
        if sum(taken) / len(taken) >= precision:
            best = max(best, sum(taken) / n_positive)
    return best


@pytest.mark.parametrize("seed", range(10))
def test_micro_ap_without_ties_is_sklearn_s_when_everything_is_found(seed):
    rng = np.random.default_rng(seed)
    confidence, correct = rng.random(30), rng.random(30) < 0.4
    correct[0] = True
    micro_ap = micro_average_precision(confidence, correct, n_positive=int(correct.sum()))
    assert micro_ap == pytest.approx(average_precision_score(correct, confidence))


def test_among_equals_the_wrong_pairs_come_first():
    pairs = [0.5, 0.5, 0.5], [True, False, False]
    assert micro_average_precision(*pairs, n_positive=1) == pytest.approx(1 / 3)
    assert micro_average_precision(pairs[0], [False, False, True], n_positive=1) == pytest.approx(
        1 / 3
    )


def test_what_is_never_answered_counts():
    assert micro_average_precision([0.9], [True], n_positive=4) == 0.25
    assert micro_average_precision([], [], n_positive=4) == 0
    assert recall_at_precision([], [], n_positive=4, precision=0.9) == 0


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("precision", [0.5, 0.9, 0.99, 1.0])
def test_recall_at_precision_is_the_best_of_every_threshold(seed, precision):
    rng = np.random.default_rng(seed)
    confidence = np.round(rng.random(25), 1)
    correct = rng.random(25) < 0.3 + 0.7 * confidence
    n_positive = int(correct.sum()) + 3
    expected = recall_by_every_threshold(confidence, correct, n_positive, precision)
    recall = recall_at_precision(confidence, correct, n_positive=n_positive, precision=precision)
    assert recall == pytest.approx(expected)


def test_a_threshold_takes_equal_confidences_together():
    recall = recall_at_precision([0.9, 0.9], [True, False], n_positive=1, precision=0.9)
    assert recall == 0


@pytest.mark.parametrize("n", [10, 20, 30, 70, 100, 1000])
def test_a_precision_met_exactly_is_met(n):
    correct = np.arange(n) >= n // 10
    recall = recall_at_precision(np.ones(n), correct, n_positive=n, precision=0.9)
    assert recall == 0.9


def test_the_precision_may_be_met_again_further_down():
    correct = [False, *[True] * 19]
    confidence = np.linspace(1, 0.5, 20)
    assert recall_at_precision(confidence, correct, n_positive=20, precision=0.95) == 0.95


@pytest.mark.parametrize(
    ("confidence", "correct", "n_positive"),
    [
        ([0.5], [True], 0),
        ([0.5], [], 1),
        ([0.5, 0.4], [True, True], 1),
        ([float("nan")], [True], 1),
    ],
)
def test_impossible_pairs_are_refused(confidence, correct, n_positive):
    with pytest.raises(UsageError):
        micro_average_precision(confidence, correct, n_positive=n_positive)
    with pytest.raises(UsageError):
        recall_at_precision(confidence, correct, n_positive=n_positive, precision=0.9)


@pytest.mark.parametrize("precision", [0, -1, 1.1])
def test_an_impossible_precision_is_refused(precision):
    with pytest.raises(UsageError):
        recall_at_precision([0.5], [True], n_positive=1, precision=precision)


def test_a_sure_answer_to_a_query_that_has_none_costs():
    honest = [outcome([0], 1, (0.9, 0.1)), outcome([], 0, (0.2,))]
    deceived = [outcome([0], 1, (0.9, 0.1)), outcome([], 0, (0.95,))]
    assert summarise(honest, "rectangle")["shop"].recall_at_p90 == 1
    assert summarise(honest, "rectangle")["shop"].micro_ap == 1
    assert summarise(deceived, "rectangle")["shop"].recall_at_p90 == 0
    assert summarise(deceived, "rectangle")["shop"].micro_ap == 0.5


def test_recall_at_precision_of_a_summary_looks_at_first_answers_alone():
    outcomes = [outcome([0], 3, (0.9, 0.8, 0.7)), outcome([1], 1, (0.1, 0.05))]
    summary = summarise(outcomes, "rectangle")["shop"]
    assert summary.recall_at_p90 == 0.5
    assert summary.micro_ap == pytest.approx((1 + 2 / 5) / 4)


def test_without_confidences_there_is_no_pooled_figure():
    summary = summarise([outcome([0], 1, (0.9,)), outcome([0], 1, None)], "rectangle")["shop"]
    assert (summary.micro_ap, summary.recall_at_p90, summary.recall_at_p99) == (None,) * 3


def test_with_nothing_to_find_there_is_no_pooled_figure():
    assert summarise([outcome([], 0, (0.9,))], "rectangle")["shop"].micro_ap is None
