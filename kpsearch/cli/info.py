"""``kpsearch info``: what an index or a vocabulary holds."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.options import json_flag

if TYPE_CHECKING:
    from kpsearch.index import Snapshot
    from kpsearch.index.manifest import Manifest


@click.command()
@click.argument("index", metavar="INDEX")
@click.option("--rejects", is_flag=True, help="List the pictures that were rejected, and why.")
@click.option("--segments", is_flag=True, help="List the segments.")
@click.option("--categories", is_flag=True, help="List the categories and their images.")
@json_flag
def info(index: str, rejects: bool, segments: bool, categories: bool, as_json: bool) -> None:
    """Show what an index holds, or a vocabulary file."""
    from kpsearch.cli.output import print_json
    from kpsearch.evaluation.table import format_table

    facts = (
        index_facts(index)
        if os.path.isdir(index) or not os.path.isfile(index)
        else (vocabulary_facts(index))
    )
    lists = {"reject_list": rejects, "segment_list": segments, "category_list": categories}
    for name, wanted in lists.items():
        if not wanted:
            facts.pop(name, None)
    if as_json:
        print_json(facts)
        return
    rejected, parts, named = (facts.pop(name, []) for name in lists)
    rows = [[name, _text(value)] for name, value in facts.items()]
    click.echo(format_table(["fact", "value"], rows, align="ll"))
    if rejects:
        rows = [[item["image"], item["code"], item["text"]] for item in rejected]
        click.echo(format_table(["rejected", "code", "why"], rows, align="lll"))
    if segments:
        rows = [[_text(value) for value in item.values()] for item in parts]
        heads = ["segment", "images", "deleted", "keypoints", "bytes"]
        click.echo(format_table(heads, rows, align="lrrrr"))
    if categories:
        rows = [[item["category"], item["own"], item["predicted"]] for item in named]
        click.echo(format_table(["category", "images", "predicted"], rows, align="lrr"))


def index_facts(index: str) -> dict[str, Any]:
    """The facts of an index, as plain JSON values."""
    from dataclasses import asdict

    from kpsearch.index import Snapshot, previous_generation

    snapshot = Snapshot.open(index)
    manifest = snapshot.manifest
    return {
        "index": index,
        "generation": snapshot.generation,
        "previous_generation": previous_generation(index),
        "images": snapshot.images,
        "deleted": len(snapshot.deletes.ids),
        "keypoints": snapshot.keypoints,
        "no_features": int(((snapshot.keypoint_counts == 0) & snapshot.live).sum()),
        "rejects": len(snapshot.rejects),
        "segments": len(manifest.segments),
        "bytes": snapshot.size_bytes,
        "bytes_per_keypoint": round(snapshot.size_bytes / max(snapshot.keypoints, 1), 2),
        "features": asdict(manifest.features),
        "words": len(snapshot.vocabulary),
        "vocabulary": manifest.vocabulary.name,
        "vocabulary_bytes": manifest.vocabulary.size_bytes,
        "sketches": manifest.sketches,
        **_embedding_facts(manifest),
        **_category_facts(snapshot),
        "format_version": manifest.format_version,
        "kpsearch_version": manifest.kpsearch_version,
        "reject_list": [
            {"image": reject.path, "code": reject.code, "text": reject.text}
            for reject in snapshot.rejects.values()
        ],
        "segment_list": [
            {
                "file": entry.file.name,
                "images": entry.images,
                "deleted": int((~live).sum()),
                "keypoints": entry.keypoints,
                "bytes": entry.file.size_bytes,
            }
            for entry, live in zip(manifest.segments, snapshot.live_by_segment, strict=True)
        ],
    }


def _embedding_facts(manifest: Manifest) -> dict[str, Any]:
    from dataclasses import asdict

    facts = manifest.embedding
    return {} if facts is None else {"embedding": asdict(facts)}


def _category_facts(snapshot: Snapshot) -> dict[str, Any]:
    """The categories, the images that have one by the catalogue or predicted, the classifier."""
    from dataclasses import asdict

    import numpy as np

    column = snapshot.categories
    images = np.bincount(column.code[snapshot.live], minlength=len(column.distinct)).tolist()
    counts: dict[str, Counter[str]] = {"own": Counter(), "predicted": Counter()}
    total = {"own": 0, "predicted": 0, "none": 0}
    for category, held in zip(column.distinct, images, strict=True):
        whose = "predicted" if category.predicted else "own" if category.names else "none"
        total[whose] += held
        for name in category.names if held else ():
            counts[whose][name] += held
    names = sorted(counts["own"].keys() | counts["predicted"].keys())
    found: dict[str, Any] = {"categories": {"names": len(names), **total}}
    facts = snapshot.manifest.categories
    if facts is not None:
        found["classifier"] = {**asdict(facts.classifier), "alpha": facts.alpha}
    listed = [{"category": name, **{w: counts[w][name] for w in counts}} for name in names]
    return {**found, "category_list": listed}


def vocabulary_facts(path: str) -> dict[str, Any]:
    """The facts of a vocabulary file, as plain JSON values."""
    from kpsearch.vocabulary import load_vocabulary

    vocabulary = load_vocabulary(path)
    return {
        "vocabulary": path,
        "extractor": vocabulary.extractor,
        "words": len(vocabulary),
        "branches": len(vocabulary.tree.branches),
        "descriptor_size": vocabulary.tree.leaves.shape[1],
        "signature_bits": 64,
        "chance_within_24_bits": round(float(vocabulary.chance[24]), 5),
        "seed": vocabulary.seed,
        "bytes": os.path.getsize(path),
    }


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
