"""``kpsearch compare`` from files to table, JSON, plots and page."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from kpsearch.cli import main
from kpsearch.evaluation import read_run
from kpsearch.images import read_image
from tests.comparisons import small_truth, write_trec
from tests.textures import textured
from tests.unit.test_report_page import Page

ITEMS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A truth with its pictures, a run that is right but once, and embeddings that are not."""
    folder = tmp_path_factory.mktemp("compare")
    manifest = small_truth(folder, ITEMS)
    for name in ("cat", "photo"):
        (folder / name).mkdir()
    for item in range(ITEMS):
        for path in (f"cat/{item}.jpg", f"photo/q{item}.jpg"):
            picture = cv2.imencode(".jpg", textured(item, 160, 120))[1]
            (folder / path).write_bytes(picture.tobytes())
    rankings = {f"q{item}": [str(item), str((item + 1) % ITEMS)] for item in range(ITEMS - 1)}
    write_trec(folder / "good.trec", rankings)
    (folder / "good.json").write_text('{"timings_ms": {"all": 20}, "bytes_per_image": 1000}')
    ids = [f"cat/{n}.jpg" for n in range(ITEMS)] + [f"photo/q{n}.jpg" for n in range(ITEMS)]
    vectors = np.vstack([np.eye(ITEMS), np.roll(np.eye(ITEMS), 1, axis=0)]) + 0.1
    vectors[-1] = vectors[ITEMS - 1]  # the query that the run lacks is right here
    np.savez(folder / "deep.npz", ids=np.array(ids), vectors=vectors.astype(np.float32))
    assert manifest.name == "manifest.csv"
    return folder


def compare(folder, *arguments: object) -> Result:
    texts = [os.fspath(argument) for argument in arguments]
    truth = ["--truth", str(folder / "manifest.csv"), "--resamples", "200"]
    result = CliRunner().invoke(main, ["compare", *texts, *truth])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_table_has_a_row_a_run_and_source(folder):
    result = compare(folder, folder / "good.trec", folder / "deep.npz")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    starts = [line.split()[0] for line in lines if line[:1].isalpha() or line[:1] == "("]
    assert starts[:4] == ["source", "even", "odd", "(all)"]
    assert "0.833" in lines[6]
    assert "20.0" in lines[6]
    assert "deep" in lines[7]
    assert "0.167" in lines[7]
    assert "24" in lines[7]
    assert "good: 1 queries without a hit in it" not in result.stdout
    assert "q5.jpg" in result.stderr


def test_json_has_the_figures_their_intervals_and_p_values(folder):
    result = compare(
        folder, "a=" + str(folder / "good.trec"), "b=" + str(folder / "deep.npz"), "--json"
    )
    found = json.loads(result.stdout)
    assert found["baseline"] == "a"
    assert found["runs"]["a"]["milliseconds"] == 20
    assert found["runs"]["a"]["missing_queries"] == [str(folder / "photo/q5.jpg")]
    assert found["runs"]["b"]["bytes_per_image"] == 4 * ITEMS
    last = found["standings"][-1]
    assert (last["run"], last["source"], last["queries"]) == ("b", None, ITEMS)
    recall = last["measures"]["recall@1"]
    assert recall["value"] == pytest.approx(1 / ITEMS)
    assert recall["low"] is recall["high"] is None  # of six items
    difference = last["against_baseline"]["differences"]["recall@1"]
    assert difference["value"] == pytest.approx(-4 / ITEMS)
    # Five wins of the baseline, one of the other: 2 · (1 + 6) / 2^6.
    assert last["against_baseline"]["p_values"]["recall@1"]["raw"] == pytest.approx(14 / 64)


def test_the_same_seed_gives_the_same_figures(folder):
    runs = (folder / "good.trec", folder / "deep.npz", "--json")
    assert compare(folder, *runs).stdout == compare(folder, *runs).stdout


