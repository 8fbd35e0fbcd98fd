"""The measures of the table: each a figure a query, averaged over queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpsearch.comparison.runs import Run
from kpsearch.errors import UsageError
from kpsearch.evaluation import Convention, Truth, TruthRow, average_precision, ns_score, recall_at


@dataclass(frozen=True, slots=True)
class Judged:
    """What a run found for one query."""

    query: TruthRow
    positions: tuple[int, ...]
    """Of the relevant pictures that were found, from 0, increasing."""
    n_relevant: int
    """At least 1: the other queries have no place here."""
    group_of_four: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure for each query, whose mean is the measure."""

    key: str
    """Its name for machines."""
    title: str
    of_query: Callable[[Judged], float | None]
    """None for a query that the measure is not defined for, whatever the run."""


def measures(convention: Convention) -> tuple[Measure, ...]:
    """The measures in the order of the table. To add one is to add it here."""
    return (
        Measure(
            "map",
            "mAP",
            lambda j: average_precision(j.positions, j.n_relevant, convention=convention),
        ),
        Measure("recall_at_1", "recall@1", lambda j: recall_at(j.positions, j.n_relevant, k=1)),
        Measure("recall_at_5", "recall@5", lambda j: recall_at(j.positions, j.n_relevant, k=5)),
        Measure(
            "ns",
            "N-S",
            lambda j: ns_score(j.positions, query_left_out=True) if j.group_of_four else None,
        ),
    )


def answerable(truth: Truth) -> tuple[TruthRow, ...]:
    """The queries that have a relevant picture in the catalogue, in the order of the truth.

    Raises `UsageError` when there is none.
    """
    rows = tuple(row for row in truth.queries() if truth.relevant(row))
    if not rows:
        raise UsageError("the truth has no query with a relevant reference: nothing to compare on")
    return rows


def judge(run: Run, truth: Truth) -> tuple[Judged, ...]:
    """What ``run`` found for each of the `answerable` queries."""
    return tuple(_judged(run, truth, row) for row in answerable(truth))


def figures(judged: Sequence[Judged], wanted: Sequence[Measure]) -> npt.NDArray[np.float64]:
    """(queries, measures), NaN where a measure is not defined for a query."""
    rows = [[measure.of_query(one) for measure in wanted] for one in judged]
    return np.array(rows, np.float64).reshape(len(judged), len(wanted))


def _judged(run: Run, truth: Truth, row: TruthRow) -> Judged:
    relevant = truth.relevant(row)
    hits = run.rankings.get(row.path, ())
    positions = tuple(at for at, (path, _) in enumerate(hits) if path in relevant)
    return Judged(row, positions, len(relevant), truth.in_group_of_four(row))
