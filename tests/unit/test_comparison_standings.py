"""The comparison on cases small enough to work out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kpsearch.comparison import Run, compare, comparison_json, format_comparison
from kpsearch.comparison.examples import duels
from kpsearch.comparison.measures import judge
from kpsearch.errors import UnusableFile, UsageError
from kpsearch.evaluation import PROTOCOLS, Setup, Truth, TruthRow, summarise
from kpsearch.evaluation.protocols import GOOD_OR_OK
from kpsearch.search import Region
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
    assert figures(result, "a", "easy", "mAP").value == 1.0
    assert figures(result, "a", "hard", "mAP").value == 0.5
    assert figures(result, "a", None, "mAP").value == pytest.approx(5 / 6)
    assert figures(result, "a", None, "recall@1").value == pytest.approx(4 / 6)
    assert figures(result, "a", None, "recall@5").value == 1.0
    assert figures(result, "a", None, "N-S") is None
    assert "N-S" not in format_comparison(result)


def test_the_trapezoid_rule_is_oxfords():
    result = compare(TRUTH, [run_at("a", easy=2, hard=2)], convention="trapezoid", resamples=100)
    assert figures(result, "a", None, "mAP").value == 0.25


def test_a_single_source_needs_no_row_of_all():
    truth = plain_truth({"only": 3})
    result = compare(truth, [Run("a", {}), Run("b", {})], resamples=100)
    assert [(s.run, s.source) for s in result.standings] == [("a", "only"), ("b", "only")]
    assert result.overall("b").estimates["mAP"].value == 0.0


def test_a_run_is_tested_against_the_baseline():
    runs = [run_at("a", easy=1, hard=2), run_at("b", easy=1, hard=1), run_at("c", easy=3, hard=2)]
    result = compare(TRUTH, runs, baseline="b", resamples=1000)
    assert result.overall("b").against is None
    a, c = (result.overall(name).against for name in ("a", "c"))
    assert a.differences["mAP"].value == pytest.approx(-1 / 6)
    # Two queries differ, all one way: 2 of 4 assignments of signs are as extreme.
    assert a.p_values["mAP"].raw == pytest.approx(0.5)
    # Six differ: 2 of 64; the smaller of two p-values is doubled.
    assert c.p_values["mAP"].raw == pytest.approx(2 / 64)
    assert c.p_values["mAP"].holm == pytest.approx(4 / 64)
    assert a.p_values["mAP"].holm == pytest.approx(0.5)


def test_equal_runs_differ_by_nothing_and_not_significantly():
    twin = dataclasses.replace(run_at("a", easy=1, hard=2), name="b")
    against = (
        compare(TRUTH, [run_at("a", easy=1, hard=2), twin], resamples=100).overall("b").against
    )
    differences = [e for e in against.differences.values() if e]
    assert {(e.value, e.low or 0, e.high or 0) for e in differences} == {(0, 0, 0)}
    assert {p.holm for p in against.p_values.values()} == {1.0}


def test_a_query_that_a_run_lacks_counts_as_nothing_found():
    run = run_at("a", easy=1, hard=0)
    result = compare(TRUTH, [run], resamples=100)
    assert result.missing(run) == ("/hard-0", "/hard-1")
    assert figures(result, "a", "hard", "mAP").value == 0.0
    (note,) = result.notes(run)
    assert note == ("2 queries without a hit in it, counted as nothing found: '/hard-0', '/hard-1'")


def strangers(items: int) -> Truth:
    """Items of one source, and as many queries of nothing that is in the catalogue."""
    rows = plain_truth({"known": items}).rows
    new = [TruthRow(f"/new-{n}", f"new-{n}", "query", source="known") for n in range(items)]
    return Truth((*rows, *new))


def sure_of(truth: Truth, *, right: float, stranger: float) -> Run:
    """First the right picture, or a wrong one for a stranger, scored so; then one of score 0."""
    first = {
        row.query_id: ("/ref-" + row.instance, right)
        if truth.relevant(row)
        else ("/ref-known-0", stranger)
        for row in truth.queries()
    }
    return Run("a", {query: (hit, ("/wrong", 0.0)) for query, hit in first.items()})


@pytest.mark.parametrize(
    ("stranger", "micro_ap", "at_90"),
    [
        (1.0, 1.0, 1.0),
        (9.0, (1 / 4 + 2 / 5 + 3 / 6) / 3, 0.0),
        (5.0, (1 / 4 + 2 / 5 + 3 / 6) / 3, 0.0),
    ],
)
def test_strangers_are_in_no_mean_but_among_all_answers(stranger, micro_ap, at_90):
    """Three right answers of score 5; those to strangers below, above, or equal and so above."""
    truth = strangers(3)
    standing = compare(
        truth, [sure_of(truth, right=5.0, stranger=stranger)], resamples=100
    ).overall("a")
    assert (standing.queries, standing.without_answer) == (6, 3)
    assert standing.estimates["mAP"].value == standing.estimates["recall@1"].value == 1.0
    assert standing.estimates["micro-AP"].value == pytest.approx(micro_ap)
    assert standing.estimates["R@P90"].value == at_90


def test_figures_of_all_answers_are_those_of_evaluate():
    truth = strangers(40)
    rng = np.random.default_rng(0)
    rankings = {}
    for row in truth.queries():
        paths = rng.permutation([reference.path for reference in truth.references()])[:20]
        scores = -np.sort(-rng.integers(0, 9, 20)).astype(np.float64)
        rankings[row.query_id] = tuple(zip(paths.tolist(), scores.tolist(), strict=True))
    outcomes = judge(Run("a", rankings), truth)
    wanted = summarise(outcomes, "rectangle")["known"]
    found = compare(truth, [Run("a", rankings)], resamples=100).overall("a").estimates
    assert wanted.micro_ap > 0
    assert {key: found[key].value for key in ("mAP", "micro-AP", "R@P90", "R@P99")} == {
        "mAP": wanted.map,
        "micro-AP": wanted.micro_ap,
        "R@P90": wanted.recall_at_p90,
        "R@P99": wanted.recall_at_p99,
    }


def test_too_few_queries_give_figures_of_all_answers_without_intervals():
    for items, known in (
        (24, {}),
        (100, {"R@P90", "micro-AP"}),
        (250, {"R@P90", "R@P99", "micro-AP"}),
    ):
        truth = strangers(items)
        runs = [sure_of(truth, right=5.0, stranger=score) for score in (1.0, 9.0)]
        result = compare(truth, [runs[0], dataclasses.replace(runs[1], name="b")], resamples=100)
        pooled = {"R@P90", "R@P99", "micro-AP"}
        standing = result.overall("b")
        assert {key for key in pooled if standing.estimates[key].low is not None} == set(known)
        assert set(standing.against.p_values) == {"mAP", "recall@1", *known}
        assert all(standing.against.p_values[key].raw == pytest.approx(2 / 101) for key in known)


def groups_of(size: int, things: int) -> Truth:
    """So many things, each with so many queries and a reference, of one source."""
    rows = [TruthRow(f"/ref-{n}", f"{n}", "reference", source="all") for n in range(things)]
    rows += [
        TruthRow(f"/{n}-{view}", f"{n}", "query", source="all")
        for n in range(things)
        for view in range(size)
    ]
    return Truth(tuple(rows))


def found_where(truth: Truth, name: str, right: set[str]) -> Run:
    """First the right picture for the instances that it has, else a wrong one."""
    hit = {row.query_id: "/ref-" + row.instance for row in truth.queries() if row.instance in right}
    rows = truth.queries()
    return Run(name, {r.query_id: ((hit.get(r.query_id, "/wrong"), 1.0),) for r in rows})


@pytest.mark.parametrize("size", [1, 4])
def test_views_of_one_thing_that_fail_together_count_as_one(size):
    """With one view of each it is McNemar's test; with four the p-values stay where they were."""
    truth = groups_of(size, 12)
    runs = [found_where(truth, "a", set()), found_where(truth, "b", set(map(str, range(6))))]
    standing = compare(truth, runs, resamples=4000).overall("b")
    assert standing.queries == 12 * size
    for key in ("mAP", "recall@1"):
        assert standing.against.p_values[key].raw == pytest.approx(2 / 64)
        estimate = standing.estimates[key]
        assert (estimate.low, estimate.high) == (pytest.approx(0.25), pytest.approx(0.75))


