"""The comparison itself: the figures of each run, and how they differ from the baseline's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpsearch.comparison.instances import instance_numbers, strata
from kpsearch.comparison.measures import Figures, figures, judge, measures, require_answers
from kpsearch.comparison.resampling import RESAMPLES, Estimate, draws, interval
from kpsearch.comparison.runs import Run, note
from kpsearch.comparison.significance import (
    bootstrap_test,
    holm,
    instance_sums,
    mcnemar_test,
    randomisation_test,
)
from kpsearch.errors import UsageError
from kpsearch.evaluation import Convention, Protocol, QueryOutcome, Truth
from kpsearch.evaluation.measures import Metric
from kpsearch.evaluation.protocols import MANIFEST
from kpsearch.evaluation.resampled import Times

SEED = 0
TESTED = frozenset({"mAP", "recall@1"})
"""The means over queries that runs are tested on, by name."""

Samples = npt.NDArray[np.float64]
"""(b, runs, measures), or of one run (b, measures): figures of bootstrap samples."""


@dataclass(frozen=True, slots=True)
class PValue:
    """Of a difference, two-sided."""

    raw: float
    holm: float
    """Adjusted for the number of runs that are compared with the baseline."""


@dataclass(frozen=True, slots=True)
class Against:
    """How a run differs from the baseline: positive where it is better."""

    differences: Mapping[str, Estimate | None]
    """By the measure's name; None where the measure is not defined."""
    p_values: Mapping[str, PValue]
    """By the name of each measure that `is_tested` and defined."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A run's figures on one source."""

    run: str
    source: str | None
    """None stands for all queries together, each of the same weight."""
    queries: int
    without_answer: int
    """Of them, those with nothing to find in the catalogue: in no mean over queries."""
    estimates: Mapping[str, Estimate | None]
    against: Against | None
    """None for the baseline itself."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs on one truth."""

    truth: Truth
    runs: tuple[Run, ...]
    baseline: str
    protocol: str
    measures: tuple[Metric, ...]
    judged: Mapping[str, tuple[QueryOutcome, ...]]
    """By run: what it found for each query, in the order of the truth."""
    standings: tuple[Standing, ...]
    """Source by source, and in each the runs in their order; all queries together come last."""
    convention: Convention
    resamples: int
    seed: int

    def missing(self, run: Run) -> tuple[str, ...]:
        """The queries with an answer that the run does not have: it found nothing for them."""
        return tuple(
            one.query
            for one in self.judged[run.name]
            if one.n_relevant and one.query not in run.rankings
        )

    def silent(self, run: Run) -> tuple[str, ...]:
        """The queries of nothing in the catalogue that it has no hit for, and so no wrong one."""
        return tuple(
            one.query
            for one in self.judged[run.name]
            if not one.n_relevant and one.query not in run.rankings
        )

    def notes(self, run: Run) -> tuple[str, ...]:
        """What of the run was not used, and what it lacks, for a reader."""
        return (
            *run.notes,
            *note("queries without a hit in it, counted as nothing found", self.missing(run)),
            *note(
                "queries of nothing in the catalogue without a hit in it, so never wrong in the"
                " figures of all answers: those are too good if it was not asked them",
                self.silent(run),
            ),
        )

    def overall(self, run: str) -> Standing:
        """The run's figures over all queries; of the only source, where there is but one."""
        return [standing for standing in self.standings if standing.run == run][-1]


