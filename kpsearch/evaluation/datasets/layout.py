"""The layouts there are, and the protocols each may be scored by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from kpsearch.errors import UnknownName
from kpsearch.evaluation.protocols import PROTOCOLS, Protocol
from kpsearch.evaluation.truth import Truth
from kpsearch.registry import Registry


@dataclass(frozen=True, slots=True)
class Layout:
    """How a data set lies on the disk."""

    name: str
    read: Callable[[str], Truth]
    """From the folder (of a manifest: the file) to the ground truth; raises `UnusableFile`."""
    protocols: tuple[str, ...]
    """Names of the protocols that its labels serve, the usual one first."""

    def load(self, place: str) -> Truth:
        """What `read` gives, which knows ``place`` as its origin."""
        return replace(self.read(place), origin=place)

    def protocol(self, name: str | None = None) -> Protocol:
        """The protocol named, the usual one without a name; raises `UnknownName`."""
        chosen = name or self.protocols[0]
        if chosen not in self.protocols:
            known = ", ".join(self.protocols)
            raise UnknownName(f"layout {self.name} has no protocol {chosen!r}; known: {known}")
        protocol: Protocol = PROTOCOLS.resolve(chosen)
        return protocol


LAYOUTS = Registry(
    "layout",
    {
        "copydays": "kpsearch.evaluation.datasets.copydays:LAYOUT",
        "disc21": "kpsearch.evaluation.datasets.disc21:LAYOUT",
        "gldv2": "kpsearch.evaluation.datasets.gldv2:LAYOUT",
        "holidays": "kpsearch.evaluation.datasets.holidays:LAYOUT",
        "manifest": "kpsearch.evaluation.datasets.manifest:LAYOUT",
        "oxford5k": "kpsearch.evaluation.datasets.oxford:OXFORD5K",
        "paris6k": "kpsearch.evaluation.datasets.oxford:PARIS6K",
        "roxford5k": "kpsearch.evaluation.datasets.revisited:ROXFORD5K",
        "rparis6k": "kpsearch.evaluation.datasets.revisited:RPARIS6K",
        "sop": "kpsearch.evaluation.datasets.sop:LAYOUT",
        "ukbench": "kpsearch.evaluation.datasets.ukbench:LAYOUT",
    },
)
"""Of `Layout` values."""


def layout_of(name: str) -> Layout:
    """The layout registered as ``name``; raises `UnknownName` listing the known ones."""
    layout: Layout = LAYOUTS.resolve(name)
    return layout
