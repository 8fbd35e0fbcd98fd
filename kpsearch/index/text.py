"""Lists of byte strings as two flat arrays, the form they have on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.errors import IndexDamaged
from kpsearch.index.runs import rises

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """n byte strings, end to end."""

    blob: npt.NDArray[np.uint8]
    start: npt.NDArray[np.unsignedinteger[Any]]
    """(n + 1,): string i is ``blob[start[i]:start[i + 1]]``."""

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> TextColumn:
        """From byte strings."""
        blob = np.frombuffer(b"".join(texts), np.uint8)
        start = np.zeros(len(texts) + 1, np.uint64)
        np.cumsum([len(text) for text in texts], out=start[1:])
        return cls(blob, start)

    @classmethod
    def read(cls, array: Callable[[str], npt.NDArray[Any]], name: str) -> TextColumn:
        """The column stored under ``name``; ``array`` gives the arrays of its file."""
        return cls(array(name), array(f"{name}_start"))

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """The column as it is stored under ``name``."""
        return {name: self.blob, f"{name}_start": self.start.astype(np.uint32)}

    def take(self, rows: npt.NDArray[np.integer]) -> list[bytes]:
        """The strings at ``rows``."""
        return [self[row] for row in rows.tolist()]

    def __iter__(self) -> Iterator[bytes]:
        """All strings, several times as fast as one by one."""
        if not rises(self.start, len(self.blob)):
            raise IndexDamaged("texts lie outside their column")
        blob = self.blob.tobytes()
        return (blob[low:high] for low, high in pairwise(self.start.tolist()))

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, row: int) -> bytes:
        low, high = int(self.start[row]), int(self.start[row + 1])
        if not 0 <= low <= high <= len(self.blob):
            raise IndexDamaged(f"text {row} lies outside its column")
        return self.blob[low:high].tobytes()
