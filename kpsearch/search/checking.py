"""The stages in which geometry is asked: verification, and expansion by what it verified."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kpsearch.search.expansion import expand
from kpsearch.search.ranking import shortlisted, verified

if TYPE_CHECKING:
    from kpsearch.options import SearchOptions
    from kpsearch.search.question import Question
    from kpsearch.search.shortlist import Candidate, Shortlist
    from kpsearch.search.stages import StageLog


def verify_lists(
    questions: list[Question],
    lists: list[list[Candidate]],
    options: SearchOptions,
    log: StageLog,
) -> tuple[list[Question], list[list[Candidate]]]:
    """The candidates of each question, re-ordered by geometry.

    Questions about some images, none of which it verifies, come back as questions about all, with
    what geometry says of those.
    """
    if options.verification is None:
        return questions, lists
    with log.stage("verify") as note:
        wanted = options.verification
        shortlists = [shortlisted(q, c, wanted) for q, c in zip(questions, lists, strict=True)]
        ranked, shortlists = _checked(shortlists, options)
        about_some = any(question.sought is not None for question in questions)
        told = f"{_tried(shortlists)} candidates"
        if about_some and not _verified_slots(ranked):
            questions = [replace(question, sought=None) for question in questions]
            ranked, shortlists = _checked([_about_all(s) for s in shortlists], options)
            told = f"{told} of the category, {_tried(shortlists)} of all"
        log.verified_images = len(_verified_slots(ranked))
        note(f"{told}, {log.verified_images} verified")
    return questions, ranked


def _checked(
    shortlists: list[Shortlist], options: SearchOptions
) -> tuple[list[list[Candidate]], list[Shortlist]]:
    ranked, seen = zip(*(verified(s, options) for s in shortlists), strict=True)
    return list(ranked), list(seen)


def _about_all(shortlist: Shortlist) -> Shortlist:
    return replace(shortlist, question=replace(shortlist.question, sought=None))


def _tried(shortlists: list[Shortlist]) -> int:
    return sum(len(shortlist.checked) for shortlist in shortlists)


def _verified_slots(lists: list[list[Candidate]]) -> set[int]:
    return {c.slot for candidates in lists for c in candidates if c.verified}


def expand_lists(
    questions: list[Question],
    lists: list[list[Candidate]],
    options: SearchOptions,
    log: StageLog,
) -> list[list[Candidate]]:
    """The candidates of each question, with what its verified hits find."""
    if options.expansion is None:
        return lists
    with log.stage("expand") as note:
        grown = [expand(q, c, options) for q, c in zip(questions, lists, strict=True)]
        note(f"{sum(asked for _, asked in grown)} hits asked in their turn")
    return [candidates for candidates, _ in grown]