def test_few_things_have_no_intervals_however_many_their_queries():
    for things, known in ((9, False), (10, True)):
        truth = groups_of(30, things)
        runs = [found_where(truth, "a", set()), found_where(truth, "b", {"0", "1"})]
        standing = compare(truth, runs, resamples=100).overall("b")
        assert all(
            (standing.estimates[key].low is not None) == known for key in ("mAP", "recall@1")
        )
        assert standing.estimates["micro-AP"].low is standing.estimates["R@P90"].low is None
        assert standing.against.p_values["mAP"].raw == pytest.approx(0.5)


def test_all_queries_are_told_from_a_source_called_all():
    truth = groups_of(1, 2)
    other = TruthRow("/x", "0", "query", source="other")
    result = compare(Truth((*truth.rows, other)), [found_where(truth, "a", {"0"})], resamples=10)
    lines = format_comparison(result).splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["all", "other", "(all)"]


def test_a_run_that_leaves_queries_of_nothing_out_is_told():
    truth = strangers(3)
    run = sure_of(truth, right=5.0, stranger=9.0)
    easy = Run("b", {q: hits for q, hits in run.rankings.items() if q != "/new-1"})
    result = compare(truth, [run, easy], resamples=10)
    assert result.silent(run) == result.notes(run) == ()
    assert result.silent(easy) == ("/new-1",)
    (note,) = result.notes(easy)
    assert note.startswith("1 queries of nothing in the catalogue without a hit in it")
    assert comparison_json(result)["runs"]["b"]["silent_queries"] == ["/new-1"]


