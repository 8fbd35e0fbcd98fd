"""Vocabularies as files, good and spoilt."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from kpsearch.errors import IndexDamaged, IndexMismatch, KpsearchError
from kpsearch.index.packing import pack
from kpsearch.indexing import build_index
from kpsearch.vocabulary import (
    Metric,
    Vocabulary,
    load_vocabulary,
    unpack_vocabulary,
    vocabulary_arrays,
)
from kpsearch.vocabulary.bit_selection import BitSelection
from tests.textures import encode, textured
from tests.vocabularies import TINY, assert_same, descriptors_of, trained

ATTRIBUTES = {"kind": "kpsearch vocabulary", "format_version": 1}


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return trained(descriptors_of(3000), 64)


def write(path: Path, vocabulary: Vocabulary, **changed: np.ndarray) -> Path:
    path.write_bytes(b"".join(pack({**vocabulary_arrays(vocabulary), **changed}, ATTRIBUTES)))
    return path


def test_a_vocabulary_read_back_is_the_same_and_quantises_the_same(tmp_path, vocabulary):
    read = load_vocabulary(write(tmp_path / "words.h5", vocabulary))
    assert_same(read, vocabulary)
    assert (read.extractor, read.seed, len(read)) == ("sift", 0, len(vocabulary))
    descriptors = descriptors_of(100, seed=10)
    one, other = (v.quantise(descriptors, assignments=3) for v in (read, vocabulary))
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.signatures, other.signatures)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    with pytest.raises(KpsearchError, match=r"gone\.h5: no such vocabulary file"):
        load_vocabulary(tmp_path / "gone.h5")
    with pytest.raises(KpsearchError, match="not a kpsearch vocabulary"):
        load_vocabulary(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF\r\n\x1a\n", b"not hdf5" * 1000, bytes(range(256)) * 20], ids=range(4)
)
def test_garbage_is_refused_with_the_name_of_the_file(tmp_path, content):
    path = tmp_path / "garbage.h5"
    path.write_bytes(content)
    with pytest.raises(KpsearchError, match=r"garbage\.h5: not a kpsearch vocabulary"):
        load_vocabulary(path)


def test_a_file_cut_short_anywhere_is_refused(tmp_path, vocabulary):
    whole = write(tmp_path / "whole.h5", vocabulary).read_bytes()
    cut = tmp_path / "cut.h5"
    for length in np.linspace(0, len(whole) - 1, 60).astype(int):
        cut.write_bytes(whole[:length])
        with pytest.raises(KpsearchError):
            load_vocabulary(cut)


def text(facts: str) -> np.ndarray:
    return np.frombuffer(facts.encode(), np.uint8)


TINY_BITS = replace(
    TINY,
    tree=replace(TINY.tree, metric=Metric.HAMMING),
    embedding=BitSelection(np.tile(np.arange(64, dtype=np.uint16), (4, 1))),
    extractor="orb",
)
BITS_NOT_FITTING = {
    "a bit beyond the last": {"selected": np.full((4, 64), 64, np.uint16)},
    "too few words": {"selected": np.zeros((3, 64), np.uint16)},
    "too few bits": {"selected": np.zeros((4, 63), np.uint16)},
    "bits of another type": {"selected": np.zeros((4, 64), np.int32)},
    "an unknown metric": {
        "facts": text("format_version=2\nextractor=orb\nmetric=taxi\nseed=0\nwords_asked=4")
    },
    "a metric that it has no embedding for": {
        "facts": text("format_version=2\nextractor=orb\nmetric=euclidean\nseed=0\nwords_asked=4")
    },
}

NOT_FITTING = {
    "leaves of another length": {"leaves": np.zeros((4, 7), np.uint8)},
    "flat leaves": {"leaves": np.zeros(4, np.uint8)},
    "no branch": {
        "branches": np.zeros((0, 8), np.uint8),
        "leaves": np.zeros((0, 8), np.uint8),
        "thresholds": np.zeros((0, 64), np.int8),
        "leaf_start": np.zeros(1, np.uint32),
    },
    "a branch without leaves": {"leaf_start": np.array([0, 0, 4], np.uint32)},
    "starts that go back": {"leaf_start": np.array([0, 2**32 - 1, 4], np.uint32)},
    "starts beyond the leaves": {"leaf_start": np.array([0, 2, 5], np.uint32)},
    "fractional starts": {"leaf_start": np.array([0, 2.5, 4])},
    "floating leaves": {"leaves": np.zeros((4, 8))},
    "too few thresholds": {"thresholds": np.zeros((3, 64), np.int8)},
    "too many bits": {"projection": np.zeros((65, 8), np.int8)},
    "a wide projection": {"projection": np.zeros((64, 8), np.int64)},
    "no chance": {"chance": np.zeros(0)},
    "chance that is not a number": {"chance": np.full(65, np.nan)},
    "chance beyond one": {"chance": np.linspace(0, 2, 65)},
    "facts that are not text": {"facts": np.array([255, 254, 253], np.uint8)},
    "facts without values": {"facts": text("format_version")},
    "another format version": {"facts": text("format_version=1\nextractor=sift\nseed=0")},
    "no format version": {"facts": text("extractor=sift\nseed=0")},
    "no extractor": {"facts": text("format_version=2\nmetric=euclidean\nseed=0\nwords_asked=4")},
    "a seed that is no number": {
        "facts": text("format_version=2\nextractor=sift\nmetric=euclidean\nseed=x\nwords_asked=4")
    },
}


@pytest.mark.parametrize("tiny", [TINY, TINY_BITS], ids=["numbers", "bits"])
def test_the_tiny_vocabularies_that_are_spoilt_below_are_good_themselves(tmp_path, tiny):
    again = load_vocabulary(write(tmp_path / "tiny.h5", tiny))
    assert_same(again, tiny)
    assert again.tree.metric is tiny.tree.metric


SPOILT = [(TINY, changed) for changed in NOT_FITTING.values()]
SPOILT += [(TINY_BITS, changed) for changed in BITS_NOT_FITTING.values()]


@pytest.mark.parametrize(("tiny", "changed"), SPOILT, ids=[*NOT_FITTING, *BITS_NOT_FITTING])
def test_arrays_that_do_not_fit_are_refused(tmp_path, tiny, changed):
    path = write(tmp_path / "odd.h5", tiny, **changed)
    with pytest.raises(KpsearchError, match=r"odd\.h5"):
        load_vocabulary(path)


@pytest.mark.parametrize("changed", NOT_FITTING.values(), ids=NOT_FITTING)
def test_arrays_that_do_not_fit_are_damage_to_an_index(changed):
    arrays = {**vocabulary_arrays(TINY), **changed}
    with pytest.raises(IndexDamaged):
        unpack_vocabulary(arrays.__getitem__)


def rewritten(change: Callable[[h5py.File], None]) -> bytes:
    buffer = io.BytesIO(b"".join(pack(vocabulary_arrays(TINY), ATTRIBUTES)))
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


def remove_leaves(file: h5py.File) -> None:
    del file["leaves"]


def make_leaves_a_group(file: h5py.File) -> None:
    del file["leaves"]
    file.create_group("leaves")


def make_leaves_text(file: h5py.File) -> None:
    del file["leaves"]
    file["leaves"] = "four words"


def claim_a_petabyte_of_leaves(file: h5py.File) -> None:
    del file["leaves"]
    file.create_dataset("leaves", (1 << 47, 8), np.uint8, chunks=(1, 8))


def link_leaves_to_nowhere(file: h5py.File) -> None:
    del file["leaves"]
    file["leaves"] = h5py.SoftLink("/nowhere")


@pytest.mark.parametrize(
    "change",
    [
        remove_leaves,
        make_leaves_a_group,
        make_leaves_text,
        claim_a_petabyte_of_leaves,
        link_leaves_to_nowhere,
    ],
)
def test_an_hdf5_file_made_to_mislead_is_refused(tmp_path, change):
    path = tmp_path / "hostile.h5"
    path.write_bytes(rewritten(change))
    with pytest.raises(KpsearchError, match=r"hostile\.h5: not a kpsearch vocabulary"):
        load_vocabulary(path)


def test_a_vocabulary_of_another_extractor_is_refused_for_an_index(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "one.png").write_bytes(encode(textured(0, 120, 90)))
    path = write(tmp_path / "orb.h5", replace(TINY, extractor="orb"))
    with pytest.raises(
        IndexMismatch, match=r"orb\.h5: a vocabulary of orb descriptors, not of sift"
    ):
        build_index([pictures], tmp_path / "index", vocabulary=path)
