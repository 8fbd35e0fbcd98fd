"""Files of a set that is made bit by bit: a run that stops anywhere goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from kpsearch.errors import UsageError
from kpsearch.parallel import map_in_order

Progress = Callable[[int, int], None]
"""Called with the number of pictures done and the number of all."""

_CHUNK = 16


class Planned(Protocol):
    """Something that becomes a file."""

    @property
    def path(self) -> str:
        """Relative to the folder of the set, with forward slashes."""
        ...


P = TypeVar("P", bound=Planned)


def claim_folder(root: Path, parts: Sequence[str], options: Mapping[str, Any]) -> None:
    """Make a folder and its parts, and note in ``spec.json`` what they are for.

    Raises `UsageError` when the note is there and says something else.
    """
    for name in parts:
        (root / name).mkdir(parents=True, exist_ok=True)
    wanted = json.dumps(options, indent=1) + "\n"
    note = root / "spec.json"
    if note.exists() and note.read_text(encoding="utf-8") != wanted:
        raise UsageError(
            f"{root}: holds a catalogue made with other options (see {note.name}); "
            "choose another folder, or delete this one"
        )
    replace_file(note, wanted.encode())


def write_missing(
    root: Path,
    planned: Sequence[P],
    encode: Callable[[P], bytes],
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write the files that are not there yet; one that exists is complete."""
    missing = [each for each in planned if not (root / each.path).exists()]
    done = len(planned) - len(missing)
    coded = map_in_order(encode, missing, n_jobs=n_jobs, chunk_size=_CHUNK)
    for each, data in zip(missing, coded, strict=True):
        replace_file(root / each.path, data)
        done += 1
        if progress is not None:
            progress(done, len(planned))


def replace_file(path: Path, data: bytes) -> None:
    """Write all of the file or none of it."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
