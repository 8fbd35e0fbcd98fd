"""Plain-text tables for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from kpsearch.errors import UsageError

Cell = str | int | None
"""None is shown as "-". Floats are formatted by the caller, who knows how many digits matter."""

_GAP = "  "


def format_table(headers: Sequence[str], rows: Sequence[Sequence[Cell]], *, align: str = "") -> str:
    """An aligned table with a rule under the headers, no newline at the end; nothing is cut off.

    ``align`` has a letter a column, ``l`` or ``r``; without it a column is right-aligned when each
    of its cells is a number or None, as a figure or as text ("0.93", "12%"). Columns are as wide as
    a terminal draws them: wide East Asian characters take two places, combining marks none.
    Characters that a terminal would obey, and bytes of a name that are not text, are shown escaped.

    Raises `UsageError` for a row or an ``align`` of another length than the headers.
    """
    texts = [[_shown(cell) for cell in row] for row in [headers, *rows]]
    if any(len(row) != len(headers) for row in texts):
        raise UsageError(f"each row needs {len(headers)} cells, one for each header")
    columns = range(len(headers))
    sides = align or "".join("r" if _numeric([r[c] for r in rows]) else "l" for c in columns)
    if len(sides) != len(headers) or set(sides) - {"l", "r"}:
        raise UsageError(
            f"align {align!r} needs a letter l or r for each of {len(headers)} columns"
        )
    widths = [max(_width(row[c]) for row in texts) for c in columns]
    texts.insert(1, ["-" * width for width in widths])
    return "\n".join(
        _GAP.join(_padded(row[c], widths[c], sides[c]) for c in columns).rstrip() for row in texts
    )


def _shown(cell: Cell) -> str:
    text = "-" if cell is None else str(cell)
    return "".join(c if _drawable(c) else _escaped(c) for c in text)


def _drawable(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _width(text: str) -> int:
    """Terminal places, of the composed form: file names from macOS come decomposed."""
    return sum(_places(character) for character in unicodedata.normalize("NFC", text))


def _places(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _padded(text: str, width: int, side: str) -> str:
    padding = " " * (width - _width(text))
    return padding + text if side == "r" else text + padding


def _numeric(cells: Sequence[Cell]) -> bool:
    """Whether there is a number and nothing but numbers and gaps."""
    numbers = [_is_number(cell) for cell in cells if cell not in (None, "", "-")]
    return bool(numbers) and all(numbers)


def _is_number(cell: Cell) -> bool:
    try:
        float(str(cell).removesuffix("%").strip())
    except ValueError:
        return False
    return True