def test_fused_runs_take_part_and_can_be_written(folder, tmp_path):
    out = tmp_path / "fused.trec"
    result = compare(
        folder,
        folder / "good.trec",
        folder / "deep.npz",
        *("--fuse", "both=good+deep", "--fuse", "sums=good+both:calibrated"),
        *("--write-run", f"both={out}", "--baseline", "deep", "--json"),
    )
    found = json.loads(result.stdout)
    assert list(found["runs"]) == ["good", "deep", "both", "sums"]
    assert found["baseline"] == "deep"
    assert found["runs"]["both"]["bytes_per_image"] == 1000 + 4 * ITEMS
    assert len(read_run(str(out))) == ITEMS
    again = json.loads(compare(folder, out, "--json").stdout)
    whole = [s["measures"] for s in found["standings"] if s["run"] == "both"][-1]
    assert again["standings"][-1]["measures"]["mAP"]["value"] == whole["mAP"]["value"]


def plotted(folder, target):
    pytest.importorskip("matplotlib")
    odd = f"a$_{{x}}$<b>={folder / 'good.trec'}"  # mathematics, were it let
    assert compare(folder, odd, folder / "deep.npz", "--plots", target).exit_code == 0
    return target


@pytest.fixture(scope="module")
def plots(folder, tmp_path_factory):
    return plotted(folder, tmp_path_factory.mktemp("plots"))


def test_plots_are_pictures(plots):
    stems = {"precision-recall", "recall-at-k", "one-threshold", "accuracy-time", "accuracy-bytes"}
    names = {stem + ending for stem in stems for ending in (".svg", ".png")}
    assert set(os.listdir(plots)) == names
    for name in names:
        if name.endswith(".png"):
            assert read_image(plots / name).size.width > 600


def test_plots_are_the_same_for_the_same_runs(folder, plots, tmp_path):
    again = plotted(folder, tmp_path)
    for name in os.listdir(plots):
        assert (again / name).read_bytes() == (plots / name).read_bytes()


def test_plots_without_matplotlib_say_what_to_install(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = compare(folder, folder / "good.trec", "--plots", tmp_path / "plots")
    assert result.exit_code == 2
    assert "pip install 'kpsearch[plots]'" in result.stderr
    assert compare(folder, folder / "good.trec", "--html", tmp_path / "page").exit_code == 0
    assert "kpsearch[plots]" in Page(tmp_path / "page" / "index.html").text


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory) -> tuple[Page, str]:
    target = tmp_path_factory.mktemp("page")
    hostile = f"<b onclick>'&={folder / 'deep.npz'}"
    result = compare(folder, folder / "good.trec", hostile, "--html", target, "--examples", "2")
    assert result.exit_code == 0
    return Page(target / "index.html"), str(target)


def test_the_page_shows_wins_and_losses_with_pictures(page):
    shown, target = page
    assert "1 better" in shown.text
    assert "5 worse" in shown.text
    assert len(shown.all("article")) == 1 + 2
    for image in shown.all("img"):
        assert os.path.exists(os.path.join(target, image["src"]))
        if image["src"].endswith(".jpg"):
            size = read_image(os.path.join(target, image["src"])).size
            assert (int(image["width"]), int(image["height"])) == size
    marks = [mark["aria-label"] for mark in shown.all("span", role="img")]
    assert {"a right item", "another item"} <= set(marks)


