"""What any two pictures of a set are to each other."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from kpsearch.synthetic.copies.kinds import KINDS
from kpsearch.synthetic.copies.planning import SAME_BYTES, DedupSpec, PlannedPicture
from kpsearch.synthetic.truth import place_of

PAIR_COLUMNS = ("path_a", "path_b", "relation", "transformation", "strength")
PICTURE_COLUMNS = ("path", "item", "line", "brand", "variant", "part", "kind", "strength")
IGNORE = "ignore"
"""The relation of two pictures of which it is not clear whether one is enough."""

_WHOLE = ("exact", "near-duplicate")
_REVERSE = {"crop-of": "contains", "contains": "crop-of"}


@dataclass(frozen=True, slots=True)
class TruePair:
    """Two pictures that have something in common; those of no pair are different."""

    path_a: str
    path_b: str
    relation: str
    """Of a to b, as `kpsearch.dedup` calls it, or `IGNORE`."""
    transformation: str
    """What made a of b where one thing did: a kind of copy, ``variant ...``, ``shared ...``."""
    strength: float


def true_pairs(spec: DedupSpec, pictures: Sequence[PlannedPicture]) -> Iterator[TruePair]:
    """All pairs that are not plainly different, in the order of the pictures.

    A copy comes before its original, otherwise the later picture before the earlier.
    """
    brands: dict[int, list[PlannedPicture]] = {}
    for picture in pictures:
        brands.setdefault(place_of(spec.catalogue, picture.base.item).brand, []).append(picture)
    for group in (*brands.values(), *_sharers_by_part(pictures)):
        for b, a in combinations(group, 2):
            pair = _pair(spec, a, b)
            if pair is not None:
                yield pair


def _sharers_by_part(pictures: Iterable[PlannedPicture]) -> list[list[PlannedPicture]]:
    """The pictures with one part, which are of different brands."""
    parts: dict[int, list[PlannedPicture]] = {}
    for picture in pictures:
        if picture.base.part:
            parts.setdefault(picture.base.part_number, []).append(picture)
    return list(parts.values())


def _pair(spec: DedupSpec, a: PlannedPicture, b: PlannedPicture) -> TruePair | None:
    one, other = (place_of(spec.catalogue, picture.base.item) for picture in (a, b))
    if a.base == b.base:
        return _copies(a, b)
    if one.line == other.line:
        return _variants(a, b)
    if a.base.part and a.base.part == b.base.part:
        return TruePair(a.path, b.path, "shared-part", f"shared {a.base.part}", 0)
    if _relation(a) in _WHOLE and _relation(b) in _WHOLE:
        return TruePair(a.path, b.path, "shared-part", "shared brand", 0)
    return None


def _relation(picture: PlannedPicture) -> str:
    """Of a picture to what it is a copy of."""
    if picture.kind in ("", SAME_BYTES):
        return "exact"
    return KINDS[picture.kind].relation


def _copies(a: PlannedPicture, b: PlannedPicture) -> TruePair:
    relation = relation_of_copies(_relation(a), _relation(b))
    if not b.kind:
        return TruePair(a.path, b.path, relation, a.kind, a.strength)
    return TruePair(a.path, b.path, relation, f"{a.kind} and {b.kind}", 0)


def relation_of_copies(a: str, b: str) -> str:
    """What a is to b, given what each is to what both are copies of."""
    if a in _WHOLE and b in _WHOLE:
        return "exact" if a == b == "exact" else "near-duplicate"
    if b in _WHOLE:
        return a
    if a in _WHOLE:
        return _REVERSE.get(b, b)
    if a == b == "same-item":
        return "same-item"
    return IGNORE  # two crops need not overlap; a mirrored crop is not in the other crop


def _variants(a: PlannedPicture, b: PlannedPicture) -> TruePair:
    """Of one line; a part of a picture may not hold what tells it from its variants."""
    partial = any(picture.kind in KINDS and KINDS[picture.kind].partial for picture in (a, b))
    kind = "natural"
    if a.base.item == b.base.item and not (a.base.variant and b.base.variant):
        kind = a.base.variant or b.base.variant
    copied = float(bool(a.kind or b.kind))
    return TruePair(a.path, b.path, IGNORE if partial else "variant", f"variant {kind}", copied)


def pairs_text(pairs: Iterable[TruePair]) -> str:
    """The pairs as CSV with `PAIR_COLUMNS`."""
    rows = ((p.path_a, p.path_b, p.relation, p.transformation, f"{p.strength:g}") for p in pairs)
    return _sheet(PAIR_COLUMNS, rows)


def pictures_text(spec: DedupSpec, pictures: Iterable[PlannedPicture]) -> str:
    """The pictures as CSV with `PICTURE_COLUMNS`."""
    return _sheet(PICTURE_COLUMNS, (_row(spec, picture) for picture in pictures))


def _row(spec: DedupSpec, picture: PlannedPicture) -> tuple[object, ...]:
    base, place = picture.base, place_of(spec.catalogue, picture.base.item)
    part = f"{base.part} {base.part_number}" if base.part else ""
    strength = f"{picture.strength:g}"
    return (
        *(picture.path, base.item, place.line, place.brand),
        *(base.variant, part, picture.kind, strength),
    )


def _sheet(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
