"""How far can a confidence be believed? Fits it, and measures it with items that are not there.

    python tools/fit_confidence.py [--jobs N] [--facts FILE]

Every query is asked twice: as it is, and with its item barred from the index, so that "no match"
is the right answer. (In the generated catalogue its whole design is barred: another flavour of a
pack is as near as a thing can be that is not the item.) The coefficients of
`kpsearch.search.confidence` are fitted to the first hits of all these queries, with geometry and
without. Printed are the coefficients; micro-AP, recall@1, R@P90 and R@P99, by source, of those
fitted to the same pictures, to the other sources and to the other population; and, for the
coefficients in force, a table of reliability.

The populations are the real pictures beside the repository, where there are any, and a generated
catalogue. With --facts, what the queries returned is kept in FILE and read from there again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench_data import generated_truth, real_truth
from scipy.optimize import minimize

from kpsearch.evaluation import QueryOutcome, Truth, TruthRow, format_table, summarise
from kpsearch.features import extract_features
from kpsearch.images import read_image
from kpsearch.indexing import build_index
from kpsearch.options import SearchOptions
from kpsearch.parallel import map_in_order, single_threaded
from kpsearch.search import Searcher, StageLog, View
from kpsearch.search.confidence import SCORED, VERIFIED, Curve, log_odds
from kpsearch.search.shortlist import Candidate

TAUGHT_HITS = 5
"""Of a ranking, those that the coefficients are fitted to."""
RIDGE = 1e-3
"""On slopes for figures of unit spread."""
WAYS = {
    "verified": (SearchOptions(limit=50), VERIFIED),
    "scored": (SearchOptions(limit=50, verification=None), SCORED),
}


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What one query returned."""

    query: str
    source: str
    way: str
    n_relevant: int
    """0: its item is barred, or not in the catalogue."""
    figures: npt.NDArray[np.float64]
    """(hits, 3), see `kpsearch.search.confidence.figures`."""
    right: npt.NDArray[np.bool_]
    """(hits,)"""
    design: npt.NDArray[np.bool_]
    """(hits,) of the item's design, right or not: to be fitted to only where right."""

    def taught(self) -> npt.NDArray[np.intp]:
        """Hits that the coefficients are fitted to."""
        return np.flatnonzero(self.right | ~self.design)[:TAUGHT_HITS]


