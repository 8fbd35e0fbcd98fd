"""Hundreds of files, good and bad, each with the outcome that follows from how it was made."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tests.corpus.accepted import accepted_files
from tests.corpus.bad import write_special_files
from tests.corpus.case import Case, Made
from tests.corpus.damaged import damaged_files
from tests.corpus.foreign import foreign_files

TOO_LARGE = 64 * 2**20 + 1


def write_many(folder: str | os.PathLike[str], *, seed: int = 0) -> list[Case]:
    """Fill an empty ``folder``; returns a case for each file, and for one that is missing."""
    root = Path(folder)
    cases = [
        *_write(root / "accepted", accepted_files()),
        *_write(root / "damaged", damaged_files(seed)),
        *_write(root / "foreign", foreign_files(seed)),
    ]
    (root / "special").mkdir()
    for row in write_special_files(root / "special"):
        cases.append(Case(row.path, row.code))
    for name in ("huge.jpg", "huge.tif"):
        (root / "special" / name).write_bytes(b"\xff\xd8\xff\xe0")
        os.truncate(root / "special" / name, TOO_LARGE)
        cases.append(Case(str(root / "special" / name), "file_too_large"))
    return cases


def _write(folder: Path, files: Iterable[Made]) -> list[Case]:
    folder.mkdir()
    cases: dict[bytes, Case] = {}
    for name, data, case in files:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        assert path not in cases, name
        with open(path, "wb") as file:
            file.write(data)
        cases[path] = case.at(os.fsdecode(path))
    return list(cases.values())
