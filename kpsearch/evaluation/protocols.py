"""Protocols by name: what the literature reports on a data set, and by which conventions.

docs/evaluation.md defines each, and says where its data come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kpsearch.evaluation.measures import (
    MAP_AT_R,
    MEAN_AP,
    MICRO_AP,
    NS,
    R_PRECISION,
    Metric,
    mean_ap_at,
    mean_precision_at,
    mean_recall_at,
    recall_at_percent,
)
from kpsearch.evaluation.metrics import Convention
from kpsearch.evaluation.outcomes import QueryOutcome, by_source
from kpsearch.evaluation.truth import Setup
from kpsearch.registry import Registry

PROTOCOLS = Registry(
    "protocol",
    {
        "copydays": "kpsearch.evaluation.protocols:COPYDAYS",
        "disc21": "kpsearch.evaluation.protocols:DISC21",
        "gldv2": "kpsearch.evaluation.protocols:GLDV2",
        "holidays": "kpsearch.evaluation.protocols:HOLIDAYS",
        "manifest": "kpsearch.evaluation.protocols:MANIFEST",
        "metric-learning": "kpsearch.evaluation.protocols:METRIC_LEARNING",
        "oxford": "kpsearch.evaluation.protocols:OXFORD",
        "revisited": "kpsearch.evaluation.protocols:REVISITED",
        "revisited-all": "kpsearch.evaluation.protocols:REVISITED_ALL",
        "sop": "kpsearch.evaluation.protocols:SOP",
        "ukbench": "kpsearch.evaluation.protocols:UKBENCH",
    },
)
"""Of `Protocol` values."""


@dataclass(frozen=True, slots=True)
class Measures:
    """The figures of a protocol over the queries of one source, or of all, under one setup."""

    source: str | None
    """None: all sources together."""
    setup: str
    queries: int
    without_answer: int
    """Queries with nothing to find under the setup: in no mean over queries."""
    no_match: int
    """Queries answered "no match", rightly or wrongly."""
    values: dict[str, float | None]
    """By the metric's name."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How rankings are scored, and which figures of them are printed."""

    name: str
    metrics: tuple[Metric, ...]
    convention: Convention = "rectangle"
    """How the AP of ``mAP`` is integrated; a metric that is defined by one has its own."""
    setups: tuple[Setup, ...] = ()
    """Each scores the same rankings; without any, the ground truth's own."""
    depth: int = 1000
    """Hits looked at of each query; a relevant item ranked lower counts as not found."""

    @property
    def has_mean_ap(self) -> bool:
        """Whether a figure of it depends on the ``convention``."""
        return MEAN_AP in self.metrics

    def measure(self, outcomes: Sequence[QueryOutcome], *, setup: str = "") -> list[Measures]:
        """The figures of each source, and with several sources, last, those over all queries."""
        groups: list[tuple[str | None, list[QueryOutcome]]] = [*by_source(outcomes).items()]
        if len(groups) > 1:
            groups.append((None, list(outcomes)))
        return [
            Measures(
                source=source,
                setup=setup,
                queries=len(group),
                without_answer=sum(o.n_relevant == 0 for o in group),
                no_match=sum(not o.answered for o in group),
                values={metric.name: metric.of(group, self.convention) for metric in self.metrics},
            )
            for source, group in groups
        ]


EASY = Setup("easy", frozenset({"easy"}), frozenset({"hard", "junk"}))
MEDIUM = Setup("medium", frozenset({"easy", "hard"}), frozenset({"junk"}))
HARD = Setup("hard", frozenset({"hard"}), frozenset({"easy", "junk"}))
"""The setups of Radenović et al. 2018."""
GOOD_OR_OK = Setup("", frozenset({"good", "ok"}), frozenset({"junk"}))
"""Oxford Buildings (Philbin et al. 2007)."""

MANIFEST = Protocol(
    "manifest",
    (
        MEAN_AP,
        mean_recall_at(1),
        mean_recall_at(5),
        NS,
        recall_at_percent(90),
        recall_at_percent(99),
        MICRO_AP,
    ),
)
UKBENCH = Protocol("ukbench", (NS, MEAN_AP))
HOLIDAYS = Protocol("holidays", (MEAN_AP,), "trapezoid")
COPYDAYS = Protocol("copydays", (MEAN_AP,), "trapezoid")
OXFORD = Protocol("oxford", (MEAN_AP,), "trapezoid")
REVISITED = Protocol("revisited", (MEAN_AP, mean_precision_at(10)), "trapezoid", (MEDIUM, HARD))
REVISITED_ALL = Protocol(
    "revisited-all",
    (MEAN_AP, mean_precision_at(1), mean_precision_at(5), mean_precision_at(10)),
    "trapezoid",
    (EASY, MEDIUM, HARD),
)
DISC21 = Protocol(
    "disc21",
    (MICRO_AP, recall_at_percent(90, pairs=True), mean_recall_at(1), mean_recall_at(10)),
    depth=10,
)
"""Ten hits a query: the challenge takes 500,000 predictions, of 50,000 queries."""
GLDV2 = Protocol("gldv2", (mean_ap_at(100),), depth=100)
SOP = Protocol("sop", tuple(mean_recall_at(k) for k in (1, 10, 100, 1000)))
METRIC_LEARNING = Protocol("metric-learning", (mean_recall_at(1), R_PRECISION, MAP_AT_R))
