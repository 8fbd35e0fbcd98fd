"""The comparison on cases small enough to work out by hand."""

from __future__ import annotations

import dataclasses

import pytest

from kpsearch.comparison import Run, compare, format_comparison
from kpsearch.comparison.examples import duels
from kpsearch.errors import UsageError
from tests.comparisons import plain_truth

TRUTH = plain_truth({"easy": 4, "hard": 2})
QUERIES = [row.path for row in TRUTH.queries()]


def run_at(name: str, **ranks: int) -> Run:
    """A run that has each right picture at its rank, by source; 0 leaves it out."""
    rankings = {}
    for row in TRUTH.queries():
        rank = ranks[row.source]
        hits = [f"/wrong-{place}" for place in range(1, rank)] + [f"/ref-{row.instance}"]
        if rank:
            rankings[row.path] = tuple((hit, -float(place)) for place, hit in enumerate(hits))
    return Run(name, rankings)


def figures(result, run, source, key):
    standing = next(s for s in result.standings if (s.run, s.source) == (run, source))
    return standing.estimates[key]


def test_each_source_and_all_queries_have_their_means():
    result = compare(TRUTH, [run_at("a", easy=1, hard=2)], resamples=100)
    assert figures(result, "a", "easy", "map").value == 1.0
    assert figures(result, "a", "hard", "map").value == 0.5
    assert figures(result, "a", None, "map").value == pytest.approx(5 / 6)
    assert figures(result, "a", None, "recall_at_1").value == pytest.approx(4 / 6)
    assert figures(result, "a", None, "recall_at_5").value == 1.0
    assert figures(result, "a", None, "ns") is None
    assert "N-S" not in format_comparison(result)


def test_the_trapezoid_rule_is_oxfords():
    result = compare(TRUTH, [run_at("a", easy=2, hard=2)], convention="trapezoid", resamples=100)
    assert figures(result, "a", None, "map").value == 0.25


def test_a_single_source_needs_no_row_of_all():
    truth = plain_truth({"only": 3})
    result = compare(truth, [Run("a", {}), Run("b", {})], resamples=100)
    assert [(s.run, s.source) for s in result.standings] == [("a", "only"), ("b", "only")]
    assert result.overall("b").estimates["map"].value == 0.0


def test_a_run_is_tested_against_the_baseline():
    runs = [run_at("a", easy=1, hard=2), run_at("b", easy=1, hard=1), run_at("c", easy=3, hard=2)]
    result = compare(TRUTH, runs, baseline="b", resamples=1000)
    assert result.overall("b").against is None
    a, c = (result.overall(name).against for name in ("a", "c"))
    assert a.differences["map"].value == pytest.approx(-1 / 6)
    # Two queries differ, all one way: 2 of 4 assignments of signs are as extreme.
    assert a.p_values["map"].raw == pytest.approx(0.5)
    # Six differ: 2 of 64; the smaller of two p-values is doubled.
    assert c.p_values["map"].raw == pytest.approx(2 / 64)
    assert c.p_values["map"].holm == pytest.approx(4 / 64)
    assert a.p_values["map"].holm == pytest.approx(0.5)


def test_equal_runs_differ_by_nothing_and_not_significantly():
    twin = dataclasses.replace(run_at("a", easy=1, hard=2), name="b")
    against = (
        compare(TRUTH, [run_at("a", easy=1, hard=2), twin], resamples=100).overall("b").against
    )
    assert {(e.value, e.low, e.high) for e in against.differences.values() if e} == {(0, 0, 0)}
    assert {p.holm for p in against.p_values.values()} == {1.0}


def test_a_query_that_a_run_lacks_counts_as_nothing_found():
    run = run_at("a", easy=1, hard=0)
    result = compare(TRUTH, [run], resamples=100)
    assert result.missing(run) == ("/hard-0", "/hard-1")
    assert figures(result, "a", "hard", "map").value == 0.0
    (note,) = result.notes(run)
    assert note == ("2 queries without a hit in it, counted as nothing found: '/hard-0', '/hard-1'")


def test_wins_and_losses_come_largest_first():
    duel = duels(
        compare(TRUTH, [run_at("a", easy=2, hard=1), run_at("b", easy=1, hard=5)], resamples=100),
        most=3,
    )[0]
    assert (duel.run, duel.baseline, duel.won, duel.lost, duel.drawn) == ("b", "a", 4, 2, 0)
    assert [example.query for example in duel.wins] == QUERIES[:3]
    assert [example.gain for example in duel.losses] == pytest.approx([-0.8, -0.8])


def test_there_must_be_runs_of_different_names_and_queries_with_answers():
    run = run_at("a", easy=1, hard=1)
    with pytest.raises(UsageError, match="no run"):
        compare(TRUTH, [])
    with pytest.raises(UsageError, match="two runs are called 'a'"):
        compare(TRUTH, [run, run])
    unanswerable = dataclasses.replace(TRUTH, rows=TRUTH.queries())
    with pytest.raises(UsageError, match="no query with a relevant reference"):
        compare(unanswerable, [run])
