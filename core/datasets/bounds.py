"""How much a Parquet file from a stranger may hold: looked at before any of it is unpacked.

A file of half a megabyte can stand for gigabytes: repeated texts and runs of one number cost nothing in it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

import pyarrow.parquet as pq

from core.datasets.parquet_pages import BadPages, Bytes, largest_page
from core.errors import InputError

#: A file is held in memory whole, and Arrow counts its bytes in 32 bits.
LARGEST_FILE = 2**31 - 2
LARGEST_FOOTER = 16 * 2**20
MOST_COLUMNS = 5_000
MOST_ROWS = 20_000_000
#: Rows times the columns that are read.
MOST_CELLS = 25_000_000
#: Bytes of the columns that are read, and of one of their pages, once unpacked.
LARGEST_UNPACKED = 512 * 2**20
LARGEST_PAGE = 128 * 2**20
#: Each value is written as what it shares with the one before: what it becomes is not to be told from its size.
UNBOUNDED_ENCODING = "DELTA_BYTE_ARRAY"
UNDAMAGED = "an undamaged Parquet file"


@contextmanager
def mapped(path: Path) -> Iterator[Bytes]:
    """The bytes of a file, looked at where they lie; a file without any has none."""
    with path.open("rb") as handle:
        if os.fstat(handle.fileno()).st_size == 0:
            yield b""
            return
        with mmap(handle.fileno(), 0, access=ACCESS_READ) as content:
            yield content


def check_footer(content: Bytes, where: str) -> None:
    """Raises InputError where the footer is larger than any table's. Damage is left to the reader to name."""
    stated = int.from_bytes(content[-8:-4], "little")
    if stated < len(content):
        _most(stated, LARGEST_FOOTER, "bytes of footer", where)


def check_unpacked(
    content: Bytes, metadata: pq.FileMetaData, wanted: Collection[str] | None, where: str, most: int = LARGEST_UNPACKED
) -> None:
    """Raises InputError where the columns `wanted` (names at the top level; None: all) become more than is read here.

    `content` is the whole file. Sizes are taken from the footer and from the heads of the pages, whichever says more; a
    group of rows, which is read at once, has LARGEST_UNPACKED bytes at most, and the file `most`.
    """
    _most(metadata.num_columns, MOST_COLUMNS, "columns", where)
    _most(metadata.num_rows, MOST_ROWS, "rows", where)
    total = cells = 0
    for group in range(metadata.num_row_groups):
        part = metadata.row_group(group)
        before = total
        for position in range(part.num_columns):
            chunk = part.column(position)
            name = chunk.path_in_schema
            if wanted is not None and name not in wanted and name.split(".")[0] not in wanted:
                continue
            if UNBOUNDED_ENCODING in chunk.encodings:
                raise InputError(
                    f"the column {name[:60]} is written as {UNBOUNDED_ENCODING}, whose size cannot be told",
                    where=where,
                    allowed="plain or dictionary encoding",
                )
            try:
                page, pages = largest_page(content, chunk)
            except BadPages:
                raise InputError(f"the column {name[:60]} is damaged", where=where, allowed=UNDAMAGED) from None
            _most(page, LARGEST_PAGE, f"bytes in a page of {name[:60]} once unpacked", where)
            total += max(chunk.total_uncompressed_size, pages)
            cells += max(chunk.num_values, 0)
            _most(total - before, LARGEST_UNPACKED, "bytes in a group of rows once unpacked", where)
            _most(total, most, "bytes once unpacked", where)
            _most(cells, MOST_CELLS, "cells", where)


def has_dictionary(metadata: pq.FileMetaData, name: str) -> bool:
    """Whether a column's values stand once each, with their positions, in any group of rows."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return any(
        "DICTIONARY" in encoding
        for group in groups
        for chunk in map(group.column, range(group.num_columns))
        if chunk.path_in_schema == name
        for encoding in chunk.encodings
    )


def _most(found: int, most: int, what: str, where: str) -> None:
    if found > most:
        raise InputError(f"has {found:,} {what}", where=where, allowed=f"{most:,} at most")
