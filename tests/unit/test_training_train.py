"""Training from pictures to a file, its card and its pictures, and the calibration of it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from kpsearch.categories import Classifier, ClassifierRecord, Label
from kpsearch.errors import NotInstalled, UnusableModel, UsageError
from kpsearch.images import read_image
from kpsearch.training import (
    LabelledPicture,
    TrainingOptions,
    read_labels,
    train_categories,
    write_card,
)
from kpsearch.training.plots import write_plots
from tests.built_classifiers import backbone_file, write_folders, write_picture
from tests.trained import EACH, HUES, OTHERS


def test_it_says_what_it_was_given_and_what_it_made_of_it(made):
    report = made.report
    assert (report.pictures, report.unlabelled) == (3 * EACH, OTHERS)
    assert [str(label) for label in report.labels] == ["blue", "green", "red"]
    assert [os.path.basename(reject.path) for reject in report.rejects] == ["bad.png"]
    assert report.few == {}
    assert report.judged.accuracy > 0.8
    assert report.confusion().sum() == len(report.judged.truth)
    assert report.seconds.keys() == {"features", "judging", "fitting"}


def test_the_file_tells_new_pictures_apart_and_any_engine_runs_it(made):
    folder, report = made.folder, made.report
    classifier = Classifier(made.model)
    assert (classifier.labels, classifier.calibration) == (report.labels, None)
    for category, hue in HUES.items():
        path = write_picture(folder / "new" / f"{category}.png", hue, 900)
        said = classifier.predict(read_image(path, colour=True))
        assert classifier.categories[said.by_category.argmax()] == category
    model = onnx.load(folder / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [output.name for output in model.graph.output] == ["features", "logits"]


def test_the_same_again_is_the_same_file_but_for_its_date(made, tmp_path):
    shutil.copy(f"{made.model}.features", tmp_path / "m.onnx.features")
    steps: list[str] = []
    train_categories(
        made.pictures,
        tmp_path / "m.onnx",
        made.options,
        progress=lambda stage, *_: steps.append(stage),
    )
    first, second = (dated(path) for path in (made.model, tmp_path / "m.onnx"))
    assert first == second
    assert set(steps) == {"looking at pictures", "judging by held-out pictures"}


def dated(path: Path) -> bytes:
    """A classifier's file as if made at another time."""
    record = ClassifierRecord.read_from(str(path), path.read_bytes())
    facts = {"training": {**record.facts["training"], "made": "then"}}
    return replace(record, facts=facts).written_to(path.read_bytes())


def test_what_is_on_its_card_is_in_its_file(made):
    training = ClassifierRecord.read_from("m", made.model.read_bytes()).facts["training"]
    assert training["pictures_of_label"] == {"blue": EACH, "green": EACH, "red": EACH}
    assert (training["rejected"], training["unlabelled"]) == (1, OTHERS)
    assert training["unlabelled_taken"] == made.report.taken
    assert training["backbone"]["name"] == "backbone"
    assert len(training["held_out"]["learning_curve"]) == 3
    json.dumps(training, allow_nan=False)


