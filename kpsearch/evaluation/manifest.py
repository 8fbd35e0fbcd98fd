"""The ground truth of an evaluation: a CSV file that says which pictures show the same thing.

Columns: ``path``, ``instance`` (same instance = same thing), ``role``, and if wanted ``category``
and ``source``. Roles: ``reference`` (in the catalogue), ``query``, ``both`` (in the catalogue and
a query: left out of its own gallery). Rows of any other role are read and play no part.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from kpsearch.csv_rows import csv_rows
from kpsearch.errors import UnusableFile
from kpsearch.evaluation.truth import Truth, TruthRow

_REQUIRED = ("path", "instance", "role")
_KNOWN = (*_REQUIRED, "category", "source")
_IF_FOLDER = "; if it holds a public data set, name its layout"


def read_truth(path: str) -> Truth:
    """The ground truth in the CSV file at ``path``: UTF-8, with or without a byte order mark.

    Fields other than the path lose surrounding spaces; empty lines are skipped. Whether the
    pictures exist is not looked at. Raises `UnusableFile` naming file and line for a file that is
    unreadable, empty or malformed, a path that is empty, holds a NUL, is a reference twice or a
    query for two instances, and a reference or query without instance.
    """
    folder = os.path.dirname(os.path.abspath(path))
    rows: list[TruthRow] = []
    reference_lines: dict[str, int] = {}
    asked_for: dict[str, tuple[str, int]] = {}
    for line, record in csv_rows(path, _REQUIRED, if_folder=_IF_FOLDER):
        row = _row(record, folder=folder, where=f"{path}:{line}")
        if row.is_reference:
            first = reference_lines.setdefault(row.path, line)
            if first != line:
                raise UnusableFile(
                    f"{path}:{line}: {row.path!r} is already a reference on line {first};"
                    " keep one of the two"
                )
        if row.is_query:
            instance, first = asked_for.setdefault(row.path, (row.instance, line))
            if instance != row.instance:
                raise UnusableFile(
                    f"{path}:{line}: {row.path!r} is a query for {row.instance!r}, and for"
                    f" {instance!r} on line {first}; keep one of the two"
                )
        rows.append(row)
    if not rows:
        raise UnusableFile(f"{path}: no pictures below the header; add one a line")
    return Truth(tuple(rows), origin=path)


def _row(record: Mapping[str, str], *, folder: str, where: str) -> TruthRow:
    path = record["path"]
    if not path:
        raise UnusableFile(f"{where}: the path is empty")
    if "\0" in path:
        raise UnusableFile(f"{where}: the path {path!r} holds a NUL character")
    fields = {name: value.strip() for name, value in record.items()}
    row = TruthRow(
        path=os.path.abspath(os.path.join(folder, path)),
        instance=fields["instance"],
        role=fields["role"].lower(),
        category=fields.get("category", ""),
        source=fields.get("source", ""),
        extra={name: value for name, value in record.items() if name not in _KNOWN},
    )
    if not row.role:
        raise UnusableFile(f"{where}: the role is empty; say reference, query or both")
    if not row.instance and (row.is_reference or row.is_query):
        raise UnusableFile(f"{where}: a {row.role} row needs an instance; name the thing it shows")
    return row
