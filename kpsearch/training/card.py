"""A model card: what a classifier was made of, how good it is, and what it promises.

Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kpsearch.categories import ClassifierRecord
from kpsearch.categories.calibration import FEW_PICTURES
from kpsearch.errors import UnusableModel
from kpsearch.images import escape_path
from kpsearch.replacing import replace_file

LISTED = 50
NAMED = 12
"""Categories in a list, at most."""


def card_path(model: str | os.PathLike[str]) -> str:
    """Of the card of the classifier in a file: beside it."""
    return os.path.splitext(os.fspath(model))[0] + ".md"


def write_card(model: str | os.PathLike[str]) -> str:
    """Write the card of the classifier in a file, in Markdown; returns its path.

    Raises `UnusableModel` for a file that is none.
    """
    content = Path(model).read_bytes()
    record = ClassifierRecord.read_from(os.fspath(model), content)
    path = card_path(model)
    pictures = {what: at for what, at in plot_paths(model).items() if os.path.exists(at)}
    try:
        text = "\n".join(_lines(record, os.path.basename(model), content, pictures))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnusableModel(f"{os.fspath(model)}: no card, its facts are odd: {error!r}") from error
    replace_file(path, f"{text}\n".encode(errors="surrogateescape"))
    return path


def plot_paths(model: str | os.PathLike[str]) -> dict[str, str]:
    """Of the pictures that go with a classifier, by what they show."""
    stem = os.path.splitext(os.fspath(model))[0]
    return {what: f"{stem}-{what}.png" for what in ("learning", "epochs", "confusion")}


def _lines(
    record: ClassifierRecord, name: str, content: bytes, pictures: Mapping[str, str]
) -> Iterator[str]:
    training: Mapping[str, Any] = record.facts.get("training", {})
    yield f"# {escape_path(name)}: a classifier of {len(record.categories)} categories"
    yield ""
    yield from _summary(record, training, content)
    yield from _accuracy(training)
    yield from _calibration(record)
    yield from _pictures(training)
    for what, path in pictures.items():
        yield from (f"![{what}]({quote(os.path.basename(path))})", "")


def _summary(
    record: ClassifierRecord, training: Mapping[str, Any], content: bytes
) -> Iterator[str]:
    how = record.preprocessing
    backbone = training.get("backbone", {})
    yield from _table(
        {
            "made": f"{training.get('made')}, by kpsearch {training.get('kpsearch_version')}",
            "backbone": f"{backbone.get('name')}, sha256 of its weights {backbone.get('sha256')}",
            "sha256 of this file": hashlib.sha256(content).hexdigest(),
            "input": f"{how.size} x {how.size} px, {how.colour.upper()}, (x * {how.scale:.6g} - "
            f"{_listed(how.mean)}) / {_listed(how.std)}",
            "views": f"{_listed(record.views)} of the shorter side, logits averaged",
            "temperature": f"{record.temperature:.4g}",
            "labels": f"{len(record.labels)} in {len(record.categories)} categories",
            "trained on": f"{training.get('pictures', 0)} labelled pictures, and "
            f"{training.get('unlabelled_taken', 0)} of {training.get('unlabelled', 0)} unlabelled",
            "fine-tuned": _tuning(training.get("fine_tuning")),
            "seed": str(training.get("seed", "")),
        }
    )


def _tuning(facts: Mapping[str, Any] | None) -> str:
    if not facts:
        return "no: the backbone is as it was"
    before, after = (
        f"{_percent(facts[key]['accuracy'])}, loss {facts[key]['loss']:.3f}"
        for key in ("before", "after")
    )
    told = f"{facts['validation_pictures']} pictures of validation: {before} before, {after} after"
    if not facts["kept"]:
        return f"tried, and not kept: {told}"
    stopped = ", stopped before its end" if facts["interrupted"] else ""
    epochs = len(facts["epochs"]) - 1
    return f"{epochs} epochs, weights of epoch {facts['best_epoch']}{stopped}; {told}"


def _accuracy(training: Mapping[str, Any]) -> Iterator[str]:
    held_out = training.get("held_out", {})
    yield from ("## On pictures held out of the training", "")
    if not held_out.get("pictures"):
        yield from ("None could be held out: each label needs two unlike pictures at least.", "")
        return
    yield (
        f"{held_out['pictures']} pictures, each together with the one most like it: "
        f"{_percent(held_out['accuracy'])} get the right label, "
        f"{_percent(held_out['category_accuracy'])} the right category (before any fine-tuning). "
        "They are of the same kind as those trained on. Queries are not: what they get, only a "
        "calibration says."
    )
    yield ""


def _calibration(record: ClassifierRecord) -> Iterator[str]:
    yield from ("## Calibration", "")
    known = record.calibration
    if known is None:
        yield "None yet, so the filter is off: `kpsearch calibrate-categories MODEL QUERIES.csv`."
        yield ""
        return
    facts = record.facts.get("calibration", {})
    yield (
        f"On {known.n} pictures of {len(known.counts)} categories, "
        f"from {escape_path(known.source)}: "
        f"{_percent(facts.get('accuracy'))} get the right category. The smallest error rate that "
        f"can be promised is {known.least_alpha:.2g}."
    )
    if known.n < FEW_PICTURES:
        yield (
            f"With fewer than {FEW_PICTURES} pictures, what is reached differs by chance from what "
            "is promised."
        )
    yield ""
    yield "| error rate allowed | sets with the true category | categories in a set |"
    yield "|---|---|---|"
    for reached in facts.get("reached", []):
        yield (
            f"| {reached['alpha']:g} | {_percent(reached['coverage'])} ± "
            f"{100 * reached['spread']:.1f} | {reached['size']:.2f} |"
        )
    yield ""
    missing = [name for name in record.categories if name not in known.counts]
    if missing:
        names = some_names(missing)
        yield f"Without a picture, so that sets that hold one of them are not used: {names}."
        yield ""
    if facts.get("unknown"):
        yield f"Categories it has never seen, left out: {some_names(list(facts['unknown']))}."
        yield ""


def _pictures(training: Mapping[str, Any]) -> Iterator[str]:
    counts: Mapping[str, int] = training.get("pictures_of_label", {})
    if not counts:
        return
    yield from ("## Pictures of each label", "")
    fewest = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    yield from _table({name: str(count) for name, count in fewest[:LISTED]}, "label", "pictures")
    if len(fewest) > LISTED:
        yield from (f"and {len(fewest) - LISTED} labels with as many or more.", "")


def _table(rows: Mapping[str, str], left: str = "fact", right: str = "value") -> Iterator[str]:
    yield from (f"| {left} | {right} |", "|---|---|")
    for name, value in rows.items():
        yield f"| {_cell(name)} | {_cell(value)} |"
    yield ""


def _cell(text: str) -> str:
    return escape_path(text).replace("|", "\\|")


def some_names(names: Sequence[str]) -> str:
    """A list of names for a reader, cut where it is long."""
    shown = ", ".join(escape_path(name) for name in names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in dict.fromkeys(values))


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.1f}%"
