"""Lists of byte strings as two flat arrays, the form they have on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import IndexDamaged

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """n byte strings, end to end."""

    blob: npt.NDArray[np.uint8]
    start: npt.NDArray[np.uint64]
    """(n + 1,): string i is ``blob[start[i]:start[i + 1]]``."""

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> TextColumn:
        """From byte strings."""
        blob = np.frombuffer(b"".join(texts), np.uint8)
        start = np.zeros(len(texts) + 1, np.uint64)
        np.cumsum([len(text) for text in texts], out=start[1:])
        return cls(blob, start)

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, row: int) -> bytes:
        low, high = int(self.start[row]), int(self.start[row + 1])
        if not 0 <= low <= high <= len(self.blob):
            raise IndexDamaged(f"text {row} lies outside its column")
        return self.blob[low:high].tobytes()
