"""What ranks images by the words of a query, and the names of all that do.

A scorer is one file and one line here, and passes ``tests/contract/test_scorers.py``. It is made
from the options and the facts of one generation, and keeps what is dear to work out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kpsearch.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kpsearch.types import Words

SCORERS = Registry(
    "scorer",
    {
        "likelihood": "kpsearch.scoring.likelihood:Likelihood",
        "hamming": "kpsearch.scoring.hamming:HammingGaussian",
        "tfidf": "kpsearch.scoring.tfidf:TfIdf",
        "asmk": "kpsearch.scoring.asmk:Asmk",
    },
)


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """The matches of a query as a scorer sums them, m of them."""

    query: npt.NDArray[np.intp]
    """Row of the query's keypoint, or of the group of repeats it belongs to."""
    slot: npt.NDArray[np.int64]
    """Of the image matched."""
    weight: npt.NDArray[np.float64]
    """What `Scorer.weigh` gave."""

    def __len__(self) -> int:
        return len(self.query)


class Scorer(Protocol):
    """Turns the words of a query and their matches into scores."""

    hamming_threshold: int
    """Postings farther than this are no matches; 64 keeps all."""

    def weigh(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        slots: npt.NDArray[np.integer],
        false_alarms: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """(m,) weight of each match, at least 0: what verification sums over its pairs.

        ``false_alarms`` are those below, times how often the query's keypoint recurs.
        """
        ...

    def false_alarms(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        slots: npt.NDArray[np.integer],
    ) -> npt.NDArray[np.float64]:
        """(m,) E, the matches as good as each that chance would give."""
        ...

    def score(self, votes: Votes, words: Words) -> npt.NDArray[np.float64]:
        """(slots,) score of each image, at least 0; ``votes.query`` are rows of ``words``.

        It does not depend on how images are spread over segments, nor on their order.
        """
        ...