def compare(
    truth: Truth,
    runs: Sequence[Run],
    *,
    baseline: str | None = None,
    protocol: Protocol = MANIFEST,
    convention: Convention | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Judge the runs on the queries of the truth, as it reads its labels.

    Average precision is by ``convention``, or by the protocol's. Intervals are bootstrapped by
    instance, for all queries together with each source keeping its number of instances; tests are
    paired, against ``baseline`` (the first run if not named). Raises `UsageError` for no run, two
    of one name, or an unknown baseline, `UnusableFile` for a truth without a query that has an
    answer.
    """
    names = [run.name for run in runs]
    base = checked_baseline(names, baseline)
    require_answers(truth)
    wanted, rule = measures(protocol), convention or protocol.convention
    judged = {run.name: judge(run, truth) for run in runs}
    instances = instance_numbers(truth.queries())
    groups = {
        source: _Group(
            queries,
            figures(
                [[judged[name][at] for at in queries] for name in names],
                wanted,
                instances=instances[queries],
                convention=rule,
            ),
        )
        for source, queries in _sources(truth).items()
    }
    rng = np.random.default_rng(seed)
    times = draws(
        strata([row.source for row in truth.queries()], instances),
        rng,
        instances=instances,
        resamples=resamples,
    )
    study = _Study(names, names.index(base), resamples, rng)
    return Comparison(
        truth,
        tuple(runs),
        base,
        protocol.name,
        wanted,
        judged,
        tuple(study.standings(groups, times)),
        rule,
        resamples,
        seed,
    )


def is_tested(metric: Metric) -> bool:
    """Whether runs are tested on it against the baseline."""
    return metric.name in TESTED or metric.resampler is not None


def _sources(truth: Truth) -> dict[str | None, npt.NDArray[np.intp]]:
    """The numbers of the queries of each source, and with several sources, last, of all."""
    sources = np.array([row.source for row in truth.queries()])
    parts: dict[str | None, npt.NDArray[np.intp]] = {
        source: np.flatnonzero(sources == source) for source in dict.fromkeys(sources.tolist())
    }
    return parts if len(parts) < 2 else {**parts, None: np.arange(len(sources))}


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """The queries of a source, or all of them."""

    queries: npt.NDArray[np.intp]
    figures: Figures


@dataclass(frozen=True, slots=True)
class _Study:
    names: Sequence[str]
    base: int
    resamples: int
    rng: np.random.Generator

    def standings(
        self, groups: Mapping[str | None, _Group], times: Iterable[Times]
    ) -> list[Standing]:
        """Of every group, with blocks of ``times`` that each query of the truth is drawn."""
        blocks: dict[str | None, list[Samples]] = {source: [] for source in groups}
        for block in times:
            for source, group in groups.items():
                blocks[source].append(group.figures.resampled(block[:, group.queries]))
        return [
            standing
            for source, group in groups.items()
            for standing in self._of_source(source, group.figures, np.concatenate(blocks[source]))
        ]

    def _of_source(
        self, source: str | None, figures: Figures, samples: Samples
    ) -> Iterator[Standing]:
        rivals = [run for run in range(len(self.names)) if run != self.base]
        p_values = self._p_values(figures, samples, rivals)
        outcomes = figures.outcomes[self.base]
        for run, name in enumerate(self.names):
            against = None
            if run != self.base:
                against = Against(
                    _estimates(
                        figures.metrics,
                        figures.values[run] - figures.values[self.base],
                        samples[:, run] - samples[:, self.base],
                    ),
                    {key: of_run[run] for key, of_run in p_values.items()},
                )
            yield Standing(
                name,
                source,
                len(outcomes),
                sum(one.n_relevant == 0 for one in outcomes),
                _estimates(figures.metrics, figures.values[run], samples[:, run]),
                against,
            )

    def _p_values(
        self, figures: Figures, samples: Samples, rivals: Sequence[int]
    ) -> dict[str, dict[int, PValue]]:
        """By the measure's name, and by the run."""
        found = {}
        for column, metric in enumerate(figures.metrics):
            if not is_tested(metric) or np.isnan(figures.values[self.base, column]):
                continue
            if metric.resampler is not None and np.isnan(samples[:, self.base, column]).all():
                continue
            raw = [self._p_value(metric, column, figures, samples, run) for run in rivals]
            found[metric.name] = dict(zip(rivals, map(PValue, raw, holm(raw)), strict=True))
        return found

    def _p_value(
        self, metric: Metric, column: int, figures: Figures, samples: Samples, run: int
    ) -> float:
        if metric.resampler is not None:
            return bootstrap_test(samples[:, run, column] - samples[:, self.base, column])
        ours, theirs = figures.by_query[[run, self.base], :, column]
        known = np.isfinite(ours)
        ours, theirs, instances = ours[known], theirs[known], figures.instances[known]
        if metric.name == "recall@1" and len(np.unique(instances)) == len(instances):
            return mcnemar_test(ours == 1, theirs == 1)
        moved = instance_sums(ours - theirs, instances)
        return randomisation_test(moved, self.rng, resamples=self.resamples)


def _estimates(
    metrics: Sequence[Metric], values: npt.NDArray[np.float64], samples: Samples
) -> dict[str, Estimate | None]:
    """Of (measures,) ``values``, with (b, measures) of their resamples."""
    return {
        metric.name: None if np.isnan(value) else interval(value, samples[:, column])
        for column, (metric, value) in enumerate(zip(metrics, values.tolist(), strict=True))
    }


def checked_baseline(names: Sequence[str], baseline: str | None) -> str:
    """The name of the run to test against; raises `UsageError` as `compare` does."""
    if not names:
        raise UsageError("no run to compare")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"two runs are called {twice[0]!r}; name them as NAME=FILE")
    if baseline is not None and baseline not in names:
        raise UsageError(f"no run {baseline!r} to be the baseline; there is {', '.join(names)}")
    return names[0] if baseline is None else baseline
