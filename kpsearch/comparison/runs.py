"""What is compared: one ranking a query and run, in the paths of the truth."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xxhash

from kpsearch.comparison.embedding_files import Embeddings, is_embedding_file, read_embeddings
from kpsearch.comparison.exact_search import Distance, first_zero, nearest
from kpsearch.comparison.facts import Facts, facts_beside
from kpsearch.comparison.identifiers import PictureNames
from kpsearch.errors import UnusableFile
from kpsearch.evaluation import TrecRun, Truth, TruthRow, read_trec
from kpsearch.evaluation.protocols import MANIFEST

DEPTH = MANIFEST.depth
"""Hits kept of each ranking, as `kpsearch.evaluation.evaluate` does."""
_NAMED = 3
"""Examples in a note."""

Ranking = tuple[tuple[str, float], ...]
"""(path, score), best first, no path twice, the query's own only where the truth lets it stay.
More is better."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Run:
    """The rankings of one system."""

    name: str
    rankings: Mapping[str, Ranking]
    """By the query's id. A query that is not in it found nothing."""
    facts: Facts = field(default_factory=Facts)
    notes: tuple[str, ...] = ()
    """What of the file was not used, one sentence each, for a reader."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """Where a run is read from."""

    name: str
    path: str
    distance: Distance = "cosine"
    """Of embeddings; a run file has its own scores."""


def load_run(
    file: RunFile,
    truth: Truth,
    names: PictureNames,
    *,
    depth: int = DEPTH,
    progress: Progress | None = None,
) -> Run:
    """The run in a TREC run file, or the ranking that the embeddings in the file give.

    Queries that are not the truth's are left out. A hit that is not in its catalogue is a wrong
    hit and keeps its place in a run file; a vector of such a picture is left out, as the gallery is
    the truth's. Each is said in ``notes``. Raises `UnusableFile` naming the file when it cannot be
    read, when two ids mean one picture, and when no id means a query, or none a reference.
    """
    if is_embedding_file(file.path):
        return _from_embeddings(file, truth, names, depth, progress)
    return _from_trec(file, truth, names, depth)


def _from_trec(file: RunFile, truth: Truth, names: PictureNames, depth: int) -> Run:
    queries = {row.query_id: row for row in truth.queries()}
    references = {row.path for row in truth.references()}
    rankings: dict[str, Ranking] = {}
    strange_queries: list[str] = []
    strangers: dict[str, None] = {}
    read = read_trec(file.path)
    for identifier, hits in read.rankings.items():
        query = names.query_of(identifier)
        if query is None:
            strange_queries.append(identifier)
            continue
        if query in rankings:
            raise UnusableFile(f"{file.path}: two query ids mean {query!r}; keep one")
        rankings[query] = tuple(
            _hits(hits, names, file.path, left_out=truth.left_out(queries[query]), query=query)
        )[:depth]
        strangers.update((path, None) for path, _ in rankings[query] if path not in references)
    _check_met(file.path, rankings, references, [*strange_queries, *strangers])
    return Run(
        file.name,
        rankings,
        facts_beside(file.path),
        (
            *_order_notes(read),
            *note("not used: query ids that the truth does not have", strange_queries),
            *note("counted as wrong hits: ids that are not references of the truth", strangers),
        ),
    )


def _order_notes(run: TrecRun) -> Iterator[str]:
    """Where the scores hardly are what most of the rankings were made by."""
    several = sum(len(hits) > 1 for hits in run.rankings.values())
    if 2 * len(run.against_ranks) > several:
        yield from note(
            "queries whose scores rise from rank to rank, read by score, the highest first; of"
            " distances write the negative",
            run.against_ranks,
        )
    if 2 * len(run.tied) > several:
        yield from note("queries whose hits all have one score, read in the file's order", run.tied)


def _hits(
    hits: Iterable[tuple[str, float]],
    names: PictureNames,
    file: str,
    *,
    left_out: frozenset[str],
    query: str,
) -> Iterator[tuple[str, float]]:
    """The hits by path, or by their own id where that is of no picture of the truth."""
    seen: set[str] = set()
    for identifier, score in hits:
        path = names.path_of(identifier) or identifier
        if path in left_out:
            continue
        if path in seen:
            raise UnusableFile(
                f"{file}: two ids mean {path!r} in the ranking of {query!r}; keep one"
            )
        seen.add(path)
        yield path, score


def _check_met(
    file: str, rankings: Mapping[str, Ranking], references: set[str], examples: Sequence[str]
) -> None:
    shown = f"; it has {_listed(examples)}" if examples else ""
    if not rankings:
        raise UnusableFile(f"{file}: no query of the truth is in it{shown}")
    if not any(path in references for hits in rankings.values() for path, _ in hits):
        raise UnusableFile(f"{file}: none of its hits is a reference of the truth{shown}")


def _from_embeddings(
    file: RunFile, truth: Truth, names: PictureNames, depth: int, progress: Progress | None
) -> Run:
    embeddings = read_embeddings(file.path)
    row_of, strangers = _rows_by_path(embeddings, names, file.path)
    # Equal scores go by the hash of the path: the order of the truth must not decide.
    gallery = sorted((r.path for r in truth.references() if r.path in row_of), key=_path_hash)
    asked = {row.query_id: row for row in truth.queries()}
    queries = [row for row in asked.values() if row.query_id in row_of or row.path in row_of]
    whole = [row.query_id for row in queries if row.query_id not in row_of]
    if not gallery or not queries:
        kind = "query" if gallery else "reference"
        shown = f"; it has {_listed(embeddings.ids)}"
        raise UnusableFile(f"{file.path}: no vector of a {kind} of the truth{shown}")
    without = [r.path for r in truth.references() if r.path not in row_of]
    _check_lengths(
        file, embeddings, [row_of[key] for key in (*gallery, *_asked_by(queries, row_of))]
    )
    return Run(
        file.name,
        _search(file, embeddings, row_of, queries, gallery, truth, depth, progress),
        Facts(bytes_per_image=embeddings.bytes_per_image).updated(_facts_if_any(file.path)),
        (
            *note("not used: ids that the truth does not have", strangers),
            *note("without a vector, so never found: references", without),
            *note("asked with the vector of the whole picture: queries about a part", whole),
        ),
    )


def _search(
    file: RunFile,
    embeddings: Embeddings,
    row_of: Mapping[str, int],
    queries: Sequence[TruthRow],
    gallery: Sequence[str],
    truth: Truth,
    depth: int,
    progress: Progress | None,
) -> dict[str, Ranking]:
    found = nearest(
        embeddings.vectors[[row_of[key] for key in _asked_by(queries, row_of)]],
        embeddings.vectors[[row_of[path] for path in gallery]],
        depth=depth + 1,
        distance=file.distance,
        progress=None if progress is None else lambda *at: progress(f"searching {file.name}", *at),
    )
    rankings = {}
    for query, (rows, scores) in zip(queries, found, strict=True):
        hits = ((gallery[row], score) for row, score in zip(rows, scores.tolist(), strict=True))
        left_out = truth.left_out(query)
        rankings[query.query_id] = tuple(hit for hit in hits if hit[0] not in left_out)[:depth]
    return rankings


def _asked_by(queries: Sequence[TruthRow], row_of: Mapping[str, int]) -> list[str]:
    """Whose vector each query is asked with: its own, or that of the whole picture."""
    return [row.query_id if row.query_id in row_of else row.path for row in queries]


def _facts_if_any(path: str) -> Facts:
    """Those beside embeddings, where a JSON is as often a model's settings."""
    try:
        return facts_beside(path)
    except UnusableFile:
        return Facts()


