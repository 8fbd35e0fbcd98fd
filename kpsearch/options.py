"""Options, one record a stage. Their values are stored with every artefact made under them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from kpsearch.errors import UsageError


@dataclass(frozen=True, slots=True)
class FeatureOptions:
    """How keypoints are found and described."""

    extractor: str = "sift"
    max_side_px: int = 800
    """Pictures with a longer side are shrunk to it before detection."""
    max_keypoints: int = 1000
    threshold: float | None = None
    """Of the detector, in its own units: lower finds fainter keypoints. None is the extractor's
    default, and an index has it as a number."""
    upright: bool = False
    """Describe keypoints without turning them to their own orientation."""

    def __post_init__(self) -> None:
        if self.max_side_px < 1 or self.max_keypoints < 1:
            raise UsageError(
                f"{self.max_keypoints} keypoints of {self.max_side_px} px cannot be found"
            )
        if self.threshold is not None and not 0 <= self.threshold < inf:
            raise UsageError(f"a detector has no threshold of {self.threshold:g}")


@dataclass(frozen=True, slots=True)
class VocabularyOptions:
    """How a vocabulary is trained."""

    words: int | None = None
    """Number of visual words; None chooses it from the size of the collection."""
    sample_images: int = 2000
    """Pictures whose descriptors are drawn on, spread evenly over the collection."""
    sample_descriptors: int = 1_000_000
    iterations: int = 10
    """Lloyd iterations at each level."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """How posting lists are turned into scores."""

    weighting: str = "likelihood"
    """Name of the weight of a match: see `kpsearch.scoring.weights`."""
    assignments: int = 3
    """Visual words looked up for each keypoint of the query (multiple assignment)."""
    hamming_threshold: int = 22
    """Postings whose signature differs in more bits are not matches."""
    prior: float = 1e-3
    """ρ: chance, before looking, that an image shows a given keypoint of the query."""
    sigma: float = 16.0
    """Width in bits of the Gaussian, for the weighting "hamming"."""
    remove_bursts: bool = True
    """Count one match only for a query keypoint in an image."""


@dataclass(frozen=True, slots=True)
class VerificationOptions:
    """How the shortlist is checked by geometry; tolerances are shares of the hit's longest side."""

    shortlist: int = 500
    """Images verified, best score first."""
    loose_tolerance: float = 0.1
    """Of the similarity, which solid things seen from another side must pass too."""
    tolerance: float = 0.01
    """Reprojection error of an inlier of the homography."""
    false_alarms: float = 0.01
    """A hit is called verified when chance would give so few such hits in a whole shortlist."""

    def __post_init__(self) -> None:
        if self.shortlist < 1:
            raise UsageError(f"a shortlist of {self.shortlist} images verifies nothing")


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The stages of a query."""

    limit: int = 10
    """Hits returned."""
    scoring: ScoringOptions = ScoringOptions()
    verification: VerificationOptions | None = VerificationOptions()
    """None skips spatial verification."""

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise UsageError(f"{self.limit} hits cannot be returned")


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What one picture may take of its worker process."""

    seconds: float | None = 30.0
    """None waits for ever."""
    memory_bytes: int | None = 4 * 2**30
    """Address space beyond what the process has mapped once it is ready; None is no limit."""

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 < self.seconds <= 86_400:
            raise UsageError(f"a picture cannot be given {self.seconds:g} s; at most a day")
        if self.memory_bytes is not None and self.memory_bytes < 1:
            raise UsageError(f"a picture cannot be given {self.memory_bytes} bytes of memory")