def labelled(**changes) -> Truth:
    """One query, itself in the gallery, with a good, a junk and another picture beside it."""
    rows = [TruthRow(f"/{name}", name, "reference") for name in ("q", "good", "junk", "other")]
    query = TruthRow("/q", "", "query", region=Region(1, 2, 3, 4))
    labels = {"good": frozenset({"/q", "/good"}), "junk": frozenset({"/junk"})}
    settings = {"setup": GOOD_OR_OK, "query_in_gallery": True} | changes
    return Truth((*rows, query), labels={query.query_id: labels}, **settings)


@pytest.mark.parametrize(
    ("truth", "ap"),
    [
        (labelled(), (1 + 2 / 3) / 2),
        (labelled(query_in_gallery=False), 1 / 2),
        (
            labelled(setup=Setup("all", frozenset({"good", "junk"}), frozenset())),
            (1 + 1 + 3 / 4) / 3,
        ),
    ],
)
def test_junk_is_overlooked_and_the_query_stays_where_the_truth_says_so(truth, ap):
    (row,) = truth.queries()
    hits = [path for path in ("/q", "/junk", "/other", "/good") if path not in truth.left_out(row)]
    run = Run("a", {row.query_id: tuple((path, -float(n)) for n, path in enumerate(hits))})
    result = compare(truth, [run, Run("b", {})], resamples=100)
    assert result.overall("a").estimates["mAP"].value == pytest.approx(ap)
    (duel,) = duels(result, most=1)
    shown = [path for path, _ in duel.losses[0].theirs.top]
    assert ("/junk" in shown) == (truth.setup.name == "all")


def test_a_protocol_brings_its_measures_and_its_rule():
    holidays = compare(
        TRUTH, [run_at("a", easy=2, hard=2)], protocol=PROTOCOLS.resolve("holidays"), resamples=100
    )
    assert figures(holidays, "a", None, "mAP").value == 0.25
    sop = compare(
        TRUTH, [run_at("a", easy=2, hard=2)], protocol=PROTOCOLS.resolve("sop"), resamples=100
    )
    assert figures(sop, "a", None, "recall@10").value == 1.0
    assert [metric.name for metric in sop.measures][:2] == ["recall@1", "recall@10"]


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
    with pytest.raises(UnusableFile, match="no query with a relevant reference"):
        compare(unanswerable, [run])
