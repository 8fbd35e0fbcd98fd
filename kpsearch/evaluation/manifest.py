"""The ground truth of an evaluation: a CSV file that says which pictures show the same thing.

Columns: ``path``, ``instance`` (same instance = same thing), ``role``, and if wanted ``category``
and ``source``. Roles: ``reference`` (in the catalogue), ``query``, ``both`` (in the catalogue and
a query: left out of its own gallery). Rows of any other role are read and play no part.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping

from kpsearch.errors import UnusableFile, UsageError
from kpsearch.evaluation.truth import Truth, TruthRow

_REQUIRED = ("path", "instance", "role")
_KNOWN = (*_REQUIRED, "category", "source")


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
    for line, record in _records(path):
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


def _records(path: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below the header: the line each begins on, and its fields by column."""
    lines = _fields_by_line(path)
    line, header = next(lines, (0, []))
    if not header:
        raise UnusableFile(f"{path}: the file is empty; it needs columns {', '.join(_REQUIRED)}")
    columns = [name.strip() for name in header]
    _check_columns(columns, where=f"{path}:{line}")
    for line, fields in lines:
        if len(fields) != len(columns):
            raise UnusableFile(
                f"{path}:{line}: {len(fields)} fields, but the header names {len(columns)} columns;"
                " quote a field that holds a comma"
            )
        yield line, dict(zip(columns, fields, strict=True))


def _check_columns(columns: list[str], *, where: str) -> None:
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        raise UnusableFile(
            f"{where}: no column {', '.join(missing)}; the header has {', '.join(columns)}"
            " (separate columns by commas)"
        )
    twice = [name for name, count in Counter(columns).items() if name and count > 1]
    if twice:
        raise UnusableFile(f"{where}: column {', '.join(twice)} appears twice; rename one")


def _fields_by_line(path: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, with the line of the file it begins on."""
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    line = 1
    try:
        for fields in reader:
            if any(text.strip() for text in fields):
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnusableFile(f"{path}:{line}: not valid CSV: {error}") from error


def _read_text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read().removeprefix(codecs.BOM_UTF8)
    except IsADirectoryError as error:
        raise UsageError(
            f"{path}: cannot be read: a folder, no CSV file;"
            " if it holds a public data set, name its layout"
        ) from error
    except OSError as error:
        raise UnusableFile(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnusableFile(f"{path}:{line}: not UTF-8; save the file as UTF-8 CSV") from error
