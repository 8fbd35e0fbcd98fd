"""Which deep model a run of indexing embeds pictures with."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from kpsearch.embedding import Embedder, embedder_of, moved
from kpsearch.errors import IndexMismatch, UsageError
from kpsearch.options import EmbeddingFacts, EmbeddingOptions

if TYPE_CHECKING:
    from kpsearch.index import IndexWriter

NONE_IN_WORDS = {"size": "the model's own", "crop": "0 (squashed)", "output": "the last vector"}
"""What leaving an option out means."""


def settle_embedding(
    writer: IndexWriter,
    model: str | os.PathLike[str] | None,
    options: EmbeddingOptions | None,
    *,
    todo: int,
) -> EmbeddingFacts | None:
    """The model of the index: ``model`` for a new one, else the one it was made with.

    One that is given has to be that one. Otherwise it is looked for where there is anything
    ``todo``, so that a model that is gone or another one stops the job before the first picture:
    raises `IndexMismatch`, `UnusableModel`, `NotInstalled`.
    """
    if model is None and options is not None:
        raise UsageError("the options of an embedding need a model: --embed MODEL.onnx")
    folder = writer.storage.folder
    if writer.manifest is None:
        return None if model is None else Embedder(model, options).facts
    has = writer.manifest.embedding
    if has is None:
        if model is not None:
            raise IndexMismatch(f"{folder}: made without --embed; a new index can be made with it")
        return None
    if options is not None and options != has.options:
        raise IndexMismatch(
            f"{folder}: embedded with {_differing(has.options, options)}, not with "
            f"{_differing(options, has.options)}; leave the options out, or make a new index"
        )
    if model is None and not os.path.isfile(has.model) and todo:
        raise IndexMismatch(
            f"{folder}: its pictures are embedded with {has.model}, which is gone; give the model "
            f"with --embed (its hash is {has.model_hash})"
        )
    facts = has if model is None else moved(has, model)
    if todo:
        embedder_of(facts)
    return facts


def _differing(options: EmbeddingOptions, others: EmbeddingOptions) -> str:
    """In words, those of the options that are not as in the others."""
    asked = asdict(others)
    values = {name: value for name, value in asdict(options).items() if value != asked[name]}
    return ", ".join(f"{name} {_in_words(name, value)}" for name, value in values.items())


def _in_words(name: str, value: object) -> str:
    if value is None:
        return NONE_IN_WORDS[name]
    if isinstance(value, tuple):
        return ",".join(f"{part:g}" for part in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
