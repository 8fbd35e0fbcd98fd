"""A small job of deduplication, judged by hand: real files, and a pair of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kpsearch.dedup.records import DifferenceMap, Entry, Group, JudgedPair, Relation, Verdict
from kpsearch.images import read_image
from kpsearch.types import ImageSize
from tests.textures import encode, textured

NAMES = (
    "shop/original.png",
    "shop/equal.png",
    "feed/crop.png",
    "feed/mirrored.png",
    "shop/other.png",
    'evil/</script><b onclick="alert(1)">\n\u202egpj.png',
    "evil/caf\udce9 $title ${x} {0} <!-- data -->.png",
    "gone/away.png",
)
SHIFT = np.array([[1.0, 0, -20], [0, 1, -10], [0, 0, 1]])
"""From the original to the crop, (60, 50) pixels of it from (20, 10)."""
MAP = DifferenceMap(np.eye(3, dtype=np.uint8) * 255, np.zeros((3, 3), np.uint8))


@dataclass(frozen=True)
class Job:
    """What `write_pairs`, `write_groups` and `write_review` are given."""

    entries: tuple[Entry, ...]
    pairs: tuple[JudgedPair, ...]
    groups: tuple[Group, ...]

    @property
    def accepted(self) -> list[bool]:
        return [pair.log_odds > 4.5 for pair in self.pairs]


def judged_job(folder: Path) -> Job:
    """Two groups, a link left out, a variant, and a picture that is gone."""
    picture = textured(1, 120, 100)
    shown = [
        picture,
        picture,
        picture[10:60, 20:80],
        picture[:, ::-1],
        textured(2, 90, 130),
        textured(3, 80, 80),
        textured(4, 80, 80),
        textured(5, 80, 80),
    ]
    entries = tuple(_entry(folder, i, pixels) for i, pixels in enumerate(shown))
    (folder / NAMES[7]).unlink()
    sure = {"inliers": 40.0, "overlap": 0.5}
    pairs = (
        JudgedPair(0, 1, Relation.EXACT, 30.0, note="the same bytes"),
        JudgedPair(0, 2, Relation.CONTAINS, 6.0, sure, SHIFT),
        JudgedPair(0, 3, Relation.MIRRORED, 5.0, sure, np.eye(3), mirrored=True),
        JudgedPair(4, 7, Relation.NEAR_DUPLICATE, 7.0, {"inliers": float("nan")}),
        JudgedPair(3, 4, Relation.SAME_ITEM, 4.75, sure),
        JudgedPair(5, 6, Relation.VARIANT, -1.5, sure, np.eye(3), difference=MAP),
        JudgedPair(2, 6, Relation.SHARED_PART, 0.25, sure, verdict=Verdict.DIFFERENT),
    )
    groups = (
        Group((0, 1, 2, 3), ((0, 1), (0, 2), (0, 3)), (0, 3), left_out=((3, 4),)),
        Group((4, 7), ((4, 7),), (4, 7), left_out=((3, 4),)),
    )
    return Job(entries, pairs, groups)


def _entry(folder: Path, number: int, pixels: np.ndarray) -> Entry:
    path = folder / NAMES[number]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(pixels))
    facts = read_image(str(path)).facts
    size = ImageSize(pixels.shape[1], pixels.shape[0])
    return Entry(number, str(path), size, facts.size_bytes, facts.mtime_ns, facts.content_hash)
