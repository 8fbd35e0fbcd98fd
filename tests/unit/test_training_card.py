"""The card and the pictures beside a classifier."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpsearch.categories import ClassifierRecord, Label, categories_of
from kpsearch.errors import UnusableModel
from kpsearch.training import calibrate_categories, write_card
from kpsearch.training.card import LISTED, card_path, plot_paths
from kpsearch.training.plots import write_plots
from kpsearch.training.report import TrainingReport
from tests.built_classifiers import (
    FRUIT,
    classifier_file,
    classifier_model,
    even_calibration,
    record_of,
)
from tests.trained import EACH, OTHERS, Trained


@pytest.fixture
def model(made: Trained, tmp_path):
    return Path(shutil.copy(made.model, tmp_path / "m.onnx"))


def card_of(path: Path) -> str:
    assert write_card(path) == card_path(path) == str(path.with_suffix(".md"))
    return path.with_suffix(".md").read_text(encoding="utf-8")


def test_a_card_says_what_it_was_made_of_and_that_it_is_not_calibrated(made, model):
    text = card_of(model)
    training = made.report.record.facts["training"]
    for fact in (
        "# m.onnx: a classifier of 3 categories",
        f"| made | {training['made']}, by kpsearch {training['kpsearch_version']} |",
        f"| backbone | backbone, sha256 of its weights {training['backbone']['sha256']} |",
        f"| sha256 of this file | {hashlib.sha256(model.read_bytes()).hexdigest()} |",
        "| input | 32 x 32 px, RGB, (x * 0.00392157 - 0.485, 0.456, 0.406) / 0.229, 0.224, 0.225 |",
        "| views | 0.875, 0.6 of the shorter side, logits averaged |",
        f"| temperature | {made.report.record.temperature:.4g} |",
        "| labels | 3 in 3 categories |",
        f"| trained on | {3 * EACH} labelled pictures, and {made.report.taken} of {OTHERS} ",
        "| fine-tuned | no: the backbone is as it was |",
        "| seed | 0 |",
        f"{100 * training['held_out']['accuracy']:.1f}% get the right label",
        "None yet, so the filter is off: `kpsearch calibrate-categories MODEL QUERIES.csv`.",
        "| label | pictures |\n|---|---|\n| blue | 8 |\n| green | 8 |\n| red | 8 |\n",
    ):
        assert fact in text
    assert "![" not in text  # no pictures beside this copy


def test_a_card_shows_the_pictures_beside_it(made):
    text = made.model.with_suffix(".md").read_text()
    assert "![learning](m-learning.png)" in text
    assert "![confusion](m-confusion.png)" in text
    assert "m-epochs.png" not in text


def test_links_on_a_card_survive_odd_file_names(made, tmp_path):
    model = Path(shutil.copy(made.model, tmp_path / "my (first) model.onnx"))
    shutil.copy(made.folder / "m-learning.png", plot_paths(model)["learning"])
    assert "![learning](my%20%28first%29%20model-learning.png)" in card_of(model)


def test_a_card_says_what_the_calibration_promises_and_what_it_lacks(made, model):
    some = [picture for picture in made.queries() if picture.label != Label("red")]
    odd = [some[0]._replace(label=Label("beer"))]
    report = calibrate_categories(model, [*some[1:], *odd], "photos\n.csv")
    text = card_of(model)
    (five, ten) = report.reached[-2:] if len(report.reached) == 2 else (None, report.reached[-1])
    for fact in (
        r"On 23 pictures of 2 categories, from photos\n.csv: ",
        f"{100 * report.accuracy:.1f}% get the right category. The smallest error rate that can "
        "be promised is 0.042.",
        "With fewer than 500 pictures, what is reached differs by chance",
        f"| 0.1 | {100 * ten.coverage:.1f}% ± {100 * ten.spread:.1f} | {ten.size:.2f} |",
        "Without a picture, so that sets that hold one of them are not used: red.",
        "Categories it has never seen, left out: beer.",
    ):
        assert fact in text
    assert five is None or "| 0.05 |" in text


def test_many_pictures_need_no_warning(tmp_path):
    path = classifier_file(tmp_path, calibration=even_calibration(600, categories_of(FRUIT)))
    text = card_of(path)
    assert "On 600 pictures of 3 categories" in text
    assert "fewer than" not in text
    assert "an unknown share get the right category" in text


ODD_NAMES = ("a|b", "two\nlines", "\x1b[31mred", "Käse | 奶酪", "\udcff")


def test_odd_names_stay_in_their_cell_and_on_their_line(tmp_path):
    labels = tuple(map(Label, ODD_NAMES))
    counts = {str(label): n + 1 for n, label in enumerate(labels)}
    path = classifier_file(
        tmp_path,
        labels,
        facts={"training": {"pictures_of_label": counts}},
        calibration=even_calibration(3, [labels[0].category]),
    )
    text = card_of(path)
    for row in (
        r"| a\|b | 1 |",
        r"| two\nlines | 2 |",
        r"| \x1b[31mred | 3 |",
        r"| Käse \| 奶酪 | 4 |",
        r"| \xff | 5 |",
    ):
        assert f"\n{row}\n" in text
    assert "\x1b" not in text


def test_long_lists_are_cut_and_begin_with_the_fewest(tmp_path):
    labels = [Label(f"c{n:03}") for n in range(LISTED + 7)]
    counts = {str(label): len(labels) - n for n, label in enumerate(labels)}
    path = classifier_file(
        tmp_path,
        labels,
        facts={"training": {"pictures_of_label": counts}},
        calibration=even_calibration(2, ["c000"]),
    )
    text = card_of(path)
    assert "|---|---|\n| c056 | 1 |\n| c055 | 2 |\n" in text
    assert "and 7 labels with as many or more." in text
    assert "c012 and 44 more." in text


def test_a_file_that_is_no_classifier_has_no_card(tmp_path):
    path = tmp_path / "other.onnx"
    path.write_bytes(classifier_model(tmp_path).SerializeToString())
    with pytest.raises(UnusableModel, match=r"other\.onnx: .*not one made by"):
        write_card(path)
    odd = {"training": {"held_out": {"pictures": 3}}}
    path.write_bytes(record_of(facts=odd).written_to(path.read_bytes()))
    with pytest.raises(UnusableModel, match=r"other\.onnx: no card, its facts are odd"):
        write_card(path)
    assert not (tmp_path / "other.md").exists()


# Pictures


def pixels(path: str) -> np.ndarray:
    found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return found


def test_pictures_are_pngs_of_some_size_with_something_on_them(made):
    paths = plot_paths(made.model)
    assert not os.path.exists(paths["epochs"])
    for what in ("learning", "confusion"):
        height, width, _ = pixels(paths[what]).shape
        assert min(height, width) >= 450
        assert np.ptp(pixels(paths[what])) == 255


def test_pictures_of_an_earlier_classifier_go(made, tmp_path):
    paths = plot_paths(tmp_path / "m.onnx")
    for path in paths.values():
        Path(path).write_bytes(b"of an earlier one")
    written = write_plots(tmp_path / "m.onnx", made.report)
    assert written == [paths["learning"], paths["confusion"]]
    assert not os.path.exists(paths["epochs"])
    assert pixels(paths["confusion"]).size


def with_names(report: TrainingReport, names: list[str]) -> TrainingReport:
    labels = tuple(Label(name) for name in names)
    record = ClassifierRecord(labels, report.record.preprocessing)
    return replace(report, labels=labels, record=record)


@pytest.mark.parametrize(
    "names",
    [
        ["under $5", r"$\bad$", "100% _x^y_"],
        ["two\nlines", "\x1b[31mred", "\udcff"],
        ["奶酪", "чай", "Käse"],
        ["a very long name of a category that goes on and on " * 2, "b", "c"],
    ],
)
def test_names_are_shown_as_they_are_whatever_they_are(made, tmp_path, names):
    written = write_plots(tmp_path / "m.onnx", with_names(made.report, names))
    assert [os.path.basename(path) for path in written] == ["m-learning.png", "m-confusion.png"]
