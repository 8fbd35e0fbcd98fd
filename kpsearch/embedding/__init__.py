"""Deep embeddings: one vector a picture, by any model in an ONNX file."""

from kpsearch.embedding.collection import Embeddings, embed_pictures, write_embeddings
from kpsearch.embedding.model import Embedder, embedder_of
from kpsearch.embedding.reading import in_colour, read_to_embed

__all__ = [
    "Embedder",
    "Embeddings",
    "embed_pictures",
    "embedder_of",
    "in_colour",
    "read_to_embed",
    "write_embeddings",
]
