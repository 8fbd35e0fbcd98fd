"""An index made with a deep model: what goes in, what must fit later, what a query makes of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import helper

from kpsearch.embedding import Embedder
from kpsearch.errors import IndexMismatch, UsageError
from kpsearch.images import read_image
from kpsearch.index import Snapshot, check_index
from kpsearch.indexing import build_index
from kpsearch.options import EmbeddingOptions, FusionOptions, SearchOptions
from kpsearch.scoring import embedding_evidence
from kpsearch.search import Region, Searcher
from kpsearch.search.fusion import cosines
from kpsearch.types import Answer
from tests.models import built, convolution, save
from tests.textures import flat, textured

PICTURES = 6


def write_picture(path: Path, seed: int) -> Path:
    """A texture in a colour of its own: what keypoints and what the model goes by."""
    grey = textured(seed, 160, 120)
    tint = np.random.default_rng(seed).uniform(0.3, 1, 3)
    pixels = (grey[:, :, np.newaxis] * tint).astype(np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"), convolution())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(PICTURES):
        write_picture(folder / f"{seed}.png", seed)
    (folder / "flat.png").write_bytes(cv2.imencode(".png", flat())[1].tobytes())
    return folder


@pytest.fixture(scope="module")
def made(model, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    build_index([pictures], folder, embed=model)
    return folder


@pytest.fixture
def index(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "index"))


def embedding_in(index: Path, path: Path) -> np.ndarray:
    snapshot = Snapshot.open(index)
    slot = snapshot.find(str(path))
    assert slot is not None
    segment, image = snapshot.locate(slot)
    return segment.embedding[image]


# Indexing


def test_every_image_has_the_embedding_of_its_picture(made, model, pictures):
    embedder = Embedder(model)
    for path in pictures.iterdir():
        expected = embedder.embed(read_image(path, colour=True))
        assert np.array_equal(embedding_in(made, path), expected.astype(np.float16))
    assert Snapshot.open(made).manifest.embedding == embedder.facts
    assert check_index(Searcher.open(made).snapshot.storage).damage == ()


def test_a_later_run_finds_the_model_where_it_was(index, pictures, tmp_path):
    new = write_picture(tmp_path / "new.png", 50)
    report = build_index([new, pictures], index)
    assert (report.added, report.unchanged) == (1, PICTURES + 1)
    assert embedding_in(index, new).shape == embedding_in(index, pictures / "0.png").shape


def test_a_changed_picture_gets_a_new_embedding(made, model, pictures, tmp_path):
    folder = Path(shutil.copytree(pictures, tmp_path / "pictures"))
    build_index([folder], tmp_path / "own", embed=model)
    before = embedding_in(tmp_path / "own", folder / "0.png")
    write_picture(folder / "0.png", 77)
    assert build_index([folder], tmp_path / "own").replaced == 1
    assert not np.array_equal(embedding_in(tmp_path / "own", folder / "0.png"), before)


def test_a_model_that_has_moved_is_asked_for_and_taken_from_its_new_place(
    pictures, model, tmp_path
):
    own = Path(shutil.copy(model, tmp_path / "own.onnx"))
    build_index([pictures], tmp_path / "index", embed=own)
    new = write_picture(tmp_path / "new.png", 50)
    own.rename(tmp_path / "moved.onnx")
    with pytest.raises(IndexMismatch, match=r"own\.onnx, which is gone; give the model with"):
        build_index([new], tmp_path / "index")
    assert build_index([pictures], tmp_path / "index").unchanged == PICTURES + 1
    assert build_index([new], tmp_path / "index", embed=tmp_path / "moved.onnx").added == 1


def test_another_model_is_refused_and_nothing_is_committed(index, tmp_path):
    other = save(tmp_path, convolution(seed=5), "other.onnx")
    new = write_picture(tmp_path / "new.png", 50)
    before = Snapshot.open(index).generation
    with pytest.raises(IndexMismatch, match=r"other\.onnx: not the model"):
        build_index([new], index, embed=other)
    with pytest.raises(IndexMismatch, match="leave the options out"):
        build_index([new], index, embedding=EmbeddingOptions(crop=None), embed=other)
    (pictures,) = {Path(record.path).parent for record in Snapshot.open(index).records()}
    with pytest.raises(IndexMismatch, match=r"other\.onnx: not the model .*, by .*model\.onnx:"):
        build_index([pictures], index, embed=other)
    assert Snapshot.open(index).generation == before


def test_what_differs_of_the_options_is_told_in_words(index, model, pictures):
    asked = EmbeddingOptions(mean=(0.5, 0.5, 0.5), crop=None, size=32, output="map")
    with pytest.raises(IndexMismatch) as refused:
        build_index([pictures], index, embed=model, embedding=asked)
    assert str(refused.value) == (
        f"{index}: embedded with size the model's own, crop 0.875, mean 0.485,0.456,0.406, output "
        "the last vector, not with size 32, crop 0 (squashed), mean 0.5,0.5,0.5, output map; leave "
        "the options out, or make a new index"
    )


def test_an_index_made_without_a_model_takes_none_later(pictures, model, tmp_path):
    build_index([pictures], tmp_path / "plain")
    with pytest.raises(IndexMismatch, match="made without --embed"):
        build_index([pictures], tmp_path / "plain", embed=model)
    with pytest.raises(UsageError, match="need a model"):
        build_index([pictures], tmp_path / "new", embedding=EmbeddingOptions())


def test_a_picture_the_model_fails_on_is_rejected_and_the_others_are_indexed(pictures, tmp_path):
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("Log", ["m"], ["v"]),  # of black, minus infinity
    ]
    options = EmbeddingOptions(mean=(0, 0, 0), std=(1, 1, 1), scale=1.0)
    model = save(tmp_path, built(nodes, {}, ["v"]))
    black = np.zeros((60, 60), np.uint8)
    (tmp_path / "black.png").write_bytes(cv2.imencode(".png", black)[1].tobytes())
    report = build_index(
        [pictures / "0.png", tmp_path / "black.png"],
        tmp_path / "index",
        embed=model,
        embedding=options,
    )
    assert (report.added, [reject.code for reject in report.rejects]) == (1, ["embedding_failed"])


def test_the_keypoints_are_those_of_an_index_without_a_model(made, pictures, tmp_path):
    build_index([pictures], tmp_path / "plain", vocabulary=made)
    one, other = Snapshot.open(made), Snapshot.open(tmp_path / "plain")
    assert one.keypoint_counts.tolist() == other.keypoint_counts.tolist()


# Queries


def fused(model: Path, **settings: object) -> SearchOptions:
    return SearchOptions(limit=50, fuse=FusionOptions(str(model), **settings))


def scores(answer: Answer) -> dict[str, float]:
    return {hit.path: hit.score for hit in answer.hits}


def test_a_fused_score_is_the_sum_of_both_evidences(made, model, pictures):
    searcher = Searcher.open(made)
    query = pictures / "2.png"
    alone = scores(searcher.query(query, SearchOptions(limit=50)))
    vector = Embedder(model).embed(read_image(query, colour=True))
    stored = np.array([embedding_in(made, Path(r.path)) for r in searcher.snapshot.records()])
    cosine = stored.astype(np.float64) @ vector.astype(np.float64)
    evidence = embedding_evidence(cosine, cosine, FusionOptions("").steepness)
    answer = searcher.query(query, fused(model))
    paths = [record.path for record in searcher.snapshot.records()]
    assert {hit.path for hit in answer.hits} == set(paths)
    for hit in answer.hits:
        row = paths.index(hit.path)
        assert hit.cosine == pytest.approx(cosine[row], abs=1e-4)
        if hit.path in alone:
            assert hit.score == pytest.approx(alone[hit.path] + evidence[row], abs=1e-2)
    assert [hit.score for hit in answer.hits] == sorted(
        (h.score for h in answer.hits), reverse=True
    )
    assert [stage.name for stage in answer.stages if stage.name in ("embed", "fuse")] == [
        "embed",
        "fuse",
    ]


def test_a_picture_without_keypoints_is_found_by_its_embedding(made, model, pictures):
    searcher = Searcher.open(made)
    assert searcher.query(pictures / "flat.png").hits == ()
    hits = searcher.query(pictures / "flat.png", fused(model)).hits
    assert Path(hits[0].path).name == "flat.png"


def test_excluded_images_are_neither_hits_nor_background(made, model, pictures):
    searcher = Searcher.open(made)
    own = str(pictures / "1.png")
    assert own not in scores(searcher.query(own, fused(model), exclude=[own]))


def test_a_region_is_embedded_as_a_picture_of_its_own(made, model, pictures):
    searcher = Searcher.open(made)
    whole = Region(0, 0, 160, 120)
    assert scores(searcher.query(pictures / "3.png", fused(model), region=whole)) == pytest.approx(
        scores(searcher.query(pictures / "3.png", fused(model)))
    )
    part = searcher.query(pictures / "3.png", fused(model), region=Region(0, 0, 60, 60))
    assert part.hits[0].cosine != searcher.query(pictures / "3.png", fused(model)).hits[0].cosine


def test_cosines_do_not_depend_on_how_images_were_committed(made, model, pictures, tmp_path):
    for number in range(PICTURES):
        build_index([pictures / f"{number}.png"], tmp_path / "index", embed=model, vocabulary=made)
    build_index([pictures / "flat.png"], tmp_path / "index")
    vector = Embedder(model).embed(read_image(pictures / "0.png", colour=True))
    found = []
    for folder in (made, tmp_path / "index"):
        snapshot = Snapshot.open(folder)
        by_slot = cosines(snapshot, vector)
        paths = [snapshot.record(slot).path for slot in range(snapshot.slots)]
        found.append(dict(zip(paths, by_slot.tolist(), strict=True)))
    assert found[0] == found[1]


def test_an_index_without_embeddings_or_another_model_is_named(made, model, pictures, tmp_path):
    build_index([pictures], tmp_path / "plain", vocabulary=made)
    with pytest.raises(IndexMismatch, match="plain: keeps no embeddings to fuse with"):
        Searcher.open(tmp_path / "plain").query(pictures / "0.png", fused(model))
    other = save(tmp_path, convolution(seed=9), "other.onnx")
    with pytest.raises(IndexMismatch, match=r"other\.onnx: not the model"):
        Searcher.open(made).query(pictures / "0.png", fused(other))
