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

    scorer: str = "likelihood"
    """Name of what ranks the images: see `kpsearch.scoring.scorer`."""
    assignments: int = 3
    """Visual words looked up for each keypoint of the query (multiple assignment)."""
    hamming_threshold: int = 22
    """Postings whose signature differs in more bits are not matches."""
    prior: float = 1e-3
    """ρ: chance, before looking, that an image shows a given keypoint of the query."""
    sigma: float = 16.0
    """Width in bits of the Gaussian, for the scorer "hamming"."""
    alpha: float = 3.0
    """Exponent of the selectivity, for the scorer "asmk"."""
    similarity_threshold: float = 0.0
    """τ of the selectivity, for the scorer "asmk": 0 is half the bits, 1 all of them."""
    burstiness: str = "removal"
    """How the matches of one thing repeated are summed: see `kpsearch.scoring.burstiness`."""
    group_bursts: bool = True
    """Let keypoints that repeat within the query vote as one: see `kpsearch.scoring.grouping`."""

    def __post_init__(self) -> None:
        if self.alpha <= 0 or not 0 <= self.similarity_threshold < 1:
            raise UsageError(
                f"no selectivity has exponent {self.alpha:g} and threshold "
                f"{self.similarity_threshold:g}: above 0, and from 0 to below 1"
            )


@dataclass(frozen=True, slots=True)
class VerificationOptions:
    """How candidates are checked by geometry; tolerances are shares of the hit's longest side."""

    shortlist: int = 300
    """Images verified at most, best score first."""
    block: int = 50
    """Images verified at a time, until a block neither verifies one nor brings a new leader."""
    leaders: int = 10
    milliseconds: float | None = None
    """No block is begun after so long; None waits. With it, answers depend on the machine."""
    assignments: int = 10
    """Visual words a keypoint looked up again for the shortlist, at most."""
    rematched_postings: int = 1_000_000
    """Postings read again for it, at most: what keeps those words few in a large index."""
    hamming_threshold: int = 26
    """Of the matches of the shortlist, which other images cannot drown in chance matches."""
    guided: int = 5
    """Best images matched again under the homography found."""
    guided_threshold: int = 30
    loose_tolerance: float = 0.1
    """Of the similarity, which solid things seen from another side must pass too."""
    tolerance: float = 0.01
    """Reprojection error of an inlier of the homography."""
    false_alarms: float = 0.01
    """A hit is called verified when chance would give so few such hits in a whole shortlist."""

    def __post_init__(self) -> None:
        if self.shortlist < 1 or self.block < 1:
            raise UsageError(f"a shortlist of {self.shortlist} images verifies nothing")
        if self.milliseconds is not None and not 0 <= self.milliseconds < inf:
            raise UsageError(f"candidates cannot be verified for {self.milliseconds:g} ms")


@dataclass(frozen=True, slots=True)
class CandidateOptions:
    """How deduplication looks for the pictures that one picture may be a copy of."""

    postings: int = 1_000_000
    """Read for a picture at most, those of its rarest words first."""
    hamming_threshold: int = 18
    """Postings whose signature differs in more bits do not vote."""
    prior: float = 1e-3
    """As in `ScoringOptions`."""
    margin_nats: float = 3.0
    """Evidence beyond the odds against any one picture of the collection."""
    most: int = 32
    """Candidates of a picture that geometry is asked about."""
    hash_bits: int = 6
    """Pictures whose perceptual hashes differ in no more bits are candidates, too."""
    false_alarms: float = 0.01
    """Pairs that chance would verify in the whole job."""

    def __post_init__(self) -> None:
        if self.postings < 1 or self.most < 1:
            raise UsageError(f"{self.most} candidates of {self.postings} postings find nothing")


@dataclass(frozen=True, slots=True)
class DedupOptions:
    """What becomes of the pairs that deduplication finds."""

    precision: float = 0.99
    """Share of the merged pairs that are to be right."""
    keep: str = "largest"
    """Name of the policy that proposes which picture of a group to keep."""


@dataclass(frozen=True, slots=True)
class ExpansionOptions:
    """How verified hits are asked in their turn."""

    hits: int = 5
    """Of the query, asked at most; the best verified ones."""
    discount: float = 0.8
    """What the evidence of an image found through a hit is multiplied by."""

    def __post_init__(self) -> None:
        if self.hits < 1 or not 0 < self.discount <= 1:
            raise UsageError(f"{self.hits} hits at a discount of {self.discount:g} expand no query")


