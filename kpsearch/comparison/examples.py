"""Query by query: where a run beats the baseline, and where it loses to it."""

from __future__ import annotations

from dataclasses import dataclass

from kpsearch.comparison.runs import Ranking
from kpsearch.comparison.standings import Comparison
from kpsearch.evaluation import QueryOutcome, TruthRow, average_precision

SHOWN_HITS = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What one run has for one query."""

    run: str
    top: Ranking
    """Its first `SHOWN_HITS`, junk left out."""
    hits: int
    """As many as it has in all, junk left out."""
    first_right: int | None
    """The rank of the first right one, from 1; None where none is found."""
    average_precision: float


@dataclass(frozen=True, slots=True)
class Example:
    """One query, and what two runs found."""

    query: str
    source: str
    relevant: frozenset[str]
    ours: Found
    """Of the run that is looked at."""
    theirs: Found
    """Of the baseline."""

    @property
    def gain(self) -> float:
        """Average precision more than the baseline's; below 0 for a loss."""
        return self.ours.average_precision - self.theirs.average_precision


@dataclass(frozen=True, slots=True)
class Duel:
    """A run against the baseline."""

    run: str
    baseline: str
    won: int
    lost: int
    drawn: int
    """Queries with a higher, a lower and the same average precision."""
    wins: tuple[Example, ...]
    losses: tuple[Example, ...]
    """The largest first, in the order of the truth where they are as large."""


def duels(comparison: Comparison, *, most: int) -> tuple[Duel, ...]:
    """Each run against the baseline, with at most ``most`` wins and as many losses shown."""
    names = [run.name for run in comparison.runs if run.name != comparison.baseline]
    return tuple(_duel(comparison, name, most) for name in names)


def _duel(comparison: Comparison, run: str, most: int) -> Duel:
    triples = zip(
        comparison.truth.queries(),
        comparison.judged[run],
        comparison.judged[comparison.baseline],
        strict=True,
    )
    examples = [
        Example(
            row.path,
            row.source,
            comparison.truth.relevant(row),
            _found(comparison, run, row, ours),
            _found(comparison, comparison.baseline, row, theirs),
        )
        for row, ours, theirs in triples
        if ours.n_relevant
    ]
    ranked = sorted(examples, key=lambda example: -abs(example.gain))
    wins = [example for example in ranked if example.gain > 0]
    losses = [example for example in ranked if example.gain < 0]
    return Duel(
        run,
        comparison.baseline,
        len(wins),
        len(losses),
        len(examples) - len(wins) - len(losses),
        tuple(wins[:most]),
        tuple(losses[:most]),
    )


def _found(comparison: Comparison, run: str, row: TruthRow, judged: QueryOutcome) -> Found:
    rankings = next(one.rankings for one in comparison.runs if one.name == run)
    junk = comparison.truth.ignored(row)
    ranking = tuple(hit for hit in rankings.get(row.query_id, ()) if hit[0] not in junk)
    positions = judged.relevant_positions
    return Found(
        run,
        ranking[:SHOWN_HITS],
        len(ranking),
        positions[0] + 1 if positions else None,
        average_precision(positions, judged.n_relevant, convention=comparison.convention),
    )
