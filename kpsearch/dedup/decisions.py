"""What people have decided of pairs of pictures, kept in a CSV file beside the index.

A picture is known by the hash of its bytes: a decision outlives a new index, a new place, a new
name, and is one for all copies of a picture. The paths in the file are for its reader. A line
overrides those above it.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kpsearch.csv_rows import csv_rows
from kpsearch.dedup.records import JudgedPair, Relation, Verdict
from kpsearch.errors import IndexLocked, KpsearchError, UnusableFile, UsageError
from kpsearch.replacing import replacing

if TYPE_CHECKING:
    from kpsearch.dedup.records import Entry

COLUMNS = ("path_a", "path_b", "content_hash_a", "content_hash_b", "verdict")
_REQUIRED = COLUMNS[2:]
_HASH_DIGITS = 32
_PATIENCE_S = 60.0
"""How long others may take to record."""
DECIDED_LOG_ODDS = 20.0
"""Of a pair that is there by a person's word alone."""
DECIDED_NOTE = "decided"

Key = tuple[bytes, bytes]
"""Content hashes of two pictures, the lower first."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What two pictures are to each other; raises `UsageError` where bytes prove it wrong."""

    content_hash_a: bytes
    """xxh3-128 of the bytes, 16 bytes."""
    content_hash_b: bytes
    verdict: Verdict
    path_a: str = ""
    path_b: str = ""

    def __post_init__(self) -> None:
        if self.content_hash_a == self.content_hash_b and self.verdict is not Verdict.SAME:
            raise UsageError(
                f"{self.path_a} and {self.path_b} have the same bytes; they cannot be decided to "
                f"be {self.verdict}"
            )

    @property
    def key(self) -> Key:
        """The pair, whichever of the two comes first."""
        return _key(self.content_hash_a, self.content_hash_b)


def _key(a: bytes, b: bytes) -> Key:
    return (a, b) if a <= b else (b, a)


@dataclass(frozen=True, slots=True)
class Decisions:
    """The last decision of each pair."""

    by_pair: Mapping[Key, Decision] = field(default_factory=dict)
    """In the order in which the pairs were first decided."""

    @classmethod
    def of(cls, decisions: Iterable[Decision]) -> Decisions:
        """Later ones override earlier ones of the same pair."""
        return cls({decision.key: decision for decision in decisions})

    def __len__(self) -> int:
        return len(self.by_pair)

    def verdict(self, hash_a: bytes, hash_b: bytes) -> Verdict | None:
        """What was decided of two contents; None where nothing was."""
        decision = self.by_pair.get(_key(hash_a, hash_b))
        return decision.verdict if decision else None


def apply(
    pairs: Sequence[JudgedPair], entries: Sequence[Entry], decisions: Decisions
) -> list[JudgedPair]:
    """The pairs with their verdicts, in order, then those that were decided and not found.

    The latter are pairs decided to be the same whose pictures are both in ``entries``, by number:
    one pair for each decision, of the first copies of the two; fixed pictures are not paired with
    each other. Near-linear in pairs, pictures and decisions.
    """
    content = [entry.content_hash for entry in entries]
    judged: list[JudgedPair] = []
    found: set[Key] = set()
    for pair in pairs:
        key = _key(content[pair.a], content[pair.b])
        decision = decisions.by_pair.get(key)
        if decision is not None:
            found.add(key)
            judged.append(replace(pair, verdict=decision.verdict))
        else:
            judged.append(pair)
    return [*judged, *_unfound(entries, decisions, found)]


def _unfound(
    entries: Sequence[Entry], decisions: Decisions, found: set[Key]
) -> Iterator[JudgedPair]:
    first: dict[bytes, Entry] = {}
    for entry in entries:
        known = first.setdefault(entry.content_hash, entry)
        if known.fixed and not entry.fixed:  # a copy of the batch is what there is to merge
            first[entry.content_hash] = entry
    for key, decision in decisions.by_pair.items():
        if decision.verdict is not Verdict.SAME or key in found or key[0] == key[1]:
            continue
        ends = [first[end] for end in key if end in first]
        if len(ends) == 2 and not all(end.fixed for end in ends):
            a, b = sorted(end.number for end in ends)
            yield JudgedPair(
                a=a,
                b=b,
                relation=Relation.SAME_ITEM,
                log_odds=DECIDED_LOG_ODDS,
                note=DECIDED_NOTE,
                verdict=Verdict.SAME,
                found=False,
            )


