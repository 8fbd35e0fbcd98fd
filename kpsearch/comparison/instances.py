"""Which queries are of one thing: they succeed and fail together, and are drawn together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kpsearch.evaluation import TruthRow

Numbers = npt.NDArray[np.intp]


def instance_key(query: TruthRow) -> tuple[str, str]:
    """What the query is of: a query whose instance the truth does not name is one of its own."""
    return query.instance, "" if query.instance else query.query_id


def instance_numbers(queries: Sequence[TruthRow]) -> Numbers:
    """(queries,) a number for the instance of each, by first appearance."""
    number: dict[tuple[str, str], int] = {}
    keys = map(instance_key, queries)
    return np.array([number.setdefault(key, len(number)) for key in keys], np.intp)


def strata(sources: Sequence[str], instances: Numbers) -> list[Numbers]:
    """The numbers of the queries of each stratum: those of a source, in the order of the sources.

    Instances that have queries in several sources are a stratum by themselves, for each set of
    sources, so that they stay whole.
    """
    sources_of: dict[int, dict[str, None]] = {}
    for source, instance in zip(sources, instances.tolist(), strict=True):
        sources_of.setdefault(instance, {})[source] = None
    parts: dict[frozenset[str], list[int]] = {}
    for query, instance in enumerate(instances.tolist()):
        parts.setdefault(frozenset(sources_of[instance]), []).append(query)
    return [np.array(part, np.intp) for part in parts.values()]
