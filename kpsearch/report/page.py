"""The page: what was searched, how it went, and a card for each query. It needs no network."""

from __future__ import annotations

import statistics
from string import Template
from typing import TYPE_CHECKING

from kpsearch.report.card import answer_card, status
from kpsearch.report.files import Path, replace_file
from kpsearch.report.markup import count, duration, escape_name, escape_text
from kpsearch.report.stylesheet import STYLESHEET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kpsearch.report.views import AnswerView

# The page holds no script; the policy sees to it that a name cannot bring one in.
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<header>
<h1>$title</h1>
$facts
$figures
$overview
</header>
<main>
$cards
</main>
<footer>Made by kpsearch</footer>
</body>
</html>
""")


def write_page(
    path: Path, title: str, *, answers: Sequence[AnswerView], index_facts: Mapping[str, str]
) -> None:
    """Write one HTML page that shows ``answers``, replacing a file already there.

    ``index_facts`` says what was searched, in the order to show: name of a fact -> its value, such
    as ``{"Index": "dvd", "Images": "100", "Keypoints": "48,210"}``. Raises `KpsearchError` when the
    file cannot be written.
    """
    replace_file(path, render_page(title, answers=answers, index_facts=index_facts).encode())


def render_page(
    title: str, *, answers: Sequence[AnswerView], index_facts: Mapping[str, str]
) -> str:
    """The page as text. All text given is escaped; only pictures are taken from outside."""
    return _PAGE.substitute(
        title=escape_text(title),
        style=STYLESHEET,
        facts=_index_facts(index_facts),
        figures=_figures(answers),
        overview=_overview(answers),
        cards="\n".join(answer_card(number, view) for number, view in enumerate(answers, 1)),
    )


def _index_facts(facts: Mapping[str, str]) -> str:
    if not facts:
        return ""
    pairs = (
        f"<div><dt>{escape_text(name)}</dt><dd>{escape_text(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f'<dl class="index">{"".join(pairs)}</dl>'


def _figures(answers: Sequence[AnswerView]) -> str:
    """How the queries went, in one line."""
    if not answers:
        return '<p class="figures">No queries.</p>'
    verified = sum(view.answer.verified for view in answers)
    times = [sum(view.answer.timings_ms.values()) for view in answers]
    known = [view.right for view in answers if view.right is not None]
    parts = [
        count(len(answers), "query").replace(" ", "</b> "),
        f"{verified}</b> verified",
        f"{len(answers) - verified}</b> no match",
        f"{duration(statistics.median(times))}</b> median time",
    ]
    if known:
        parts.append(f"{sum(known)} of {len(known)}</b> right")
    return f'<p class="figures">{"".join(f"<span><b>{part}</span>" for part in parts)}</p>'


def _overview(answers: Sequence[AnswerView]) -> str:
    """A square for each query, which leads to its card."""
    if len(answers) < 2:
        return ""
    squares = "".join(_square(number, view) for number, view in enumerate(answers, 1))
    return f'<nav class="overview" aria-label="Queries">{squares}</nav>'


def _square(number: int, view: AnswerView) -> str:
    kind = status(view)
    unknown = (str(number), "")
    sign, truth = {None: unknown, True: ("✓", ", right"), False: ("✗", ", wrong")}[view.right]
    label = f"Query {number}, {escape_name(view.answer.query)}: {kind}{truth}"
    wrong = " wrong" if view.right is False else ""
    return (
        f'<a class="{kind.replace(" ", "-")}{wrong}" href="#query-{number}"'
        f' aria-label="{label}" title="{label}">{sign}</a>'
    )
