"""The matches of one query through all segments of an index."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring import (
    Postings,
    Votes,
    flat_positions,
    hamming_matches,
    list_blocks,
    recurrence,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from kpsearch.index import Segment, Snapshot
    from kpsearch.scoring import CollectionFacts, Scorer
    from kpsearch.types import Words

BLOCK_POSTINGS = 1 << 18
"""Postings that `read_postings` hands out at a time: 20 bytes each."""


@dataclass(frozen=True, slots=True, eq=False)
class QueryMatches:
    """m pairs of a query keypoint and a posting within the Hamming threshold."""

    query: npt.NDArray[np.intp]
    """Row of the query keypoint."""
    segment: npt.NDArray[np.int32]
    """Number of the segment."""
    slot: npt.NDArray[np.int64]
    """Slot of the image."""
    keypoint: npt.NDArray[np.uint32]
    """Number of the keypoint in its segment."""
    word: npt.NDArray[np.uint32]
    distance: npt.NDArray[np.uint8]
    false_alarms: npt.NDArray[np.float64]
    """Matches as good as this one that chance would give."""
    weight: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.query)

    def take(self, rows: npt.NDArray[np.intp]) -> QueryMatches:
        """The matches at ``rows``."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def joined(cls, parts: list[QueryMatches]) -> QueryMatches:
        """All parts, one after the other; none gives no matches."""
        if not parts:
            return cls(
                query=np.empty(0, np.intp),
                segment=np.empty(0, np.int32),
                slot=np.empty(0, np.int64),
                keypoint=np.empty(0, np.uint32),
                word=np.empty(0, np.uint32),
                distance=np.empty(0, np.uint8),
                false_alarms=np.empty(0, np.float64),
                weight=np.empty(0, np.float64),
            )
        names = [f.name for f in fields(cls)]
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def match_query(
    snapshot: Snapshot,
    words: Words,
    scorer: Scorer,
    facts: CollectionFacts,
    barred: npt.NDArray[np.bool_] | None,
) -> tuple[QueryMatches, npt.NDArray[np.float64]]:
    """All weighted matches of a query, and how its keypoints recur (n, 65).

    Images whose slot is ``barred`` match nothing.
    """
    matches = read_matches(snapshot, words, scorer.hamming_threshold, barred)
    factor = recurrence(matches.query, matches.distance, words, facts, scorer.hamming_threshold)
    return weighed(matches, scorer, factor), factor


def read_matches(
    snapshot: Snapshot, words: Words, threshold: int, barred: npt.NDArray[np.bool_] | None
) -> QueryMatches:
    """The matches within ``threshold`` bits, not weighed yet."""
    looked_up = np.unique(words.ids)
    parts = []
    for number, segment in enumerate(snapshot.segments):
        segment.advise(looked_up)
        first_slot = int(snapshot.slot_start[number])
        parts.append(_match_segment(segment, number, first_slot, words, threshold, barred))
    return QueryMatches.joined(parts)


def weighed(matches: QueryMatches, scorer: Scorer, factor: npt.NDArray[np.float64]) -> QueryMatches:
    """The matches with their false alarms, by how their keypoint recurs, and their weights."""
    word, distance, slot = matches.word, matches.distance, matches.slot
    alarms = scorer.false_alarms(word, distance, slot) * factor[matches.query, distance]
    return replace(matches, false_alarms=alarms, weight=scorer.weigh(word, distance, slot, alarms))


def _match_segment(
    segment: Segment,
    number: int,
    first_slot: int,
    words: Words,
    threshold: int,
    barred: npt.NDArray[np.bool_] | None,
) -> QueryMatches:
    looked_up = words.ids.ravel()
    starts, stops = segment.start[looked_up], segment.start[looked_up + 1]
    near = hamming_matches(segment.signature, starts, stops, words.signatures.ravel(), threshold)
    keypoint = segment.keypoint[near.postings]
    slot = segment.image_of(keypoint) + first_slot
    if barred is not None:
        kept = np.flatnonzero(~barred[slot])
        near, keypoint, slot = near.take(kept), keypoint[kept], slot[kept]
    unknown = np.zeros(len(slot))
    return QueryMatches(
        query=near.lists // words.ids.shape[1],
        segment=np.full(len(slot), number, np.int32),
        slot=slot,
        keypoint=keypoint,
        word=looked_up[near.lists],
        distance=near.distances,
        false_alarms=unknown,
        weight=unknown,
    )


def score_images(
    found: QueryMatches,
    words: Words,
    scorer: Scorer,
    barred: npt.NDArray[np.bool_] | None,
    groups: npt.NDArray[np.intp] | None = None,
) -> npt.NDArray[np.float64]:
    """(slots,) score of each image, 0 where it is ``barred``.

    With ``groups``, (n,) a number from 0 for each keypoint of the query, a group votes as one
    keypoint, and its first stands for it where a scorer asks for words.
    """
    query = found.query
    if groups is not None:
        first = np.unique(groups, return_index=True)[1]
        query, words = (
            groups[query],
            replace(words, ids=words.ids[first], signatures=words.signatures[first]),
        )
    scores = scorer.score(Votes(query, found.slot, found.weight), words)
    return scores if barred is None else np.where(barred, 0.0, scores)


def read_postings(snapshot: Snapshot, words: npt.NDArray[np.uint32]) -> Iterator[Postings]:
    """The posting lists of distinct ``words``, rising, of live images: a `PostingReader`.

    A list is never cut, so that an image's postings in a word come in one block.
    """
    for number, segment in enumerate(snapshot.segments):
        first_slot = int(snapshot.slot_start[number])
        live = snapshot.live[first_slot : first_slot + len(segment)]
        segment.advise(words)
        starts = segment.start[words].astype(np.int64)
        lengths = segment.start[words + 1] - starts
        for first, last in list_blocks(np.cumsum(lengths), BLOCK_POSTINGS):
            rows = flat_positions(starts[first:last], lengths[first:last])
            image = segment.image_of(segment.keypoint[rows])
            word = np.repeat(words[first:last], lengths[first:last])
            kept = np.flatnonzero(live[image])
            yield Postings(word[kept], image[kept] + first_slot, segment.signature[rows[kept]])