def default_path(index: str | os.PathLike[str]) -> str:
    """Where the decisions of an index are kept: beside its folder, which may be made anew."""
    return f"{os.path.abspath(os.fspath(index))}.decisions.csv"


def read_decisions(path: str) -> Decisions:
    """The decisions in the file at ``path``; none where there is no such file.

    Raises as `filled_in` does.
    """
    return filled_in(path) if os.path.lexists(path) else Decisions()


def filled_in(path: str) -> Decisions:
    """The decisions in a CSV file with `COLUMNS`, in any order, and others, which are not read.

    That is a file of decisions, what the page of a report exports, or its ``pairs.csv`` with the
    column ``verdict`` filled in; lines without a verdict are left out. Raises `UnusableFile` naming
    file, line and column, and `UsageError` for a folder.
    """
    rows = csv_rows(path, _REQUIRED, any_bytes=True)
    return Decisions.of(
        _decision(row, where=f"{path}:{line}") for line, row in rows if row["verdict"].strip()
    )


def _decision(row: Mapping[str, str], *, where: str) -> Decision:
    text = row["verdict"].strip().lower()
    try:
        verdict = Verdict(text)
    except ValueError as error:
        known = ", ".join(Verdict)
        raise UnusableFile(f"{where}: column verdict: {text!r} is none of {known}") from error
    a, b = (_content_hash(row, f"content_hash_{end}", where=where) for end in "ab")
    try:
        return Decision(a, b, verdict, row.get("path_a", ""), row.get("path_b", ""))
    except UsageError as error:
        raise UnusableFile(f"{where}: column verdict: {error}") from error


def _content_hash(row: Mapping[str, str], column: str, *, where: str) -> bytes:
    text = row[column].strip()
    try:
        content_hash = bytes.fromhex(text)
    except ValueError:
        content_hash = b""
    if len(text) != _HASH_DIGITS or len(content_hash) != _HASH_DIGITS // 2:
        raise UnusableFile(
            f"{where}: column {column}: {text!r} is no hash of {_HASH_DIGITS} hexadecimal digits; "
            "leave that column as it was written"
        )
    return content_hash


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording came to, in pairs."""

    new: int = 0
    changed: int = 0
    """Decided otherwise before."""
    known: int = 0
    """Decided so before."""


def record(path: str, new: Decisions) -> Recorded:
    """Add decisions to the file at ``path``, made if need be, and keep what it has of other pairs.

    The file is replaced whole, by one process at a time: two people who record at once lose
    nothing. Raises `UnusableFile` where what is there cannot be read, `KpsearchError` where it
    cannot be written, and `IndexLocked` where another process does not let go of it.
    """
    with _locked(path):
        known = read_decisions(path)
        before = [known.verdict(*key) for key in new.by_pair]
        after = [decision.verdict for decision in new.by_pair.values()]
        kept = sum(old is verdict for old, verdict in zip(before, after, strict=True))
        fresh = before.count(None)
        if kept < len(after):
            _write(path, {**known.by_pair, **new.by_pair}.values())
        return Recorded(new=fresh, changed=len(after) - fresh - kept, known=kept)


@contextmanager
def _locked(path: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):  # which the lock would make
        raise KpsearchError(f"{path}: cannot be written: there is no folder {folder}")
    lock = FileLock(f"{target}.lock")
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise IndexLocked(f"{path}: another process is recording decisions; try again") from None
    except OSError as error:
        raise KpsearchError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def _write(path: str, decisions: Iterable[Decision]) -> None:
    with replacing(path, alone=True) as file:
        text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
        # All are quoted: Python 3.11 quotes no field for a carriage return alone.
        rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        rows.writerow(COLUMNS)
        for each in decisions:
            hashes = (each.content_hash_a.hex(), each.content_hash_b.hex())
            rows.writerow((each.path_a, each.path_b, *hashes, each.verdict.value))
        text.detach()
