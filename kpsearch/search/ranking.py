"""From one question to its candidates, ranked: score, match again, verify, guide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring import Votes, best, group_repeats, sum_heaviest
from kpsearch.search.guided import guide_best
from kpsearch.search.matching import score_images
from kpsearch.search.question import rematch, widened
from kpsearch.search.shortlist import Candidate, below, verify_while_it_pays

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import ScoringOptions, SearchOptions
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


def verified(
    question: Question, candidates: list[Candidate], options: SearchOptions
) -> tuple[list[Candidate], int]:
    """The candidates re-ordered by geometry, and how many of them it looked at."""
    wanted = options.verification
    if wanted is None:
        return candidates, 0
    first, rest = candidates[: wanted.shortlist], candidates[wanted.shortlist :]
    wide = widened(question, wanted)
    found = rematch(wide, np.array([c.slot for c in first], np.intp), wanted)
    votes = Votes(found.query, found.slot, found.weight)
    again = best_scored(wide, sum_heaviest(votes, wide.snapshot.slots), len(first))
    ranked, tried = verify_while_it_pays(again, found, wide, options.scoring.prior, wanted)
    return below(guide_best(ranked, wide, options), rest), tried
