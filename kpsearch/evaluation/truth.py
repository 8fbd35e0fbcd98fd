"""What an evaluation knows: the pictures, and for each query what to find and what to overlook.

A ground truth says it in one of two ways. *By instance*: a picture is relevant to a query when
both show the same instance (the manifest CSV, UKBench, Holidays). *By label*: it names for each
query the pictures that bear a label, such as easy, hard and junk; a `Setup` says which labels are
to be found and which are to be overlooked, so that one run of the queries serves several setups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from kpsearch.search import Region

_REFERENCE_ROLES = frozenset({"reference", "both"})
_QUERY_ROLES = frozenset({"query", "both"})

Labels = Mapping[str, Mapping[str, frozenset[str]]]
"""By query id and label: paths of the references that bear the label for the query."""


@dataclass(frozen=True, slots=True)
class TruthRow:
    """One picture of the ground truth."""

    path: str
    """Absolute; a relative one in the file is relative to the file's folder."""
    instance: str
    role: str
    """In lower case."""
    category: str = ""
    source: str = ""
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The columns kpsearch does not know, by name."""
    region: Region | None = None
    """Of a query: the part of the picture that is asked about. It may reach beyond the picture."""

    @property
    def is_reference(self) -> bool:
        """Whether the picture belongs to the catalogue."""
        return self.role in _REFERENCE_ROLES

    @property
    def is_query(self) -> bool:
        """Whether the picture is searched for."""
        return self.role in _QUERY_ROLES

    @property
    def query_id(self) -> str:
        """The path, with the region as a media fragment (W3C 2012) where there is one."""
        if self.region is None:
            return self.path
        return f"{self.path}#xywh={','.join(map(str, self.region))}"


@dataclass(frozen=True, slots=True)
class Setup:
    """Which labels of a ground truth are to be found, and which are overlooked."""

    name: str = ""
    positive: frozenset[str] = frozenset({"relevant"})
    ignored: frozenset[str] = frozenset({"junk"})
    """Neither right nor wrong: left out of the ranking before positions are counted."""


@dataclass(frozen=True)
class Truth:
    """A ground truth, its rows in the order of the file."""

    rows: tuple[TruthRow, ...]
    labels: Labels | None = None
    """None: what shows the query's instance is relevant, and nothing is overlooked."""
    setup: Setup = Setup()
    """Of the labels; without labels it changes nothing."""
    query_in_gallery: bool = False
    """Whether a query that is in the catalogue stays in its own ranking, as in Oxford 5k."""
    origin: str = field(default="the ground truth", compare=False)
    """The file or folder that it was read from, for messages."""

    def references(self) -> tuple[TruthRow, ...]:
        """The catalogue; no path twice."""
        return tuple(row for row in self.rows if row.is_reference)

    def queries(self) -> tuple[TruthRow, ...]:
        """The pictures to search for."""
        return tuple(row for row in self.rows if row.is_query)

    def under(self, setup: Setup) -> Truth:
        """The same ground truth with its labels read by another setup."""
        return replace(self, setup=setup)

    def relevant(self, query: TruthRow) -> frozenset[str]:
        """Paths of the references to be found; empty when the item is not in the catalogue.

        The query's own path is among them only if it stays in its own ranking.
        """
        if self.labels is None:
            found = self._references_of.get(query.instance, frozenset())
        else:
            found = self._bearing(query, self.setup.positive)
        return found - self.left_out(query)

    def ignored(self, query: TruthRow) -> frozenset[str]:
        """Paths that are neither right nor wrong (junk): left out before positions are counted."""
        return self._bearing(query, self.setup.ignored)

    def left_out(self, query: TruthRow) -> frozenset[str]:
        """Paths that must not be hits at all: the query's own, unless it stays in its gallery."""
        return frozenset() if self.query_in_gallery else frozenset({query.path})

    def in_group_of_four(self, query: TruthRow) -> bool:
        """Whether the query's instance is exactly four pictures, each its own gallery.

        Such a group is what the N-S score is defined on; see `kpsearch.evaluation.ns_score`.
        """
        return self.labels is None and self._roles_of.get(query.instance) == {"both": 4}

    def _bearing(self, query: TruthRow, labels: Iterable[str]) -> frozenset[str]:
        known = (self.labels or {}).get(query.query_id, {})
        return frozenset().union(*(known.get(label, frozenset()) for label in labels))

    @cached_property
    def _references_of(self) -> dict[str, frozenset[str]]:
        paths: dict[str, set[str]] = {}
        for row in self.references():
            paths.setdefault(row.instance, set()).add(row.path)
        return {instance: frozenset(members) for instance, members in paths.items()}

    @cached_property
    def _roles_of(self) -> dict[str, Counter[str]]:
        roles: dict[str, Counter[str]] = {}
        for row in self.rows:
            if row.is_reference or row.is_query:
                roles.setdefault(row.instance, Counter())[row.role] += 1
        return roles
