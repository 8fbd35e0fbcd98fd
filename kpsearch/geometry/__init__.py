"""Points to inliers: tentative correspondences, the models they fit, and what that proves."""

from kpsearch.geometry.correspondences import Correspondences, Frames, one_to_one
from kpsearch.geometry.homography import find_homography, inverse, is_plausible, project
from kpsearch.geometry.region import outline, projected_outline
from kpsearch.geometry.spatial import similarity_inliers
from kpsearch.geometry.verify import Verification, refine, verify

__all__ = [
    "Correspondences",
    "Frames",
    "Verification",
    "find_homography",
    "inverse",
    "is_plausible",
    "one_to_one",
    "outline",
    "project",
    "projected_outline",
    "refine",
    "similarity_inliers",
    "verify",
]
