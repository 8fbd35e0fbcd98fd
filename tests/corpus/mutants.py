"""Good files with seeded damage: bits, bytes, blocks, lengths and ends of them changed."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from tests.corpus.pictures import good_files

HEAD_BYTES = 200
"""Where most of a file's structure is."""
LENGTHS = (0, 1, 16, 255, 256, 2**15, 2**16 - 1, 2**16, 30_000, 2**31 - 1, 2**31, 2**32 - 1)

Mutation = Callable[[bytearray, np.random.Generator], None]


def mutant(seed: int, number: int) -> tuple[str, bytes]:
    """Name and content; equal for equal arguments."""
    rng = np.random.default_rng([seed, number])
    files = good_files()
    name = sorted(files)[number % len(files)]
    data = bytearray(files[name])
    done = []
    for _ in range(int(rng.integers(1, 4))):
        mutation = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
        mutation(data, rng)
        done.append(mutation.__name__.strip("_"))
    if name.startswith("png") and rng.random() < 0.5:
        reseal_png(data)
        done.append("reseal")
    return f"{number}: {name}, {', '.join(done)}", bytes(data)


def _place(data: bytearray, rng: np.random.Generator) -> int:
    reach = HEAD_BYTES if rng.random() < 0.6 else len(data)
    return int(rng.integers(max(min(reach, len(data)), 1)))


def _flip_bits(data: bytearray, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 9))):
        if data:
            data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _random_run(data: bytearray, rng: np.random.Generator) -> None:
    run = rng.bytes(int(rng.integers(1, 33)))
    at = _place(data, rng)
    data[at : at + len(run)] = run


def _one_byte_run(data: bytearray, rng: np.random.Generator) -> None:
    length = int(rng.integers(1, 33))
    at = _place(data, rng)
    data[at : at + length] = bytes([int(rng.choice([0, 255, 128, 127]))]) * length


def _swap_blocks(data: bytearray, rng: np.random.Generator) -> None:
    length = int(rng.integers(1, 65))
    one, other = _place(data, rng), _place(data, rng)
    first, second = bytes(data[one : one + length]), bytes(data[other : other + length])
    data[other : other + len(first)] = first
    data[one : one + len(second)] = second


def _cut_out(data: bytearray, rng: np.random.Generator) -> None:
    at = _place(data, rng)
    del data[at : at + int(rng.integers(1, 65))]


def _splice(data: bytearray, rng: np.random.Generator) -> None:
    """The start of this file with the end of another."""
    files = good_files()
    other = files[sorted(files)[int(rng.integers(len(files)))]]
    data[_place(data, rng) :] = other[int(rng.integers(len(other))) :]


def _edit_length(data: bytearray, rng: np.random.Generator) -> None:
    """A number of 2 or 4 bytes, in either order, set to one at an edge."""
    width = int(rng.choice([2, 4]))
    value = LENGTHS[int(rng.integers(len(LENGTHS)))] & (256**width - 1)
    at = _place(data, rng)
    order = "big" if rng.random() < 0.5 else "little"
    data[at : at + width] = value.to_bytes(width, order)


def _end_in_garbage(data: bytearray, rng: np.random.Generator) -> None:
    del data[int(rng.integers(len(data) + 1)) :]
    data += rng.bytes(int(rng.integers(0, 200)))


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits,
    _random_run,
    _one_byte_run,
    _swap_blocks,
    _cut_out,
    _splice,
    _edit_length,
    _end_in_garbage,
)


def reseal_png(data: bytearray) -> None:
    """Give every chunk the checksum it should have, so that what is in it gets a hearing."""
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        data[end - 4 : end] = zlib.crc32(data[at + 4 : end - 4]).to_bytes(4, "big")
        at = end
