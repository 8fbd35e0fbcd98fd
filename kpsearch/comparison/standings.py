"""The comparison itself: the figures of each run, and how they differ from the baseline's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpsearch.comparison.measures import Judged, Measure, figures, judge, measures
from kpsearch.comparison.resampling import RESAMPLES, Estimate, Resampled, interval, resample
from kpsearch.comparison.runs import Run, note
from kpsearch.comparison.significance import holm, mcnemar_test, randomisation_test
from kpsearch.errors import UsageError
from kpsearch.evaluation import Convention, Truth

SEED = 0
TESTED: Mapping[str, str] = {"map": "paired randomisation", "recall_at_1": "McNemar, exact"}
"""The measures that runs are tested on, by key, and how."""


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
    """By the measure's key; None where the measure is not defined."""
    p_values: Mapping[str, PValue]
    """By the key of each `TESTED` measure."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A run's figures on one source."""

    run: str
    source: str | None
    """None stands for all queries together, each of the same weight."""
    queries: int
    estimates: Mapping[str, Estimate | None]
    against: Against | None
    """None for the baseline itself."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs on one truth."""

    truth: Truth
    runs: tuple[Run, ...]
    baseline: str
    measures: tuple[Measure, ...]
    judged: Mapping[str, tuple[Judged, ...]]
    """By run: what it found for each query that has an answer, in the order of the truth."""
    standings: tuple[Standing, ...]
    """Source by source, and in each the runs in their order; all queries together come last."""
    convention: Convention
    resamples: int
    seed: int

    def missing(self, run: Run) -> tuple[str, ...]:
        """The queries with an answer that the run does not have: it found nothing for them."""
        rows = (one.query for one in self.judged[run.name])
        return tuple(row.path for row in rows if row.path not in run.rankings)

    def notes(self, run: Run) -> tuple[str, ...]:
        """What of the run was not used, and what it lacks, for a reader."""
        lacking = self.missing(run)
        return (*run.notes, *note("queries without a hit in it, counted as nothing found", lacking))

    def overall(self, run: str) -> Standing:
        """The run's figures over all queries; of the only source, where there is but one."""
        return [standing for standing in self.standings if standing.run == run][-1]


def compare(
    truth: Truth,
    runs: Sequence[Run],
    *,
    baseline: str | None = None,
    convention: Convention = "rectangle",
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Judge the runs on every query of the truth that has a relevant picture in the catalogue.

    Intervals are bootstrapped, for all queries together with each source keeping its number of
    queries; tests are paired, query by query, against ``baseline`` (the first run if not named).
    Raises `UsageError` for no run, two of one name, or an unknown baseline.
    """
    names = [run.name for run in runs]
    base = _checked_baseline(names, baseline)
    wanted = measures(convention)
    judged = {run.name: judge(run, truth) for run in runs}
    values = np.stack([figures(judged[name], wanted) for name in names])
    sources = np.array([one.query.source for one in judged[base]])
    study = _Study(names, names.index(base), wanted, resamples, np.random.default_rng(seed))
    return Comparison(
        truth,
        tuple(runs),
        base,
        wanted,
        judged,
        tuple(study.standings(values, sources)),
        convention,
        resamples,
        seed,
    )


@dataclass(frozen=True, slots=True)
class _Study:
    names: Sequence[str]
    base: int
    measures: Sequence[Measure]
    resamples: int
    rng: np.random.Generator

    def standings(
        self, values: npt.NDArray[np.float64], sources: npt.NDArray[np.str_]
    ) -> list[Standing]:
        """``values`` is (runs, queries, measures), ``sources`` names that of each query."""
        together: Resampled | None = None
        found: list[Standing] = []
        for source in dict.fromkeys(sources.tolist()):
            part = values[:, sources == source]
            samples = resample(part, self.rng, resamples=self.resamples)
            together = samples if together is None else together + samples
            found += self._of_source(source, part, samples)
        if together is not None and len(found) > len(self.names):
            found += self._of_source(None, values, together)
        return found

    def _of_source(
        self, source: str | None, values: npt.NDArray[np.float64], samples: Resampled
    ) -> list[Standing]:
        means = samples.means
        rivals = [run for run in range(len(self.names)) if run != self.base]
        p_values = self._p_values(values, rivals)
        return [
            Standing(
                name,
                source,
                values.shape[1],
                self._estimates(values[run], means[:, run]),
                Against(
                    self._estimates(
                        values[run] - values[self.base], means[:, run] - means[:, self.base]
                    ),
                    {key: of_run[run] for key, of_run in p_values.items()},
                )
                if run != self.base
                else None,
            )
            for run, name in enumerate(self.names)
        ]

    def _estimates(
        self, values: npt.NDArray[np.float64], samples: npt.NDArray[np.float64]
    ) -> dict[str, Estimate | None]:
        """Of (queries, measures) ``values``, with the (b, measures) means of their resamples."""
        estimates: dict[str, Estimate | None] = {}
        for column, measure in enumerate(self.measures):
            defined = values[np.isfinite(values[:, column]), column]
            estimates[measure.key] = (
                interval(defined.mean(), samples[:, column]) if len(defined) else None
            )
        return estimates

    def _p_values(
        self, values: npt.NDArray[np.float64], rivals: Sequence[int]
    ) -> dict[str, dict[int, PValue]]:
        """By the key of the measure, and by the run."""
        tests: dict[str, Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], float]] = {
            "map": lambda a, b: randomisation_test(a - b, self.rng, resamples=self.resamples),
            "recall_at_1": lambda a, b: mcnemar_test(a == 1, b == 1),
        }
        column_of = {measure.key: column for column, measure in enumerate(self.measures)}
        found = {}
        for key in TESTED:
            figures = values[:, :, column_of[key]]
            raw = [tests[key](figures[run], figures[self.base]) for run in rivals]
            found[key] = dict(zip(rivals, map(PValue, raw, holm(raw)), strict=True))
        return found


def _checked_baseline(names: Sequence[str], baseline: str | None) -> str:
    if not names:
        raise UsageError("no run to compare")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"two runs are called {twice[0]!r}; name them as NAME=FILE")
    if baseline is not None and baseline not in names:
        raise UsageError(f"no run {baseline!r} to be the baseline; there is {', '.join(names)}")
    return names[0] if baseline is None else baseline
