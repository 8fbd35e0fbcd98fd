"""The matches of one query through all segments of an index."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring import hamming_matches

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index import Segment, Snapshot
    from kpsearch.scoring import Weighting
    from kpsearch.types import Words


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
                weight=np.empty(0, np.float64),
            )
        names = [f.name for f in fields(cls)]
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def match_query(
    snapshot: Snapshot,
    words: Words,
    weighting: Weighting,
    barred: npt.NDArray[np.bool_] | None,
) -> tuple[QueryMatches, int]:
    """All weighted matches of a query, and how many postings were read for them.

    Images whose slot is ``barred`` match nothing.
    """
    parts: list[QueryMatches] = []
    read = 0
    looked_up = np.unique(words.ids)
    for number, segment in enumerate(snapshot.segments):
        first_slot = int(snapshot.slot_start[number])
        segment.advise(looked_up)
        found, postings = _match_segment(segment, number, first_slot, words, weighting, barred)
        parts.append(found)
        read += postings
    return QueryMatches.joined(parts), read


def _match_segment(
    segment: Segment,
    number: int,
    first_slot: int,
    words: Words,
    weighting: Weighting,
    barred: npt.NDArray[np.bool_] | None,
) -> tuple[QueryMatches, int]:
    looked_up = words.ids.ravel()
    starts, stops = segment.start[looked_up], segment.start[looked_up + 1]
    near = hamming_matches(
        segment.signature, starts, stops, words.signatures.ravel(), weighting.hamming_threshold
    )
    keypoint = segment.keypoint[near.postings]
    slot = segment.image_of(keypoint) + first_slot
    if barred is not None:
        kept = np.flatnonzero(~barred[slot])
        near, keypoint, slot = near.take(kept), keypoint[kept], slot[kept]
    word = looked_up[near.lists]
    found = QueryMatches(
        query=near.lists // words.ids.shape[1],
        segment=np.full(len(slot), number, np.int32),
        slot=slot,
        keypoint=keypoint,
        word=word,
        distance=near.distances,
        weight=weighting.weigh(word, near.distances, slot),
    )
    return found, int((stops.astype(np.int64) - starts).sum())