@pytest.mark.parametrize(
    ("labels", "said"),
    [([], "0 pictures of 0 categories"), ([Label("a"), Label("a"), None], "3 pictures of 1 categ")],
)
def test_fewer_than_two_labels_teach_nothing(tmp_path, labels, said):
    pictures = [LabelledPicture(f"{n}.png", label) for n, label in enumerate(labels)]
    with pytest.raises(UsageError, match=said):
        train_categories(pictures, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_pictures_that_cannot_be_read_do_not_count_as_a_category(made, tmp_path):
    write_picture(tmp_path / "a.png", 0.1, 1)
    (tmp_path / "b.png").write_bytes(b"none")
    pictures = [LabelledPicture(str(tmp_path / f"{name}.png"), Label(name)) for name in "ab"]
    with pytest.raises(UsageError, match="can be read are only of 'a'; two categories at least"):
        train_categories(pictures, tmp_path / "m.onnx", made.options)
    assert not (tmp_path / "m.onnx").exists()


def test_a_picture_a_category_is_learned_though_nothing_can_be_held_out(made, tmp_path):
    write_folders(tmp_path / "p", HUES, each=1)
    report = train_categories(read_labels(str(tmp_path / "p")), tmp_path / "m.onnx", made.options)
    assert (report.few, report.learning_curve) == ({"blue": 1, "green": 1, "red": 1}, [])
    assert write_plots(tmp_path / "m.onnx", report) == []
    held_out = report.record.facts["training"]["held_out"]
    assert (held_out["pictures"], held_out["accuracy"]) == (0, None)
    card = Path(write_card(tmp_path / "m.onnx")).read_text()
    assert "None could be held out" in card


def test_a_backbone_that_cannot_be_run_is_named_before_any_picture_is_read(tmp_path):
    """A Reshape to what no picture of this size has."""
    model = onnx.load(backbone_file(tmp_path))
    model.graph.node[4].CopyFrom(onnx.helper.make_node("Reshape", ["mean", "s"], ["vector"]))
    shape = onnx.numpy_helper.from_array(np.array([-1, 7]), "s")
    model.graph.initializer.append(shape)
    path = tmp_path / "odd.onnx"
    path.write_bytes(model.SerializeToString())
    pictures = [LabelledPicture(f"{name}.png", Label(name)) for name in "ab"]
    with pytest.raises(UnusableModel, match=r"odd\.onnx: "):
        train_categories(pictures, tmp_path / "m.onnx", TrainingOptions(weights=str(path)))


def test_without_torch_the_extra_is_named_before_any_picture_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    pictures = [LabelledPicture(f"{name}.png", Label(name)) for name in "ab"]
    with pytest.raises(NotInstalled, match=r"fine-tuning needs torch: .*kpsearch\[finetune\]"):
        train_categories(pictures, tmp_path / "m.onnx", finetune=object())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("views", [(), (0.0,), (1.2,), (float("nan"),)])
def test_views_are_shares(views):
    with pytest.raises(UsageError, match="a view shows a share"):
        TrainingOptions(views=views)


KILLED = """
import os, signal, sys
from kpsearch import ledger
from kpsearch.training import TrainingOptions, read_labels, train_categories

def die_after(stage, done, total):
    if (stage, done) == ("looking at pictures", 20):
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    ledger.COMMIT_ROWS = 4
    folder, output, weights = sys.argv[1:]
    train_categories(
        read_labels(folder), output, TrainingOptions(weights=weights), progress=die_after
    )
"""


def test_a_training_that_was_killed_goes_on_and_the_old_file_is_whole(made, tmp_path):
    folder, options = made.folder, made.options
    output = Path(shutil.copy(made.model, tmp_path / "m.onnx"))
    before = output.read_bytes()
    script = tmp_path / "train.py"
    script.write_text(KILLED)
    command = [sys.executable, script, folder / "pictures", output, str(options.weights)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    assert output.read_bytes() == before
    with sqlite3.connect(f"{output}.features") as kept:
        ((known,),) = kept.execute("SELECT COUNT(*) FROM vectors")
    assert 16 <= known <= 20
    report = train_categories(read_labels(str(folder / "pictures")), output, options)
    assert report.pictures == 3 * EACH
    assert output.read_bytes() != before
    assert Classifier(output).labels == report.labels
    assert not list(tmp_path.glob("*.new"))


def test_pictures_of_validation_that_are_trained_on_are_refused(made, tmp_path):
    copied = shutil.copy(made.pictures[0].path, tmp_path / "renamed.png")
    validation = [LabelledPicture(copied, made.pictures[0].label)]
    with pytest.raises(UsageError, match="1 of its 1 pictures are among those trained on"):
        train_categories(made.pictures, tmp_path / "m.onnx", made.options, validation=validation)


def test_labels_of_one_category_are_refused(made, tmp_path):
    pictures = [LabelledPicture(path, Label("fruit", str(label))) for path, label in made.pictures]
    with pytest.raises(UsageError, match="of 1 categories: a classifier tells two apart"):
        train_categories(pictures, tmp_path / "m.onnx", made.options)
