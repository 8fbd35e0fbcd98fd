"""The road of pictures into an index: found, extracted, quantised, committed batch by batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict

from kpsearch.errors import IndexMismatch, UsageError
from kpsearch.features import require_extractable, settled
from kpsearch.index import IndexWriter
from kpsearch.indexing.categories import category_source, require_classifier
from kpsearch.indexing.embedding import settle_embedding
from kpsearch.indexing.job import Job, open_vocabulary
from kpsearch.indexing.pictures import Extraction
from kpsearch.indexing.report import IndexReport, Progress
from kpsearch.options import EmbeddingOptions, FeatureOptions, VocabularyOptions, WorkerLimits
from kpsearch.types import Reject
from kpsearch.vocabulary import same_vocabulary


def build_index(
    paths: Iterable[str | os.PathLike[str]],
    index: str | os.PathLike[str],
    *,
    features: FeatureOptions | None = None,
    vocabulary: VocabularyOptions | str | os.PathLike[str] | None = None,
    embed: str | os.PathLike[str] | None = None,
    embedding: EmbeddingOptions | None = None,
    categories: Mapping[str, str] | None = None,
    classifier: str | os.PathLike[str] | None = None,
    category_alpha: float | None = None,
    n_jobs: int = 1,
    limits: WorkerLimits | None = None,
    follow_links: bool = False,
    prune: bool = False,
    retry_rejects: bool = False,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> IndexReport:
    """Create or update the index in folder ``index`` from files and folders of pictures.

    New and changed files are added (a changed one replaces its older self), unchanged ones are
    skipped by size and mtime, then by content. Paths are kept absolute. ``vocabulary`` is how to
    train one, or a file or an index to take it from; an existing index keeps its own, and its
    ``features``.

    ``categories`` gives the category of a path, as returned by ``os.path.abspath``. A picture that
    has none gets the set of those that the ``classifier``, an ONNX file, holds possible with an
    error rate of ``category_alpha`` (0.01 where none is remembered); an index remembers the two.
    One whose category has changed is read again; so are all without one of their own when the
    classifier or its error rate is another.

    A new index made with ``embed``, the ONNX file of a deep model that is fed as ``embedding``
    says, keeps an embedding of every picture; what is added later needs the same model, from
    ``embed`` or from where it was.

    ``prune`` drops indexed pictures under ``paths`` whose files are gone. A picture rejected
    before is read again when its file has changed, or with ``retry_rejects``.
    Pictures are read in processes of their own; ``limits`` is what each may take.

    Each batch is durable once committed; an interrupted run goes on from there. A bad picture
    is a record in the report and in the index, never an exception. Raises `WrongFolder`,
    `IndexMismatch`, `IndexLocked`, `CommitFailed`.
    """
    paths = [os.fspath(path) for path in paths]
    if "" in paths:
        raise UsageError("an empty path names no picture; is a variable not set?")
    job = Job(
        n_jobs,
        progress or (lambda *_: None),
        on_reject or (lambda _: None),
        limits or WorkerLimits(),
    )
    with IndexWriter(index) as writer, job.timed("all"):
        source = category_source(writer, categories or {}, classifier, category_alpha)
        with job.timed("listing"):
            todo = job.list_tasks(
                paths,
                writer.snapshot(),
                source,
                follow_links=follow_links,
                prune=prune,
                retry_rejects=retry_rejects,
            )
        options = _settle_features(writer, features)
        if not all(task.category for task in todo):
            require_classifier(source, writer.storage.folder)
        embedded = settle_embedding(writer, embed, embedding, todo=len(todo))
        sketched = writer.manifest is None or writer.manifest.sketches
        extraction = Extraction(options, embedded, source.facts, sketched)
        if writer.manifest is None:
            todo = job.make_vocabulary(writer, todo, extraction, vocabulary)
        elif vocabulary is not None:
            _require_same_vocabulary(writer, vocabulary)
        job.add(writer, todo, extraction)
        job.report.generation = writer.manifest.generation if writer.manifest else 0
    return job.report


def _settle_features(writer: IndexWriter, wanted: FeatureOptions | None) -> FeatureOptions:
    """What the index was made with, or is to be; raises `IndexMismatch` where that differs."""
    if writer.manifest is None:
        options = settled(wanted or FeatureOptions())
        require_extractable(options)
        return options
    has = writer.manifest.features
    if wanted is None or settled(wanted) == has:
        return has
    asked = asdict(settled(wanted))
    differing = {name: value for name, value in asdict(has).items() if asked[name] != value}
    raise IndexMismatch(
        f"{writer.storage.folder}: made with {_listed(differing)}, "
        f"not {_listed({name: asked[name] for name in differing})}; leave the options out, "
        "or make a new index"
    )


def _listed(values: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _require_same_vocabulary(
    writer: IndexWriter, wanted: VocabularyOptions | str | os.PathLike[str]
) -> None:
    snapshot = writer.snapshot()
    assert snapshot is not None
    own = snapshot.vocabulary
    if isinstance(wanted, VocabularyOptions):
        same = wanted.words in (None, own.words_asked, len(own))
    else:
        same = same_vocabulary(own, open_vocabulary(wanted))
    if not same:
        raise IndexMismatch(
            f"{writer.storage.folder}: has a vocabulary already; another one needs a new index"
        )
