"""Real pictures: photos of known things, products that look alike, and copies made of them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from dedup_bench.copydays import CELLS, copydays, relation_of
from dedup_bench.labelled import LOOK_ALIKE, LabelledPair, LabelledSet, labelled_pair
from kpsearch.evaluation import Truth, TruthRow
from kpsearch.images import read_image
from kpsearch.synthetic.copies import IGNORE
from kpsearch.synthetic.copies.copy import resized
from kpsearch.synthetic.copies.truth import relation_of_copies
from kpsearch.synthetic.files import write_missing

LARGEST_PX = 800
"""Longest side of what copies are made of, as pictures of shops have it."""
_KINDS_OF_THINGS = ("grocery",)
"""Folders whose photos of one instance are of a kind of thing, not of one thing; only catalogue
pictures are taken from there."""
_LOOK_ALIKES = ("grocery", "shelf_cereal")
"""Folders whose instances are products, some of one line."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the set: a real one, or a copy of one."""

    path: str
    """Of a copy: relative to the folder of copies."""
    source: str
    """The folder of the data that it is of."""
    instance: str
    line: str
    """What look-alikes have in common; empty where there are none."""
    is_reference: bool
    original: int = -1
    """Number of the picture that it is a copy of."""
    kind: str = ""
    strength: float = 0.0
    number: int = 0


def real_set(
    data: Truth, root: Path, folder: Path, *, copies: int, seed: int = 0, n_jobs: int = 1
) -> LabelledSet:
    """Pictures of ``data``, whose files lie under ``root``, and so many copies in ``folder``."""
    rows = [row for row in data.rows if _is_wanted(row, root)]
    same = _same_bytes([row.path for row in rows])
    real = _under_one_name([_shown(row, root) for row in rows], same)
    made = list(_planned_copies(real, copies, seed))
    folder.mkdir(parents=True, exist_ok=True)
    paths = [shown.path for shown in real]
    write_missing(folder, made, partial(_encode, paths, seed), n_jobs=n_jobs)
    everything = [*real, *made]
    paths += [os.fspath(folder / shown.path) for shown in made]
    pairs = tuple(_pairs(everything, same))
    return LabelledSet("real", tuple(paths), pairs)


def _is_wanted(row: TruthRow, root: Path) -> bool:
    kind_of_thing = _source(row, root) in _KINDS_OF_THINGS
    return row.is_reference or (row.is_query and not kind_of_thing)


def _source(row: TruthRow, root: Path) -> str:
    return Path(row.path).relative_to(root).parts[0]


def _shown(row: TruthRow, root: Path) -> Shown:
    source = _source(row, root)
    line = ""
    if source in _LOOK_ALIKES:
        brand = Path(row.path).stem.split("_")[0] if source == "shelf_cereal" else ""
        line = f"{source} {row.category} {brand}"
    reference = row.is_reference and not row.is_query
    return Shown(row.path, source, row.instance, line, reference)


def _under_one_name(real: list[Shown], same: list[tuple[int, int]]) -> list[Shown]:
    """A file that comes again is of the instance that it comes as first."""
    named = list(real)
    for a, b in same:
        named[b] = replace(named[b], instance=named[a].instance)
    return named


def _planned_copies(real: list[Shown], copies: int, seed: int) -> Iterator[Shown]:
    """Of one picture of each instance, drawn at random; the cells in turn."""
    first = {shown.instance: i for i, shown in reversed(list(enumerate(real)))}
    originals = sorted(first.values())
    rng = np.random.default_rng([seed, 1])
    for n in range(copies if originals else 0):
        kind, strength = CELLS[n % len(CELLS)]
        original = originals[int(rng.integers(len(originals)))]
        of = real[original]
        name = f"copy-{n:05d}-{kind.replace(' ', '-')}-{strength:g}.jpg"
        yield Shown(name, of.source, of.instance, of.line, False, original, kind, strength, n)


def _encode(paths: list[str], seed: int, copy: Shown) -> bytes:
    image = read_image(paths[copy.original], colour=True, at_least_px=LARGEST_PX)
    scale = min(1.0, LARGEST_PX / max(image.pixels.shape[:2]))
    pixels = resized(image.pixels, *(round(side * scale) for side in image.pixels.shape[:2]))
    rng = np.random.default_rng([seed, 2, copy.number])
    return copydays(pixels, copy.kind, copy.strength, rng).encode()


def _same_bytes(paths: list[str]) -> list[tuple[int, int]]:
    """Rising pairs of files that the data has twice."""
    by_content: dict[bytes, list[int]] = defaultdict(list)
    for i, path in enumerate(paths):
        by_content[Path(path).read_bytes()].append(i)
    return [pair for group in by_content.values() for pair in combinations(group, 2)]


def _pairs(shown: list[Shown], same: list[tuple[int, int]]) -> Iterator[LabelledPair]:
    exact = set(same)
    for a, b in same:
        yield labelled_pair(a, b, "exact", "same bytes", 0)
    for group in _groups(shown):
        for a, b in combinations(group, 2):
            if (a, b) not in exact:
                yield _pair(a, b, shown[a], shown[b])


def _groups(shown: list[Shown]) -> Iterator[list[int]]:
    """Those of one line, or of one instance where there are no lines."""
    members: dict[str, list[int]] = defaultdict(list)
    for i, each in enumerate(shown):
        members[each.line or each.instance].append(i)
    yield from members.values()


def _pair(a: int, b: int, one: Shown, other: Shown) -> LabelledPair:
    if one.instance != other.instance:
        return labelled_pair(a, b, LOOK_ALIKE, f"{one.source}, look-alikes", 0)
    if other.original == a:
        return labelled_pair(b, a, relation_of(other.kind), other.kind, other.strength)
    if other.kind and one.original == other.original:
        relation = relation_of_copies(relation_of(one.kind), relation_of(other.kind))
        return labelled_pair(a, b, relation, f"{one.kind} and {other.kind}", 0)
    if other.kind:
        whole = relation_of(other.kind) == "near-duplicate"
        relation = "same-item" if whole else IGNORE
        return labelled_pair(b, a, relation, f"{other.kind} and another photo", 0)
    role = "photo" if one.is_reference != other.is_reference else "two photos"
    return labelled_pair(a, b, "same-item", f"{one.source}, {role}", 0)
