"""A query once it has been asked: its keypoints as the index sees them, and who may answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry import Frames
from kpsearch.search.matching import QueryMatches, match_query, read_matches, weighed
from kpsearch.types import ImageSize, Words

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index import Snapshot
    from kpsearch.options import VerificationOptions
    from kpsearch.scoring import CollectionFacts, Scorer
    from kpsearch.search.region import Region


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """n keypoints of a query, looked up in one generation of an index."""

    snapshot: Snapshot
    facts: CollectionFacts
    scorer: Scorer
    frames: Frames
    words: Words
    """Of each keypoint, those looked up in the whole index or, `widened`, more."""
    descriptors: npt.NDArray[np.uint8] | None
    """(n, d); None for an image of the index asked in its turn: it keeps none."""
    image_size: ImageSize
    region: Region
    """Of the picture, in the question's frame, that is asked about."""
    barred: npt.NDArray[np.bool_] | None
    """(slots,) images that must not be hits; None if there are none."""
    matches: QueryMatches
    """Through the words that were looked up in the whole index."""
    recurrence: npt.NDArray[np.float64]
    """(n, 65), see `kpsearch.scoring.recurrence`."""
    sought: npt.NDArray[np.bool_] | None = None
    """(slots,) the only images that geometry is asked about; None where it is about all."""

    @classmethod
    def ask(
        cls,
        snapshot: Snapshot,
        facts: CollectionFacts,
        scorer: Scorer,
        frames: Frames,
        words: Words,
        image_size: ImageSize,
        region: Region,
        barred: npt.NDArray[np.bool_] | None,
        *,
        descriptors: npt.NDArray[np.uint8] | None = None,
        sought: npt.NDArray[np.bool_] | None = None,
    ) -> Question:
        """Match the ``words`` of each keypoint with the whole index."""
        matches, factor = match_query(snapshot, words, scorer, facts, barred)
        return cls(
            snapshot=snapshot,
            facts=facts,
            scorer=scorer,
            frames=frames,
            words=words,
            descriptors=descriptors,
            image_size=image_size,
            region=region,
            barred=barred,
            matches=matches,
            recurrence=factor,
            sought=sought,
        )


def widened(question: Question, options: VerificationOptions) -> Question:
    """The question with more words a keypoint, if they are cheap enough to look up.

    A keypoint's further words cost posting lists to read and find ever less: as many are taken,
    the same number for each keypoint, as ``options.rematched_postings`` allows.
    """
    have = question.words.ids.shape[1]
    wanted = min(_affordable(question, options), options.assignments)
    if question.descriptors is None or wanted <= have:
        return question
    vocabulary = question.snapshot.vocabulary
    return replace(question, words=vocabulary.quantise(question.descriptors, assignments=wanted))


def rematch(
    question: Question, slots: npt.NDArray[np.intp], options: VerificationOptions
) -> QueryMatches:
    """The matches of a few images, through all words of the question and within more bits.

    Where even its words are too many postings to read again, they are the matches at hand.
    """
    listed = np.zeros(question.snapshot.slots, np.bool_)
    listed[slots] = True
    if question.words.ids.shape[1] > _affordable(question, options):
        return question.matches.take(np.flatnonzero(listed[question.matches.slot]))
    found = read_matches(question.snapshot, question.words, options.hamming_threshold, ~listed)
    return weighed(found, question.scorer, question.recurrence)


def _affordable(question: Question, options: VerificationOptions) -> int:
    """Words a keypoint whose posting lists hold few enough postings, by those it has."""
    words = question.words.ids
    a_word = int(question.facts.word_frequency[words].sum()) / max(words.shape[1], 1)
    return int(options.rematched_postings / max(a_word, 1.0))
