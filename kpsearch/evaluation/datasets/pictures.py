"""The pictures and lists below a data set's folder, found by name wherever they lie in it.

Archives of one data set are unpacked beside each other, into one folder, or each into its own:
names tell the pictures apart, folders do not matter, except where a layout says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from kpsearch.errors import UnusableFile, UsageError
from kpsearch.images import find_images

SHOWN_MISSING = 3


def pictures_by_stem(folder: str) -> dict[str, str]:
    """Absolute path of every picture below ``folder``, by file name without extension.

    Raises `UnusableFile` for a folder that is none or holds no picture, and for one name twice.
    """
    found: dict[str, str] = {}
    for path in pictures_below(folder):
        stem = os.path.splitext(os.path.basename(path))[0]
        first = found.setdefault(stem, path)
        if first != path:
            raise UnusableFile(f"{path}: {first} has the same name; keep one of the two")
    return found


def pictures_below(folder: str) -> list[str]:
    """Absolute path of every picture below ``folder``, in the order of bytes.

    Linked folders are entered. Raises `UnusableFile` for a folder that is none or holds no picture.
    """
    if not os.path.isdir(folder):
        raise UsageError(f"{folder}: not a folder; name the one the data set was unpacked into")
    paths = list(find_images([os.path.abspath(folder)], follow_links=True))
    if not paths:
        raise UnusableFile(f"{folder}: no picture in it; unpack the data set's images there")
    return paths


def files_ending(folder: str, ending: str) -> list[str]:
    """Absolute paths of the files below ``folder`` whose name ends so, sorted by name."""
    found = [
        os.path.join(place, name)
        for place, _, names in os.walk(os.path.abspath(folder), followlinks=True)
        for name in names
        if name.endswith(ending)
    ]
    return sorted(found, key=os.path.basename)


def the_file_ending(folder: str, ending: str) -> str:
    """The one file below ``folder`` whose name ends so; `UnusableFile` for none or several."""
    found = files_ending(folder, ending)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnusableFile(f"{folder}: no file *{ending} in it; put the ground truth there")
    names = ", ".join(os.path.relpath(path, folder) for path in found)
    raise UnusableFile(f"{folder}: several ground truths, {names}; keep the one to score by")


def numbered_lines(path: str) -> list[tuple[int, str]]:
    """Number and stripped text of the lines that are not empty; raises `UnusableFile`."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [(number, line.strip()) for number, line in enumerate(file, start=1)]
    except OSError as error:
        raise UnusableFile(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnusableFile(f"{path}: not UTF-8 text") from error
    return [(number, line) for number, line in lines if line]


def paths_of(
    names: Iterable[str], pictures: Mapping[str, str], *, listed_in: str
) -> frozenset[str]:
    """The pictures that a list names; raises `UnusableFile` saying which of them are missing."""
    wanted = list(names)
    missing = [name for name in wanted if name not in pictures]
    if missing:
        shown = ", ".join(missing[:SHOWN_MISSING]) + (", ..." if missing[SHOWN_MISSING:] else "")
        raise UnusableFile(
            f"{listed_in}: {len(missing)} of the {len(wanted)} pictures it names are not there"
            f" ({shown}); unpack all images of the data set"
        )
    return frozenset(pictures[name] for name in wanted)
