"""Checkpoints read without torch: what they hold, and the hostile ones, refused by name."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kpsearch.errors import UnusableModel
from kpsearch.training.backbone import LITE0_SHA256, lite0_weights
from kpsearch.training.checkpoint import read_checkpoint
from kpsearch.training.pickled import MAX_OPCODES
from tests import checkpoints as made

KINDS = st.sampled_from([f"<{kind}" if kind[1] != "1" else kind for kind in made.STORAGES])
TENSORS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=8),
    KINDS.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, max_side=4))),
    min_size=1,
    max_size=4,
)
GOOD = made.saved({"a": np.arange(6, dtype="<f4").reshape(2, 3), "b": np.arange(2, dtype="<i8")})
FOUR = struct.pack("<q4f", 4, 1, 2, 3, 4)
"""A storage of four numbers."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "weights.pth"
    path.write_bytes(content)
    return path


def one(tensor: bytes, *, keys: tuple[str, ...] = ("k",), data: bytes = FOUR) -> bytes:
    """A checkpoint of one tensor, by default over four numbers."""
    return made.checkpoint(made.named({"w": tensor}), keys, data)


def view(*shape: int, strides: tuple[int, ...], offset: int = 0, length: int = 4) -> bytes:
    return made.tensor(made.storage("k", length), shape, strides, offset=offset)


# What they hold


@settings(max_examples=60)
@given(tensors=TENSORS)
def test_tensors_come_back_as_they_were_written(folder, tensors):
    found = read_checkpoint(saved(folder, made.saved(tensors))).tensors
    assert list(found) == list(tensors)
    for name, array in tensors.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def test_views_of_one_storage_are_told_apart(folder):
    base = np.arange(12, dtype="<f4")
    views = {"turned": base.reshape(3, 4).T, "part": base[5:9], "every third": base[1::3]}
    found = read_checkpoint(saved(folder, made.saved(views))).tensors
    for name, array in views.items():
        np.testing.assert_array_equal(found[name], array)


def test_what_is_read_cannot_be_changed(folder):
    with pytest.raises(ValueError, match="read-only"):
        read_checkpoint(saved(folder, GOOD)).tensors["a"][0, 0] = 1


def test_versions_of_layers_and_parameters_are_passed_over(folder):
    parameter = made.thing("torch._utils", "_rebuild_parameter")
    wrapped = parameter + made.row(view(2, 2, strides=(2, 1)), made.TRUE, made.EMPTY_DICT) + b"R"
    tensors = made.named({"w": wrapped}) + made.named({"_metadata": made.EMPTY_DICT}) + b"b"
    found = read_checkpoint(saved(folder, made.checkpoint(tensors, ["k"], FOUR)))
    assert found.tensors["w"].tolist() == [[1, 2], [3, 4]]


def test_the_weights_of_efficientnet_lite0():
    found = read_checkpoint(lite0_weights(), sha256=LITE0_SHA256)
    tensors = found.tensors
    learned = [a for name, a in tensors.items() if not name.endswith(("_mean", "_var", "_tracked"))]
    assert (len(tensors), sum(array.size for array in learned)) == (296, 4_652_008)
    assert (found.digest, tensors["_fc.weight"].shape) == (LITE0_SHA256, (1000, 1280))
    assert all(np.isfinite(array).all() for array in tensors.values())


# What is refused

CALLS = {
    "posix.system": ("posix", "system"),
    "builtins.eval": ("builtins", "eval"),
    "torch.load": ("torch", "load"),
    "collections.OrderedDict": ("collections", "OrderedDict"),
}


@pytest.mark.parametrize("named", CALLS)
def test_nothing_is_called(folder, named):
    harm = folder / "harm"
    call = made.thing(*CALLS[named]) + made.row(made.text(f"touch {harm}")) + made.CALL
    with pytest.raises(UnusableModel, match=rf"weights\.pth: .*it calls '{named}'"):
        read_checkpoint(saved(folder, one(call)))
    with pytest.raises(UnusableModel, match="it calls"):
        read_checkpoint(saved(folder, made.whole(call)))
    assert not harm.exists()


def nested(depth: int) -> bytes:
    return b")" + b"\x85" * depth