class Recorder(Searcher):
    """A searcher that keeps the figures of its last answer."""

    figures: npt.NDArray[np.float64]

    def _figures(
        self,
        candidates: list[Candidate],
        barred: npt.NDArray[np.bool_] | None,
        options: SearchOptions,
        pictures: int,
    ) -> npt.NDArray[np.float64]:
        self.figures = super()._figures(candidates, barred, options, pictures)
        return self.figures


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks a query in every way, in a worker."""

    index: str
    truth: Truth

    def __call__(self, row: TruthRow) -> list[Asked]:
        with single_threaded():
            return self._ask(row)

    def _ask(self, row: TruthRow) -> list[Asked]:
        searcher, relevant = Recorder.open(self.index), self.truth.relevant(row)
        features = searcher.snapshot.manifest.features
        points = extract_features(read_image(row.path, at_least_px=features.max_side_px), features)
        own, designs = self.truth.left_out(row), self._designs(row)
        answers = [(relevant, own)]
        if relevant:
            answers.append((frozenset(), own | designs))
        asked = []
        for wanted, barred in answers:
            for way, (options, _) in WAYS.items():
                hits = searcher.rank([View.whole(points)], options, StageLog(), exclude=barred)
                known = searcher.figures[: len(hits)]
                right, design = (
                    np.array([hit.path in paths for hit in hits], np.bool_)
                    for paths in (wanted, designs)
                )
                asked.append(Asked(row.path, row.source, way, len(wanted), known, right, design))
        return asked

    def _designs(self, row: TruthRow) -> frozenset[str]:
        """The references that show the item or, where the truth knows, another of its design."""
        return frozenset(r.path for r in self.truth.references() if _design(r) == _design(row))


def _design(row: TruthRow) -> str:
    return row.extra.get("variant_of") or row.instance


def ask(truth: Truth, jobs: int) -> list[Asked]:
    """All queries of a truth, in every way."""
    with tempfile.TemporaryDirectory(prefix="kpsearch-confidence-") as scratch:
        index = os.path.join(scratch, "index")
        build_index([row.path for row in truth.references()], index, n_jobs=jobs)
        answers = map_in_order(Asker(index, truth), truth.queries(), n_jobs=jobs)
        return [asked for answer in answers for asked in answer]


def populations(facts: Path | None, jobs: int) -> dict[str, list[Asked]]:
    """What the queries of each population returned."""
    if facts and facts.exists():
        return load(facts)
    truths = {"real": real_truth(), "generated": generated_truth(200, 150)}
    found = {name: ask(truth, jobs) for name, truth in truths.items() if truth}
    if facts:
        save(facts, found)
    return found


def save(file: Path, found: dict[str, list[Asked]]) -> None:
    """Keep what was returned as JSON."""
    plain = {
        name: [
            {**asdict(a), **{k: getattr(a, k).tolist() for k in ("figures", "right", "design")}}
            for a in every
        ]
        for name, every in found.items()
    }
    file.write_text(json.dumps(plain), encoding="utf-8")


def load(file: Path) -> dict[str, list[Asked]]:
    """What was kept."""

    def asked(a: dict[str, Any]) -> Asked:
        flags = {k: np.array(a[k], np.bool_) for k in ("right", "design")}
        return Asked(**{**a, **flags, "figures": np.array(a["figures"]).reshape(-1, 3)})

    plain = json.loads(file.read_text(encoding="utf-8"))
    return {name: [asked(a) for a in every] for name, every in plain.items()}


def fit(asked: Sequence[Asked]) -> Curve:
    """The likeliest coefficients for the first hits of the queries, none negative."""
    x = np.concatenate([a.figures[a.taught()] for a in asked])
    y = np.concatenate([a.right[a.taught()] for a in asked])
    spread = np.maximum(x.std(axis=0), 1e-9)
    design, sign = np.column_stack([np.ones(len(x)), x / spread]), np.where(y, 1.0, -1.0)
    pull = RIDGE * np.array([0.0, 1.0, 1.0, 1.0])

    def loss(theta: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        margin = sign * (design @ theta)
        slope = -sign * np.exp(-np.logaddexp(0, margin)) / len(x)
        return float(np.logaddexp(0, -margin).mean() + pull @ theta**2 / 2), (
            slope @ design + pull * theta
        )

    bounds = [(None, None), *[(0.0, None)] * 3]
    found = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=bounds).x
    slopes = found[1:] / spread
    return Curve(float(found[0]), (float(slopes[0]), float(slopes[1]), float(slopes[2])))


def outcome(asked: Asked, curve: Curve, source: str) -> QueryOutcome:
    """What a query retrieved, with the confidences of a curve."""
    odds = log_odds(asked.figures, curve)
    places = tuple(np.flatnonzero(asked.right).tolist())
    matched = bool(len(odds)) and bool(odds[0] >= 0)
    return QueryOutcome(asked.query, source, places, asked.n_relevant, False, matched, odds)


def measures(judged: Sequence[tuple[Asked, Curve]]) -> str:
    """A table by source."""
    rows = []
    for names in ("(all)", None):
        outcomes = [outcome(a, curve, names or a.source) for a, curve in judged]
        for source, m in summarise(outcomes, "rectangle").items():
            said = sum(o.answered for o in outcomes if o.source == source and not o.n_relevant)
            found = sum(o.answered for o in outcomes if o.source == source and o.n_relevant)
            shares = f"{said} of {m.without_answer}", f"{found} of {m.queries - m.without_answer}"
            values = (m.micro_ap, m.recall_at_1, m.recall_at_p90, m.recall_at_p99)
            shown = [None if v is None else f"{v:.3f}" for v in values]
            rows.append([source, *shown, *shares])
    headers = ["source", "micro-AP", "recall@1", "R@P90", "R@P99", "false matches", "matches"]
    return format_table(headers, rows, align="lrrrrrr")


def reliability(asked: Sequence[Asked], curve: Curve) -> str:
    """First hits by confidence: how often they are right; and the expected calibration error."""
    first = [a for a in asked if len(a.right)]
    odds = np.array([log_odds(a.figures, curve)[0] for a in first])
    stated, right = 1 / (1 + np.exp(-odds)), np.array([a.right[0] for a in first])
    bins = np.minimum((stated * 10).astype(int), 9)
    rows, error = [], 0.0
    for tenth in range(10):
        chosen = bins == tenth
        if not chosen.any():
            continue
        mean, share = stated[chosen].mean(), right[chosen].mean()
        error += chosen.mean() * abs(mean - share)
        rows.append([f"{tenth / 10:.1f}", int(chosen.sum()), f"{mean:.3f}", f"{share:.3f}"])
    table = format_table(["from", "first hits", "confidence", "right"], rows, align="lrrr")
    return f"{table}\nexpected calibration error {error:.3f}"


def main() -> None:
    """Ask, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--facts", type=Path)
    chosen = parser.parse_args()
    found = populations(chosen.facts, chosen.jobs)
    for way, (_, in_force) in WAYS.items():
        asked = {name: [a for a in every if a.way == way] for name, every in found.items()}
        curves = {name: fit(every) for name, every in asked.items()}
        for name, every in asked.items():
            print(f"\n== {name} pictures, {way}; fitted to them: {curves[name]}")
            print(f"\nthe coefficients in force: {in_force}")
            print(measures([(a, in_force) for a in every]))
            print(reliability(every, in_force))
            sources = {a.source for a in every}
            if len(sources) > 1:
                others = {s: fit([a for a in every if a.source != s]) for s in sources}
                print("\neach source by the others")
                print(measures([(a, others[a.source]) for a in every]))
            for other in curves.keys() - {name}:
                print(f"\nby the {other} pictures")
                print(measures([(a, curves[other]) for a in every]))
                print(reliability(every, curves[other]))


if __name__ == "__main__":
    main()
