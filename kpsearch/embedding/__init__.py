"""Deep embeddings: one vector a picture, by any model in an ONNX file."""

from kpsearch.embedding.collection import EmbeddingReport, embed_pictures
from kpsearch.embedding.model import Embedder, embedder_of, moved
from kpsearch.embedding.reading import DECODED_SIDES, in_colour, read_to_embed
from kpsearch.embedding.stash import Stash

__all__ = [
    "DECODED_SIDES",
    "Embedder",
    "EmbeddingReport",
    "Stash",
    "embed_pictures",
    "embedder_of",
    "in_colour",
    "moved",
    "read_to_embed",
]