@dataclass(frozen=True, slots=True)
class EmbeddingOptions:
    """How a picture becomes the input of a deep model, and which output is its embedding.

    The defaults are what ImageNet classifiers are trained with.
    """

    size: int | None = None
    """Sides in pixels of the input; None is the model's own, or 224 where it takes any."""
    crop: float | None = 0.875
    """Share of the shorter side that the centre crop keeps (224 of 256); None squashes the whole
    picture into the input."""
    scale: float = 1 / 255
    """What pixel values, 0 to 255, are multiplied by before the mean is taken off."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Of the channels, in the model's order."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    colour: str = "rgb"
    """Order of the channels: ``rgb`` or ``bgr``."""
    layout: str = "auto"
    """``nchw``, ``nhwc``, or by the shape of the input."""
    output: str | None = None
    """Name of a tensor of the model, an output or one within; None is its last 2-D output."""

    def __post_init__(self) -> None:
        if self.size is not None and not 8 <= self.size <= 4096:
            raise UsageError(f"no model takes pictures of {self.size} px")
        if self.crop is not None and not 0 < self.crop <= 1:
            raise UsageError(f"a crop cannot keep {self.crop:g} of a side")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(0 < s < inf for s in self.std):
            raise UsageError("a mean and a positive standard deviation for each of three channels")
        if not 0 < self.scale < inf or not all(-inf < m < inf for m in self.mean):
            raise UsageError(f"pixels cannot be scaled by {self.scale:g} and moved by {self.mean}")
        if self.colour not in ("rgb", "bgr") or self.layout not in ("auto", "nchw", "nhwc"):
            raise UsageError(f"no model takes {self.colour} in {self.layout}")


@dataclass(frozen=True, slots=True)
class EmbeddingFacts:
    """The deep model whose embeddings an index keeps, one a picture."""

    model: str
    """Path of the ONNX file when the index was made: it is looked for there."""
    model_hash: str
    """xxh3-128 of the file: what has to fit."""
    dimensions: int
    options: EmbeddingOptions


@dataclass(frozen=True, slots=True)
class ClassifierFacts:
    """The classifier of categories that an index remembers."""

    model: str
    """Path of its ONNX file when it was given: it is looked for there."""
    model_hash: str
    """Of its weights, labels and preprocessing: what has to fit. Its calibration may be newer."""


@dataclass(frozen=True, slots=True)
class CategoryFacts:
    """How an index comes by the categories that its catalogue does not say."""

    classifier: ClassifierFacts
    alpha: float = 0.01
    """Error rate of the sets of categories it is asked for."""

    def __post_init__(self) -> None:
        _require_error_rate(self.alpha)


@dataclass(frozen=True, slots=True)
class FusionOptions:
    """How the embedding of a query joins the evidence of its keypoints."""

    model: str
    """Path of the ONNX file that the index was embedded with."""
    shortlist: int = 500
    """Images that become candidates by their cosine alone, the most similar first."""
    steepness: float = 1.5
    """Nats of evidence for each width of the background that a cosine lies above it."""

    def __post_init__(self) -> None:
        if self.shortlist < 1 or not 0 < self.steepness < inf:
            raise UsageError(f"{self.shortlist} images at {self.steepness:g} nats fuse nothing")


@dataclass(frozen=True, slots=True)
class CategoryOptions:
    """Which category a query is searched in."""

    name: str | None = None
    """The category, with all that is within it; None leaves it to a classifier."""
    model: str | None = None
    """Path of the classifier's ONNX file; None is the one that the index remembers."""
    alpha: float = 0.01
    """How often the classifier's set of categories may miss the right one."""
    most: float = 0.5
    """Share of the index; where a classifier leaves more, the whole index is searched."""

    def __post_init__(self) -> None:
        _require_error_rate(self.alpha)
        if self.name is not None and (not self.name or self.model is not None):
            raise UsageError("a category is named, or left to a classifier")
        if not 0 < self.most <= 1:
            raise UsageError(f"a share of {self.most:g} of the index cannot be searched")


def _require_error_rate(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise UsageError(f"an error rate is between 0 and 1, not {alpha:g}")


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The stages of a query."""

    limit: int = 10
    """Hits returned."""
    scoring: ScoringOptions = ScoringOptions()
    verification: VerificationOptions | None = VerificationOptions()
    """None skips spatial verification."""
    expansion: ExpansionOptions | None = None
    """None asks no hit in its turn; expansion needs verification."""
    mirrored: bool = False
    """Ask for what a mirror shows of the query, too."""
    fuse: FusionOptions | None = None
    """None ranks by keypoints alone."""
    category: CategoryOptions | None = None
    """None searches the whole index."""

    def __post_init__(self) -> None:
        if self.expansion is not None and self.verification is None:
            raise UsageError("a query is expanded by verified hits: it needs verification")
        left_to_a_classifier = self.category is not None and self.category.name is None
        if left_to_a_classifier and self.verification is None:
            raise UsageError(
                "a category is left to a classifier only where verified hits prove it right: name "
                "it, or verify"
            )
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
