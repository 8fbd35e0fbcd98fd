"""Embeddings and fusion as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from kpsearch.cli import main
from kpsearch.embedding import Embedder
from kpsearch.embedding.stash import Stash
from kpsearch.errors import NotInstalled
from kpsearch.images import read_image
from tests.models import CHANNELS, convolution, save
from tests.textures import textured

ADVICE = "deep embeddings need onnxruntime"


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def model(tmp_path):
    return save(tmp_path, convolution())


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(4):
        png = cv2.imencode(".png", textured(seed, 120, 100))[1].tobytes()
        (folder / f"{seed}.png").write_bytes(png)
    return folder


def test_embed_says_that_it_keeps_what_a_larger_job_had_done(model, pictures, tmp_path):
    out, png = tmp_path / "v.npz", pictures / "0.png"
    with Stash(f"{out}.part", Embedder(model).facts) as stash:
        stash.add(stash.key(str(pictures / "1.png"), 1, 1), np.zeros(CHANNELS, np.float32))
    result = run("embed", model, png, "-o", out, "-j", 1)
    assert (result.exit_code, result.stdout) == (0, f"1 embedded; {CHANNELS} dimensions\n")
    assert f"{out}.part stays: it has 1 vectors of pictures" in result.stderr
    assert "stays" not in run("embed", model, pictures, "-o", out, "-j", 1).stderr
    assert not os.path.exists(f"{out}.part")


def test_embed_ends_with_the_status_of_a_lock_where_another_run_is_at_work(
    model, pictures, tmp_path
):
    with Stash(tmp_path / "v.npz.part", Embedder(model).facts):
        assert run("embed", model, pictures, "-o", tmp_path / "v.npz").exit_code == 6


def test_embed_writes_vectors_and_names_what_it_rejects(model, pictures, tmp_path):
    (pictures / "bad.jpg").write_bytes(b"none")
    out = tmp_path / "vectors.npz"
    result = run("embed", model, pictures, "-o", out, "-j", 1, "--mean", "0.5,0.5,0.5")
    assert result.exit_code == 0
    assert result.stdout == f"4 embedded, 1 rejected; {CHANNELS} dimensions\n"
    assert f"rejected {pictures / 'bad.jpg'}: not_an_image" in result.stderr
    with np.load(out) as found:
        expected = [str(pictures / f"{seed}.png") for seed in range(4)]
        assert [os.fsdecode(path) for path in found["ids"].tolist()] == expected
        np.testing.assert_allclose(np.linalg.norm(found["vectors"], axis=1), 1, atol=1e-6)
        assert json.loads(str(found["meta"]))["options"]["mean"] == [0.5, 0.5, 0.5]
    assert run("embed", model, pictures, "-o", out, "-j", 1, "--strict").exit_code == 3


def test_embed_takes_the_pictures_of_a_ground_truth_once_each(model, pictures, tmp_path):
    truth = tmp_path / "truth.csv"
    truth.write_text(
        "path,instance,role\n"
        + "".join(f"pictures/{n}.png,{n % 2},{role}\n" for n, role in enumerate(["both", "query"]))
        + "pictures/2.png,1,train\n"
    )
    out = tmp_path / "vectors.npz"
    run("embed", model, pictures / "1.png", "--truth", truth, "-o", out, "-j", 1)
    with np.load(out) as found:
        assert [Path(os.fsdecode(path)).name for path in found["ids"].tolist()] == [
            "1.png",
            "0.png",
        ]


def test_embed_says_how_much_an_earlier_run_had_done(model, pictures, tmp_path):
    embedder = Embedder(model)
    with Stash(tmp_path / "vectors.npz.part", embedder.facts) as stash:
        for path in map(str, (pictures / "0.png", pictures / "2.png")):
            image = read_image(path, colour=True)
            key = stash.key(path, image.facts.size_bytes, image.facts.mtime_ns)
            stash.add(key, embedder.embed(image))
    result = run("embed", model, pictures, "-o", tmp_path / "vectors.npz", "-j", 1)
    expected = f"4 embedded, 2 of them by an earlier run; {CHANNELS} dimensions\n"
    assert (result.exit_code, result.stdout) == (0, expected)


def test_embed_of_nothing_fails_and_leaves_no_file(model, tmp_path):
    out = tmp_path / "vectors.npz"
    (tmp_path / "empty").mkdir()
    assert run("embed", model, "-o", out).exit_code == 2
    result = run("embed", model, tmp_path / "empty", "-o", out)
    assert (result.exit_code, "no picture found" in result.stderr) == (1, True)
    assert not out.exists()


def test_a_file_that_is_no_model_is_a_line_not_a_traceback(pictures, tmp_path):
    bad = tmp_path / "bad.onnx"
    bad.write_text("Not Found")
    for command in (
        ["embed", bad, pictures, "-o", tmp_path / "vectors.npz"],
        ["index", pictures, "-i", tmp_path / "index", "--embed", bad],
    ):
        result = run(*command)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"kpsearch: {bad}: no ONNX model")
    assert not (tmp_path / "index" / "manifest.json").exists()


def test_an_index_with_a_model_answers_fused(model, pictures, tmp_path):
    index = tmp_path / "index"
    run("index", pictures, "-i", index, "-j", 1, "--embed", model, "--embed-crop", 0)
    assert "embedding" in run("info", index).stdout
    query = pictures / "1.png"
    text = run("query", query, "-i", index, "--fuse", model).stdout
    assert "cosine" in text
    (answer,) = (
        json.loads(line)
        for line in run("query", query, "-i", index, "--fuse", model, "--json").stdout.splitlines()
    )
    first = answer["hits"][0]
    assert (Path(first["image"]).name, first["cosine"]) == ("1.png", pytest.approx(1, abs=0.01))
    plain = json.loads(run("query", query, "-i", index, "--json").stdout)
    assert "cosine" not in plain["hits"][0]


def test_evaluate_fuses(model, pictures, tmp_path):
    for seed in range(2):
        shutil.copy(pictures / f"{seed}.png", tmp_path / f"again{seed}.png")
    truth = tmp_path / "truth.csv"
    rows = [f"pictures/{n}.png,{n},reference\n" for n in range(4)]
    rows += [f"again{n}.png,{n},query\n" for n in range(2)]
    truth.write_text("path,instance,role\n" + "".join(rows))
    out = tmp_path / "measures.json"
    run("evaluate", truth, "--fuse", model, "--embed-size", 32, "-j", 1, "--json", out)
    measures = json.loads(out.read_text())
    assert measures["options"]["search"]["fuse"]["model"] == str(model)
    assert (measures["sources"][""]["map"], "fuse" in measures["timings_ms"]) == (1.0, True)


def test_options_of_an_embedding_without_a_model_are_refused(pictures, tmp_path):
    result = run("index", pictures, "-i", tmp_path / "index", "--embed-size", 64)
    assert (result.exit_code, "--embed MODEL.onnx" in result.stderr) == (2, True)
    assert run("embed", "m.onnx", pictures, "-o", "o.npz", "--mean", "1,2").exit_code == 2


def test_without_onnxruntime_the_extra_is_named(model, pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NotInstalled, match=rf"{ADVICE}.*kpsearch\[onnx\]"):
        Embedder(model)


def test_nothing_loads_onnxruntime_before_it_is_needed():
    code = (
        "import sys, kpsearch.cli, kpsearch.indexing, kpsearch.search, kpsearch.embedding;"
        "print('onnxruntime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
