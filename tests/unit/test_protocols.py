"""From rankings and a ground truth to the figures of a protocol."""

import numpy as np
import pytest

from kpsearch.evaluation import QueryOutcome, Ranking, Truth, TruthRow, outcome_of
from kpsearch.evaluation.protocols import EASY, HARD, MANIFEST, MEDIUM, OXFORD, REVISITED

QUERY = TruthRow("q", "", "query", source="all")
LABELS = {"q": {"easy": frozenset("a"), "hard": frozenset("bc"), "junk": frozenset("j")}}


def ranking(paths, confidences):
    columns = np.array(confidences, float)
    return Ranking(QUERY, tuple(paths), columns, columns, True, {})


@pytest.mark.parametrize(
    ("setup", "positions", "n_relevant", "confidences"),
    [
        (EASY, (1,), 1, [0.8, 0.5, 0.4]),
        (MEDIUM, (1, 2), 3, [0.8, 0.6, 0.5, 0.4]),
        (HARD, (1,), 2, [0.8, 0.6, 0.4]),
    ],
    ids=["easy", "medium", "hard"],
)
def test_what_is_overlooked_leaves_with_its_confidence(setup, positions, n_relevant, confidences):
    labels = {"q": {"easy": frozenset("a"), "hard": frozenset("bc"), "junk": frozenset("jk")}}
    truth = Truth((QUERY,), labels, setup)
    paths, values = ("j", "x", "k", "b", "a", "y"), (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    outcome = outcome_of(truth, ranking(paths, values))
    assert (outcome.relevant_positions, outcome.n_relevant) == (positions, n_relevant)
    assert list(outcome.confidences) == confidences


def test_a_ranking_without_hits_has_an_outcome():
    outcome = outcome_of(Truth((QUERY,), LABELS, MEDIUM), ranking((), ()))
    assert (outcome.relevant_positions, outcome.n_relevant) == ((), 3)
    assert len(outcome.confidences) == 0


def test_a_ranking_gives_its_hits_one_by_one():
    (hit,) = ranking(["a"], [0.5]).hits
    assert (hit.path, hit.score, hit.confidence) == ("a", 0.5, 0.5)
    assert type(hit.score) is float


def outcome(positions, n_relevant, source, answered=True):
    return QueryOutcome("q", source, positions, n_relevant, False, answered, (0.9, 0.1))


def test_a_protocol_measures_each_source_and_all_of_them_last():
    outcomes = [outcome((0,), 1, "b"), outcome((1,), 1, "a"), outcome((), 0, "a", False)]
    rows = OXFORD.measure(outcomes)
    assert [(m.source, m.queries, m.without_answer, m.no_match) for m in rows] == [
        ("b", 1, 0, 0),
        ("a", 2, 1, 1),
        (None, 3, 1, 1),
    ]
    assert [m.values["mAP"] for m in rows] == [1, 0.25, pytest.approx(5 / 8)]


def test_one_source_alone_is_not_measured_twice():
    (row,) = OXFORD.measure([outcome((0,), 1, "b")], setup="hard")
    assert (row.source, row.setup) == ("b", "hard")


def test_pooled_figures_of_all_sources_are_no_mean_of_theirs():
    outcomes = [
        QueryOutcome("q", "sure", (0,), 1, False, True, (0.2,)),
        QueryOutcome("q", "wrong", (), 1, False, True, (0.9,)),
    ]
    values = [m.values["micro-AP"] for m in MANIFEST.measure(outcomes)]
    assert values == [1, 0, 0.25]


def test_the_revisited_protocol_is_medium_and_hard():
    assert REVISITED.setups == (MEDIUM, HARD)
    assert [metric.name for metric in REVISITED.metrics] == ["mAP", "mP@10"]
