"""Pairs of real pictures with a known relation, where those lie beside the repository."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from kpsearch.images import read_image
from kpsearch.synthetic.copies.kinds import KINDS, copy_picture
from relation_fit.generated import REWORKED, KnownPair, jpeg

DATA = Path(__file__).parents[3] / "shared" / "data"
Rows = dict[str, list[tuple[str, str]]]
"""(path, role) by instance."""


def real_pairs(source: str, *, copies: int, strangers: int, seed: int) -> Iterator[KnownPair]:
    """Of one folder of ``DATA``: pictures of one thing, copies made of them, strangers.

    None where the folder is not there. Of a product and another one nothing is said here but
    that they are not the same.
    """
    instances = _instances(source)
    rng = np.random.default_rng(seed)
    for name in sorted(instances):
        yield from _same(source, instances[name])
    pictures = [path for name in sorted(instances) for path, _ in instances[name]]
    cells = [(name, float(s)) for name, kind in KINDS.items() for s in kind.strengths]
    for n in range(min(copies, 10**6 * len(pictures))):
        kind, strength = cells[(n + seed) % len(cells)]
        yield _copy(source, pictures[int(rng.integers(len(pictures)))], kind, strength, rng)
    names = sorted(instances)
    for _ in range(strangers if len(names) > 1 else 0):
        first, second = rng.choice(len(names), 2, replace=False).tolist()
        yield _strangers(source, instances[names[first]], instances[names[second]], rng)


def _instances(source: str) -> Rows:
    rows: Rows = defaultdict(list)
    if (DATA / "manifest.csv").exists():
        with open(DATA / "manifest.csv", newline="") as sheet:
            for row in csv.DictReader(sheet):
                if row["path"].startswith(source + "/") and row["instance"]:
                    rows[row["instance"]].append((row["path"], row["role"]))
    return rows


def _same(source: str, rows: list[tuple[str, str]]) -> Iterator[KnownPair]:
    """Each query with each reference; of pictures that are both, each with the first."""
    references = [path for path, role in rows if role in ("reference", "both")][:1]
    queries = [path for path, role in rows if path not in references]
    for reference in references:
        for query in queries:
            yield KnownPair(source, "photo", "same-item", _bytes(query), _bytes(reference))


def _copy(
    source: str, path: str, kind: str, strength: float, rng: np.random.Generator
) -> KnownPair:
    original = _fitted(path)
    copy = copy_picture(original, kind, strength=strength, rng=rng)
    relation = KINDS[kind].relation
    return KnownPair(source, f"{kind} {strength:g}", relation, copy.encode(), jpeg(original))


def _strangers(
    source: str,
    first: list[tuple[str, str]],
    second: list[tuple[str, str]],
    rng: np.random.Generator,
) -> KnownPair:
    """Two things, one of them reworked, so that poor quality proves nothing."""
    kind, strength = REWORKED[int(rng.integers(len(REWORKED)))]
    path = first[int(rng.integers(len(first)))][0]
    copy = copy_picture(_fitted(path), kind, strength=strength, rng=rng)
    other = second[int(rng.integers(len(second)))][0]
    return KnownPair(source, f"stranger, {kind}", "different", copy.encode(), _bytes(other))


def _fitted(path: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """At most 800 px a side, as shops have them."""
    pixels = read_image(DATA / path, colour=True, at_least_px=800).pixels
    zoom = min(1.0, 800 / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _bytes(path: str) -> bytes:
    return (DATA / path).read_bytes()
