"""What deduplication says of pictures, of pairs of them, and of groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import exp
from typing import TYPE_CHECKING

from kpsearch.index.columns import SKETCH_KEYPOINTS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kpsearch.types import ImageSize


WHOLE = 0.93
"""Share of a picture in an overlap from which all of it counts as shown."""


class Relation(StrEnum):
    """What picture a is to picture b."""

    EXACT = "exact"
    """The same bytes, or the same pixels."""
    NEAR_DUPLICATE = "near-duplicate"
    """Re-encoded, resized, turned, recoloured a little, bordered, or written upon."""
    CROP_OF = "crop-of"
    """a is a part of b."""
    CONTAINS = "contains"
    """b is a part of a."""
    MIRRORED = "mirrored"
    """a is what a mirror shows of b, or of a part of it."""
    SAME_ITEM = "same-item"
    """Another photo of the same thing."""
    VARIANT = "variant"
    """One design, differing in text, colour or artwork."""
    SHARED_PART = "shared-part"
    """They share a logo, a badge or a template, and no more."""
    INSUFFICIENT = "insufficient-evidence"
    """Too little to go by; never merged."""

    @property
    def merges(self) -> bool:
        """Whether two pictures so related are duplicates, one of which is enough."""
        return self in _MERGING

    @property
    def reverse(self) -> Relation:
        """What b is to a."""
        return _REVERSE.get(self, self)


_MERGING = frozenset(
    {
        Relation.EXACT,
        Relation.NEAR_DUPLICATE,
        Relation.CROP_OF,
        Relation.CONTAINS,
        Relation.MIRRORED,
        Relation.SAME_ITEM,
    }
)
_REVERSE = {
    Relation.CROP_OF: Relation.CONTAINS,
    Relation.CONTAINS: Relation.CROP_OF,
}


class Verdict(StrEnum):
    """What a person has decided of a pair."""

    SAME = "same"
    VARIANT = "variant"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture of the catalogue, or of the batch that is compared with it."""

    number: int
    """What pairs and groups call it: its place among the pictures of the job."""
    path: str
    size: ImageSize
    size_bytes: int
    mtime_ns: int
    content_hash: bytes
    """xxh3-128 of the bytes, 16 bytes."""
    category: str = ""
    fixed: bool = False
    """Whether it is of the fixed index that a batch is compared with."""


@dataclass(frozen=True, slots=True, eq=False)
class VerifiedPair:
    """Two pictures between which geometry found more than chance would."""

    a: int
    b: int
    """Numbers of the pictures; a < b."""
    score: float
    """Nats of evidence of the matches, with what geometry adds."""
    background: tuple[float, float]
    """Nats that a, and b, have with pictures they cannot be."""
    inliers: int
    effective_inliers: float
    """A clump of inliers counted as few."""
    log10_false_alarms: float
    transform: npt.NDArray[np.float64]
    """(3, 3) from pixels of a, or of a turned over if ``mirrored``, to pixels of b."""
    mirrored: bool = False
    overlap: tuple[int, int] = (0, 0)
    """Keypoints of a, and of b, where the two overlap; 0 where they were not counted."""

    @property
    def matched_share(self) -> float:
        """Share of the keypoints where the two overlap that are inliers, of the fewer ones.

        In a mirror at most `SKETCH_KEYPOINTS` of them can be.
        """
        most = SKETCH_KEYPOINTS if self.mirrored else max(self.overlap)
        return min(1.0, self.inliers / max(min(*self.overlap, most), 1))


@dataclass(frozen=True, slots=True, eq=False)
class DifferenceMap:
    """Where two pictures disagree: a coarse grid over the whole of each."""

    a: npt.NDArray[np.uint8]
    """(rows, columns) over picture a: 0 agrees or is not compared, 255 disagrees altogether."""
    b: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPair:
    """A pair, what it is, how sure that is, and why."""

    a: int
    b: int
    relation: Relation
    log_odds: float
    """Natural logarithm of the odds that merging the two is right."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Figures by name, for a reader and for the calibration."""
    transform: npt.NDArray[np.float64] | None = None
    """As in `VerifiedPair`; None where the pictures were compared by bytes or hash alone."""
    mirrored: bool = False
    difference: DifferenceMap | None = None
    note: str = ""
    """What else a reader should know: "has a border", "turned by 90°", why evidence is short."""
    verdict: Verdict | None = None
    """A person's decision, which outweighs everything above."""
    opened: bool = True
    """False where a picture could not be read: another run tries again."""
    found: bool = True
    """Whether the job found it; False for one that is there by a person's word alone."""

    @property
    def ends(self) -> tuple[int, int]:
        """Numbers of the two pictures."""
        return self.a, self.b

    @property
    def container(self) -> int | None:
        """Number of the picture that the other is a part of: whole, in a mirror, in a photo."""
        if self.relation in (Relation.MIRRORED, Relation.SAME_ITEM):
            whole_a, whole_b = (self.evidence.get(f"share_{end}", 1.0) >= WHOLE for end in "ab")
            return None if whole_a == whole_b else self.b if whole_a else self.a
        return {Relation.CROP_OF: self.b, Relation.CONTAINS: self.a}.get(self.relation)

    @property
    def confidence(self) -> float:
        """Probability that merging the two is right."""
        return 1 / (1 + exp(min(-self.log_odds, 700.0)))


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures of which one is enough."""

    members: tuple[int, ...]
    """Numbers of the pictures: the one to keep, then the others, rising."""
    pairs: tuple[tuple[int, int], ...]
    """The links that hold it together, (a, b) with a < b, rising."""
    weakest: tuple[int, int]
    """The link of least confidence among those that every way of holding it together needs."""
    left_out: tuple[tuple[int, int], ...] = ()
    """Links of its members to pictures outside: believed each by itself, too few to join them."""

    @property
    def keeper(self) -> int:
        """The picture to keep."""
        return self.members[0]
