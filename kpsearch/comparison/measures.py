"""What a run found, query by query, and the measures of the table over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpsearch.comparison.resampling import resampled_means
from kpsearch.comparison.runs import Run
from kpsearch.errors import UnusableFile
from kpsearch.evaluation import Convention, Protocol, QueryOutcome, Ranking, Truth, outcome_of
from kpsearch.evaluation.measures import Metric
from kpsearch.evaluation.protocols import MANIFEST
from kpsearch.evaluation.resampled import Resampler, Times


def measures(protocol: Protocol) -> tuple[Metric, ...]:
    """The protocol's, then those of any ground truth that it lacks, in the order of the table."""
    general = {metric.name: metric for metric in MANIFEST.metrics}
    return tuple(({metric.name: metric for metric in protocol.metrics} | general).values())


def require_answers(truth: Truth) -> None:
    """Raise `UnusableFile` when no query has a relevant picture in the catalogue."""
    if not any(truth.relevant(row) for row in truth.queries()):
        raise UnusableFile(
            f"{truth.origin}: no query with a relevant reference: nothing to compare on"
        )


def judge(run: Run, truth: Truth) -> tuple[QueryOutcome, ...]:
    """What ``run`` found for each query of the truth, in its order, junk left out.

    What answers to different queries are compared by is the run's own score.
    """
    found = []
    for row in truth.queries():
        hits = run.rankings.get(row.query_id, ())
        scores = np.array([score for _, score in hits], np.float64)
        paths = tuple(path for path, _ in hits)
        found.append(outcome_of(truth, Ranking(row, paths, scores, scores, bool(hits), {})))
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """The measures of several runs over one group of queries."""

    metrics: tuple[Metric, ...]
    outcomes: Sequence[Sequence[QueryOutcome]]
    """Of each run, in the same order of queries."""
    instances: npt.NDArray[np.intp]
    """(queries,) a number for what each is of."""
    by_query: npt.NDArray[np.float64]
    """(runs, queries, measures); NaN where a measure is not defined for a query, as those of all
    answers in one list are for none."""
    values: npt.NDArray[np.float64]
    """(runs, measures) over all of them; NaN where a measure is not defined."""
    resamplers: Sequence[Sequence[Resampler | None]]
    """Of each measure, those of each run: none for a mean over queries, None for all runs where
    the measure is not defined."""
    enough: npt.NDArray[np.bool_]
    """(measures,) whether its queries are of enough instances to resample."""

    def resampled(self, times: Times) -> npt.NDArray[np.float64]:
        """(b, runs, measures) for (b, queries) times that each query is drawn.

        NaN where a measure is not defined, or the instances are too few to resample for it.
        """
        found = resampled_means(times, self.by_query)
        found[:, :, ~self.enough] = np.nan
        for column in np.flatnonzero(self.enough).tolist():
            for run, resampler in enumerate(self.resamplers[column]):
                found[:, run, column] = np.nan if resampler is None else resampler(times)
        return found


def figures(
    outcomes: Sequence[Sequence[QueryOutcome]],
    metrics: tuple[Metric, ...],
    *,
    instances: npt.NDArray[np.intp],
    convention: Convention,
) -> Figures:
    """The ``metrics`` of each run's ``outcomes``, for queries of the ``instances``."""

    def of(metric: Metric, some: Sequence[QueryOutcome]) -> float:
        value = metric.of(some, convention)
        return np.nan if value is None else value

    by_query = np.array(
        [
            [[np.nan if m.resampler else of(m, [one]) for m in metrics] for one in run]
            for run in outcomes
        ],
        np.float64,
    ).reshape(len(outcomes), -1, len(metrics))
    return Figures(
        metrics,
        outcomes,
        instances,
        by_query,
        np.array([[of(metric, run) for metric in metrics] for run in outcomes]),
        [_resamplers(metric, outcomes) for metric in metrics],
        np.array([_enough(*each, instances) for each in zip(metrics, by_query[0].T, strict=True)]),
    )


def _resamplers(
    metric: Metric, outcomes: Sequence[Sequence[QueryOutcome]]
) -> list[Resampler | None]:
    if metric.resampler is None:
        return []
    return [metric.resampler(run) for run in outcomes]


def _enough(
    metric: Metric, by_query: npt.NDArray[np.float64], instances: npt.NDArray[np.intp]
) -> bool:
    asked = instances if metric.resampler else instances[np.isfinite(by_query)]
    return len(np.unique(asked)) >= metric.least_instances
