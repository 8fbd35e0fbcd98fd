"""The category filter: how good its classifier is, what its sets promise, what it costs and saves.

    python tools/bench_categories.py [--manifest MANIFEST.csv] [--folder DIR] [--finetune]
                                     [--alternatives] [--no-filter]

The manifest has pictures of the roles train, query and reference (or both), with a category and an
instance, which is taken for the subcategory. Pictures of categories that no training picture has
are left out. Without --manifest it is the one beside the repository, and nothing is done where that
is absent. --folder keeps the classifiers, their cards and the features (else a temporary one).

Prints

- accuracy, of the instance and of the category, on the queries and on the references, which are
  studio pictures, by stage 1 and with --finetune by stage 2;
- with --alternatives, the same for what stage 1 was chosen from;
- coverage and size of the sets on queries, calibrated by all other queries (which cover as many as
  were asked for by construction: only the size says something), by the queries of other instances,
  and by training pictures held out, which do not look like queries;
- recall, candidates verified and time of a query with the filter off and on, with the catalogue's
  own categories and with predicted ones: in an index of the references and training pictures of
  those categories, and in one of all references, by a classifier that knows the categories without
  training pictures from their references and from the queries of every second instance, which are
  not asked then.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from bench_data import real_truth
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kpsearch.categories import (
    VIEWS,
    Calibration,
    Classifier,
    Label,
    categories_of,
    prediction_sets,
    softmax,
)
from kpsearch.embedding import DECODED_SIDES
from kpsearch.errors import ImageRejected
from kpsearch.evaluation import Truth, TruthRow, format_table, read_truth
from kpsearch.images import read_image
from kpsearch.indexing import build_index
from kpsearch.options import CategoryOptions, SearchOptions
from kpsearch.search import Searcher
from kpsearch.training import LabelledPicture, TrainingReport, open_backbone, train_categories
from kpsearch.training.assembly import width_of
from kpsearch.training.efficientnet_lite import TOP
from kpsearch.training.extraction import Lookout, extract
from kpsearch.training.judging import by_category
from kpsearch.training.self_training import fit_on_views
from kpsearch.training.train import CACHE
from kpsearch.types import Answer

ALPHAS = (0.01, 0.05)
SET_ALPHAS = (0.01, 0.02, 0.05)
Rows = Sequence[TruthRow]
LogitsOf = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]
"""(n, views, d) features to (n, classes) logits."""
Fit = Callable[[npt.NDArray[np.float32], npt.NDArray[np.intp], int], LogitsOf]


@dataclass(frozen=True)
class Parts:
    """The pictures, by what they are for."""

    training: Rows
    queries: Rows
    references: Rows

    @classmethod
    def of(cls, truth: Truth) -> Parts:
        """Of the categories with training pictures."""
        training = [row for row in truth.rows if row.role == "train" and row.category]
        known = {row.category for row in training}
        others = [row for row in truth.rows if row.role != "train" and row.category in known]
        return cls(
            training,
            [row for row in others if row.is_query],
            [row for row in others if row.is_reference],
        )

    @classmethod
    def of_all(cls, truth: Truth) -> Parts:
        """Of all categories: where there is no training picture, references and the queries of
        every second instance are.

        What is both a reference and a query is no query then.
        """
        trained = cls.of(truth).training
        known = {row.category for row in trained}
        others = [row for row in truth.rows if row.category and row.category not in known]
        instances = sorted({row.instance for row in others if row.is_query})
        labelled = [
            replace(row, instance="")
            for row in others
            if row.is_reference or (row.is_query and row.instance in instances[::2])
        ]
        seen = {row.path for row in labelled}
        return cls(
            [*trained, *labelled],
            [row for row in truth.rows if row.is_query and row.category and row.path not in seen],
            [row for row in truth.rows if row.is_reference and row.category],
        )


@dataclass(frozen=True, eq=False)
class Said:
    """What a classifier said of some pictures."""

    logits: npt.NDArray[np.float64]
    truth: list[Label]
    rows: list[int]
    """Numbers of the pictures: those that cannot be read are left out."""
    milliseconds: float
    """A picture, decoding aside."""


def label_of(row: TruthRow) -> Label:
    return Label(row.category, row.instance)


def ask(classifier: Classifier, rows: Rows) -> Said:
    """Of the pictures that can be read."""
    logits, truth, numbers, spent = [], [], [], []
    for number, row in enumerate(rows):
        try:
            at_least_px = DECODED_SIDES * max(classifier.size)
            image = read_image(row.path, colour=True, at_least_px=at_least_px)
            started = time.perf_counter()
            logits.append(classifier.logits(image))
        except ImageRejected:
            continue
        spent.append(1000 * (time.perf_counter() - started))
        truth.append(label_of(row))
        numbers.append(number)
    return Said(np.array(logits), truth, numbers, statistics.median(spent))


def accuracy(labels: tuple[Label, ...], said: Said) -> tuple[float, float]:
    """Share of the pictures with the right label, and with the right category, in percent."""
    found = [labels[i] for i in said.logits.argmax(axis=1)]
    mass = probabilities(labels, said.logits, 1.0).argmax(axis=1)
    categories = categories_of(labels)
    fine = np.mean([f == t for f, t in zip(found, said.truth, strict=True)])
    coarse = np.mean(
        [categories[i] == t.category for i, t in zip(mass.tolist(), said.truth, strict=True)]
    )
    return 100 * float(fine), 100 * float(coarse)


def probabilities(
    labels: tuple[Label, ...], logits: npt.NDArray[np.float64], temperature: float
) -> npt.NDArray[np.float64]:
    """(n, categories)"""
    of = by_category(labels, np.arange(len(labels)))
    found: npt.NDArray[np.float64] = softmax(logits / temperature) @ np.eye(of.max() + 1)[of]
    return found


def print_accuracy(name: str, classifier: Classifier, parts: Parts) -> None:
    rows = []
    for what, pictures in (("queries", parts.queries), ("references", parts.references)):
        said = ask(classifier, pictures)
        fine, coarse = accuracy(classifier.labels, said)
        rows.append([what, len(said.truth), f"{fine:.1f}", f"{coarse:.1f}", said.milliseconds])
    print(f"\n{name}: accuracy in percent, and ms a picture")
    heads = ["pictures", "n", "instance", "category", "ms"]
    print(format_table(heads, [[*row[:4], f"{row[4]:.0f}"] for row in rows], align="lrrrr"))


def print_sets(classifier: Classifier, parts: Parts, report: TrainingReport) -> None:
    """Coverage and size of the sets of queries."""
    said = ask(classifier, parts.queries)
    categories = classifier.categories
    found = probabilities(classifier.labels, said.logits, classifier.record.temperature)
    truth = np.array([categories.index(label.category) for label in said.truth])
    held_out = Calibration.of(
        probabilities(classifier.labels, report.judged.logits, classifier.record.temperature),
        by_category(classifier.labels, report.judged.truth),
        categories=categories,
        source="held out of the training",
    )
    instances = np.array([label.subcategory for label in said.truth])
    each = np.arange(len(truth))
    kept = {
        "all other queries": [each != row for row in each],
        "queries of other instances": [instances != instances[row] for row in each],
    }
    calibrations = {
        name: [without(found, truth, rows, categories) for rows in others]
        for name, others in kept.items()
    }
    calibrations["held-out training"] = [held_out] * len(truth)
    rows = []
    for name, known in calibrations.items():
        for alpha in SET_ALPHAS:
            if alpha >= max(one.least_alpha for one in known):
                limits = np.array([each.threshold(alpha) for each in known])
                rows.append([name, known[0].n, alpha, *sets_at(found, truth, limits)])
    print(f"\nsets of categories, of {len(categories)}, for {len(truth)} queries")
    heads = ["calibrated by", "n", "alpha", "coverage %", "mean size", "alone", "largest"]
    table = [[name, n, f"{alpha:g}", *rest] for name, n, alpha, *rest in rows]
    print(format_table(heads, table, align="lrrrrrr"))


def sets_at(
    found: npt.NDArray[np.float64], truth: npt.NDArray[np.intp], limits: npt.NDArray[np.float64]
) -> list[str]:
    """Coverage, mean size, share with one category alone, and the largest."""
    sets = np.concatenate(
        [prediction_sets(row[np.newaxis], limit) for row, limit in zip(found, limits, strict=True)]
    )
    size = sets.sum(axis=1)
    covered = sets[np.arange(len(truth)), truth].mean()
    return [
        f"{100 * covered:.1f}",
        f"{size.mean():.2f}",
        f"{100 * np.mean(size == 1):.0f}%",
        f"{size.max()}",
    ]


def without(
    found: npt.NDArray[np.float64],
    truth: npt.NDArray[np.intp],
    kept: npt.NDArray[np.bool_],
    categories: tuple[str, ...],
) -> Calibration:
    """A calibration by some of the queries."""
    return Calibration.of(found[kept], truth[kept], categories=categories, source="other queries")


@dataclass(frozen=True)
class Filtered:
    """One query with the filter as it was asked for."""

    first: bool
    among_ten: bool
    tried: int
    milliseconds: float
    categorise: float
    verify: float
    whole: bool


def run_query(
    searcher: Searcher, row: TruthRow, instances: dict[str, str], options: SearchOptions
) -> Filtered:
    started = time.perf_counter()
    answer = searcher.query(row.path, options, exclude=[row.path])
    spent = 1000 * (time.perf_counter() - started)
    right = [instances[hit.path] == row.instance for hit in answer.hits]
    return Filtered(
        first=any(right[:1]),
        among_ten=any(right[:10]),
        tried=tried(answer),
        milliseconds=spent,
        categorise=answer.timings_ms.get("categorise", 0.0),
        verify=answer.timings_ms.get("verify", 0.0),
        whole=answer.category is None or answer.category.whole,
    )


def tried(answer: Answer) -> int:
    """Candidates that geometry was asked about."""
    (stage,) = (stage for stage in answer.stages if stage.name == "verify")
    return int(re.findall(r"(\d+) (?:candidates|of all)", stage.detail)[-1])


def print_filter(classifier_path: str, parts: Parts, catalogue: Rows, folder: Path) -> None:
    """Recall, candidates and time with the filter off and on."""
    instances = {row.path: row.instance for row in catalogue}
    own = {row.path: row.category for row in catalogue}
    said = ask(Classifier(classifier_path), parts.queries)
    print(
        f"\nthe filter, {len(parts.queries)} queries in an index of {len(catalogue)} pictures of "
        f"{len(set(own.values()))} categories"
    )
    rows: list[list[object]] = []
    for name, categories in (("own", own), ("predicted", dict[str, str]())):
        index = folder / name
        folder.mkdir(exist_ok=True)
        calibrate_in_file(classifier_path, said)
        build_index(
            list(instances), index, categories=categories, classifier=classifier_path, n_jobs=-1
        )
        searcher = Searcher.open(index)
        off = measured(searcher, parts.queries, instances, None, classifier_path, said)
        if name == "own":
            rows.append(["off", "", *figures(off, off)])
        for alpha in ALPHAS if name == "own" else ALPHAS[:1]:
            on = measured(searcher, parts.queries, instances, alpha, classifier_path, said)
            rows.append([f"alpha {alpha:g}", name, *figures(on, off)])
    heads = ["filter", "categories", "recall@1", "recall@10", "candidates", "of off", "whole index"]
    heads += ["ms", "of off", "verify ms", "categorise ms"]
    print(format_table(heads, rows, align="ll" + "r" * 9))


def calibrate_in_file(path: str, said: Said) -> None:
    """Calibrate a classifier by the queries: what is indexed is not asked about."""
    classifier = Classifier(path)
    calibration = calibration_of(classifier, said, slice(None))
    record = replace(classifier.record, calibration=calibration)
    Path(path).write_bytes(record.written_to(Path(path).read_bytes()))


def calibration_of(
    classifier: Classifier, said: Said, rows: slice | npt.NDArray[np.bool_]
) -> Calibration:
    found = probabilities(classifier.labels, said.logits, classifier.record.temperature)
    truth = np.array([classifier.categories.index(label.category) for label in said.truth])
    return Calibration.of(
        found[rows], truth[rows], categories=classifier.categories, source="queries"
    )


def measured(
    searcher: Searcher,
    queries: Rows,
    instances: dict[str, str],
    alpha: float | None,
    classifier_path: str,
    said: Said,
) -> list[Filtered]:
    """Each query with the filter off (None) or on, out of its own calibration."""
    from kpsearch.search.category import classifier_for

    if alpha is None:
        return [run_query(searcher, row, instances, SearchOptions()) for row in queries]
    wanted = CategoryOptions(model=classifier_path, alpha=alpha)
    classifier = classifier_for(searcher.snapshot, wanted)
    whole = classifier.record
    found = []
    for number, row in enumerate(queries):
        kept = np.array(said.rows) != number
        classifier.record = replace(whole, calibration=calibration_of(classifier, said, kept))
        found.append(run_query(searcher, row, instances, SearchOptions(category=wanted)))
    classifier.record = whole
    return found


def figures(on: list[Filtered], off: list[Filtered]) -> list[object]:
    def mean(value: Callable[[Filtered], float], of: list[Filtered]) -> float:
        return statistics.mean(map(value, of))

    def ratio(value: Callable[[Filtered], float]) -> str:
        return f"{mean(value, on) / mean(value, off):.2f}"

    return [
        f"{mean(lambda q: q.first, on):.3f}",
        f"{mean(lambda q: q.among_ten, on):.3f}",
        f"{mean(lambda q: q.tried, on):.1f}",
        ratio(lambda q: q.tried),
        f"{100 * mean(lambda q: q.whole, on):.0f}%",
        f"{mean(lambda q: q.milliseconds, on):.0f}",
        ratio(lambda q: q.milliseconds),
        f"{mean(lambda q: q.verify, on):.0f}",
        f"{mean(lambda q: q.categorise, on):.0f}",
    ]


def train(parts: Parts, output: Path, *, finetune: bool) -> TrainingReport:
    options = None
    if finetune:
        from kpsearch.training.finetuning import FinetuneOptions

        options = FinetuneOptions()
    pictures = [LabelledPicture(row.path, label_of(row)) for row in parts.training]
    return train_categories(pictures, output, finetune=options, n_jobs=-1)


def bench(parts: Parts, folder: Path, arguments: argparse.Namespace) -> None:
    print(
        f"{len(parts.training)} training pictures of {len({r.instance for r in parts.training})} "
        f"instances in {len({r.category for r in parts.training})} categories, "
        f"{len(parts.queries)} queries, {len(parts.references)} references"
    )
    path = folder / "stage1.onnx"
    report = train(parts, path, finetune=False)
    print_accuracy("stage 1", Classifier(path), parts)
    if arguments.alternatives:
        print_alternatives(parts, path)
    if arguments.finetune:
        path = folder / "stage2.onnx"
        report = train(parts, path, finetune=True)
        print_accuracy("stage 2", Classifier(path), parts)
    print_sets(Classifier(path), parts, report)
    if arguments.filter:
        catalogue = [*parts.references, *parts.training]
        print_filter(os.fspath(path), parts, catalogue, folder / "trained")


def print_alternatives(parts: Parts, stage1: Path) -> None:
    """What stage 1 was chosen from: each line changes one thing of the line before."""
    pictures = (parts.training, parts.queries, parts.references)
    features = [features_of([row.path for row in rows], stage1) for rows in pictures]
    labels = tuple(sorted({label_of(row) for row in parts.training}))
    truth = np.array([labels.index(label_of(row)) for row in parts.training])
    every, top, one = slice(None), slice(-TOP, None), slice(1)
    variants: list[tuple[str, slice, slice, Fit]] = [
        ("regression on the last map, one view", one, top, plain_regression),
        ("two views", every, top, plain_regression),
        ("in the discriminants", every, top, in_discriminants),
        ("maps within the network, too", every, every, in_discriminants),
    ]
    rows = []
    for name, views, columns, fit in variants:
        chosen = [part[:, views, columns] for part in features]
        logits_of = fit(chosen[0], truth, len(labels))
        cells = [name]
        for part, others in zip(chosen[1:], pictures[1:], strict=True):
            said = Said(
                logits_of(part), [label_of(row) for row in others], list(range(len(others))), 0.0
            )
            cells += [f"{value:.1f}" for value in accuracy(labels, said)]
        rows.append(cells)
    print("\nwhat stage 1 was chosen from: accuracy in percent, of the instance and the category")
    heads = ["head", "queries", "category", "references", "category"]
    print(format_table(heads, rows, align="lrrrr"))


def features_of(paths: list[str], stage1: Path) -> npt.NDArray[np.float32]:
    """(n, views, d) by the backbone of stage 1; its cache has those of the training."""
    backbone = open_backbone(None)
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "backbone.onnx")
        Path(model).write_bytes(backbone.model.SerializeToString(deterministic=True))
        lookout = Lookout(model, width_of(backbone.model), backbone.preprocessing, VIEWS)
        found = extract(paths, lookout, cache=f"{stage1}{CACHE}", n_jobs=-1)
    assert len(found.rows) == len(paths), found.rejects
    return found.features


def plain_regression(
    features: npt.NDArray[np.float32], truth: npt.NDArray[np.intp], classes: int
) -> LogitsOf:
    """Multinomial logistic regression on features of mean 0 and variance 1."""
    views = features.shape[1]
    rows = features.reshape(len(features) * views, -1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    model.fit(rows, np.repeat(truth, views))

    def logits_of(others: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        found = model.decision_function(others.reshape(len(others) * views, -1))
        return np.asarray(found.reshape(len(others), views, classes).mean(axis=1))

    return logits_of


def in_discriminants(
    features: npt.NDArray[np.float32], truth: npt.NDArray[np.intp], classes: int
) -> LogitsOf:
    """As `kpsearch train-categories` does it."""
    head = fit_on_views(features, truth, classes=classes)
    return lambda others: head.logits(others).mean(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--manifest", help="CSV with path, instance, category and role")
    parser.add_argument("--folder", help="keep classifiers and indexes there")
    parser.add_argument("--finetune", action="store_true", help="stage 2, too; needs torch")
    parser.add_argument("--alternatives", action="store_true", help="what stage 1 was chosen from")
    parser.add_argument("--no-filter", dest="filter", action="store_false", help="no index")
    arguments = parser.parse_args()
    truth = real_truth() if arguments.manifest is None else read_truth(arguments.manifest)
    if truth is None:
        print("skipped: no pictures beside the repository; name a --manifest")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bench(Parts.of(truth), folder, arguments)
        if arguments.filter:
            every = Parts.of_all(truth)
            train(every, folder / "all.onnx", finetune=False)
            path = os.fspath(folder / "all.onnx")
            print_filter(path, every, every.references, folder / "all")


if __name__ == "__main__":
    main()