def test_the_page_loads_nothing_and_takes_no_name_for_html(page):
    shown, _ = page
    tags = {tag for tag, _ in shown.tags}
    assert not {"script", "link", "iframe", "object", "base"} & tags
    assert not any("onclick" in attributes for _, attributes in shown.tags)
    assert "<b onclick>'&" in shown.text
    assert not re.search(r"https?:|@import|url\(", shown.source)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["{f}/good.trec", "{f}/good.trec"], "two runs are called 'good'"),
        (["{f}/good.trec", "--baseline", "x"], "no run 'x' to be the baseline; there is good"),
        (["{f}/good.trec", "--distance", "x=l2"], "--distance x=...: no run is called so"),
        (["{f}/good.trec", "--distance", "l1"], "--distance l1: say cosine or l2"),
        (["{f}/good.trec", "--facts", "x:ms=1"], "no run is called 'x'"),
        (["{f}/good.trec", "--fuse", "good=good+b"], "there is a run 'good'"),
        (["{f}/good.trec", "--write-run", "x=y"], "say NAME=FILE; there is good"),
        (["{f}/good.trec", "--distance", "l2"], "there are no embeddings that it would be of"),
        (["{f}/good.trec", "--distance", "good=l2"], "good is a TREC run, no embeddings"),
        (["{f}/deep.npz", "--distance", "deep=l2", "--distance", "cosine"], "there are no embedd"),
        (["{f}/deep.npz", "--distance", "l2", "--distance", "cosine"], "l2 was said before"),
        (["{f}/deep.npz", "--distance", "=l2"], "name the run before the ="),
        (["{f}/good.trec", "--facts", "good:ms=1", "--facts", "good:ms=2"], "costs of good were"),
        (["{f}/good.trec", ""], "an empty path names no run"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(folder, arguments, complaint):
    result = compare(folder, *(argument.format(f=folder) for argument in arguments))
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["--plots", "--html"])
@pytest.mark.parametrize("place", ["file", "file/below", "file/far/below"])
def test_where_no_folder_can_be_made_is_told_before_the_runs_are_read(tmp_path, option, place):
    pytest.importorskip("matplotlib")
    (tmp_path / "file").write_text("mine")
    small_truth(tmp_path, 2)
    result = compare(tmp_path, tmp_path / "none.trec", option, tmp_path / place)
    assert result.exit_code == 2
    assert f"{place}: {tmp_path}/file is a file; name a folder" in result.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_where_no_run_can_be_written_is_told_before_the_runs_are_read(tmp_path):
    small_truth(tmp_path, 2)
    result = compare(tmp_path, tmp_path / "a.trec", "--write-run", f"a={tmp_path}/no/b.trec")
    assert result.exit_code == 2
    assert "there is no folder" in result.stderr


@pytest.mark.parametrize("target", ["good.trec", "sub/../good.trec", "manifest.csv", "good.json"])
def test_what_is_read_is_not_written_over(folder, tmp_path, target):
    own = Path(shutil.copytree(folder, tmp_path / "own"))
    (own / "sub").mkdir()
    before = (own / target).read_bytes()
    result = compare(own, own / "good.trec", "--write-run", f"good={own}/{target}")
    assert result.exit_code == 2
    assert "the file is read, or written, already" in result.stderr
    assert (own / target).read_bytes() == before


def test_two_runs_are_not_written_to_one_file(folder, tmp_path):
    runs = (folder / "good.trec", folder / "deep.npz")
    (tmp_path / "link").symlink_to(tmp_path)
    outputs = (f"good={tmp_path}/x.trec", f"deep={tmp_path}/link/x.trec")
    result = compare(folder, *runs, "--write-run", outputs[0], "--write-run", outputs[1])
    assert result.exit_code == 2
    assert "written, already" in result.stderr
    assert os.listdir(tmp_path) == ["link"]


def test_the_ids_of_vectors_are_not_written_over(tmp_path):
    small_truth(tmp_path, 2)
    (tmp_path / "v.txt").write_text("0\n")
    result = compare(tmp_path, tmp_path / "v.npy", "--write-run", f"v={tmp_path}/v.txt")
    assert result.exit_code == 2
    assert (tmp_path / "v.txt").read_text() == "0\n"


