"""Many pictures to one file of vectors: killed, gone on with, damaged, in use."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpsearch import ledger
from kpsearch.comparison import read_embeddings
from kpsearch.embedding import Embedder, embed_pictures
from kpsearch.embedding.archive import write_embeddings
from kpsearch.embedding.stash import Stash
from kpsearch.errors import IndexLocked, KpsearchError, WrongFolder
from kpsearch.images import read_image
from kpsearch.ledger import COMMIT_ROWS
from kpsearch.options import EmbeddingFacts, EmbeddingOptions
from tests.models import CHANNELS, channel_means, convolution, save
from tests.textures import textured

PICTURES = 3 * COMMIT_ROWS
KILLED_AFTER = 2 * COMMIT_ROWS + 9
KILLED = """
import os, signal, sys
from kpsearch.embedding import embed_pictures

def progress(stage, done, total):
    if (stage, done) == (sys.argv[1], int(sys.argv[2])):
        os.kill(os.getpid(), signal.SIGKILL)

embed_pictures(sys.argv[5:], sys.argv[3], sys.argv[4], progress=progress)
"""


def write_picture(path: Path, seed: int) -> str:
    path.write_bytes(cv2.imencode(".png", textured(seed, 60, 50))[1].tobytes())
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"), convolution())


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    paths = [write_picture(folder / f"{seed:03}.png", seed) for seed in range(PICTURES)]
    (folder / "007.png").write_bytes(b"no picture")
    return paths


@pytest.fixture(scope="module")
def undisturbed(many, model, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "v.npz"
    embed_pictures(many, model, output)
    return output.read_bytes()


@pytest.fixture
def few(tmp_path):
    return [write_picture(tmp_path / f"{seed}.png", seed) for seed in range(5)]


def kill(stage: str, done: int, model: Path, output: Path, paths: list[str]) -> None:
    """A process that embeds, and gets SIGKILL as it reports so much."""
    command = [sys.executable, "-c", KILLED, stage, str(done), model, output, *paths]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not output.exists()


def as_it_is(path: str) -> tuple[str, int, int]:
    facts = os.stat(path)
    return path, facts.st_size, facts.st_mtime_ns


def vectors_in(output: Path) -> dict[str, np.ndarray]:
    with np.load(output, allow_pickle=False) as found:
        names = map(os.fsdecode, found["ids"].tolist())
        return dict(zip(names, found["vectors"], strict=True))


def test_embeddings_come_in_order_and_bad_pictures_are_rejects(model, few, tmp_path):
    Path(few[2]).write_bytes(b"no picture")
    seen = []
    report = embed_pictures(few, model, tmp_path / "v.npz", on_reject=seen.append)
    assert [(reject.path, reject.code) for reject in report.rejects] == [(few[2], "not_an_image")]
    assert (seen, report.embedded, report.resumed) == (report.rejects, 4, 0)
    embedder, found = Embedder(model), vectors_in(tmp_path / "v.npz")
    assert list(found) == [path for path in few if path != few[2]]
    for path, vector in found.items():
        assert np.array_equal(embedder.embed(read_image(path, colour=True)), vector)
    assert not (tmp_path / "v.npz.part").exists()


@pytest.mark.parametrize(
    ("stage", "done", "kept"),
    [("embedding", KILLED_AFTER, 2 * COMMIT_ROWS), ("writing", 100, PICTURES - 1)],
)
def test_a_job_that_is_killed_goes_on_to_the_same_file(
    stage, done, kept, model, many, undisturbed, tmp_path
):
    output = tmp_path / "v.npz"
    kill(stage, done, model, output, many)
    report = embed_pictures(many, model, output)
    assert kept <= report.resumed < PICTURES
    assert (report.embedded, len(report.rejects)) == (PICTURES - 1, 1)
    assert output.read_bytes() == undisturbed
    assert sorted(os.listdir(tmp_path)) == ["v.npz"]


def test_what_changed_after_a_kill_is_embedded_anew(model, many, tmp_path):
    folder = Path(shutil.copytree(Path(many[0]).parent, tmp_path / "many"))
    paths = sorted(str(path) for path in folder.iterdir())
    output = tmp_path / "v.npz"
    kill("embedding", KILLED_AFTER, model, output, paths)
    write_picture(Path(paths[3]), 1000)
    os.utime(paths[4], ns=(1, 1))
    Path(paths[5]).unlink()
    report = embed_pictures(paths, model, output)
    assert 2 * COMMIT_ROWS - 4 <= report.resumed < KILLED_AFTER
    found = vectors_in(output)
    assert np.array_equal(found[paths[3]], Embedder(model).embed(read_image(paths[3], colour=True)))
    assert (paths[5] in found, [r.code for r in report.rejects]) == (
        False,
        ["unreadable", "not_an_image"],
    )
    assert embed_pictures(paths, model, tmp_path / "again.npz").resumed == 0
    assert (tmp_path / "again.npz").read_bytes() == output.read_bytes()


def test_another_model_or_preprocessing_takes_nothing_from_an_earlier_run(
    model, many, undisturbed, tmp_path
):
    output = tmp_path / "v.npz"
    kill("embedding", KILLED_AFTER, model, output, many)
    other = save(tmp_path, convolution(seed=8), "other.onnx")
    for one, options in ((other, None), (model, EmbeddingOptions(crop=None))):
        facts = Embedder(one, options).facts
        with Stash(f"{output}.part", facts) as stash:
            assert not any(stash.key(*picture) in stash for picture in map(as_it_is, many))
    assert embed_pictures(many, model, output).resumed >= 2 * COMMIT_ROWS
    assert output.read_bytes() == undisturbed


def test_a_wrong_folder_stops_the_job_and_costs_nothing_of_what_was_made(model, many, tmp_path):
    output = tmp_path / "v.npz"
    kill("embedding", KILLED_AFTER, model, output, many)
    with pytest.raises(WrongFolder, match=r"1000 of the first 1000 .* wrong folder"):
        embed_pictures([f"/none/{number}" for number in range(1200)], model, output)
    with pytest.raises(KpsearchError, match="none of 1 files is a usable picture"):
        embed_pictures(["/none"], model, output)
    with pytest.raises(KpsearchError, match="no picture found"):
        embed_pictures([], model, output)
    assert embed_pictures(many, model, output).resumed >= 2 * COMMIT_ROWS


def test_without_a_picture_no_file_is_left(model, tmp_path):
    with pytest.raises(KpsearchError, match="nothing to embed"):
        embed_pictures(["/none"], model, tmp_path / "v.npz")
    assert os.listdir(tmp_path) == []


def test_a_file_of_another_kind_in_the_way_is_named_and_stays(model, few, tmp_path):
    part = tmp_path / "v.npz.part"
    part.write_bytes(b"my notes" * 100)
    with pytest.raises(KpsearchError, match=r"v\.npz\.part: is not what an earlier run left"):
        embed_pictures(few, model, tmp_path / "v.npz")
    assert part.read_bytes() == b"my notes" * 100


def test_two_runs_for_one_file_exclude_each_other(model, few, tmp_path):
    facts = Embedder(model).facts
    with (
        Stash(tmp_path / "v.npz.part", facts),
        pytest.raises(IndexLocked, match=r"v\.npz\.part: another run is at work on it"),
    ):
        embed_pictures(few, model, tmp_path / "v.npz")


def test_a_place_where_nothing_can_be_kept_is_named(model, few, tmp_path):
    (tmp_path / "v.npz.part").mkdir()
    with pytest.raises(KpsearchError, match=r"v\.npz\.part: cannot be opened or made; "):
        embed_pictures(few, model, tmp_path / "v.npz")


def test_what_slow_pictures_gave_is_confirmed_by_time(model, few, tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "COMMIT_SECONDS", 0.0)
    facts = Embedder(model).facts
    with Stash(tmp_path / "a.part", facts) as stash:
        key = stash.key(*as_it_is(few[0]))
        stash.add(key, np.zeros(CHANNELS, np.float32))
        shutil.copy(tmp_path / "a.part", tmp_path / "b.part")  # what a kill would leave
        with Stash(tmp_path / "b.part", facts) as copy:
            assert key in copy


def test_what_another_job_had_done_is_kept_for_it(model, many, undisturbed, tmp_path):
    output = tmp_path / "v.npz"
    kill("embedding", KILLED_AFTER, model, output, many)
    report = embed_pictures(many[:2], model, output)
    assert (report.embedded, report.resumed) == (2, 2)
    assert report.unfinished >= 2 * COMMIT_ROWS - 3
    report = embed_pictures(many, model, output)
    assert report.resumed >= 2 * COMMIT_ROWS - 1
    assert report.unfinished == 0
    assert output.read_bytes() == undisturbed
    assert sorted(os.listdir(tmp_path)) == ["v.npz"]


def test_a_picture_that_the_model_makes_nothing_of_is_a_reject(few, tmp_path):
    model = save(tmp_path, channel_means(["n", 3, 16, 16]), "means.onnx")
    black = cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1]
    Path(few[1]).write_bytes(black.tobytes())
    options = EmbeddingOptions(mean=(0, 0, 0), std=(1, 1, 1), scale=1.0)
    report = embed_pictures(few, model, tmp_path / "v.npz", options)
    assert [(reject.path, reject.code) for reject in report.rejects] == [
        (few[1], "embedding_failed")
    ]
    assert "nothing but zeros" in report.rejects[0].text
    assert all(vector.any() for vector in vectors_in(tmp_path / "v.npz").values())


def test_a_vector_of_a_wrong_length_is_damage(model, few, tmp_path):
    output = tmp_path / "v.npz"
    facts = Embedder(model).facts
    with Stash(f"{output}.part", facts) as stash:
        for picture in map(as_it_is, few):
            stash.add(stash.key(*picture), np.zeros(CHANNELS - 1, np.float32))
    with pytest.raises(KpsearchError, match=r"v\.npz\.part: is damaged"):
        embed_pictures(few, model, output)
    assert not output.exists()


def test_the_file_is_plain_numpy_as_savez_writes_it(model, tmp_path):
    rng = np.random.default_rng(0)
    ids = ["/a.png", "/\udcff.png", "/über/ü.png"]
    vectors = rng.normal(size=(3, CHANNELS)).astype(np.float32)
    facts = EmbeddingFacts("/m.onnx", "00", CHANNELS, EmbeddingOptions())
    write_embeddings(tmp_path / "v.npz", ids, iter(vectors), facts)
    with np.load(tmp_path / "v.npz", allow_pickle=False) as read:
        arrays = dict(read)
    assert [os.fsdecode(name) for name in arrays["ids"].tolist()] == ids
    assert (arrays["vectors"].dtype, arrays["vectors"].tolist()) == (np.float32, vectors.tolist())
    assert json.loads(str(arrays["meta"]))["dimensions"] == CHANNELS
    np.savez(tmp_path / "numpy.npz", **arrays)
    assert (tmp_path / "numpy.npz").read_bytes() == (tmp_path / "v.npz").read_bytes()


def test_the_file_is_one_that_compare_reads(model, few, tmp_path):
    embed_pictures(few, model, tmp_path / "v.npz")
    found = read_embeddings(str(tmp_path / "v.npz"))
    assert (list(found.ids), found.vectors.shape) == (few, (len(few), CHANNELS))


def test_the_stash_is_what_sqlite_calls_whole_after_a_kill(model, many, tmp_path):
    kill("embedding", KILLED_AFTER, model, tmp_path / "v.npz", many)
    connection = sqlite3.connect(tmp_path / "v.npz.part")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        connection.close()
