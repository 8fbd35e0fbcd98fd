"""The figures of one set: how the methods rank its pairs, and what kpsearch says they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from dedup_bench.engine import Judgement
from dedup_bench.labelled import DIFFERENT, LOOK_ALIKE, LabelledPair, LabelledSet
from dedup_bench.measures import Ranking, ScoredPairs, ranking
from kpsearch.dedup.records import Relation
from kpsearch.synthetic.copies import IGNORE

NOT_FOUND = "not found"

_FLAT = ("photo", "print-scan", "dvd, photo", "book, photo", "painting, photo")
"""Photos of packs, covers and paintings, and scans."""


def _is_crop(pair: LabelledPair) -> bool:
    return pair.transformation.split("+")[0] == "crop"


REACH: Mapping[str, Callable[[LabelledPair], bool]] = MappingProxyType(
    {
        "near-duplicates": lambda pair: pair.relation in ("exact", "near-duplicate"),
        "crops down to 30%": lambda pair: _is_crop(pair) and pair.strength >= 0.3,
        "flat items photographed again": lambda pair: pair.transformation in _FLAT,
    }
)
"""Pairs that recall is asked of at 99% precision, by what they are called."""


@dataclass(frozen=True, slots=True)
class Recalls:
    """Pairs of one kind, and the share of them that is found at each of `PRECISIONS`."""

    pairs: int
    recall: dict[str, tuple[float, ...]]
    """By method."""


@dataclass(frozen=True, slots=True)
class RelationFigures:
    """What kpsearch says pairs are, and what it merges at the precision it was asked for."""

    confusion: dict[str, dict[str, int]]
    """Pairs by true relation, and by the one that is told."""
    accepted: int
    accepted_right: int
    recall_of_accepted: float
    grouped: int
    """Pairs of pictures in one group; nothing that the truth ignores."""
    grouped_right: int
    variants_merged: float
    """Share of the pairs of variants and look-alikes that are accepted as duplicates."""
    variants_called_duplicates: float
    """Share of them with a relation that merges, accepted or not."""
    duplicates_called_variants: float
    insufficient: int


@dataclass(frozen=True, slots=True)
class SetFigures:
    """All figures of a set."""

    name: str
    pictures: int
    duplicates: int
    """Pairs that it is right to merge."""
    methods: dict[str, Ranking]
    kinds: dict[str, Recalls]
    """By transformation."""
    strengths: dict[str, Recalls]
    """By transformation and strength."""
    reach: dict[str, Recalls]
    relations: RelationFigures
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Which of the listed pairs each method finds."""

    truth: LabelledSet
    by_method: dict[str, npt.NDArray[np.bool_]]
    """(`PRECISIONS`, p) each."""

    def by(self, name_of: Callable[[LabelledPair], Iterable[str]]) -> dict[str, Recalls]:
        """Recalls of the pairs to merge, by the names of each; no name without a pair."""
        rows: dict[str, list[int]] = {}
        for i, pair in enumerate(self.truth.pairs):
            for name in name_of(pair) if pair.merges else ():
                rows.setdefault(name, []).append(i)
        return {name: self._recalls(rows[name]) for name in sorted(rows)}

    def _recalls(self, rows: list[int]) -> Recalls:
        shares = {
            method: tuple(found[:, rows].mean(axis=1).tolist())
            for method, found in self.by_method.items()
        }
        return Recalls(len(rows), shares)


def figures(
    truth: LabelledSet, judgement: Judgement, peers: Mapping[str, ScoredPairs]
) -> SetFigures:
    """Of kpsearch and of the peers that could run."""
    methods = {"kpsearch": judgement.scored(truth), **peers}
    rankings = {name: ranking(truth, scored) for name, scored in methods.items()}
    levels = {name: np.array(each.thresholds)[:, None] for name, each in rankings.items()}
    found = _Found(truth, {n: each.of(truth.keys) >= levels[n] for n, each in methods.items()})
    return SetFigures(
        name=truth.name,
        pictures=len(truth.paths),
        duplicates=int(truth.merging.sum()),
        methods=rankings,
        kinds=found.by(lambda pair: [_kind(pair)]),
        strengths=found.by(lambda pair: [f"{_kind(pair)} {pair.strength:g}"]),
        reach=found.by(lambda pair: [name for name, wanted in REACH.items() if wanted(pair)]),
        relations=_relation_figures(truth, judgement),
        seconds=judgement.seconds,
    )


def _kind(pair: LabelledPair) -> str:
    """Two copies of one picture are of one kind, whatever was done to each."""
    return "two copies" if " and " in pair.transformation else pair.transformation


def _relation_figures(truth: LabelledSet, judgement: Judgement) -> RelationFigures:
    listed = {(pair.a, pair.b): pair for pair in truth.pairs}
    told = {(pair.a, pair.b): pair.relation for pair in judgement.pairs}
    accepted = {
        (pair.a, pair.b)
        for pair, merged in zip(judgement.pairs, judgement.accepted, strict=True)
        if merged
    }
    confusion: dict[str, Counter[str]] = {}
    for key in dict.fromkeys([*listed, *told]):
        true = listed[key].relation if key in listed else DIFFERENT
        confusion.setdefault(true, Counter())[told.get(key, NOT_FOUND)] += 1
    counted = {key for key in accepted if _is_judged(listed, key)}
    right = {key for key in counted if key in listed and listed[key].merges}
    together = [_rising(a, b) for a, b in judgement.grouped.tolist()]
    groups = {key for key in together if _is_judged(listed, key)}
    alike = [k for k, pair in listed.items() if pair.relation in (Relation.VARIANT, LOOK_ALIKE)]
    duplicates = [key for key, pair in listed.items() if pair.merges]
    return RelationFigures(
        confusion={true: dict(row) for true, row in sorted(confusion.items())},
        accepted=len(counted),
        accepted_right=len(right),
        recall_of_accepted=_share(duplicates, lambda key: key in accepted),
        grouped=len(groups),
        grouped_right=sum(key in listed and listed[key].merges for key in groups),
        variants_merged=_share(alike, lambda key: key in accepted),
        variants_called_duplicates=_share(alike, lambda key: key in told and told[key].merges),
        duplicates_called_variants=_share(
            duplicates, lambda key: told.get(key) is Relation.VARIANT
        ),
        insufficient=sum(relation is Relation.INSUFFICIENT for relation in told.values()),
    )


Key = tuple[int, int]


def _rising(a: int, b: int) -> Key:
    return (a, b) if a < b else (b, a)


def _is_judged(listed: Mapping[Key, LabelledPair], key: Key) -> bool:
    return key not in listed or listed[key].relation != IGNORE


def _share(keys: list[Key], holds: Callable[[Key], bool]) -> float:
    return sum(map(holds, keys)) / len(keys) if keys else 0.0