def _check_lengths(file: RunFile, embeddings: Embeddings, rows: Sequence[int]) -> None:
    """Raise `UnusableFile` where a vector that is compared, of ``rows``, has no cosine."""
    if file.distance != "cosine":
        return
    zero = first_zero(embeddings.vectors, np.array(rows, np.intp))
    if zero is not None:
        raise UnusableFile(
            f"{file.path}: a vector of length zero has no direction to compare, that of"
            f" {embeddings.ids[zero]!r}; leave the picture out, or say --distance l2"
        )


def _rows_by_path(
    embeddings: Embeddings, names: PictureNames, file: str
) -> tuple[dict[str, int], list[str]]:
    """The row of each picture's or query's vector, and the ids that name neither."""
    row_of: dict[str, int] = {}
    strangers: list[str] = []
    for row, identifier in enumerate(embeddings.ids):
        path = names.path_of(identifier) or names.query_of(identifier)
        if path is None:
            strangers.append(identifier)
        elif path in row_of:
            first = embeddings.ids[row_of[path]]
            raise UnusableFile(f"{file}: {first!r} and {identifier!r} are one picture; keep one")
        else:
            row_of[path] = row
    return row_of, strangers


def _path_hash(path: str) -> int:
    return xxhash.xxh3_64_intdigest(os.fsencode(path))


def note(what: str, items: Iterable[str]) -> tuple[str, ...]:
    """A sentence on the ``items``, the first of them by name; none where there are none."""
    found = list(items)
    return (f"{len(found):,} {what}: {_listed(found)}",) if found else ()


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - _NAMED:,} more" if len(items) > _NAMED else ""
    return ", ".join(repr(item) for item in items[:_NAMED]) + more
