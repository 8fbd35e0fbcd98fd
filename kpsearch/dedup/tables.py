"""What was found, as files: the pairs as CSV, the groups as JSON or as lines of JSON."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from kpsearch.dedup.links import relations_to_keeper, sort_by_group
from kpsearch.dedup.records import Entry, Group, JudgedPair
from kpsearch.errors import UsageError
from kpsearch.replacing import replacing

Path = str | os.PathLike[str]

PAIR_COLUMNS = (
    "path_a",
    "path_b",
    "content_hash_a",
    "content_hash_b",
    "relation",
    "confidence",
    "log_odds",
    "accepted",
    "verdict",
    "note",
    "mirrored",
    "transform",
)
"""Of ``pairs.csv``; the figures of evidence follow, by name."""


def write_pairs(
    path: Path, pairs: Sequence[JudgedPair], entries: Sequence[Entry], accepted: Sequence[bool]
) -> None:
    """Write ``pairs`` as UTF-8 CSV, one a line, the surest first, after a line of column names.

    ``accepted`` says of each pair whether it was merged; ``entries`` are all pictures of the job
    by number. ``relation`` is what a is to b; ``transform`` the nine numbers of the matrix row by
    row, from pixels of a (turned over where ``mirrored`` is "yes") to pixels of b; ``verdict`` a
    person's, to be filled in where it is blank. A figure that a pair lacks is blank. Bytes of a
    path that are not text are written ``\\udcNN``, as in JSON. Equal pairs, equal bytes.

    Raises `UsageError` for evidence named as one of `PAIR_COLUMNS`, and as `replacing`.
    """
    names = sorted({name for pair in pairs for name in pair.evidence})
    if taken := set(names) & set(PAIR_COLUMNS):
        raise UsageError(f"evidence cannot be named {sorted(taken)[0]!r}, as a column of pairs.csv")
    surest = sorted(range(len(pairs)), key=lambda i: (-pairs[i].log_odds, pairs[i].a, pairs[i].b))
    with replacing(path) as file:
        rows = csv.writer(_Lines(file), lineterminator=_Lines.END)
        rows.writerow((*PAIR_COLUMNS, *names))
        for i in surest:
            facts = _pair_cells(pairs[i], entries, accepted=bool(accepted[i]))
            rows.writerow((*facts, *(_cell(pairs[i].evidence.get(name)) for name in names)))


def write_groups(
    path: Path,
    groups: Sequence[Group],
    *,
    pairs: Sequence[JudgedPair],
    entries: Sequence[Entry],
    summary: Mapping[str, Any],
    lines: bool = False,
) -> None:
    """Write ``groups`` as one JSON object, after its ``summary``, or with ``lines`` one a line.

    A group has its ``keeper``, its ``members`` with what each is to the keeper (null where the two
    were not compared), the ``links`` that hold it together, the ``weakest`` of them, and those
    ``left_out``, to pictures outside. Only ASCII: bytes of a path that are not text are lone
    surrogates, escaped. Numbers that are none or have no end are null. Equal groups, equal bytes.
    """
    with replacing(path) as file:
        if lines:
            for group in _groups_json(groups, pairs, entries):
                file.write(f"{group}\n".encode("ascii"))
            return
        head = json.dumps(_finite(dict(summary)))
        file.write(f'{{"summary": {head},\n"groups": ['.encode("ascii"))
        for number, group in enumerate(_groups_json(groups, pairs, entries)):
            file.write(f"{',' if number else ''}\n{group}".encode("ascii"))
        file.write(b"\n]}\n")


class _Lines:
    """Takes rows from `csv.writer`, which quotes a character of a line's end only if told of it.

    Lone surrogates of a path are written as JSON writes them.
    """

    END = "\r\n"

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, row: str) -> None:
        """One row, with another end than it came with."""
        line = row.removesuffix(self.END) + "\n"
        self._file.write(line.encode("utf-8", "backslashreplace"))


def _pair_cells(pair: JudgedPair, entries: Sequence[Entry], *, accepted: bool) -> tuple[str, ...]:
    a, b = entries[pair.a], entries[pair.b]
    numbers = [] if pair.transform is None else pair.transform.ravel().tolist()
    return (
        a.path,
        b.path,
        a.content_hash.hex(),
        b.content_hash.hex(),
        pair.relation,
        f"{pair.confidence:.6f}",
        _cell(pair.log_odds),
        "yes" if accepted else "no",
        pair.verdict or "",
        pair.note,
        "yes" if pair.mirrored else "no",
        " ".join(f"{number:.10g}" for number in numbers),
    )


def _cell(figure: float | None) -> str:
    return "" if figure is None or math.isnan(figure) else f"{figure:.6g}"


def _groups_json(
    groups: Sequence[Group], pairs: Sequence[JudgedPair], entries: Sequence[Entry]
) -> Iterator[str]:
    within = sort_by_group(groups, pairs).within
    wanted = {ends for group in groups for ends in group.left_out}
    left_out = {(pair.a, pair.b): pair for pair in pairs if (pair.a, pair.b) in wanted}
    for number, (group, links) in enumerate(zip(groups, within, strict=True), 1):
        found = {(pair.a, pair.b): pair for pair in links}
        relations = relations_to_keeper(group, links, entries)
        told = {
            "group": number,
            "keeper": entries[group.keeper].path,
            "members": [_member_json(entries[m], relations.get(m)) for m in group.members],
            "links": [_link_json(found[ends], entries) for ends in group.pairs],
            "weakest": _link_json(found[group.weakest], entries),
            "left_out": [_link_json(left_out[ends], entries) for ends in group.left_out],
        }
        yield json.dumps(_finite(told))


def _member_json(entry: Entry, relation: str | None) -> dict[str, Any]:
    return {
        "path": entry.path,
        "content_hash": entry.content_hash.hex(),
        "width": entry.size.width,
        "height": entry.size.height,
        "bytes": entry.size_bytes,
        "category": entry.category,
        "fixed": entry.fixed,
        "relation_to_keeper": relation,
    }


def _link_json(pair: JudgedPair, entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "a": entries[pair.a].path,
        "b": entries[pair.b].path,
        "relation": pair.relation,
        "confidence": round(pair.confidence, 6),
        "log_odds": _short(pair.log_odds),
        "verdict": pair.verdict,
        "note": pair.note,
        "evidence": {name: _short(pair.evidence[name]) for name in sorted(pair.evidence)},
    }


def _short(figure: float) -> float:
    return float(f"{figure:.6g}")


def _finite(value: Any) -> Any:
    """``value`` without the numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
