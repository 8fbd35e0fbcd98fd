"""The metrics against what the reference implementations print, on stored small cases.

Each file of reference_cases says in its "source" whose numbers they are and how they were made.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from kpsearch.evaluation import (
    QueryOutcome,
    Truth,
    TruthRow,
    average_precision,
    average_precision_at,
    micro_average_precision,
    precision_at,
    r_precision,
    recall_at,
    recall_at_precision,
    relevant_positions,
)
from kpsearch.evaluation.protocols import GOOD_OR_OK, REVISITED_ALL

FOLDER = Path(__file__).parent / "reference_cases"


def cases(name):
    return json.loads((FOLDER / f"{name}.json").read_text())["cases"]


def revisited_outcomes(case, setup):
    """What the queries of a stored revisitop case retrieved under a setup."""
    labels = {
        str(q): {label: frozenset(map(str, known[label])) for label in ("easy", "hard", "junk")}
        for q, known in enumerate(case["gnd"])
    }
    rows = tuple(TruthRow(str(q), "", "query", source="all") for q in range(len(labels)))
    truth = Truth(rows, labels, setup, query_in_gallery=True)
    for row, ranking in zip(rows, case["rankings"], strict=True):
        relevant = truth.relevant(row)
        positions = relevant_positions(map(str, ranking), relevant, ignored=truth.ignored(row))
        yield QueryOutcome(row.path, row.source, positions, len(relevant), False, True)


@pytest.mark.parametrize("setup", REVISITED_ALL.setups, ids=lambda setup: setup.name)
def test_the_setups_of_revisitop_give_its_map_and_precisions(setup):
    (case,) = cases("revisitop")
    outcomes = list(revisited_outcomes(case, setup))
    expected = case["expected"][setup.name]
    (measures,) = REVISITED_ALL.measure(outcomes, setup=setup.name)
    assert measures.without_answer == expected["aps"].count(None)
    assert measures.values == pytest.approx(
        {
            "mAP": expected["map"],
            **dict(zip(["mP@1", "mP@5", "mP@10"], expected["mp"], strict=True)),
        }
    )
    for outcome, ap, precisions in zip(outcomes, expected["aps"], expected["ps"], strict=True):
        if ap is None:
            assert outcome.n_relevant == 0
            continue
        found = outcome.relevant_positions, outcome.n_relevant
        assert average_precision(*found, convention="trapezoid") == pytest.approx(ap)
        assert [precision_at(*found, k=k) for k in (1, 5, 10)] == pytest.approx(precisions)


@pytest.mark.parametrize("case", cases("oxford"))
def test_trapezoids_without_junk_are_oxford_s_ap(case):
    labels = {label: frozenset(case[label]) for label in ("good", "ok", "junk")}
    row = TruthRow("query", "", "query")
    truth = Truth((row,), {"query": labels}, GOOD_OR_OK, query_in_gallery=True)
    relevant = truth.relevant(row)
    positions = relevant_positions(case["ranking"], relevant, ignored=truth.ignored(row))
    ap = average_precision(positions, len(relevant), convention="trapezoid")
    assert ap == pytest.approx(case["ap"], abs=1e-6)


@pytest.mark.parametrize("case", cases("holidays"))
def test_trapezoids_without_the_query_are_the_ap_of_holidays(case):
    positions = relevant_positions(case["ranking"], case["relevant"], ignored={case["query"]})
    ap = average_precision(positions, len(case["relevant"]), convention="trapezoid")
    assert ap == pytest.approx(case["ap"])


@pytest.mark.parametrize("case", cases("isc2021"))
def test_pooled_metrics_are_those_of_the_image_similarity_challenge(case):
    pairs = case["confidence"], case["correct"]
    n = case["n_positive"]
    assert micro_average_precision(*pairs, n_positive=n) == pytest.approx(case["micro_ap"])
    for precision, expected in ((0.9, case["recall_at_p90"]), (0.99, case["recall_at_p99"])):
        recall = recall_at_precision(*pairs, n_positive=n, precision=precision)
        assert recall == pytest.approx(expected or 0.0)


@pytest.mark.parametrize("case", cases("gldv2"))
@pytest.mark.parametrize("k", [10, 100])
def test_average_precision_at_k_is_that_of_google_landmarks(case, k):
    positions = relevant_positions(case["ranking"], set(case["relevant"]))
    ap = average_precision_at(positions, len(case["relevant"]), k=k)
    assert ap == pytest.approx(case[f"ap_at_{k}"])


@pytest.mark.parametrize("case", cases("trec_eval"))
def test_rectangles_r_precision_and_recall_are_those_of_trec_eval(case):
    found = relevant_positions(case["ranking"], set(case["relevant"])), len(case["relevant"])
    assert average_precision(*found, convention="rectangle") == pytest.approx(case["ap"])
    assert r_precision(*found) == pytest.approx(case["r_precision"])
    assert {k: recall_at(*found, k=int(k)) for k in case["success"]} == case["success"]


def test_recall_r_precision_and_map_at_r_are_those_of_metric_learning():
    (case,) = cases("products")
    labels = case["labels"]
    found = []
    for query, ranking in enumerate(case["rankings"]):
        same = {str(i) for i in range(len(labels)) if labels[i] == labels[query] and i != query}
        found.append((relevant_positions(map(str, ranking), same), len(same)))
    recall = {k: np.mean([recall_at(*each, k=int(k)) for each in found]) for k in case["recall"]}
    assert recall == pytest.approx(case["recall"])
    assert np.mean([r_precision(*each) for each in found]) == pytest.approx(case["r_precision"])
    at_r = [average_precision_at(positions, n, k=n) for positions, n in found]
    assert np.mean(at_r) == pytest.approx(case["map_at_r"])


def test_every_stored_case_says_whose_numbers_it_has():
    for file in FOLDER.glob("*.json"):
        assert len(json.loads(file.read_text())["source"]) > 60, file.name
