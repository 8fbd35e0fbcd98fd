"""Geometry of one candidate: what the package does for a whole shortlist."""

from __future__ import annotations

import numpy as np

from kpsearch.geometry import Correspondences, Verification, similarity_inliers, verify
from kpsearch.geometry.evidence import evidence
from kpsearch.options import VerificationOptions
from kpsearch.types import ImageSize


def agreeing(pairs: Correspondences, tolerance_px: float) -> np.ndarray:
    start = np.array([0, len(pairs)])
    return similarity_inliers(pairs, start, np.array([tolerance_px]))


def verify_one(
    pairs: Correspondences,
    query_size: ImageSize,
    hit_size: ImageSize,
    prior: float,
    options: VerificationOptions,
) -> Verification:
    start = np.array([0, len(pairs)])
    return verify(pairs, start, query_size, np.array([hit_size]), prior, options)[0]


def evidence_of_one(alarms: np.ndarray, prior: float, chance: float, fixed: int) -> float:
    owners = np.zeros(len(alarms), np.int64)
    return float(evidence(alarms, owners, prior, np.array([chance]), fixed)[0])