def test_a_run_of_distances_is_said_on_stderr_and_in_json(folder, tmp_path):
    lines = [
        f"q{n} Q0 {(n + rank) % ITEMS} {rank} {rank}.5 x" for n in range(ITEMS) for rank in range(3)
    ]
    (tmp_path / "far.trec").write_text("\n".join(lines))
    result = compare(folder, tmp_path / "far.trec", "--json")
    assert "far: 6 queries whose scores rise from rank to rank" in result.stderr
    (note,) = json.loads(result.stdout)["runs"]["far"]["notes"]
    assert "of distances write the negative" in note


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("none.trec", None, "none.trec: cannot be read"),
        ("bad.trec", b"1 2 3", "bad.trec:1: 3 fields"),
        ("bad.npz", b"PK", "bad.npz: no embeddings can be read"),
    ],
)
def test_a_run_that_cannot_be_used_is_a_failure_not_bad_usage(
    folder, tmp_path, name, content, complaint
):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = compare(folder, tmp_path / name)
    assert result.exit_code == 1
    assert complaint in result.stderr


def test_a_truth_without_answers_is_named(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,instance,role\na.jpg,a,query\nb.jpg,b,reference\n")
    result = compare(tmp_path, tmp_path / "none.trec")
    assert result.exit_code == 1
    assert "manifest.csv: no query with a relevant reference" in result.stderr


@pytest.fixture
def oxford(tmp_path):
    """Six pictures; the query is the first, the second is junk, the third and fourth are right."""
    for n in range(6):
        (tmp_path / f"p{n}.jpg").write_bytes(b"")
    (tmp_path / "x_1_query.txt").write_text("oxc1_p0 0 0 9 9\n")
    for label, names in (("good", "p0\np2\n"), ("ok", "p3\n"), ("junk", "p1\n")):
        (tmp_path / f"x_1_{label}.txt").write_text(names)
    write_trec(tmp_path / "r.trec", {"p0": ["p1", "p0", "p4", "p2", "p3"]})
    return tmp_path


def test_oxford_is_compared_as_it_is_evaluated(oxford):
    arguments = ["compare", str(oxford / "r.trec"), "--truth", str(oxford), "--json"]
    result = CliRunner().invoke(main, [*arguments, "--layout", "oxford5k", "--resamples", "100"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["protocol"], found["convention"]) == ("oxford", "trapezoid")
    # Without junk: right, wrong, right, right.
    wanted = (1 + (1 / 2 + 2 / 3) / 2 + (2 / 3 + 3 / 4) / 2) / 3
    assert found["standings"][-1]["measures"]["mAP"]["value"] == pytest.approx(wanted)


@pytest.mark.parametrize(("setup", "ap"), [(None, 1.0), ("hard", 1 / 2), ("easy", 1.0)])
def test_the_revisited_setups_are_chosen_by_name(tmp_path, setup, ap):
    for name in ("q", "e", "h", "j", "o"):
        (tmp_path / f"{name}.jpg").write_bytes(b"")
    label = {"bbx": [0, 0, 9, 9], "easy": [0], "hard": [1], "junk": [2]}
    truth = {"imlist": ["e", "h", "j", "o"], "qimlist": ["q"], "gnd": [label]}
    (tmp_path / "gnd_roxford5k.json").write_text(json.dumps(truth))
    hits = ["j", "e", "o", "h"] if setup == "hard" else ["j", "e", "h", "o"]
    write_trec(tmp_path / "r.trec", {"q": hits})
    arguments = ["compare", str(tmp_path / "r.trec"), "--truth", str(tmp_path), "--json"]
    arguments += ["--layout", "roxford5k", "--protocol", "revisited-all", "--ap", "rectangle"]
    arguments += ["--resamples", "100", *(["--setup", setup] if setup else [])]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["setup"] == (setup or "easy")
    assert found["standings"][-1]["measures"]["mAP"]["value"] == ap


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--setup", "easy"], "protocol manifest has no setup 'easy'; known: none"),
        (["--layout", "x"], "x"),
        (["--protocol", "oxford"], "layout manifest has no protocol 'oxford'"),
    ],
)
def test_an_unknown_protocol_or_setup_is_refused(folder, options, complaint):
    result = compare(folder, folder / "good.trec", *options)
    assert result.exit_code == 2
    assert complaint in result.stderr
