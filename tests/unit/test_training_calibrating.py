"""A classifier judged by pictures like queries: which ones count, and what is written of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kpsearch.categories import (
    Calibration,
    Classifier,
    ClassifierRecord,
    Label,
    aps_scores,
    prediction_set,
    softmax,
)
from kpsearch.categories.conformal import threshold
from kpsearch.errors import UnusableModel, UsageError
from kpsearch.images import read_image
from kpsearch.training import CalibrationReport, LabelledPicture, calibrate_categories
from kpsearch.training.calibrating import ENOUGH_FOR_TEMPERATURE, _judged
from tests.built_classifiers import FRUIT, classifier_file, record_of, write_picture
from tests.trained import EACH, HUES, Trained


@pytest.fixture
def model(made: Trained, tmp_path):
    """The classifier in a folder of its own."""
    return Path(shutil.copy(made.model, tmp_path / "m.onnx"))


@pytest.fixture(scope="module")
def calibrated(made: Trained, tmp_path_factory):
    """Another copy, calibrated with the queries, and the report of that."""
    path = Path(shutil.copy(made.model, tmp_path_factory.mktemp("calibrated") / "m.onnx"))
    return path, calibrate_categories(path, made.queries(), "queries")


def test_the_scores_are_those_of_the_true_categories_by_the_long_way(made, calibrated):
    path, report = calibrated
    classifier = Classifier(made.model)
    scores = []
    for picture in made.queries():
        said = classifier.predict(read_image(picture.path, colour=True)).by_category
        wanted = classifier.categories.index(picture.label.category)
        scores.append(aps_scores(said[np.newaxis])[0, wanted])
    np.testing.assert_allclose(report.calibration.scores, sorted(scores), atol=1e-5)
    known = Classifier(path).calibration
    np.testing.assert_array_equal(known.scores, report.calibration.scores)
    assert dict(known.counts) == dict.fromkeys(HUES, 12)
    assert (known.n, known.source, report.missing) == (36, "queries", ())


def test_what_is_written_leaves_the_classifier_the_same(made, calibrated):
    path, _ = calibrated
    before, after = Classifier(made.model), Classifier(path)
    assert before.digest == after.digest
    assert after.record.facts["training"] == before.record.facts["training"]
    query = read_image(made.queries()[0].path, colour=True)
    likely = after.predict(query)
    assert prediction_set(after, likely, 0.1)[0] == after.categories[likely.by_category.argmax()]


def test_only_error_rates_that_all_others_can_promise_are_reported_on(calibrated):
    _, report = calibrated
    assert [reached.alpha for reached in report.reached] == [0.05, 0.1]  # 36 pictures
    for reached in report.reached:
        assert reached.coverage >= 1 - reached.alpha - 0.06
        assert 1 <= reached.size <= 3
        assert reached.spread == pytest.approx(np.sqrt(reached.alpha * (1 - reached.alpha) / 38))


def test_pictures_it_was_trained_on_are_left_out_under_any_name(made, model, tmp_path):
    first = made.queries()[:20]
    known = [picture for picture in made.pictures if picture.label][:5]
    copies = [
        LabelledPicture(str(shutil.copy(picture.path, tmp_path / f"{n}.jpeg")), picture.label)
        for n, picture in enumerate(known)
    ]
    report = calibrate_categories(model, [*copies, *first], "q.csv")
    assert (report.trained_on, report.calibration.n) == (5, 20)


def test_where_none_is_left_it_says_why_and_writes_nothing(made, model):
    before = model.read_bytes()
    known = [picture for picture in made.pictures if picture.label]
    others = [LabelledPicture(picture.path, Label("beer")) for picture in made.queries()[:2]]
    bad = sum(picture.path.endswith("bad.png") for picture in known)
    text = (
        rf"q\.csv: none of {len(known) + 2} pictures is left to calibrate with "
        rf"\({3 * EACH} the classifier was trained on; 2 are of categories it does not know; "
        rf"{bad} cannot be read\): take labelled"
    )
    with pytest.raises(UsageError, match=text):
        calibrate_categories(model, [*known, *others], "q.csv")
    assert model.read_bytes() == before


def test_nothing_to_calibrate_with_is_said_as_plainly(model):
    with pytest.raises(UsageError, match=r"q\.csv: none of 0 pictures is left"):
        calibrate_categories(model, [], "q.csv")


def test_unlabelled_unknown_and_bad_pictures_do_not_count_and_are_told(made, model, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"none")
    extra = [
        LabelledPicture(write_picture(tmp_path / "a.png", 0.1, 1), None),
        LabelledPicture(write_picture(tmp_path / "b.png", 0.1, 2), Label("beer")),
        LabelledPicture(write_picture(tmp_path / "c.png", 0.1, 3), Label("beer", "dark")),
        LabelledPicture(str(tmp_path / "bad.png"), Label("red")),
        LabelledPicture(str(tmp_path / "gone.png"), Label("red")),
    ]
    told: list[str] = []
    blue = [picture for picture in made.queries() if picture.label == Label("blue")]
    report = calibrate_categories(
        model, [*extra, *blue], "q.csv", on_reject=lambda reject: told.append(reject.path)
    )
    assert report.unknown == {"beer": 2}
    assert [Path(path).name for path in told] == ["bad.png", "gone.png"]
    assert [reject.path for reject in report.rejects] == told
    assert (dict(report.calibration.counts), report.missing) == ({"blue": 12}, ("green", "red"))


def test_any_number_of_jobs_finds_the_same(made, calibrated, model):
    steps: list[tuple[str, int, int]] = []
    report = calibrate_categories(
        model, made.queries(), "queries", n_jobs=2, progress=lambda *step: steps.append(step)
    )
    np.testing.assert_array_equal(report.calibration.scores, calibrated[1].calibration.scores)
    assert model.read_bytes() == calibrated[0].read_bytes()
    assert steps == [("asking the classifier", n, 36) for n in range(1, 37)]


def test_a_calibration_replaces_the_one_before(made, calibrated, tmp_path):
    path = Path(shutil.copy(calibrated[0], tmp_path / "m.onnx"))
    calibrate_categories(path, made.queries()[:10], "fewer.csv")
    known = Classifier(path).calibration
    assert (known.n, known.source) == (10, "fewer.csv")


def test_a_file_that_is_replaced_meanwhile_is_not_written_to(made, model, tmp_path):
    other = classifier_file(tmp_path, name="other.onnx")

    def replaced(stage: str, done: int, total: int) -> None:
        shutil.copy(other, model)

    with pytest.raises(UnusableModel, match=r"m\.onnx: was replaced meanwhile"):
        calibrate_categories(model, made.queries()[:3], "q.csv", progress=replaced)
    assert model.read_bytes() == other.read_bytes()


def test_a_link_to_a_classifier_stays_a_link(made, model, tmp_path):
    link = tmp_path / "elsewhere" / "link.onnx"
    link.parent.mkdir()
    link.symlink_to(model)
    calibrate_categories(link, made.queries()[:3], "q.csv")
    assert link.is_symlink()
    assert Classifier(model).calibration is not None
    assert [path.name for path in link.parent.iterdir()] == ["link.onnx"]


# What is made of the numbers, without pictures


def drawn(
    pictures: int, labels: tuple[Label, ...], *, sureness: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, list[Label]]:
    """Logits, and labels drawn by their probabilities; then as if ``sureness`` times as sure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (pictures, len(labels)))
    chances = softmax(logits)
    truth = (chances.cumsum(axis=1) < rng.random((pictures, 1))).sum(axis=1)
    return sureness * logits, [labels[i] for i in np.minimum(truth, len(labels) - 1)]


