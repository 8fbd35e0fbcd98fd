"""Fused runs: what they cost, what calibration knows, and what it may not look at."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kpsearch.comparison import Facts, Recipe, Run, compare, fuse, parse_recipe
from kpsearch.comparison.calibration import calibrated_rankings, fit_calibration
from kpsearch.errors import UsageError
from kpsearch.evaluation import Truth, TruthRow
from tests.comparisons import plain_truth

TRUTH = plain_truth({"print": 40, "solid": 40})


def blind_run(name: str, sees: str, scale: float, seed: int) -> Run:
    """A run that finds what is of the source ``sees``, and ranks the rest at random."""
    rng = np.random.default_rng(seed)
    references = [row.path for row in TRUTH.references()]
    rankings = {}
    for row in TRUTH.queries():
        scores = dict(zip(references, rng.normal(0, 1, len(references)), strict=True))
        scores[f"/ref-{row.instance}"] += 6 if row.source == sees else 0
        ranked = sorted(scores.items(), key=lambda hit: -hit[1])
        rankings[row.path] = tuple((path, float(score) * scale) for path, score in ranked)
    return Run(name, rankings, Facts(10.0, 100.0))


PRINT, SOLID = blind_run("print", "print", 1.0, 1), blind_run("solid", "solid", 500.0, 2)
RUNS = {"print": PRINT, "solid": SOLID}
CALIBRATED = Recipe("both", ("print", "solid"), "calibrated")


def accuracy(*runs: Run) -> dict[str, float]:
    result = compare(TRUTH, runs, resamples=100)
    return {run.name: result.overall(run.name).estimates["mAP"].value for run in runs}


def test_calibrated_fusion_takes_each_source_from_the_run_that_sees_it():
    found = accuracy(PRINT, SOLID, fuse(CALIBRATED, RUNS, TRUTH))
    assert found["print"] < 0.6
    assert found["solid"] < 0.6
    assert found["both"] > 0.95


def test_calibration_does_not_see_the_answer_it_is_used_on():
    """The truth of one instance changed, nothing about its own query's ranking changes."""
    query = "/print-3"
    rows = [
        dataclasses.replace(row, path=row.path.replace("ref-print-3", "elsewhere"))
        if row.instance == "print-3"
        else row
        for row in TRUTH.rows
    ]
    changed = dataclasses.replace(TRUTH, rows=tuple(rows))
    before, after = (fuse(CALIBRATED, RUNS, truth).rankings for truth in (TRUTH, changed))
    assert before[query] == after[query]
    assert before != after


def test_a_run_calibrated_with_a_copy_of_itself_keeps_its_order():
    copy = dataclasses.replace(PRINT, name="copy")
    fused = fuse(
        Recipe("x", ("print", "copy"), "calibrated"), {"print": PRINT, "copy": copy}, TRUTH
    )
    for query, ranking in PRINT.rankings.items():
        assert [path for path, _ in fused.rankings[query]][:5] == [path for path, _ in ranking][:5]


def test_a_run_without_a_hit_for_a_query_leaves_it_to_the_other():
    query = "/print-0"
    rest = {path: hits for path, hits in SOLID.rankings.items() if path != query}
    runs = {"print": PRINT, "solid": dataclasses.replace(SOLID, rankings=rest)}
    for method in ("rrf", "calibrated"):
        fused = fuse(dataclasses.replace(CALIBRATED, method=method), runs, TRUTH)
        order = [path for path, _ in fused.rankings[query]]
        assert order == [path for path, _ in PRINT.rankings[query]]


def test_a_run_that_returns_little_does_not_push_the_other_down():
    short = {query: hits[:1] for query, hits in SOLID.rankings.items()}
    runs = {"print": PRINT, "solid": dataclasses.replace(SOLID, rankings=short)}
    assert accuracy(fuse(CALIBRATED, runs, TRUTH))["both"] > 0.9


def test_a_fused_run_costs_what_its_parts_cost_together():
    assert fuse(CALIBRATED, RUNS, TRUTH).facts == Facts(20.0, 200.0)
    unknown = {"print": PRINT, "solid": dataclasses.replace(SOLID, facts=Facts(None, 5.0))}
    assert fuse(CALIBRATED, unknown, TRUTH).facts == Facts(None, 105.0)


def test_fusion_keeps_to_the_depth():
    fused = fuse(Recipe("x", ("print", "solid")), RUNS, TRUTH, depth=7)
    assert {len(ranking) for ranking in fused.rankings.values()} == {7}


def test_calibration_needs_right_and_wrong_hits():
    wrong = {q: tuple(h for h in hits if h[0][5:] != q[1:]) for q, hits in SOLID.rankings.items()}
    runs = {"print": PRINT, "solid": dataclasses.replace(SOLID, rankings=wrong)}
    with pytest.raises(UsageError, match=r"solid: no relevant hit .*:rrf"):
        fuse(CALIBRATED, runs, TRUTH)
    with pytest.raises(UsageError, match="two instances"):
        fuse(CALIBRATED, RUNS, plain_truth({"one": 1}))


def with_strangers(truth: Truth, count: int) -> Truth:
    new = [TruthRow(f"/new-{n}", f"a-{n}", "query", source="print") for n in range(count)]
    return dataclasses.replace(truth, rows=(*truth.rows, *new))


@pytest.mark.parametrize("seed", range(5))
def test_the_few_instances_with_an_answer_are_in_folds_of_their_own(seed):
    few = with_strangers(plain_truth({"one": 1, "two": 1}), 50)
    found = {
        row.query_id: (("/ref-" + row.instance, 2.0), ("/wrong", 1.0)) for row in few.queries()
    }
    runs = [Run("a", found), Run("b", found)]
    assert len(calibrated_rankings(runs, few, seed)) == 52
    with pytest.raises(UsageError, match="two instances or more that are in the catalogue"):
        calibrated_rankings(runs, with_strangers(plain_truth({"one": 1}), 50), seed)


def test_wrong_hits_for_queries_of_nothing_teach_what_a_score_is_worth():
    truth = with_strangers(TRUTH, 80)
    sure = {
        f"/new-{n}": (("/ref-print-0", 9.0), *PRINT.rankings["/solid-0"][1:]) for n in range(80)
    }
    run = dataclasses.replace(PRINT, rankings={**PRINT.rankings, **sure})
    known, all_ = (
        fit_calibration(run, truth, rows).log_odds(scores_of(run, "/new-0"))[0]
        for rows in (TRUTH.queries(), truth.queries())
    )
    assert all_ < known - 1


def scores_of(run: Run, query: str):
    return np.array([score for _, score in run.rankings[query]])


def test_a_recipe_is_read():
    assert parse_recipe("x=a+b") == Recipe("x", ("a", "b"), "rrf")
    assert parse_recipe("x=a+b+c:calibrated") == Recipe("x", ("a", "b", "c"), "calibrated")


@pytest.mark.parametrize("text", ["x", "x=a", "=a+b", "x=a+", "x=a+b:sum", "x=a+a", "x=a+b:"])
def test_a_recipe_that_makes_no_sense_is_refused(text):
    with pytest.raises(UsageError, match="--fuse"):
        parse_recipe(text)


def test_fusing_an_unknown_run_names_those_there_are():
    with pytest.raises(UsageError, match="no run 'c' to fuse; there is print, solid"):
        fuse(Recipe("x", ("print", "c")), RUNS, TRUTH)
