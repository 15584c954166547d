"""The parts of a DuckDB file and their checksums, read without DuckDB: it opens no file whose first parts are damaged.

A file is three headers of 4,096 bytes and blocks of 262,144 bytes. Each begins with the checksum of what follows it in the
part: 5381 and every 64-bit word times a constant, all joined by exclusive or. DuckDB verifies it when it reads the part.
Source: `src/common/checksum.cpp` and `src/include/duckdb/storage/storage_info.hpp` of DuckDB 1 and 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

HEADERS, HEADER_BYTES, BLOCK_BYTES = 3, 4_096, 262_144
FIRST_BLOCK = HEADERS * HEADER_BYTES
#: The word of a header from which on it holds nothing.
PADDING = 20
_SEED, _FACTOR = np.uint64(5381), np.uint64(0xBF58476D1CE4E5B9)
_INVERSE = np.uint64(pow(0xBF58476D1CE4E5B9, -1, 1 << 64))
_WORD = np.dtype("<u8")


def checksum(words: np.ndarray) -> np.uint64:
    """Of 64-bit words (n,), those after the stored checksum of a part."""
    return np.uint64(np.bitwise_xor.reduce(words * _FACTOR, initial=np.uint64(0)) ^ _SEED)


def parts(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Where each header and block begins, in bytes, and its 64-bit words, the checksum first. A part that the end of the
    file cuts off has fewer words. Raises OSError. The file must not be open in this process."""
    with path.open("rb") as file:
        place = 0
        while True:
            length = HEADER_BYTES if place < FIRST_BLOCK else BLOCK_BYTES
            raw = file.read(length)
            if not raw:
                return
            yield place, np.frombuffer(raw[: len(raw) // 8 * 8], dtype=_WORD)
            place += length


def is_whole(place: int, words: np.ndarray) -> bool:
    """Whether a part is complete and its checksum right. A block of zeros was never written."""
    length = HEADER_BYTES if place < FIRST_BLOCK else BLOCK_BYTES
    if len(words) * 8 != length:
        return False
    return bool(words[0] == checksum(words[1:])) or (place >= FIRST_BLOCK and not words.any())


def damaged_parts(path: Path) -> list[int]:
    """Where the damaged headers and blocks of a file begin, in bytes. Raises OSError."""
    return [place for place, words in parts(path) if not is_whole(place, words)]


def is_duckdb(path: Path) -> bool:
    """Whether the file was a DuckDB database, whatever is damaged of it now: one of its headers is whole."""
    try:
        for place, words in parts(path):
            if place >= FIRST_BLOCK:
                return False
            if words.any() and is_whole(place, words):
                return True
    except OSError:
        pass
    return False


def mended(place: int, words: np.ndarray) -> np.ndarray | None:
    """A damaged part as it was, where one byte of it is wrong and it is beyond doubt which; else None.

    The checksum says what each word would have to be if all others were right. One that differs from what is there in a
    single byte is taken: by chance one would be found in a hundred thousand million blocks. Where a block holds the right
    word, or the wrong one, more than once, several would do; then nothing is.
    """
    if len(words) * 8 not in (HEADER_BYTES, BLOCK_BYTES):
        return None
    off = checksum(words[1:]) ^ words[0]
    wanted = (words[1:] * _FACTOR ^ off) * _INVERSE
    differing = np.concatenate([[off], wanted ^ words[1:]])
    single = np.zeros(len(words), dtype=bool)
    for byte in range(8):
        single |= (differing & ~np.uint64(0xFF << (8 * byte))) == 0
    if place < FIRST_BLOCK:
        # What follows a header's fields is zero: where it is not, that is what is wrong, and else it is right.
        single[PADDING:] &= words[PADDING:] != 0
        if words[PADDING:].any():
            single[:PADDING] = False
    found = np.flatnonzero(single)
    if len(found) != 1:
        return None
    right = words.copy()
    right[found[0]] ^= differing[found[0]]
    return right


def mend(path: Path) -> tuple[list[int], list[int]]:
    """Puts right in a file the parts of which one byte is wrong. Returns where those began, and where the ones do that
    stay damaged. Raises OSError."""
    right, wrong = [], []
    with path.open("r+b") as file:
        for place in damaged_parts(path):
            file.seek(place)
            raw = file.read(HEADER_BYTES if place < FIRST_BLOCK else BLOCK_BYTES)
            words = mended(place, np.frombuffer(raw[: len(raw) // 8 * 8], dtype=_WORD))
            if words is None:
                wrong.append(place)
                continue
            file.seek(place)
            file.write(words.tobytes())
            right.append(place)
    return right, wrong
