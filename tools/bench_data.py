"""Pictures for the benches: the real ones beside the repository, or generated ones."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np

from kpsearch.evaluation import HomographyPair, Truth, read_truth
from kpsearch.synthetic import CatalogueSpec, write_catalogue

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "manifest.csv"
REAL_PAIRS = REAL.parent / "homography"


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


def read_pairs(folder: Path) -> list[HomographyPair]:
    """All pairs under a folder, in the layout of the Oxford pictures and of CMP's homogr.

    Oxford: img1.* and img2.* ... with H1to2p ... beside them. homogr: NAMEA.* and NAMEB.* with
    NAME_H_A_to_B.txt. Each file holds the nine numbers from the first picture to the second.
    """
    found = []
    for path in sorted(folder.rglob("H1to*p")):
        number = path.name.removeprefix("H1to").removesuffix("p")
        name = f"{path.parent.name} 1-{number}"
        found.append(_pair(name, path, "img1.*", f"img{number}.*"))
    for path in sorted(folder.rglob("*_H_A_to_B.txt")):
        name = path.name.removesuffix("_H_A_to_B.txt")
        found.append(_pair(name, path, f"{name}A.*", f"{name}B.*"))
    return found


def _pair(name: str, matrix: Path, one: str, other: str) -> HomographyPair:
    one_path, other_path = (os.fspath(next(matrix.parent.glob(each))) for each in (one, other))
    return HomographyPair(name, one_path, other_path, np.loadtxt(matrix))


def generated_pairs(count: int) -> list[HomographyPair]:
    """A generated catalogue's pictures and photos of them, kept between runs."""
    folder = Path(tempfile.gettempdir()) / f"kpsearch-bench-pairs-{count}"
    write_catalogue(CatalogueSpec(count), folder, queries=count)
    known = map(json.loads, (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        HomographyPair(
            Path(photo["path"]).stem,
            os.fspath(folder / "catalogue" / f"{photo['instance']}.jpg"),
            os.fspath(folder / photo["path"]),
            np.array(photo["homography"]),
        )
        for photo in known
        if "homography" in photo
    ]


def pairs_or_generated(count: int = 12) -> tuple[list[HomographyPair], str]:
    """Real pairs if there are any, else generated ones; and what they are called."""
    real = read_pairs(REAL_PAIRS) if REAL_PAIRS.exists() else []
    return (real, "real pairs") if real else (generated_pairs(count), "generated pairs")
