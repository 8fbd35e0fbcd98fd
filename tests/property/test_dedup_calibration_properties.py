"""The calibration and the threshold, against plain loops and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kpsearch.dedup.calibration import (
    LEAST_SLOPE,
    PRIOR_PAIRS,
    Calibration,
    Observed,
    accept,
    refit,
)
from kpsearch.dedup.records import Relation, Verdict
from kpsearch.errors import UsageError
from tests.judged import link

LOG_ODDS = st.one_of(st.integers(-8, 8).map(float), st.floats(-50, 50))
RELATIONS = st.sampled_from(list(Relation))
VERDICTS = st.sampled_from([None, *Verdict])
PAIRS = st.lists(
    st.builds(
        lambda odds, relation, verdict: link(0, 1, odds, relation, verdict=verdict),
        LOG_ODDS,
        RELATIONS,
        VERDICTS,
    ),
    max_size=40,
)


def decided(log_odds, right):
    verdicts = [Verdict.SAME if yes else Verdict.DIFFERENT for yes in right]
    return [link(0, 1, z, verdict=v) for z, v in zip(log_odds, verdicts, strict=True)]


def test_nothing_decided_changes_nothing():
    pairs = [link(0, 1, 2.5), link(0, 2, -1.0, Relation.VARIANT)]
    assert refit(pairs) == Calibration() == Calibration(0.0, 1.0, 0)
    assert Calibration().applied(pairs) == pairs


def test_what_the_job_did_not_judge_has_no_part_in_it():
    pairs = [
        link(0, 1, 9.0, Relation.EXACT, verdict=Verdict.SAME),
        link(0, 2, 0.0, Relation.INSUFFICIENT, verdict=Verdict.SAME),
        link(0, 3, 20.0, Relation.SAME_ITEM, verdict=Verdict.SAME, found=False),
    ]
    assert refit(pairs) == Calibration()
    assert [pair.log_odds for pair in Calibration(1.0, 2.0).applied(pairs)] == [9.0, 0.0, 20.0]
    assert [pair.log_odds for pair in Calibration(1.0, 2.0).applied([link(0, 1, 3.0)])] == [7.0]


@given(PAIRS)
def test_a_surer_pair_stays_the_surer(pairs):
    line = refit(pairs)
    assert math.isfinite(line.intercept)
    assert LEAST_SLOPE <= line.slope < math.inf
    assert line.log_odds(1.0) < line.log_odds(2.0)


@given(PAIRS, st.randoms())
def test_the_order_of_pairs_does_not_matter(pairs, random):
    assert refit(random.sample(pairs, len(pairs))) == refit(pairs)


@given(PAIRS)
def test_no_line_beside_it_is_likelier(pairs):
    line = refit(pairs)
    judged = [p for p in pairs if p.relation not in (Relation.EXACT, Relation.INSUFFICIENT)]
    known = [p for p in judged if p.verdict is not None]
    prior = np.linspace(-6, 6, 13)

    def loss(intercept, slope):
        total = 0.0
        for z in prior:
            p, raised = 1 / (1 + math.exp(-z)), intercept + slope * z
            total += PRIOR_PAIRS / len(prior) * (np.logaddexp(0, raised) - p * raised)
        for pair in known:
            raised = intercept + slope * max(-30.0, min(30.0, pair.log_odds))
            total += np.logaddexp(0, raised) - (pair.verdict is Verdict.SAME) * raised
        return total

    least = loss(line.intercept, line.slope)
    for step in (1e-3, 0.1):
        for by_intercept, by_slope in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1)):
            slope = max(line.slope + step * by_slope, LEAST_SLOPE)
            assert loss(line.intercept + step * by_intercept, slope) >= least - 1e-9


@pytest.mark.parametrize("right", [True, False])
def test_decisions_of_one_kind_move_the_odds_their_way_and_stay_finite(right):
    few, many = (refit(decided([2.0] * n, [right] * n)) for n in (3, 300))
    sign = 1 if right else -1
    assert 0 <= sign * (few.log_odds(2.0) - 2.0) < 1.5
    assert sign * (many.log_odds(2.0) - few.log_odds(2.0)) > 0.5
    assert (few.decisions, many.decisions) == (3, 300)


def test_many_decisions_find_the_line_that_they_were_drawn_from():
    rng = np.random.default_rng(5)
    odds = rng.normal(1.0, 3.0, 3000)
    right = rng.random(3000) < 1 / (1 + np.exp(-(-1.5 + 0.5 * odds)))
    line = refit(decided(odds.tolist(), right.tolist()))
    assert line.intercept == pytest.approx(-1.5, abs=0.2)
    assert line.slope == pytest.approx(0.5, abs=0.06)
    # A sample of the doubtful ones alone finds it too, if less surely.
    doubtful = np.abs(odds) < 2
    line = refit(decided(odds[doubtful].tolist(), right[doubtful].tolist()))
    assert line.log_odds(1.0) == pytest.approx(-1.0, abs=0.3)


def threshold_slowly(log_odds, precision):
    best = math.inf
    for least in log_odds:
        above = [1 / (1 + math.exp(-z)) for z in log_odds if z >= least]
        if least >= 0 and sum(above) / len(above) >= precision:
            best = min(best, least)
    return best


@given(PAIRS, st.sampled_from([0.6, 0.9, 0.99]))
def test_the_threshold_is_the_least_that_all_above_reach_the_precision_with(pairs, precision):
    found = accept(pairs, precision)
    judged = [
        pair.log_odds
        for pair in pairs
        if pair.relation.merges and pair.relation is not Relation.EXACT
    ]
    assert found.threshold == threshold_slowly(judged, precision)
    assert found.expected_precision >= precision - 1e-12


@given(PAIRS, st.sampled_from([0.6, 0.9, 0.99]))
def test_what_is_accepted_merges_or_was_decided(pairs, precision):
    found = accept(pairs, precision)
    for pair, accepted in zip(pairs, found.accepted, strict=True):
        sure = pair.relation is Relation.EXACT or pair.log_odds >= found.threshold
        if pair.verdict is None:
            assert accepted == (pair.relation.merges and sure)
        else:
            assert accepted == (pair.verdict is Verdict.SAME)


def test_exact_copies_do_not_pay_for_doubtful_pairs():
    exact = [link(0, number, 30.0, Relation.EXACT) for number in range(1, 1000)]
    found = accept([*exact, link(1000, 1001, 0.1)], 0.99)
    assert found.accepted.tolist() == [True] * 999 + [False]


def test_decided_pairs_above_the_threshold_give_a_precision_with_its_interval():
    pairs = decided([6.0] * 50, [True] * 49 + [False])
    pairs += decided([-3.0], [True])
    pairs.append(link(0, 1, 20.0, verdict=Verdict.SAME, found=False))
    seen = accept(pairs, 0.99).observed
    assert seen == Observed(decided=50, right=49)
    assert seen.precision == 0.98
    known = stats.binomtest(49, 50).proportion_ci(0.95, method="exact")
    assert seen.interval == pytest.approx((known.low, known.high))


@pytest.mark.parametrize(("decided_", "right"), [(0, 0), (4, 0), (4, 4)])
def test_the_interval_is_within_what_a_share_can_be(decided_, right):
    low, high = Observed(decided_, right).interval
    assert 0 <= low <= high <= 1
    assert (low == 0) == (right == 0)
    assert (high == 1) == (right == decided_)


def test_no_pairs_are_accepted_as_well_as_can_be():
    found = accept([], 0.99)
    assert found.accepted.shape == (0,)
    assert found.accepted.dtype == bool
    assert (found.threshold, found.expected_precision) == (math.inf, 1.0)


@pytest.mark.parametrize("precision", [0.5, 1.0, -1.0, math.nan])
def test_a_precision_that_makes_no_sense_is_refused(precision):
    with pytest.raises(UsageError, match="precision"):
        accept([], precision)
