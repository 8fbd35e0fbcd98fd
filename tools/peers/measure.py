"""One peer on one gallery: built, asked, scored."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kpsearch.evaluation import QueryOutcome, SourceSummary, Truth, TruthRow, summarise
from peers.peer import Peer, Query, Ranked, Spent

SpentOn = Callable[[Ranked], Spent]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query of the truth and its reduced gallery."""

    row: TruthRow
    query: Query


@dataclass(frozen=True, slots=True)
class Measured:
    """How one peer did on one gallery."""

    peer: str
    description: str
    images: int
    distractors: int
    size_bytes: int
    build_seconds: float
    rankings: tuple[tuple[TruthRow, Ranked], ...]
    whole: dict[str, SourceSummary]
    """By source, on all references; of no meaning for a peer that ranks fewer."""
    reduced: dict[str, SourceSummary]
    """By source, each query on its reduced gallery."""

    def median_ms(self, part: SpentOn, source: str | None = None) -> Spent:
        """Medians over the queries, of one source or of all."""
        spent = [part(r) for row, r in self.rankings if source in (None, row.source)]
        return Spent(
            statistics.median(each.wall_ms for each in spent),
            statistics.median(each.cpu_ms for each in spent),
        )

    def run(self) -> dict[str, list[tuple[str, float]]]:
        """The rankings by query path, as `kpsearch.evaluation.write_run` takes them."""
        return {row.path: list(without(r.hits, row.path)) for row, r in self.rankings}

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return {
            "peer": self.peer,
            "description": self.description,
            "images": self.images,
            "distractors": self.distractors,
            "bytes_per_image": self.size_bytes / self.images,
            "build_seconds": self.build_seconds,
            "whole_gallery": {name: asdict(s) for name, s in self.whole.items()},
            "reduced_gallery": {name: asdict(s) for name, s in self.reduced.items()},
            "search_ms": {s or "all": asdict(self.median_ms(search, s)) for s in self._sources()},
            "query_ms": {s or "all": asdict(self.median_ms(both, s)) for s in self._sources()},
        }

    def _sources(self) -> list[str | None]:
        return [None, *self.whole]


def search(ranked: Ranked) -> Spent:
    """What the query spent once its picture was described."""
    return ranked.search


def both(ranked: Ranked) -> Spent:
    """What the query spent from its file to its answer."""
    return ranked.extraction + ranked.search


def measure(
    name: str, peer: Peer, truth: Truth, asked: Sequence[Asked], gallery: Gallery
) -> Measured:
    """Build a peer's index of the gallery, rank the queries source by source, score both ways."""
    size_bytes, seconds = peer.build(gallery.paths, gallery.folder)
    rankings: list[tuple[TruthRow, Ranked]] = []
    for source in dict.fromkeys(each.row.source for each in asked):
        group = [each for each in asked if each.row.source == source]
        answers = peer.rank([each.query for each in group])
        rankings.extend((each.row, r) for each, r in zip(group, answers, strict=True))
    among = {each.row.path: each.query.among for each in asked}
    everything = frozenset(gallery.paths)
    return Measured(
        peer=name,
        description=peer.description,
        images=len(gallery.paths),
        distractors=gallery.distractors,
        size_bytes=size_bytes,
        build_seconds=seconds,
        rankings=tuple(rankings),
        whole=scored(truth, [(row, r, everything) for row, r in rankings]),
        reduced=scored(truth, [(row, r, among[row.path]) for row, r in rankings]),
    )


@dataclass(frozen=True, slots=True)
class Gallery:
    """The references and so many distractors, and a folder for a peer's index of them."""

    paths: tuple[str, ...]
    distractors: int
    folder: Path


def scored(
    truth: Truth, answers: Sequence[tuple[TruthRow, Ranked, AbstractSet[str]]]
) -> dict[str, SourceSummary]:
    """The metrics by source, of the hits that are in the gallery given with each answer."""
    return summarise([outcome(truth, *answer) for answer in answers], "rectangle")


def outcome(truth: Truth, row: TruthRow, ranked: Ranked, gallery: AbstractSet[str]) -> QueryOutcome:
    """Where the right references came among those of the gallery, the query's own left out."""
    relevant = truth.relevant(row) & gallery
    hits = [path for path, _ in without(ranked.hits, row.path) if path in gallery]
    return QueryOutcome(
        query=row.path,
        source=row.source,
        relevant_positions=tuple(i for i, path in enumerate(hits) if path in relevant),
        n_relevant=len(relevant),
        group_of_four=truth.in_group_of_four(row),
        answered=bool(hits),
    )


def without(hits: Sequence[tuple[str, float]], path: str) -> tuple[tuple[str, float], ...]:
    """The hits but for one path."""
    return tuple(hit for hit in hits if hit[0] != path)
