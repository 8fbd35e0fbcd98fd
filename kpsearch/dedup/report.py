"""The report of a job: three files, and what there is to say of them."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

from kpsearch.dedup.links import places
from kpsearch.dedup.records import Relation
from kpsearch.dedup.review import make_thumbnails, write_review
from kpsearch.dedup.tables import write_groups, write_pairs

if TYPE_CHECKING:
    from kpsearch.dedup.calibration import Acceptance
    from kpsearch.dedup.finding import Progress
    from kpsearch.dedup.job import Outcome
    from kpsearch.options import DedupOptions


@dataclass(frozen=True, slots=True)
class Report:
    """What was written, in words and in numbers."""

    summary: dict[str, Any]
    """For machines."""
    told: dict[str, str]
    """For people: name of a fact, and the fact."""
    paths: list[str]


def write_report(
    folder: str | os.PathLike[str],
    outcome: Outcome,
    options: DedupOptions,
    *,
    title: str,
    lines: bool,
    n_jobs: int,
    progress: Progress,
) -> Report:
    """Write ``pairs.csv``, ``groups.json`` (or ``groups.jsonl``: ``lines``) and ``review.html``.

    Each file is replaced once its new content is whole.
    """
    names = ["pairs.csv", "groups.jsonl" if lines else "groups.json", "review.html"]
    pairs_path, groups_path, page_path = (os.path.join(folder, name) for name in names)
    summary, told = _summary(outcome, options), _told(outcome, options)
    write_pairs(pairs_path, outcome.pairs, outcome.entries, _merged(outcome))
    write_groups(
        groups_path,
        outcome.groups,
        pairs=outcome.pairs,
        entries=outcome.entries,
        summary=summary,
        lines=lines,
    )
    write_review(
        page_path,
        outcome.groups,
        pairs=outcome.pairs,
        entries=outcome.entries,
        thumbnails=partial(make_thumbnails, n_jobs=n_jobs, progress=progress),
        title=f"Duplicates in {title}",
        summary=told,
    )
    paths = [pairs_path, groups_path, page_path]
    with suppress(FileNotFoundError):  # of a run that was asked for the other form
        os.unlink(os.path.join(folder, "groups.json" if lines else "groups.jsonl"))
    seconds = {stage: round(spent, 3) for stage, spent in outcome.seconds.items()}
    return Report({**summary, "seconds": seconds, "report": paths}, told, paths)


def _summary(outcome: Outcome, options: DedupOptions) -> dict[str, Any]:
    acceptance, observed = outcome.acceptance, outcome.acceptance.observed
    return {
        "pictures": len(outcome.entries),
        "pairs": len(outcome.pairs),
        "relations": _by_relation(outcome),
        "accepted": int(acceptance.accepted.sum()),
        "groups": len(outcome.groups),
        "redundant": redundant(outcome),
        "precision": options.precision,
        "expected_precision": acceptance.expected_precision,
        "threshold_log_odds": acceptance.threshold if isfinite(acceptance.threshold) else None,
        "decided": observed.decided,
        "decided_right": observed.right,
        "observed_precision": observed.precision if observed.decided else None,
        "interval": list(observed.interval) if observed.decided else None,
        "keep": options.keep,
        "warnings": list(outcome.warnings),
    }


def _merged(outcome: Outcome) -> list[bool]:
    """Of each pair whether it was accepted, and its pictures are in one group."""
    place = places(outcome.groups)
    accepted = outcome.acceptance.accepted.tolist()
    return [
        believed and pair.a in place and place[pair.a] == place.get(pair.b)
        for pair, believed in zip(outcome.pairs, accepted, strict=True)
    ]


def redundant(outcome: Outcome) -> int:
    """Pictures that could be done without."""
    return sum(len(group.members) - 1 for group in outcome.groups)


def _told(outcome: Outcome, options: DedupOptions) -> dict[str, str]:
    counts = ", ".join(f"{count} {name}" for name, count in _by_relation(outcome).items())
    return {
        "pictures": f"{len(outcome.entries):,}",
        "pairs": f"{len(outcome.pairs):,}" + (f" ({counts})" if counts else ""),
        "groups": f"{len(outcome.groups):,}; {redundant(outcome):,} pictures could go",
        "precision": _precision(outcome.acceptance, options),
        "keep": options.keep,
    }


def _by_relation(outcome: Outcome) -> dict[str, int]:
    """Pairs of each relation, in the order of `Relation`."""
    counts = Counter(pair.relation for pair in outcome.pairs)
    return {relation.value: counts[relation] for relation in Relation if counts[relation]}


def _precision(acceptance: Acceptance, options: DedupOptions) -> str:
    """Aim, expectation, and where people have decided, what they found."""
    if not isfinite(acceptance.threshold):
        return f"{options.precision:g} aimed at; no pair but of equal bytes or pixels is so sure"
    text = f"{options.precision:g} aimed at, {acceptance.expected_precision:.4f} expected"
    observed = acceptance.observed
    if not observed.decided:
        return f"{text}; nobody has decided any of the merged pairs"
    low, high = observed.interval
    return (
        f"{text}; of {observed.decided} merged pairs that people decided, {observed.right} are "
        f"right ({observed.precision:.3f}; 95% between {low:.3f} and {high:.3f})"
    )
