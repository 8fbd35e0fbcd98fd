"""The pictures a classifier is trained on, and what they are labelled with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from kpsearch.categories import Label
from kpsearch.csv_rows import csv_rows
from kpsearch.errors import UnusableFile, UsageError
from kpsearch.images import find_images

COLUMNS = ("path", "category")


class LabelledPicture(NamedTuple):
    """A picture, and what it shows."""

    path: str
    """Absolute."""
    label: Label | None
    """None where nobody has said."""


def read_labels(source: str, *, depth: int | None = None) -> tuple[LabelledPicture, ...]:
    """The pictures that a CSV file or a folder of folders lists, each once.

    The file has the columns ``path`` (relative to its folder), ``category`` and, if wanted,
    ``subcategory``; a row without a category is a picture that nobody has labelled. In a folder,
    the folders that a picture lies in are its category; with ``depth`` the first so many are, and
    the others its subcategory. Raises `UnusableFile`, naming file and line, and `UsageError`.
    """
    if os.path.isdir(source):
        return tuple(_in_folders(source, depth))
    if depth is not None:
        raise UsageError(f"{source}: no folder; a depth is of folders of pictures")
    return _listed(source)


def _listed(source: str) -> tuple[LabelledPicture, ...]:
    folder = os.path.dirname(os.path.abspath(source))
    found: dict[str, tuple[Label | None, int]] = {}
    for line, row in csv_rows(source, COLUMNS, if_folder=""):
        if not row["path"] or "\0" in row["path"]:
            raise UnusableFile(f"{source}:{line}: the path {row['path']!r} names no picture")
        path = os.path.abspath(os.path.join(folder, row["path"]))
        label = _label(row, where=f"{source}:{line}")
        before, first = found.setdefault(path, (label, line))
        if before != label:
            raise UnusableFile(
                f"{source}:{line}: {row['path']!r} is {_named(label)}, and on line {first} "
                f"{_named(before)}; keep one of the two"
            )
    if not found:
        raise UnusableFile(f"{source}: no pictures below the header; add one a line")
    return tuple(LabelledPicture(path, label) for path, (label, _) in found.items())


def _label(row: dict[str, str], *, where: str) -> Label | None:
    category, subcategory = row["category"].strip(), row.get("subcategory", "").strip()
    if subcategory and not category:
        raise UnusableFile(f"{where}: the subcategory {subcategory!r} is of no category")
    return Label(category, subcategory) if category else None


def _named(label: Label | None) -> str:
    return "not labelled" if label is None else repr(str(label))


def _in_folders(source: str, depth: int | None) -> Iterator[LabelledPicture]:
    root = os.path.abspath(source)
    pictures = list(find_images([root]))
    if not pictures:
        raise UsageError(f"{source}: no picture in this folder")
    for path in pictures:
        folders = os.path.relpath(os.path.dirname(path), root).split(os.sep)
        if folders == [os.curdir]:
            raise UsageError(
                f"{source}: {os.path.basename(path)!r} is in no folder of a category; unlabelled "
                "pictures are given with --unlabelled"
            )
        cut = len(folders) if depth is None else depth
        yield LabelledPicture(path, Label("/".join(folders[:cut]), "/".join(folders[cut:])))
