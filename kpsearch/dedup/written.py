"""Whether somebody has worked on a report's pairs.csv, which the next one takes the place of."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import xxhash

from kpsearch.dedup.decisions import Decisions, filled_in
from kpsearch.errors import UnusableFile, UsageError
from kpsearch.replacing import replacing

_PAIRS, _NOTE = "pairs.csv", "job/pairs.xxh3"


def note_written(folder: str | os.PathLike[str]) -> None:
    """Remember the pairs.csv of a report, as it was just written."""
    with replacing(Path(folder, _NOTE)) as file:
        file.write(_hash(Path(folder, _PAIRS)).encode())


def require_recorded(folder: str | os.PathLike[str], decisions: Decisions) -> None:
    """Raise `UsageError` for a pairs.csv with a person's work in it that is not in ``decisions``.

    One that is as it was written holds nothing that is not known; of another one all verdicts
    have to be recorded, and those that cannot be read may be somebody's work as well.
    """
    pairs, note = Path(folder, _PAIRS), Path(folder, _NOTE)
    if not pairs.exists() or (note.exists() and note.read_text().strip() == _hash(pairs)):
        return
    try:
        filled = filled_in(os.fspath(pairs))
    except UnusableFile as error:
        raise UsageError(
            f"{error}; the report would be written over it: mend it and run `kpsearch dedup "
            "decide` with it, or move it away"
        ) from error
    if any(decisions.verdict(*key) is not one.verdict for key, one in filled.by_pair.items()):
        raise UsageError(
            f"{pairs}: has verdicts that are not recorded, and would be written over; run "
            "`kpsearch dedup decide` with it first, or move it away"
        )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()
