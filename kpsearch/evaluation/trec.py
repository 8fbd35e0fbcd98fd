"""Rankings in the run format of TREC, for trec_eval and the tools that read the same.

One line a hit, ``qid Q0 docid rank score tag``, separated by spaces. In an id, bytes that are
white space, control characters, percent signs or not ASCII are percent-encoded, so that any file
name survives, valid UTF-8 or not.

trec_eval orders by score alone, whatever the rank says, and breaks ties by docid in descending
order; it keeps scores in 32 bits, so nearly equal ones are ties to it. Hence a run is written only
when its scores never increase; among equal scores the order is kept here, not by trec_eval.
"""

from __future__ import annotations

import math
import os
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from kpsearch.errors import UnusableFile, UsageError
from kpsearch.replacing import replace_file

Ranking = Sequence[tuple[str, float]]
"""Ids of the hits and their scores, best first, no id twice."""

_PLAIN = string.punctuation.replace("%", "")


def write_run(path: str, rankings: Mapping[str, Ranking], *, tag: str) -> None:
    """Write the rankings, by query id, as the run ``tag``; a query without hits has no line.

    The file appears whole or not at all. Scores are written so that they are read back equal.
    Raises `UsageError` for an empty id or tag, an id twice in a ranking, a score that is not finite
    or is above the one before it, and a path that is no regular file.
    """
    name = _encode(tag)
    lines = [line for qid, ranking in rankings.items() for line in _lines(qid, ranking, name)]
    replace_file(path, "".join(lines).encode("ascii"))


def read_run(path: str) -> dict[str, list[tuple[str, float]]]:
    """The rankings in the run file at ``path``, by query id in the order of the file.

    Each is sorted by score as trec_eval does, ties in the order of the file; ranks and tags are
    not kept. Raises `UnusableFile` naming file and line for a malformed line or an id twice.
    """
    return read_trec(path).rankings


@dataclass(frozen=True, slots=True)
class TrecRun:
    """What a run file holds, and for which queries its scores look wrong."""

    rankings: dict[str, list[tuple[str, float]]]
    """By query id, as `read_run` has them."""
    against_ranks: tuple[str, ...]
    """Queries where from one line to the next score and rank rise, or fall, together more often
    than not: the scores are distances, perhaps."""
    tied: tuple[str, ...]
    """Queries of several hits with one score."""


def read_trec(path: str) -> TrecRun:
    """The same as `read_run`, with what of the scores is strange."""
    found: dict[str, _Lines] = {}
    for number, line in enumerate(_read_bytes(path).splitlines(), start=1):
        if not line.strip():
            continue
        qid, docid, rank, score = _parse(line, where=f"{path}:{number}")
        lines = found.setdefault(qid, _Lines())
        if docid in lines.scores:
            raise UnusableFile(f"{path}:{number}: {docid!r} is ranked twice for query {qid!r}")
        lines.add(docid, rank, score)
    rankings = {
        qid: sorted(lines.scores.items(), key=lambda hit: hit[1], reverse=True)
        for qid, lines in found.items()
    }
    return TrecRun(
        rankings,
        tuple(qid for qid, lines in found.items() if lines.against > lines.along),
        tuple(qid for qid, hits in rankings.items() if len(hits) > 1 and hits[0][1] == hits[-1][1]),
    )


@dataclass(slots=True)
class _Lines:
    """The lines of one query so far."""

    scores: dict[str, float] = field(default_factory=dict)
    along: int = 0
    """Pairs of a line and the one before where the better rank has the higher score."""
    against: int = 0
    """And those where it has the lower one."""
    last: tuple[int, float] | None = None

    def add(self, docid: str, rank: int, score: float) -> None:
        self.scores[docid] = score
        if self.last is not None and rank != self.last[0] and score != self.last[1]:
            together = (rank > self.last[0]) == (score > self.last[1])
            self.against += together
            self.along += not together
        self.last = rank, score


def _lines(qid: str, ranking: Ranking, tag: str) -> Iterator[str]:
    query = _encode(qid)
    seen: set[str] = set()
    above = math.inf
    for rank, (docid, number) in enumerate(ranking, start=1):
        score = float(number)  # numpy scalars have a repr of their own
        if not math.isfinite(score) or score > above:
            raise UsageError(f"query {qid!r}, rank {rank}: score {score} after {above}")
        if docid in seen:
            raise UsageError(f"query {qid!r}, rank {rank}: {docid!r} is already ranked")
        seen.add(docid)
        above = score
        yield f"{query} Q0 {_encode(docid)} {rank} {score!r} {tag}\n"


def _parse(line: bytes, *, where: str) -> tuple[str, str, int, float]:
    fields = line.split()
    if len(fields) != 6:
        raise UnusableFile(f"{where}: {len(fields)} fields; expected qid Q0 docid rank score tag")
    qid, _, docid, rank, score, _ = fields
    try:
        place, value = int(rank), float(score)
    except ValueError as error:
        raise UnusableFile(f"{where}: rank and score must be numbers: {error}") from error
    if not math.isfinite(value):
        raise UnusableFile(f"{where}: the score {value} is not finite")
    return _decode(qid), _decode(docid), place, value


def _encode(name: str) -> str:
    if not name:
        raise UsageError("a run cannot hold an empty id or tag")
    return quote(os.fsencode(name), safe=_PLAIN)


def _decode(name: bytes) -> str:
    return os.fsdecode(unquote_to_bytes(name))


def _read_bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UnusableFile(f"{path}: cannot be read: {error.strerror}") from error
