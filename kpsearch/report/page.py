"""The page: what was searched, how it went, and a card for each query. It needs no network."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from kpsearch.replacing import replace_file
from kpsearch.report.card import answer_card, status
from kpsearch.report.document import render_document
from kpsearch.report.files import Path
from kpsearch.report.markup import count, duration, escape_name, facts_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kpsearch.report.views import AnswerView


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
    header = [facts_list(index_facts), _figures(answers), _overview(answers)]
    cards = (answer_card(number, view) for number, view in enumerate(answers, 1))
    return render_document(title, header="\n".join(header), main="\n".join(cards))


def _figures(answers: Sequence[AnswerView]) -> str:
    """How the queries went, in one line."""
    if not answers:
        return '<p class="figures">No queries.</p>'
    matched = sum(view.answer.matched for view in answers)
    times = [sum(view.answer.timings_ms.values()) for view in answers]
    known = [view.right for view in answers if view.right is not None]
    parts = [
        count(len(answers), "query").replace(" ", "</b> "),
        f"{matched}</b> matched",
        f"{len(answers) - matched}</b> no match",
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
