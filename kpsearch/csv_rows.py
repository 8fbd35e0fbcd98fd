"""Rows of a CSV file that a person wrote: UTF-8, a header of column names, errors by line."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from kpsearch.errors import UnusableFile, UsageError


def csv_rows(
    path: str, required: Sequence[str], *, if_folder: str = "", any_bytes: bool = False
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below the header: the line each begins on, and its fields by column.

    With or without a byte order mark; empty lines are skipped. Raises `UnusableFile` naming file
    and line for a file that is unreadable, empty or malformed, or lacks a ``required`` column, and
    `UsageError` for a folder, with the advice ``if_folder``. A file that is not UTF-8 is unusable;
    with ``any_bytes``, for the names of files that are no text, such bytes are lone surrogates.
    """
    lines = _fields_by_line(path, _read_text(path, if_folder, any_bytes))
    line, header = next(lines, (0, []))
    if not header:
        raise UnusableFile(f"{path}: the file is empty; it needs columns {', '.join(required)}")
    columns = [name.strip() for name in header]
    _check_columns(columns, required, where=f"{path}:{line}")
    for line, fields in lines:
        if len(fields) != len(columns):
            raise UnusableFile(
                f"{path}:{line}: {len(fields)} fields, but the header names {len(columns)} columns;"
                " quote a field that holds a comma"
            )
        yield line, dict(zip(columns, fields, strict=True))


def _check_columns(columns: list[str], required: Sequence[str], *, where: str) -> None:
    missing = [name for name in required if name not in columns]
    if missing:
        raise UnusableFile(
            f"{where}: no column {', '.join(missing)}; the header has {', '.join(columns)}"
            " (separate columns by commas)"
        )
    twice = [name for name, count in Counter(columns).items() if name and count > 1]
    if twice:
        raise UnusableFile(f"{where}: column {', '.join(twice)} appears twice; rename one")


def _fields_by_line(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, with the line of the file it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnusableFile(f"{path}:{line}: not valid CSV: {error}") from error


def _read_text(path: str, if_folder: str, any_bytes: bool) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read().removeprefix(codecs.BOM_UTF8)
    except IsADirectoryError as error:
        text = f"{path}: cannot be read: a folder, no CSV file{if_folder}"
        raise UsageError(text) from error
    except OSError as error:
        raise UnusableFile(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8", "surrogateescape" if any_bytes else "strict")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnusableFile(f"{path}:{line}: not UTF-8; save the file as UTF-8 CSV") from error