def judged(
    logits: np.ndarray, labels: list[Label], record: ClassifierRecord | None = None
) -> CalibrationReport:
    return _judged(logits, labels, record or record_of(), "q", np.random.default_rng(0))


def test_with_enough_pictures_a_fifth_of_them_finds_the_temperature():
    logits, labels = drawn(4000, FRUIT, sureness=5)
    report = judged(logits, labels)
    assert report.calibration.n == 3200
    assert report.temperature == pytest.approx(5, rel=0.1)
    few = judged(logits[: ENOUGH_FOR_TEMPERATURE - 1], labels[: ENOUGH_FOR_TEMPERATURE - 1])
    assert (few.calibration.n, few.temperature) == (ENOUGH_FOR_TEMPERATURE - 1, 1.0)


def test_pictures_of_a_category_without_its_finer_label_count_for_the_category():
    logits, labels = drawn(400, FRUIT)
    coarse = [Label(label.category) for label in labels]
    report = judged(logits, coarse)
    members = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    said = (softmax(logits) @ members).argmax(axis=1)
    truth = [report.categories.index(label.category) for label in labels]
    assert report.accuracy == np.mean(said == truth)
    finest = [label in FRUIT for label in coarse]
    right = [FRUIT[i] == label for i, label in zip(logits.argmax(axis=1), coarse, strict=True)]
    assert report.label_accuracy == np.mean(np.array(right)[finest])
    fruit_only = judged(logits[:5], [Label("fruit")] * 5)
    assert fruit_only.label_accuracy is None


def test_coverage_and_size_are_those_of_each_label_by_all_others():
    logits, labels = drawn(150, FRUIT)
    report = judged(logits, labels)
    members = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    truth = np.array([report.categories.index(label.category) for label in labels])
    every = aps_scores(softmax(logits) @ members)
    own = every[np.arange(150), truth]
    for reached in report.reached:
        limits = [
            threshold(own[[other != label for other in labels]], reached.alpha) for label in labels
        ]
        assert reached.coverage == np.mean(own <= limits)
        assert reached.size == np.mean([(every[i] <= limits[i]).sum() for i in range(150)])
    assert [reached.alpha for reached in report.reached] == [0.01, 0.02, 0.05, 0.1]


def test_a_label_alone_has_nobody_to_judge_it():
    logits, labels = drawn(40, FRUIT)
    only = [row for row, label in enumerate(labels) if label == FRUIT[2]]
    report = judged(logits[only], [FRUIT[2]] * len(only))
    assert report.reached == []
    assert report.calibration.n == len(only)


def test_a_set_of_other_pictures_is_covered_as_promised():
    logits, labels = drawn(4000, FRUIT, sureness=4)
    report = judged(logits[:1500], labels[:1500])
    record = replace(record_of(), temperature=report.temperature)
    known: Calibration = report.calibration
    truth = [record.categories.index(label.category) for label in labels[1500:]]
    members = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    scores = aps_scores(softmax(logits[1500:] / record.temperature) @ members)
    for alpha in (0.01, 0.05, 0.1):
        covered = np.mean(scores[np.arange(2500), truth] <= known.threshold(alpha))
        assert covered == pytest.approx(1 - alpha, abs=0.025)


def test_the_same_picture_again_is_no_other_witness(made, model, tmp_path):
    queries = made.queries()[:4]
    copies = [
        LabelledPicture(shutil.copy(path, tmp_path / f"{n}-{Path(path).name}"), label)
        for n in range(3)
        for path, label in queries
    ]
    report = calibrate_categories(model, [*queries, *copies], "copies.csv")
    assert (report.calibration.n, report.repeated) == (4, 12)
