"""Embedding files, good and bad, and the exact search in them."""

from __future__ import annotations

import zipfile
from contextlib import suppress

import h5py
import numpy as np
import pytest

from kpsearch.comparison import Embeddings, nearest, read_embeddings, stored_arrays
from kpsearch.errors import UnusableFile, UsageError
from tests.comparisons import loaded, small_truth

IDS = ["a/1.jpg", "b 2.jpg", "ü.jpg"]
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4) + 1


def npz(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def holds(embeddings: Embeddings) -> bool:
    return embeddings.ids == tuple(IDS) and np.array_equal(embeddings.vectors, VECTORS)


@pytest.mark.parametrize("ids", [np.array(IDS), np.array([name.encode() for name in IDS])])
def test_an_npz_is_read_with_ids_of_either_kind(tmp_path, ids):
    assert holds(read_embeddings(npz(tmp_path / "e.npz", ids=ids, vectors=VECTORS)))


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".txt", "\n".join(IDS)),
        (".txt", "\r\n".join(IDS) + "\r\n"),
        (".csv", "\n".join(IDS) + "\n"),
        (".csv", "n,path\n" + "".join(f"{n},{name}\n" for n, name in enumerate(IDS))),
        (".csv", "id,n\n" + "".join(f"{name},{n}\n" for n, name in enumerate(IDS))),
    ],
)
def test_an_npy_has_its_ids_in_a_file_beside_it(tmp_path, ending, text):
    np.save(tmp_path / "e.npy", VECTORS)
    (tmp_path / f"e{ending}").write_bytes(text.encode())
    assert holds(read_embeddings(str(tmp_path / "e.npy")))


@pytest.mark.parametrize("names", [("ids", "vectors"), ("names", "features")])
def test_an_hdf5_is_read_in_either_spelling(tmp_path, names):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file.create_dataset(names[0], data=IDS)
        file.create_dataset(names[1], data=VECTORS)
    assert holds(read_embeddings(str(tmp_path / "e.h5")))


def bad(**changes):
    arrays = {"ids": np.array(IDS), "vectors": VECTORS} | changes
    return {name: array for name, array in arrays.items() if array is not None}


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        (bad(ids=None), "no array ids or names; it holds vectors"),
        (bad(vectors=None), "no array vectors or features"),
        (bad(ids=np.array(IDS, object)), "ids.npy holds Python objects, .* save ids as strings"),
        (bad(vectors=VECTORS.astype(object)), "vectors.npy holds Python objects"),
        (bad(ids=np.arange(3)), "not text"),
        (bad(ids=np.array([IDS])), "one id a vector"),
        (bad(ids=np.array(IDS[:2])), "2 ids for 3 vectors"),
        (bad(ids=np.array(["a", "b", "a"])), "'a' has two vectors"),
        (bad(ids=np.array(["a", "", "c"])), "id 1 .* is empty"),
        (bad(vectors=VECTORS[0]), "have shape"),
        (bad(vectors=VECTORS[:, :0]), "have shape"),
        (bad(vectors=VECTORS.astype(str)), "real numbers"),
        (bad(vectors=VECTORS.astype(complex)), "real numbers"),
        (bad(vectors=np.where(VECTORS == 6, np.nan, VECTORS)), "vector 1 .* NaN"),
        (bad(vectors=np.where(VECTORS == 6, np.inf, VECTORS)), "vector 1 .* NaN"),
        (bad(vectors=VECTORS.astype(np.float64) * 1e300), r"vector 0 .* holds 4e\+300, beyond 32"),
    ],
)
def test_a_bad_npz_is_named_with_what_is_wrong(tmp_path, arrays, complaint):
    with pytest.raises(UnusableFile, match=rf"e\.npz: .*{complaint}"):
        read_embeddings(npz(tmp_path / "e.npz", **arrays))


@pytest.mark.parametrize("ending", [".npz", ".npy", ".h5"])
@pytest.mark.parametrize(
    "content", [None, b"", b"PK\x03\x04 no zip", b"\x93NUMPY\x01\x00", b"text"]
)
def test_a_file_of_another_kind_is_named(tmp_path, ending, content):
    path = tmp_path / f"e{ending}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableFile, match=r"e\.(npz|npy|h5): no embeddings can be read"):
        read_embeddings(str(path))


def test_a_damaged_npz_is_no_more_than_an_error(tmp_path):
    path = tmp_path / "e.npz"
    np.savez_compressed(path, ids=np.array(IDS), vectors=VECTORS)
    data = path.read_bytes()
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        with suppress(UnusableFile):
            read_embeddings(str(path))


