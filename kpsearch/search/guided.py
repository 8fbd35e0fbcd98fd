"""Guided re-matching: what else agrees, once it is known how one picture lies in the other.

The inverted file gives the matches that stand out in a whole collection. Under a transform each
keypoint of the query has one place in the hit to be at, so that a match which would prove nothing
elsewhere (by a farther word, with a signature that differs in many bits) is evidence there. So all
keypoints of the hit are compared with the query's, by the words and signatures that the index has
of them; those in their place refine the transform and are counted again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry import Correspondences, Frames, refine
from kpsearch.search.shortlist import is_verified, matched_points

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import SearchOptions
    from kpsearch.search.question import Question
    from kpsearch.search.shortlist import Candidate


def guide_best(
    candidates: list[Candidate], question: Question, options: SearchOptions
) -> list[Candidate]:
    """The candidates as ranked, the best of those with a homography to speak of matched again.

    That is one which chance gives less than once.
    """
    wanted = options.verification
    if wanted is None:
        return candidates
    told = [c for c in candidates if c.verification and c.verification.log10_false_alarms < 0]
    guided = {c.slot: guide(c, question, options, len(candidates)) for c in told[: wanted.guided]}
    return [guided.get(c.slot, c) for c in candidates]


def guide(
    candidate: Candidate, question: Question, options: SearchOptions, tried: int
) -> Candidate:
    """The candidate with its homography found again among all its keypoints, where that helps.

    It is one of so many that were ``tried``. Its score stays: the next ones are not matched again,
    and must not fall behind for that.
    """
    before, wanted = candidate.verification, options.verification
    if before is None or before.transform is None or wanted is None:
        return candidate
    pairs = all_pairs(question, candidate.slot, wanted.guided_threshold)
    size = question.snapshot.image_sizes[candidate.slot]
    after = refine(before, pairs, question.image_size, size, options.scoring.prior, wanted)
    if after is None:
        return candidate
    return replace(
        candidate,
        verification=after,
        verified=is_verified(after, tried, wanted),
        matches=matched_points(pairs, after),
    )


def all_pairs(question: Question, slot: int, threshold: int) -> Correspondences:
    """Every keypoint of the query with every one of an image in one of its words, if near.

    Near is a distance of the signatures within ``threshold`` bits. Not one to one.
    """
    segment, image = question.snapshot.locate(slot)
    asked = question.words.ids.ravel()
    word, place = segment.postings_of(image, np.unique(asked))
    low, high = np.searchsorted(word, asked), np.searchsorted(word, asked, side="right")
    row, posting = _joined(low, high)
    differing = segment.signature[place[posting]] ^ question.words.signatures.ravel()[row]
    distance = np.bitwise_count(differing)
    near = np.flatnonzero(distance <= threshold)
    row, posting, distance = row[near], posting[near], distance[near]
    query = row // question.words.ids.shape[1]
    keypoint = segment.keypoint[place[posting]]
    slots = np.full(len(near), slot)
    alarms = question.scorer.false_alarms(asked[row], distance, slots)
    alarms *= question.recurrence[query, distance]
    found = segment.geometry(keypoint, np.full(len(near), image))
    return Correspondences(
        question.frames.take(query),
        Frames(found.xy, found.scale, found.angle_rad),
        question.scorer.weigh(asked[row], distance, slots, alarms),
        alarms,
    )


def _joined(
    low: npt.NDArray[np.intp], high: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """For each row i, each of low[i] … high[i] − 1: (m,) rows and (m,) members."""
    counts = high - low
    row = np.repeat(np.arange(len(low)), counts)
    first = np.cumsum(counts) - counts
    return row, np.arange(len(row)) + (low - first)[row]
