"""From pictures to an index to answers, as a user types it; one process for all, for speed."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from kpsearch import __version__
from kpsearch.cli import main
from kpsearch.evaluation import read_run
from kpsearch.index import Snapshot
from tests.textures import flat, textured


def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(main, [os.fspath(a) for a in arguments], env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def done(*arguments: object, env: dict[str, str] | None = None) -> str:
    """What a command prints that succeeds and has nothing to complain of."""
    result = run(*arguments, env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def save(path: Path, pixels) -> Path:
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


@pytest.fixture(scope="module")
def photos(catalogue):
    """Photos of packs 0-8, and of a stranger, with the pack each shows."""
    rows = [line.split(",") for line in (catalogue / "manifest.csv").read_text().splitlines()[1:]]
    return {str(catalogue / row[0]): row[1] for row in rows if row[3] == "query"}


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(3):
        save(folder / f"{seed}.png", textured(seed, 140, 100))
    return folder


def test_a_photo_finds_its_pack_and_a_stranger_none(photos, catalogue_index):
    lines = done("query", "-i", catalogue_index, "--json", *photos).splitlines()
    assert len(lines) == len(photos) == 4
    for line, (photo, instance) in zip(lines, photos.items(), strict=True):
        answer = json.loads(line)
        assert answer["query"] == photo
        assert answer["no_match"] is instance.startswith("stranger")
        if not answer["no_match"]:
            assert instance in answer["hits"][0]["image"]


def test_an_answer_has_the_same_fields_verified_or_not(photos, catalogue_index):
    lines = done("query", "-i", catalogue_index, "--json", *photos).splitlines()
    parts = {"query", "pictures", "hits", "no_match", "no_features", "warnings", "timings_ms"}
    hits = []
    for answer in map(json.loads, lines):
        assert set(answer) == parts
        assert set(answer["timings_ms"]) >= {"read", "extract", "quantise", "score", "verify"}
        assert [hit["rank"] for hit in answer["hits"]] == list(range(1, len(answer["hits"]) + 1))
        hits += answer["hits"]
    assert {hit["verified"] for hit in hits} == {True, False}
    fields = (
        "rank image id category score confidence inliers effective_inliers verified picture "
        "mirrored via region query_region transform"
    )
    for hit in hits:
        assert set(hit) == set(fields.split())
        assert isinstance(hit["id"], int)
        assert os.path.isabs(hit["image"])
        geometry = (hit["region"], hit["query_region"], hit["transform"])
        assert {part is not None for part in geometry} == {hit["verified"]}
        if hit["verified"]:
            assert [len(row) for row in hit["transform"]] == [3, 3, 3]
            assert all(len(point) == 2 for point in hit["region"] + hit["query_region"])


def test_the_hits_shown_are_as_many_as_asked_for(photos, catalogue_index):
    photo = next(iter(photos))
    full = json.loads(done("query", "-i", catalogue_index, "--json", photo))["hits"]
    two = json.loads(done("query", "-i", catalogue_index, "--json", "-n", "2", photo))["hits"]
    assert two == full[:2]


def test_without_verification_nothing_is_verified(photos, catalogue_index):
    photo, instance = next(iter(photos.items()))
    answer = json.loads(done("query", "-i", catalogue_index, "--json", "--no-verify", photo))
    assert instance in answer["hits"][0]["image"]
    assert not any(hit["verified"] for hit in answer["hits"])
    assert "verify" not in answer["timings_ms"]
    confidences = [hit["confidence"] for hit in answer["hits"]]
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[0] > 0.5
    assert not answer["no_match"]


def test_a_region_is_searched_alone(catalogue, catalogue_index, tmp_path):
    both = [cv2.imdecode(_bytes(catalogue / f"catalogue/item-00000{n}.jpg"), 1) for n in (0, 6)]
    right = cv2.resize(both[1], both[0].shape[1::-1])
    width, height = right.shape[1], right.shape[0]
    pair = save(tmp_path / "pair.png", cv2.hconcat([both[0], right]))
    ask = ["query", "-i", catalogue_index, "--json", pair]
    answer = json.loads(done(*ask, "--roi", f"{width},0,{width},{height}"))
    assert "item-000006" in answer["hits"][0]["image"]
    assert min(x for x, _ in answer["hits"][0]["query_region"]) > width - 20
    outside = run(*ask, "--roi", f"0,0,{width * 2 + 1},{height}")
    assert (outside.exit_code, outside.stdout) == (2, "")
    assert "is not inside the picture" in outside.stderr


def _bytes(path: Path):
    import numpy as np

    return np.frombuffer(path.read_bytes(), np.uint8)


def test_explaining_lists_every_stage(photos, catalogue_index):
    photo = next(iter(photos))
    stages = ["read", "extract", "quantise", "score", "verify", "report"]
    answer = json.loads(done("query", "-i", catalogue_index, "--json", "--explain", photo))
    assert list(answer["explain"]) == list(answer["timings_ms"]) == stages
    text = done("query", "-i", catalogue_index, "--explain", photo)
    assert all(f"\n{stage} " in text for stage in stages)


def test_drawing_writes_a_page_and_says_where(photos, catalogue_index, tmp_path):
    photo = next(iter(photos))
    folder = tmp_path / "drawn"
    result = run("query", "-i", catalogue_index, "--json", "-n", "2", "--draw", folder, photo)
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)["hits"]) == 2
    page = next(folder.glob("*.html"))
    assert str(page) in result.stderr
    assert any(path.suffix in {".jpg", ".png"} for path in folder.rglob("*"))


def test_the_text_of_an_answer_says_what_it_means(photos, catalogue_index, tmp_path):
    *known, stranger = photos
    assert re.search(r": \d match", done("query", "-i", catalogue_index, known[0]))
    assert "no match: no hit is likely right" in done("query", "-i", catalogue_index, stranger)
    blank = save(tmp_path / "flat.png", flat())
    assert "no_features" in done("query", "-i", catalogue_index, blank)
    answer = json.loads(done("query", "-i", catalogue_index, "--json", blank))
    assert (answer["no_features"], answer["hits"]) == (True, [])


def test_a_bad_query_does_not_stop_the_others(photos, catalogue_index, tmp_path):
    (tmp_path / "bad\n.jpg").write_bytes(b"text")
    photo = next(iter(photos))
    asked = [tmp_path / "bad\n.jpg", photo, tmp_path / "missing.jpg"]
    result = run("query", "-i", catalogue_index, "--json", *asked)
    assert result.exit_code == 1
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["query"] for answer in answers] == [str(path) for path in asked]
    assert [answer.get("error", {}).get("code") for answer in answers] == [
        "not_an_image",
        None,
        "unreadable",
    ]
    first, second = result.stderr.splitlines()
    assert first.startswith(f"rejected {tmp_path}/bad\\n.jpg: not_an_image: ")
    assert second.startswith(f"rejected {tmp_path}/missing.jpg: unreadable: ")


def test_the_index_may_come_from_the_environment(photos, catalogue_index):
    photo = next(iter(photos))
    env = {"KPSEARCH_INDEX": str(catalogue_index)}
    from_environment = json.loads(done("query", "--json", photo, env=env))
    assert from_environment["hits"]
    nowhere = run("query", "--json", photo, "-i", catalogue_index / "none", env=env)
    assert (nowhere.exit_code, nowhere.stdout) == (1, "")
    assert "no index here; `kpsearch index" in nowhere.stderr


def test_indexing_reports_what_it_did(pictures, tmp_path):
    (pictures / "bad.jpg").write_bytes(b"text")
    save(pictures / "flat.png", flat())
    command = ["index", pictures, "-i", tmp_path / "index", "-j", "1"]
    result = run(*command, "--json", "--words", "16")
    assert result.exit_code == 0
    assert result.stderr.startswith(f"rejected {pictures}/bad.jpg: not_an_image: ")
    report = json.loads(result.stdout)
    assert (report["added"], report["replaced"], report["unchanged"]) == (4, 0, 0)
    assert report["no_features"] == 1
    assert report["words"] <= 16
    assert [r["code"] for r in report["rejects"]] == ["not_an_image"]
    again = done(*command)
    assert "0 added, 4 unchanged, 1 rejected before" in again
    assert f"committed generation {report['generation']} of {tmp_path / 'index'}" in again


def test_the_same_command_may_be_given_again(pictures, tmp_path):
    command = ["index", pictures, "-i", tmp_path / "index", "-j", "1", "--words", "50"]
    done(*command, "--max-keypoints", "200")
    assert "3 unchanged" in done(*command, "--max-keypoints", "200")
    assert "3 unchanged" in done(*command, "--max-side", "800")


def test_an_index_is_never_begun_among_other_files(pictures):
    before = {path.name: path.read_bytes() for path in pictures.iterdir()}
    (pictures / "segment-one.jpg").write_bytes(b"mine")
    refused = run("index", pictures, "-i", pictures, "-j", "1")
    assert refused.exit_code == 2
    assert "holds other files" in refused.stderr
    assert (pictures / "segment-one.jpg").read_bytes() == b"mine"
    assert all((pictures / name).read_bytes() == content for name, content in before.items())


def test_features_are_chosen_once_for_an_index(pictures, catalogue_index, tmp_path):
    index = tmp_path / "index"
    options = ["--features", "sift", "--max-side", "100", "--max-keypoints", "50"]
    command = ["index", pictures, "-i", index, "-j", "2", "--vocabulary", catalogue_index]
    done(*command, *options)
    facts = json.loads(done("info", "--json", index))
    wanted = {"extractor": "sift", "max_side_px": 100, "max_keypoints": 50}
    assert facts["features"].items() >= wanted.items()
    assert facts["keypoints"] <= 150
    assert facts["vocabulary"] == json.loads(done("info", "--json", catalogue_index))["vocabulary"]
    other = run(*command, "--max-keypoints", "60")
    assert (other.exit_code, other.stdout) == (1, "")
    assert "leave the options out, or make a new index" in other.stderr


def test_rejects_fail_the_command_only_under_strict(pictures, tmp_path, catalogue_index):
    (pictures / "bad.jpg").write_bytes(b"text")
    command = ["index", pictures, "-j", "1", "--vocabulary", catalogue_index]
    assert run(*command, "-i", tmp_path / "lenient").exit_code == 0
    strict = run(*command, "-i", tmp_path / "strict", "--strict")
    assert strict.exit_code == 3
    assert Snapshot.open(tmp_path / "strict").images == 3
    again = run(*command, "-i", tmp_path / "strict", "--strict")
    assert again.exit_code == 3
    assert "1 rejected before" in again.stdout


def test_linked_folders_are_entered_on_demand(pictures, tmp_path, catalogue_index):
    links = tmp_path / "links"
    links.mkdir()
    (links / "there").symlink_to(pictures)
    save(links / "here.png", textured(7, 140, 100))
    command = ["index", links, "-j", "1", "-i", tmp_path / "index", "--vocabulary", catalogue_index]
    assert "1 added" in done(*command)
    assert "3 added" in done(*command, "--follow-links")


def test_info_counts_what_is_there(pictures, tmp_path, catalogue_index):
    (pictures / "bad\x1b.jpg").write_bytes(b"text")
    save(pictures / "flat.png", flat())
    index = tmp_path / "index"
    run("index", pictures, "-i", index, "-j", "1", "--vocabulary", catalogue_index)
    save(pictures / "0.png", textured(9, 140, 100))
    run("index", pictures, "-i", index, "-j", "1")
    facts = json.loads(done("info", index, "--json"))
    counted = {name: facts[name] for name in ("images", "deleted", "no_features", "rejects")}
    assert counted == {"images": 4, "deleted": 1, "no_features": 1, "rejects": 1}
    assert facts["segments"] == facts["generation"] - 1 == 2
    assert facts["bytes"] == Snapshot.open(index).size_bytes
    listed = json.loads(done("info", index, "--json", "--rejects"))["reject_list"]
    assert [item["code"] for item in listed] == ["not_an_image"]
    assert "\\x1b" in done("info", index, "--rejects")


def test_info_knows_a_vocabulary_file(catalogue_index):
    index = json.loads(done("info", catalogue_index, "--json"))
    facts = json.loads(done("info", catalogue_index / index["vocabulary"], "--json"))
    assert facts["words"] == index["words"]
    assert facts["extractor"] == "sift"


@pytest.fixture(scope="module")
def evaluated(catalogue, catalogue_index, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copytree(catalogue_index, folder / "index")
    outputs = ["--json", folder / "result.json", "--run", folder / "run.txt"]
    command = ["evaluate", catalogue / "manifest.csv", "-j", "1", "--index", folder / "index"]
    (folder / "stdout.txt").write_text(done(*command, *outputs))
    return folder


def test_an_evaluation_gives_its_measures_as_json(evaluated, catalogue_index):
    result = json.loads((evaluated / "result.json").read_text())
    assert set(result) >= {"sources", "timings_ms", "bytes_per_image", "options"}
    (source,) = result["sources"].values()
    assert set(source) >= {"queries", "map", "recall_at_1", "recall_at_5", "ns", "no_match"}
    assert source["queries"] == 4
    assert source["recall_at_1"] == 1.0
    snapshot = Snapshot.open(catalogue_index)
    assert result["bytes_per_image"] == pytest.approx(snapshot.size_bytes / 9, rel=0.01)
    assert result["options"]["ap"] == "rectangle"


def test_an_evaluation_prints_a_table(evaluated):
    text = (evaluated / "stdout.txt").read_text()
    assert text.splitlines()[0].split()[:3] == ["source", "queries", "mAP"]
    assert "bytes an image" in text


def test_a_run_ranks_every_query_and_no_other(evaluated, photos):
    found = read_run(str(evaluated / "run.txt"))
    assert set(found) <= set(photos)
    for photo, instance in photos.items():
        if not instance.startswith("stranger"):
            assert instance in found[photo][0][0]


def test_an_evaluation_takes_its_options(catalogue, evaluated, tmp_path):
    command = ["evaluate", catalogue / "manifest.csv", "-j", "1", "--index", evaluated / "index"]
    choices = ["--no-verify", "--ap", "trapezoid", "--scorer", "tfidf"]
    choices += ["--burstiness", "both", "--no-grouping"]
    done(*command, *choices, "--json", tmp_path / "result.json")
    options = json.loads((tmp_path / "result.json").read_text())["options"]
    assert options["ap"] == "trapezoid"
    assert options["search"]["verification"] is None
    scoring = options["search"]["scoring"]
    assert (scoring["scorer"], scoring["burstiness"]) == ("tfidf", "both")
    assert scoring["group_bursts"] is False


@pytest.mark.parametrize("option", ["--scorer", "--burstiness"])
def test_an_unknown_scorer_is_told_before_anything_is_indexed(catalogue, tmp_path, option):
    command = ["evaluate", catalogue / "manifest.csv", "--index", tmp_path / "index"]
    result = run(*command, option, "bm25")
    assert result.exit_code == 2
    assert "'bm25'; known: " in result.stderr
    assert not (tmp_path / "index").exists()


def test_a_result_that_cannot_be_written_is_an_error_not_a_traceback(catalogue, evaluated):
    command = ["evaluate", catalogue / "manifest.csv", "-j", "1", "--index", evaluated / "index"]
    result = run(*command, "--json", evaluated / "missing" / "result.json")
    assert result.exit_code == 2  # before anything is indexed
    assert result.stderr.startswith("kpsearch: ")
    assert str(evaluated / "missing") in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["index"],
        ["index", ".", "--words", "many"],
        ["index", ".", "--words", "0"],
        ["index", ".", "--max-side", "1"],
        ["index", ".", "--words", "20", "--vocabulary", "v.h5"],
        ["index", ".", "--features", "swift"],
        ["query"],
        ["query", "a.jpg", "-n", "0"],
        ["query", "a.jpg", "--roi", "1,2,3"],
        ["query", "a.jpg", "--roi", "1,2,3,-4"],
        ["query", "a.jpg", "b.jpg", "--roi", "1,2,3,4"],
        ["query", "a.jpg", "b.jpg", "--roi", "1,2,3,4", "--together"],
        ["evaluate", "missing.csv", "--ap", "square"],
        ["evaluate", "missing.csv", "--ap", "trapezoid", "--protocol", "metric-learning"],
        ["evaluate", "missing.csv", "--scorer", "asmk", "--burstiness", "both"],
        ["evaluate", "missing.csv", "--embed-size", "224"],
        ["evaluate", "missing.csv", "--json", ""],
        ["evaluate", "missing.csv", "--index", ""],
        ["info"],
        ["unheard-of"],
        ["--unheard-of"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(tmp_path, arguments):
    result = run(*arguments, env={"KPSEARCH_INDEX": str(tmp_path / "index")})
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "missing.csv"],
        ["compare", "missing.trec", "--truth", "missing.csv"],
        ["embed", "missing.onnx", "missing.jpg", "-o", "vectors.npz"],
        ["index", "missing.jpg", "--vocabulary", "missing.h5"],
        ["query", "missing.jpg"],
    ],
)
def test_a_file_that_is_missing_is_a_failure(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, env={"KPSEARCH_INDEX": str(tmp_path / "index")})
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--no-verify", "--verify-for", "20"], "--no-verify and --verify-for exclude each other"),
        (["--no-verify", "--expand"], "expanded by verified hits"),
        (["--fuse", "model.onnx"], "keeps no embeddings to fuse with"),
        (["--fuse", ""], "keeps no embeddings to fuse with"),
    ],
)
def test_an_option_of_a_query_that_would_do_nothing_is_refused(
    photos, catalogue_index, options, words
):
    result = run("query", "-i", catalogue_index, next(iter(photos)), *options)
    assert result.exit_code != 0
    assert (result.stdout, words in result.stderr) == ("", True)


def test_words_may_be_left_to_the_collection(pictures, tmp_path):
    done("index", pictures, "-i", tmp_path / "index", "-j", "1", "--words", "auto")
    assert json.loads(done("info", "--json", tmp_path / "index"))["words"] >= 2


def test_the_version_and_the_help_are_printed():
    assert done("--version") == f"kpsearch, version {__version__}\n"
    text = done("--help")
    assert all(command in text for command in ("index", "query", "evaluate", "info"))


def test_a_damaged_index_is_named_and_exits_7(catalogue_index, photos, tmp_path):
    index = shutil.copytree(catalogue_index, tmp_path / "index")
    segment = next(index.glob("segment-*.h5"))
    segment.write_bytes(segment.read_bytes()[:-1])
    for command in (["query", "-i", index, next(iter(photos))], ["info", index]):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (7, "")
        assert str(segment) in result.stderr