def claim(*shape, version=b"\x01\x00"):
    """An .npy file that states this shape, and nothing more."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("shape", [(10**10, 10**6), (4, 2**62), (2**40, 0), (-1, 4), (3, 5)])
def test_an_npz_that_claims_more_than_it_holds_is_an_error(tmp_path, method, shape):
    with zipfile.ZipFile(tmp_path / "e.npz", "w", method) as file:
        file.writestr("vectors.npy", claim(*shape) + VECTORS.tobytes() * (shape == (3, 5)))
        with file.open("ids.npy", "w") as ids:
            np.save(ids, np.array(IDS))
    with pytest.raises(UnusableFile, match=r"e\.npz: "):
        read_embeddings(str(tmp_path / "e.npz"))


def test_an_npz_that_would_grow_without_measure_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_arrays, "_FREE_BYTES", 1000)
    ids = np.array([f"{n}" for n in range(40_000)])
    np.savez_compressed(tmp_path / "e.npz", ids=ids, vectors=np.ones((40_000, 8), np.float32))
    with pytest.raises(UnusableFile, match=r"vectors.npy would grow from .* to 1,280,000"):
        read_embeddings(str(tmp_path / "e.npz"))


def test_an_npz_in_a_compression_of_its_own_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "e.npz", "w", zipfile.ZIP_LZMA) as file:
        for name, array in (("ids", np.array(IDS)), ("vectors", VECTORS)):
            with file.open(f"{name}.npy", "w") as member:
                np.save(member, array)
    with pytest.raises(UnusableFile, match=r"ids.npy is compressed in a way"):
        read_embeddings(str(tmp_path / "e.npz"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (claim(10**10, 10**6), "should hold 40,000,000,000,000,000 bytes by its header, but has 0"),
        (claim(3, 4) + bytes(47), "should hold 48 bytes by its header, but has 47"),
        (claim(3, 4) + bytes(49), "should hold 48 bytes by its header, but has 49"),
        (claim(3, 4, version=b"\x03\x00"), "version"),
    ],
)
def test_an_npy_of_another_size_than_it_claims_is_an_error(tmp_path, content, complaint):
    (tmp_path / "e.npy").write_bytes(content)
    (tmp_path / "e.txt").write_text("\n".join(IDS))
    with pytest.raises(UnusableFile, match=rf"e\.npy {complaint}|e\.npy is in {complaint}"):
        read_embeddings(str(tmp_path / "e.npy"))


def test_a_compressed_hdf5_is_read(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file.create_dataset("ids", data=np.array([name.encode() for name in IDS]), chunks=(2,))
        file.create_dataset("vectors", data=VECTORS, chunks=(2, 4), compression="gzip")
    assert read_embeddings(str(tmp_path / "e.h5")).vectors.shape == (3, 4)


def _external_link(file, other):
    file["vectors"] = h5py.ExternalLink(other, "vectors")


def _soft_link(file, other):
    file["kept"] = VECTORS
    file["vectors"] = h5py.SoftLink("/kept")


def _external_storage(file, other):
    raw = other.replace("other.h5", "raw.bin")
    VECTORS.tofile(raw)
    file.create_dataset("vectors", (3, 4), "f4", external=[(raw, 0, 48)])


def _virtual(file, other):
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource(other, "vectors", shape=(3, 4))
    file.create_virtual_dataset("vectors", layout)


def _group(file, other):
    file.create_group("vectors")


def _never_written(file, other):
    file.create_dataset("vectors", (10**10, 10**6), "f4")


def _never_written_in_chunks(file, other):
    file.create_dataset("vectors", (10**10, 10**6), "f4", chunks=(1, 10**6))


def _a_huge_chunk(file, other):
    file.create_dataset("vectors", (3, 4), "f4", chunks=(2**15, 2**14), maxshape=(None, None))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (_external_link, "is a link, which is not followed"),
        (_soft_link, "is a link, which is not followed"),
        (_external_storage, "is kept in other files, which are not opened"),
        (_virtual, "is kept in other files, which are not opened"),
        (_group, "is no data set"),
        (_never_written, "should hold 40,000,000,000,000,000 bytes .* but has 0"),
        (_never_written_in_chunks, "would grow from 0 bytes"),
        (_a_huge_chunk, "is in chunks of"),
    ],
)
def test_an_hdf5_that_is_not_what_it_seems_is_refused(tmp_path, make, complaint):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["vectors"] = VECTORS
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["ids"] = np.array([name.encode() for name in IDS])
        make(file, str(tmp_path / "other.h5"))
    with pytest.raises(UnusableFile, match=rf"e\.h5: vectors {complaint}"):
        read_embeddings(str(tmp_path / "e.h5"))


def test_a_folder_is_no_file_of_embeddings(tmp_path):
    (tmp_path / "e.npz").mkdir()
    with pytest.raises(UnusableFile, match="not a regular file"):
        read_embeddings(str(tmp_path / "e.npz"))


def test_an_npy_without_ids_says_where_to_put_them(tmp_path):
    np.save(tmp_path / "e.npy", VECTORS)
    with pytest.raises(UnusableFile, match=r"whose are the vectors\? .*e\.txt"):
        read_embeddings(str(tmp_path / "e.npy"))


def test_a_csv_of_several_columns_must_name_one(tmp_path):
    np.save(tmp_path / "e.npy", VECTORS)
    (tmp_path / "e.csv").write_text("x,y\n1,2\n")
    with pytest.raises(UnusableFile, match=r"e\.csv: no column path or id"):
        read_embeddings(str(tmp_path / "e.npy"))


def test_bytes_an_image_are_those_stored(tmp_path):
    stored = npz(tmp_path / "e.npz", ids=np.array(IDS), vectors=VECTORS.astype(np.float16))
    assert read_embeddings(stored).bytes_per_image == 8


def embedded(tmp_path, vectors, **settings):
    """The run of vectors of the references 0-3, then of the queries 0-3, of a small truth."""
    manifest = small_truth(tmp_path)
    ids = [f"cat/{n}.jpg" for n in range(4)] + [f"photo/q{n}.jpg" for n in range(4)]
    npz(tmp_path / "e.npz", ids=np.array(ids), vectors=np.asarray(vectors, np.float32))
    return loaded(tmp_path / "e.npz", manifest, **settings)


def test_a_query_finds_the_reference_in_its_direction_or_the_nearest(tmp_path):
    vectors = [[1, 0], [9, 1], [0, 1], [-1, 0], [8, 0], [1, 1], [0, 2], [-3, 0]]
    first = {}
    for distance in ("cosine", "l2"):
        run = embedded(tmp_path, vectors, distance=distance)
        ranking = run.rankings[str(tmp_path / "photo/q0.jpg")]
        assert len(ranking) == 4
        first[distance] = ranking[0]
    assert first == {
        "cosine": (str(tmp_path / "cat/0.jpg"), 1.0),
        "l2": (str(tmp_path / "cat/1.jpg"), pytest.approx(-np.sqrt(2))),
    }
    assert run.facts.bytes_per_image == 8


def test_a_vector_of_length_zero_has_no_cosine_but_a_distance(tmp_path):
    vectors = [[1, 0], [0, 0], [0, 1], [-1, 0], [8, 0], [1, 1], [0, 2], [-3, 0]]
    with pytest.raises(UnusableFile, match=r"e\.npz: .*length zero.*1\.jpg"):
        embedded(tmp_path, vectors)
    assert embedded(tmp_path, vectors, distance="l2").rankings


def test_a_vector_of_length_zero_that_is_not_asked_for_costs_nothing(tmp_path):
    manifest = small_truth(tmp_path)
    vectors = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    npz(tmp_path / "e.npz", ids=np.array(["0", "q0", "stranger"]), vectors=vectors)
    assert len(loaded(tmp_path / "e.npz", manifest).rankings) == 1
    npz(tmp_path / "e.npz", ids=np.array(["0", "q0", "q1"]), vectors=vectors)
    with pytest.raises(UnusableFile, match=r"length zero.*'q1'"):
        loaded(tmp_path / "e.npz", manifest)


def test_equal_vectors_score_equally_wherever_they_stand():
    rng = np.random.default_rng(3)
    gallery = np.repeat(rng.normal(size=(1, 67)), 9001, axis=0).astype(np.float32)
    for distance in ("cosine", "l2"):
        found = nearest(rng.normal(size=(3, 67)), gallery, depth=20, distance=distance)
        for rows, scores in found:
            assert np.unique(scores).size == 1
            assert rows.tolist() == sorted(rows.tolist())


def test_an_unknown_distance_is_an_error():
    with pytest.raises(UsageError, match="known: cosine, l2"):
        list(nearest(VECTORS, VECTORS, depth=1, distance="hamming"))
