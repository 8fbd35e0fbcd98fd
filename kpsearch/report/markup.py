"""The small pieces of HTML that everything on the page is made of."""

from __future__ import annotations

import html
import unicodedata
from typing import TYPE_CHECKING

from kpsearch.images import escape_path
from kpsearch.report.views import Picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kpsearch.report.views import Shown


def escape_text(text: str) -> str:
    """Any text, safe between tags and in quoted attributes; what does not print is escaped."""
    return html.escape("".join(char if _prints(char) else escape_path(char) for char in text))


def escape_name(path: str) -> str:
    """A path, safe as above, as one line that no other path has."""
    return html.escape(escape_path(path))


def name_cell(path: str, *, after: str = "", below: str = "") -> str:
    """A path to read: the file's name, and in small below it the folder.

    ``after`` and ``below`` are HTML to follow the name and the folder.
    """
    folder, slash, name = path.rpartition("/")
    if not name:
        folder, slash, name = "", "", path
    breakable = escape_name(folder + slash).replace("/", "/<wbr>")
    parents = f"<bdi>{breakable}</bdi>" if slash else ""
    small = " · ".join(part for part in (parents, below) if part)
    line = f'<span class="folder">{small}</span>' if small else ""
    return f"<bdi>{escape_name(name)}</bdi>{after}{line}"


def picture(shown: Shown, name: str) -> str:
    """An ``img`` of the class ``name``, or the note that stands in for it."""
    if isinstance(shown, Picture):
        return (
            f'<img class="{name}" src="{html.escape(shown.source)}" alt="{escape_text(shown.alt)}"'
            f' width="{shown.size.width}" height="{shown.size.height}" loading="lazy">'
        )
    return f'<p class="{name} missing">{escape_text(shown.reason)}</p>'


def truth_mark(right: bool | None, *, yes: str, no: str) -> str:
    """A tick or a cross with its meaning for a reader's ears; nothing where nobody knows."""
    if right is None:
        return ""
    kind, sign, meaning = ("right", "✓", yes) if right else ("wrong", "✗", no)
    return (
        f'<span class="mark {kind}" role="img" aria-label="{meaning}" title="{meaning}">'
        f"{sign}</span>"
    )


def facts_list(facts: Mapping[str, str]) -> str:
    """What a page says of itself below its title: names and values, which are escaped."""
    if not facts:
        return ""
    pairs = (
        f"<div><dt>{escape_text(name)}</dt><dd>{escape_text(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f'<dl class="index">{"".join(pairs)}</dl>'


def duration(milliseconds: float) -> str:
    """A time with about three digits."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.2f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def count(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it has to be: "1 query", "2 queries"."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def _prints(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"
