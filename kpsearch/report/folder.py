"""A report as a folder: the page, the match pictures and the thumbnails."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from kpsearch.report.files import Path
from kpsearch.report.gallery import Gallery, make_folder
from kpsearch.report.page import write_page
from kpsearch.report.views import AnswerView, HitView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from kpsearch.types import Answer

PAGE_NAME = "index.html"
_ROWS = 6
"""Of the table of hits; the rest is the command line's to list."""


def write_match_report(
    folder: Path,
    answers: Sequence[Answer],
    *,
    title: str,
    index_facts: Mapping[str, str],
    truth: Mapping[str, AbstractSet[str]] | None = None,
    hits_per_query: int = 2,
    embed: bool = False,
) -> pathlib.Path:
    """Write a page that shows ``answers`` into ``folder``, made if need be; returns its path.

    ``truth`` maps the path of a query to the paths of the hits that are right, of which the best
    hit should be one; an empty set says that nothing in the index is, so that "no match"
    is right. A query that is not in it gets no mark. ``hits_per_query`` is how many verified hits
    get a match picture. With ``embed`` the page holds all its pictures and can be sent alone.

    Pictures are read again from their paths; one that cannot be gets a note in its place. Raises
    `KpsearchError` when the report cannot be written.
    """
    target = pathlib.Path(folder)
    make_folder(target)
    gallery = Gallery(target, embed=embed)
    views = [
        _view(number, answer, (truth or {}).get(answer.query), hits_per_query, gallery)
        for number, answer in enumerate(answers, 1)
    ]
    write_page(target / PAGE_NAME, title, answers=views, index_facts=index_facts)
    return target / PAGE_NAME


def _view(
    number: int,
    answer: Answer,
    right: AbstractSet[str] | None,
    hits_per_query: int,
    gallery: Gallery,
) -> AnswerView:
    verified = [hit for hit in answer.hits if hit.verified][:hits_per_query]
    return AnswerView(
        answer,
        gallery.query(number, answer.query),
        tuple(
            gallery.match(f"match-{number:04d}-{place}.jpg", answer.pictures[hit.picture], hit)
            for place, hit in enumerate(verified, 1)
        ),
        tuple(
            HitView(hit, gallery.item(hit.path), None if right is None else hit.path in right)
            for hit in answer.hits[:_ROWS]
        ),
        None if right is None else _is_right(answer, right),
    )


def _is_right(answer: Answer, right: AbstractSet[str]) -> bool:
    return answer.hits[0].path in right if answer.matched else not right
