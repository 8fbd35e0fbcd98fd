"""The records that pass between the layers. All are frozen; arrays are never written to.

Pixel coordinates: the centre of the top-left pixel is (0, 0), x to the right, y down, as in
OpenCV. Angles are in radians, clockwise on the screen (y down), in [0, 2π).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class ImageSize(NamedTuple):
    """Width and height in pixels of the upright original."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What was true of a file when its bytes were read."""

    size_bytes: int
    mtime_ns: int
    content_hash: bytes
    """xxh3-128 of the bytes, 16 bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A decoded picture, upright, alpha composited on white."""

    path: str
    pixels: npt.NDArray[np.uint8]
    """(h, w) grey or (h, w, 3) BGR; may be smaller than ``size`` when decoded reduced."""
    size: ImageSize
    """Of the upright original, whatever the size of ``pixels``."""
    facts: FileFacts
    format: str
    frames: int = 1
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """A picture that was not used, and why."""

    path: str
    code: str
    text: str
    size_bytes: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Casualty:
    """Stands for the result of an item that its worker process did not survive."""

    code: str
    """``decoder_crashed``, ``timeout`` or ``out_of_memory``."""
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The keypoints of one picture and their descriptors, n of each."""

    xy: npt.NDArray[np.float32]
    """(n, 2) in pixels of the upright original."""
    scale: npt.NDArray[np.float32]
    """(n,) diameter of the keypoint's support in pixels of the original."""
    angle_rad: npt.NDArray[np.float32]
    response: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]
    """(n, d)"""
    image_size: ImageSize

    def __len__(self) -> int:
        return len(self.xy)

    def take(self, rows: npt.NDArray[np.intp]) -> Features:
        """The keypoints at ``rows``, in that order."""
        return Features(
            xy=self.xy[rows],
            scale=self.scale[rows],
            angle_rad=self.angle_rad[rows],
            response=self.response[rows],
            descriptors=self.descriptors[rows],
            image_size=self.image_size,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Visual words of n descriptors: the k nearest each, and a Hamming signature for each."""

    ids: npt.NDArray[np.uint32]
    """(n, k) nearest first."""
    signatures: npt.NDArray[np.uint64]
    """(n, k): the descriptor's signature within each of its words."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """One answer to a query."""

    rank: int
    id: int
    path: str
    category: str
    """As the index has it: the catalogue's, or after ``?`` those predicted, with ``|`` between."""
    score: float
    log_odds: float
    """Natural logarithm of the odds that the image shows what the query shows: what answers to
    different queries are compared by, as `confidence` has no digits left near 1. Never rises from
    one hit to the next."""
    verified: bool
    inliers: int
    transform: npt.NDArray[np.float64] | None
    """(3, 3) homography from query pixels to hit pixels; None when not verified."""
    region: npt.NDArray[np.float32] | None
    """(m, 2) polygon in the hit: where the query's picture lies in it."""
    query_region: npt.NDArray[np.float32] | None
    """(m, 2) polygon in the query: where the hit's picture lies in it."""
    matches: npt.NDArray[np.float32] | None = field(default=None, repr=False)
    """(inliers, 4): x, y in the query and x, y in the hit, of each inlier."""
    effective_inliers: float = 0.0
    """The inliers, a clump of them counted as few."""
    picture: int = 0
    """Number of the query's picture that inliers, transform and regions are of."""
    mirrored: bool = False
    """Whether the hit shows what a mirror shows of the query."""
    via: int | None = None
    """Id of the verified hit through which query expansion found this one; None if directly."""
    cosine: float | None = None
    """Of the deep embeddings of query and hit; None where none are fused."""

    @property
    def confidence(self) -> float:
        """Probability that the image shows what the query shows (`kpsearch.search.confidence`)."""
        return 1 / (1 + exp(min(-self.log_odds, 700.0)))


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage of a query did."""

    name: str
    milliseconds: float
    detail: str
    """One line for a reader: counts in, counts out."""


@dataclass(frozen=True, slots=True)
class CategoryOutcome:
    """What a category has left of the index for a query."""

    asked: str
    """A category's name, or ``auto`` where a classifier was asked."""
    categories: tuple[str, ...]
    """Searched; those predicted, the likeliest first (for several pictures, of one by one)."""
    images: int
    """That the categories leave, and that may be hits."""
    total: int
    """That may be hits without them."""
    whole: bool = False
    """Whether the whole index was searched all the same."""
    reason: str = ""
    """Why it was; empty where it was not."""
    alpha: float | None = None
    """Error rate of the prediction; None for a category by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The hits of one query, best first, and how they were found."""

    query: str
    """Path of the query picture, the first if there are several."""
    pictures: tuple[str, ...]
    """Paths of all pictures of the query."""
    image_size: ImageSize
    """Of the first picture."""
    keypoints: int
    """Found in the query; 0 for a flat picture, which has no hits."""
    hits: tuple[Hit, ...]
    stages: tuple[Stage, ...]
    warnings: tuple[str, ...] = ()
    verified_images: int = 0
    """Images that geometry verified, shown among the hits or not."""
    category: CategoryOutcome | None = None
    """None where none was asked for."""

    @property
    def timings_ms(self) -> dict[str, float]:
        """Milliseconds by stage, in the order run."""
        return {stage.name: stage.milliseconds for stage in self.stages}

    @property
    def matched(self) -> bool:
        """Whether a hit is more likely right than wrong; if not, the answer is "no match"."""
        return any(hit.log_odds >= 0 for hit in self.hits)

    @property
    def verified(self) -> bool:
        """Whether geometry confirms at least one image."""
        return self.verified_images > 0
