"""Names for interchangeable parts, resolved when first asked for.

A registry maps a name to ``"module:attribute"``, so that listing the extractors loads none
of them. Adding one is one file and one line in the table.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from kpsearch.errors import UnknownName


class Registry:
    """Factories of one kind (``"extractor"``), by name."""

    def __init__(self, kind: str, targets: Mapping[str, str]) -> None:
        self.kind = kind
        self._targets = dict(targets)

    def names(self) -> list[str]:
        """All registered names, sorted."""
        return sorted(self._targets)

    def resolve(self, name: str) -> Any:
        """The factory registered as ``name``; raises `UnknownName` listing the known ones."""
        try:
            module, attribute = self._targets[name].split(":")
        except KeyError:
            known = ", ".join(self.names())
            raise UnknownName(f"unknown {self.kind} {name!r}; known: {known}") from None
        return getattr(import_module(module), attribute)
