"""Pictures for the benches: the real ones beside the repository, or generated ones."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kpsearch.evaluation import Truth, read_truth
from kpsearch.synthetic import CatalogueSpec, write_catalogue

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "manifest.csv"


def real_truth() -> Truth | None:
    """The ground truth of the real pictures; None where they are not there."""
    return read_truth(os.fspath(REAL)) if REAL.exists() else None


def generated_truth(items: int, queries: int) -> Truth:
    """The ground truth of a generated catalogue, kept between runs."""
    folder = Path(tempfile.gettempdir()) / f"kpsearch-bench-{items}-{queries}"
    write_catalogue(CatalogueSpec(items), folder, queries=queries, n_jobs=-1)
    return read_truth(os.fspath(folder / "manifest.csv"))


def truth_or_generated(items: int = 300, queries: int = 100) -> tuple[Truth, str]:
    """Real pictures if there are any, else generated ones; and what they are called."""
    real = real_truth()
    if real is not None:
        return real, "real pictures"
    return generated_truth(items, queries), "generated pictures"
