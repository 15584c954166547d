"""What the pages of a Parquet column unpack to, from the heads of the pages themselves.

A reader takes the size of a page from its head, whatever the footer says, so a footer that was made up hides what a
file becomes. Heads are structs of Thrift's compact protocol (github.com/apache/parquet-format: PageHeader, whose fields
1 to 3 are the type, the size unpacked and the size in the file).
"""

from __future__ import annotations

from mmap import mmap

import pyarrow.parquet as pq

#: A whole file.
Bytes = bytes | mmap
#: More pages than any table that is read here.
MOST_PAGES = 100_000
_DEEPEST = 16
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 0, 1, 2, 3, 7, 8, 12
_INTEGERS = (4, 5, 6)
_LISTS = (9, 10)


class BadPages(Exception):
    """The heads of the pages cannot be followed."""


def largest_page(content: Bytes, chunk: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """Bytes of the largest page of a column chunk once unpacked, and of all its pages. Raises BadPages."""
    first = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    at = min(first or chunk.data_page_offset, chunk.data_page_offset)
    end = at + chunk.total_compressed_size
    if not 4 <= at <= end <= len(content):
        raise BadPages
    largest = total = pages = 0
    while at < end:
        fields, at = _struct(content, at, 0)
        unpacked, packed = fields.get(2, -1), fields.get(3, -1)
        pages += 1
        if unpacked < 0 or packed < 0 or at + packed > end or pages > MOST_PAGES:
            raise BadPages
        largest, total, at = max(largest, unpacked), total + unpacked, at + packed
    return largest, total


def _struct(content: Bytes, at: int, depth: int) -> tuple[dict[int, int], int]:
    """The whole-number fields of the struct at this place, and where it ends."""
    if depth > _DEEPEST:
        raise BadPages
    fields: dict[int, int] = {}
    number = 0
    while True:
        head, at = _byte(content, at)
        kind, step = head & 15, head >> 4
        if kind == _STOP:
            return fields, at
        if step:
            number += step
        else:
            number, at = _zigzag(content, at)
        value, at = _value(content, at, kind, depth)
        if value is not None:
            fields[number] = value


def _value(content: Bytes, at: int, kind: int, depth: int, *, in_list: bool = False) -> tuple[int | None, int]:
    if kind in (_TRUE, _FALSE):
        return None, at + in_list
    if kind == _BYTE:
        return None, at + 1
    if kind in _INTEGERS:
        return _zigzag(content, at)
    if kind == _DOUBLE:
        return None, at + 8
    if kind == _BINARY:
        size, at = _varint(content, at)
        return None, at + size
    if kind in _LISTS:
        head, at = _byte(content, at)
        size, inner = head >> 4, head & 15
        if size == 15:
            size, at = _varint(content, at)
        if size > MOST_PAGES:
            raise BadPages
        for _ in range(size):
            _, at = _value(content, at, inner, depth + 1, in_list=True)
        return None, at
    if kind == _STRUCT:
        return None, _struct(content, at, depth + 1)[1]
    raise BadPages


def _byte(content: Bytes, at: int) -> tuple[int, int]:
    if at >= len(content):
        raise BadPages
    return content[at], at + 1


def _varint(content: Bytes, at: int) -> tuple[int, int]:
    found = 0
    for shift in range(0, 70, 7):
        byte, at = _byte(content, at)
        found |= (byte & 127) << shift
        if byte < 128:
            return found, at
    raise BadPages


def _zigzag(content: Bytes, at: int) -> tuple[int, int]:
    found, at = _varint(content, at)
    return (found >> 1) ^ -(found & 1), at
