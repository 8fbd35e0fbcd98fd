"""From one question to its candidates, ranked: score, match again, verify, guide."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring import Votes, best, group_repeats, sum_heaviest
from kpsearch.search.guided import guide_best
from kpsearch.search.matching import score_images
from kpsearch.search.question import rematch, widened
from kpsearch.search.shortlist import (
    Candidate,
    Shortlist,
    below,
    verify_while_it_pays,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import ScoringOptions, SearchOptions, VerificationOptions
    from kpsearch.search.question import Question


def score(question: Question, options: ScoringOptions) -> npt.NDArray[np.float64]:
    """(slots,) what the scorer gives each image, 0 where it is barred."""
    words = question.words
    groups = group_repeats(words, question.facts.chance) if options.group_bursts else None
    return score_images(question.matches, words, question.scorer, question.barred, groups)


def best_scored(question: Question, scores: npt.NDArray[np.float64], count: int) -> list[Candidate]:
    """The images of the highest scores, at most ``count``."""
    chosen = best(scores, count, question.snapshot.path_hash)
    return [Candidate(int(slot), float(scores[slot])) for slot in chosen]


def shortlisted(
    question: Question, candidates: list[Candidate], options: VerificationOptions
) -> Shortlist:
    """The best of the candidates, matched again through more words and within more bits."""
    first, rest = candidates[: options.shortlist], candidates[options.shortlist :]
    wide = widened(question, options)
    found = rematch(wide, np.array([c.slot for c in first], np.intp), options)
    votes = Votes(found.query, found.slot, found.weight)
    again = best_scored(wide, sum_heaviest(votes, wide.snapshot.slots), len(first))
    return Shortlist(wide, found, again, rest, checked={})


def verified(shortlist: Shortlist, options: SearchOptions) -> tuple[list[Candidate], Shortlist]:
    """The candidates re-ordered by geometry, and the shortlist with what it was asked about.

    Where the question is about some images, it is asked about those alone.
    """
    wanted = options.verification
    if wanted is None:
        return shortlist.first + shortlist.rest, shortlist
    ranked, seen = verify_while_it_pays(shortlist, options.scoring.prior, wanted)
    guided = guide_best(ranked, shortlist.question, options)
    return below(guided, shortlist.rest), replace(shortlist, checked={**shortlist.checked, **seen})
