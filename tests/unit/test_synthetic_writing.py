"""A catalogue on disk: manifest, truth and files agree, and it can be stopped and resumed."""

import csv
import json

import cv2
import numpy as np
import pytest

from kpsearch.errors import UsageError
from kpsearch.synthetic import (
    CameraOptions,
    CatalogueSpec,
    item_truth,
    render_item,
    render_photo,
    write_catalogue,
)
from kpsearch.synthetic.photos import encode_jpeg

SPEC = CatalogueSpec(items=7, seed=5, side_px=128)
CAMERA = CameraOptions(side_px=160)
COUNTS = {"photos_per_item": 0.5, "queries": 4, "strangers": 2, "camera": CAMERA}


class Stop(Exception):
    pass


def _bytes_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_catalogue(SPEC, tmp_path_factory.mktemp("catalogue"), **COUNTS)


@pytest.fixture(scope="module")
def rows(folder):
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_manifest_lists_every_picture_and_no_other(folder, rows):
    pictures = {p for p in _bytes_of(folder) if p.endswith(".jpg")}
    assert {row["path"] for row in rows} == pictures
    assert len(rows) == 7 + 3 + 4 + 2


def test_roles_and_instances_are_as_asked(rows):
    known = {item_truth(SPEC, i).instance for i in range(7)}
    references = [row for row in rows if row["role"] == "reference"]
    queries = [row for row in rows if row["role"] == "query"]
    assert {row["instance"] for row in references} == known
    assert len(references) == 10
    assert sum(row["instance"] in known for row in queries) == 4
    assert sum(row["instance"].startswith("stranger-") for row in queries) == 2
    assert {row["source"] for row in rows} == {"synthetic"}


def test_variants_point_to_a_reference_of_the_catalogue(rows):
    instances = {row["instance"] for row in rows}
    assert {row["variant_of"] for row in rows} - {""} <= instances


def test_a_file_is_the_item_rendered_alone(folder):
    path = folder / "catalogue" / "item-000004.jpg"
    assert path.read_bytes() == encode_jpeg(render_item(SPEC, 4), SPEC.jpeg_quality)


def test_truth_holds_the_homography_of_each_photo(folder, rows):
    lines = (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    known = {line["path"]: line for line in map(json.loads, lines)}
    assert set(known) == {row["path"] for row in rows}
    for path, line in known.items():
        if path.startswith("photos/"):
            photo = render_photo(SPEC, line["item"], line["photo"], CAMERA)
            np.testing.assert_allclose(line["homography"], photo.homography)
            assert (folder / path).read_bytes() == photo.jpeg
        else:
            assert "homography" not in line


def test_every_picture_decodes(folder):
    for path, data in _bytes_of(folder).items():
        if path.endswith(".jpg"):
            assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None


def test_any_number_of_jobs_gives_the_same_bytes(folder, tmp_path):
    write_catalogue(SPEC, tmp_path, n_jobs=2, **COUNTS)
    assert _bytes_of(tmp_path) == _bytes_of(folder)


def test_a_stopped_run_goes_on_where_it_stopped(folder, tmp_path):
    def stop_at_five(done, total):
        if done == 5:
            raise Stop

    with pytest.raises(Stop):
        write_catalogue(SPEC, tmp_path, progress=stop_at_five, **COUNTS)
    assert not (tmp_path / "manifest.csv").exists()
    made = []
    write_catalogue(SPEC, tmp_path, progress=lambda done, total: made.append(done), **COUNTS)
    assert made == list(range(6, 17))
    assert _bytes_of(tmp_path) == _bytes_of(folder)


def test_a_half_written_file_is_made_again(folder, tmp_path):
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "item-000002.jpg.part").write_bytes(b"half")
    write_catalogue(SPEC, tmp_path, **COUNTS)
    assert _bytes_of(tmp_path) == _bytes_of(folder)


def test_a_folder_of_another_catalogue_is_refused(folder):
    with pytest.raises(UsageError, match="other options"):
        write_catalogue(CatalogueSpec(items=7, seed=6, side_px=128), folder, **COUNTS)


def test_an_empty_catalogue_is_a_manifest_without_rows(tmp_path):
    root = write_catalogue(CatalogueSpec(items=0), tmp_path)
    assert (root / "manifest.csv").read_text(encoding="utf-8").count("\n") == 1


@pytest.mark.parametrize(
    "wrong", [{"photos_per_item": -1}, {"queries": -1}, {"strangers": -2}, {"queries": 1}]
)
def test_counts_that_make_no_sense_are_refused(wrong, tmp_path):
    with pytest.raises(UsageError):
        write_catalogue(CatalogueSpec(items=0), tmp_path, **wrong)