HOSTILE = {
    "nothing": (b"", "damaged"),
    "text": (b"not a checkpoint", "damaged"),
    "a zip": (b"PK\x03\x04" + bytes(50), "zip format.*_use_new_zipfile_serialization=False"),
    "a model, whole": (made.checkpoint(made.thing("net", "Net")), "holds no tensors by name"),
    "no tensor": (one(made.number(1)), "'w' is no tensor; save the model's state_dict"),
    "another version": (made.checkpoint(b"}", version=1002), "not of version 1001"),
    "another magic": (made.whole(made.number(1)) * 3, "magic number"),
    "an empty one": (made.checkpoint(b"}"), "holds no tensors by name"),
    "bfloat16": (
        one(made.tensor(made.storage("k", 4, kind="BFloat16Storage"), (4,), (1,))),
        "numbers in a 'torch.BFloat16Storage'",
    ),
    "long storage": (one(view(4, strides=(1,), length=2**59)), "'k' is not the 5764\\d* numbers"),
    "longest storage": (one(view(4, strides=(1,), length=2**70)), "numbers in a 'torch.FloatS"),
    "negative storage": (one(view(0, strides=(1,), length=-4)), "numbers in a 'torch.FloatS"),
    "storage of another length": (one(view(2, strides=(1,), length=2)), "'k' is not the 2"),
    "storage not listed": (one(view(4, strides=(1,)), keys=()), "not those of its tensors"),
    "storage listed twice": (one(view(4, strides=(1,)), keys=("k", "k")), "'k' is not the 4"),
    "two opinions": (
        made.checkpoint(
            made.named({"v": view(4, strides=(1,)), "w": view(9, strides=(0,), length=9)}),
            ["k"],
            FOUR,
        ),
        "disagree on the storage",
    ),
    "huge by repetition": (one(view(2**20, 2**20, strides=(0, 0))), "more numbers than its stor"),
    "huge by two signs": (one(view(-(2**40), -(2**40), strides=(0, 0))), "more numbers than"),
    "negative side": (one(view(-4, strides=(1,))), "does not lie within"),
    "beyond the end": (one(view(4, strides=(2,))), "'w' does not lie within its storage"),
    "before the start": (one(view(4, strides=(1,), offset=-1)), "does not lie within"),
    "backwards": (one(view(4, strides=(-1,))), "does not lie within"),
    "far away": (one(view(1, strides=(1,), offset=2**100)), "does not lie within"),
    "far strides": (one(view(2, strides=(2**100,))), "does not lie within"),
    "too many sides": (one(view(*[1] * 99, strides=(1,) * 99)), "does not lie within"),
    "sides without strides": (one(view(2, 2, strides=(1,))), "in a way that no state dict needs"),
    "bytes at the end": (GOOD + b"\0", "1 bytes follow its last storage"),
    "deep": (one(nested(30_000)), "'w' is no tensor"),
    "deep key": (made.checkpoint(b"}" + nested(30_000) + b"Ns"), "by name"),
    "a key that cannot be one": (made.checkpoint(b"}]Ns"), "by name"),
    "in itself": (made.checkpoint(b"}q\x00" + made.text("w") + b"h\x00s"), "'w' is no tensor"),
    "endless": (made.checkpoint(b"]" + b"N0" * MAX_OPCODES), "opcode POP"),
    "long": (made.checkpoint(b"](" + b"N" * MAX_OPCODES + b"e"), f"more than {MAX_OPCODES} steps"),
    "a long number": (made.checkpoint(b"\x8b\xff\xff\xff\x7f1"), "opcode LONG4"),
    "a long text": (made.checkpoint(b"X\xff\xff\xff\xff1"), "damaged"),
    "far memo": (made.checkpoint(b"}r\xff\xff\xff\x7f"), "holds no tensors by name"),
    "an extension": (made.checkpoint(b"\x82\x01"), "opcode EXT1"),
    "an instance": (made.checkpoint(b"(ios\nsystem\n"), "opcode INST"),
    "state of a class": (made.checkpoint(made.thing("os", "x") + b")\x81"), "opcode NEWOBJ"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused_and_take_no_memory(folder, kind):
    content, reason = HOSTILE[kind]
    path = saved(folder, content)
    tracemalloc.start()
    try:
        with pytest.raises(UnusableModel, match=rf"weights\.pth: .*{reason}"):
            read_checkpoint(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20 + 64 * len(content)


def test_a_file_cut_short_anywhere_is_refused(folder):
    for length in range(len(GOOD)):
        with pytest.raises(UnusableModel):
            read_checkpoint(saved(folder, GOOD[:length]))


@settings(max_examples=300)
@given(place=st.integers(0, len(GOOD) - 1), value=st.integers(0, 255))
@example(place=83, value=92)  # a backslash in the name of a function
def test_a_changed_byte_is_refused_or_changes_the_tensors_alone(folder, place, value):
    content = bytearray(GOOD)
    content[place] = value
    try:
        found = read_checkpoint(saved(folder, bytes(content))).tensors
    except UnusableModel:
        return
    assert sum(array.size for array in found.values()) <= 8


@settings(max_examples=300)
@given(noise=st.binary(max_size=60), keep=st.integers(0, len(GOOD)))
def test_noise_is_refused(folder, noise, keep):
    content = GOOD[:keep] + noise
    assume(len(content) != len(GOOD))
    with pytest.raises(UnusableModel):
        read_checkpoint(saved(folder, content))


def test_what_is_not_there_or_not_the_one_is_named(folder):
    with pytest.raises(UnusableModel, match=r"none\.pth: cannot be read: No such file"):
        read_checkpoint(folder / "none.pth")
    with pytest.raises(UnusableModel, match=r"cannot be read: Is a directory"):
        read_checkpoint(folder)
    with pytest.raises(UnusableModel, match=r"weights\.pth: not the file expected: its sha256 is"):
        read_checkpoint(saved(folder, GOOD), sha256=LITE0_SHA256)
