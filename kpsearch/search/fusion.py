"""The embedding of a query heard beside its keypoints."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.embedding import Embedder, embedder_of
from kpsearch.errors import IndexDamaged, IndexMismatch
from kpsearch.scoring import best, embedding_evidence
from kpsearch.search.shortlist import Candidate, below

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index import Snapshot
    from kpsearch.options import EmbeddingFacts, FusionOptions

BLOCK_NUMBERS = 1 << 22
"""Numbers of stored embeddings turned into float32 at a time: 16 MB."""


def embedder_for(snapshot: Snapshot, options: FusionOptions) -> Embedder:
    """The model of an index, from where the options say it is.

    Raises `IndexMismatch` where the index keeps no embeddings, or another model's.
    """
    return embedder_of(_facts(snapshot), os.path.abspath(options.model))


def _facts(snapshot: Snapshot) -> EmbeddingFacts:
    facts = snapshot.manifest.embedding
    if facts is None:
        raise IndexMismatch(
            f"{snapshot.storage.folder}: keeps no embeddings to fuse with; "
            "`kpsearch index PATH... -i NEW --embed MODEL.onnx` makes an index that does"
        )
    return facts


def cosines(snapshot: Snapshot, vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(slots,) cosine of a query with every image, exactly; reads all embeddings of the index."""
    found = [np.empty(0, np.float32)]
    step = max(BLOCK_NUMBERS // len(vector), 1)
    for segment in snapshot.segments:
        rows = segment.embedding
        if rows.shape != (len(segment), len(vector)):
            raise IndexDamaged(f"{segment.name}: its embeddings do not fit the manifest")
        for low in range(0, len(rows), step):
            block = rows[low : low + step].astype(np.float32)
            # Not BLAS: its sums depend on where a row stands, so on what was merged with it.
            found.append(np.einsum("ij,j->i", block, vector))
    return np.concatenate(found)


def fuse(
    candidates: list[Candidate],
    vector: npt.NDArray[np.float32],
    snapshot: Snapshot,
    scores: npt.NDArray[np.float64],
    barred: npt.NDArray[np.bool_] | None,
    options: FusionOptions,
) -> list[Candidate]:
    """The candidates, joined by those of the highest cosines, by the sum of both evidences.

    ``scores`` (slots,) are those of the keypoints, before geometry; the ``barred`` images are
    neither candidates nor background. Ties by the hash of the path.
    """
    cosine = cosines(snapshot, vector)
    heard = np.ones(len(cosine), np.bool_) if barred is None else ~barred
    evidence = embedding_evidence(cosine, cosine[heard], options.steepness)
    tie = snapshot.path_hash
    listed = {candidate.slot for candidate in candidates}
    similar = best(np.where(heard, evidence, 0.0), options.shortlist, tie).tolist()
    others = [Candidate(slot, float(scores[slot])) for slot in similar if slot not in listed]
    fused = [
        replace(c, score=c.score + float(evidence[c.slot]), cosine=float(cosine[c.slot]))
        for c in below(candidates, others)
    ]
    return sorted(fused, key=lambda c: (-c.score, int(tie[c.slot])))
