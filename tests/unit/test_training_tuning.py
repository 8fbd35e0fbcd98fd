"""Fine-tuning within a training: judged by pictures held out, and kept only where it is better."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")

from kpsearch.categories import Classifier
from kpsearch.cli import main
from kpsearch.errors import UsageError
from kpsearch.training import read_labels, train_categories, write_card
from kpsearch.training.finetuning import FinetuneOptions, Phase
from kpsearch.training.plots import write_plots
from kpsearch.training.trained_on import not_seen
from tests.built_classifiers import write_folders
from tests.trained import HUES

LEARNING = FinetuneOptions(phases=(Phase(1, 2, 0.02),), versions=2)
RUINOUS = FinetuneOptions(phases=(Phase(None, 1, 50.0),), clip_norm=1e9, versions=1)


def weights(path: Path) -> dict[str, np.ndarray]:
    graph = onnx.load(path).graph
    return {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}


def test_what_is_better_on_validation_is_kept_and_the_rest_is_left_as_it_was(made, tmp_path):
    for options in (LEARNING, RUINOUS):
        out = tmp_path / "tuned.onnx"
        report = train_categories(made.pictures, out, made.options, finetune=options)
        tuned = report.fine_tuned
        assert tuned is not None
        assert 0 < tuned.judged_by < len(made.report.judged.truth)
        before, after = weights(made.model), weights(out)
        moved = any(not np.array_equal(before[name], after[name]) for name in before)
        assert moved == tuned.better == (tuned.after.loss < tuned.before.loss)
        facts = Classifier(out).record.facts["training"]["fine_tuning"]
        assert facts["kept"] == tuned.better
        assert len(facts["epochs"]) == len(tuned.course.curves)


def test_the_card_and_the_plots_tell_of_it(made, tmp_path):
    out = tmp_path / "tuned.onnx"
    report = train_categories(made.pictures, out, made.options, finetune=LEARNING)
    assert str(tmp_path / "tuned-epochs.png") in write_plots(out, report)
    card = Path(write_card(out)).read_text()
    assert "| fine-tuned | " in card
    assert "pictures of validation: " in card
    assert "tuned-epochs.png" in card


def test_pictures_of_validation_judge_and_are_remembered(made, tmp_path):
    out, others = tmp_path / "tuned.onnx", write_folders(tmp_path / "v", HUES, each=3, first=300)
    validation = read_labels(str(others))
    report = train_categories(
        made.pictures, out, made.options, finetune=LEARNING, validation=validation
    )
    assert report.fine_tuned is not None
    assert report.fine_tuned.judged_by == 9
    seen = Classifier(out).record.facts["training"]["trained_on"]
    assert not any(not_seen([picture.path for picture in validation], seen))


def test_nothing_to_judge_by_is_refused(made, tmp_path):
    pictures = read_labels(str(write_folders(tmp_path / "p", HUES, each=1)))
    with pytest.raises(UsageError, match="nothing can be held out"):
        train_categories(pictures, tmp_path / "m.onnx", made.options, finetune=LEARNING)
    assert not (tmp_path / "m.onnx").exists()


def test_the_command_says_whether_it_helped(made, tmp_path, capsys):
    command = ["train-categories", str(made.folder / "pictures"), "-o", str(tmp_path / "m.onnx")]
    command += ["--weights", str(made.folder / "backbone.onnx"), "--finetune", "--blocks", "1"]
    command += ["--epochs", "1", "--attention", "--no-flip", "--json"]
    main(command, standalone_mode=False)
    said = json.loads(capsys.readouterr().out)["fine_tuning"]
    assert not said["kept"] or said["after"]["loss"] <= said["before"]["loss"]
    assert len(said["epochs"]) == 2
