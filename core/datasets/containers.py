"""What a file is by its first bytes, so that one that is no table is called what it is."""

from __future__ import annotations

import re

from core.datasets.findings import Findings

PARQUET_MAGIC = b"PAR1"
#: How much of a file is looked at.
HEAD = 4096

_TABLE = "a UTF-8 CSV file or a Parquet file"
_UNPACKED = f"{_TABLE}, not compressed: unpack it first"
_AS_CSV = "CSV UTF-8 (save the sheet as that)"
#: First bytes, what such a file is, and what to give instead.
_SIGNATURES = (
    (b"\x1f\x8b", "is compressed (gzip)", _UNPACKED),
    (b"BZh", "is compressed (bzip2)", _UNPACKED),
    (b"\xfd7zXZ\x00", "is compressed (xz)", _UNPACKED),
    (b"\x28\xb5\x2f\xfd", "is compressed (zstd)", _UNPACKED),
    (b"\x04\x22\x4d\x18", "is compressed (lz4)", _UNPACKED),
    (b"7z\xbc\xaf\x27\x1c", "is a compressed archive (7z)", _UNPACKED),
    (b"Rar!", "is a compressed archive (rar)", _UNPACKED),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook (xls)", _AS_CSV),
    (b"%PDF-", "is a PDF document", _TABLE),
    (b"SQLite format 3\x00", "is an SQLite database", _TABLE),
    (b"ARROW1", "is an Arrow (Feather) file", _TABLE),
    (b"ORC", "is an ORC file", _TABLE),
    (b"Obj\x01", "is an Avro file", _TABLE),
    (b"\x89HDF", "is an HDF5 file", _TABLE),
    (b"RDX", "is a file of R's", _TABLE),
    (b"<stata_dta>", "is a Stata file (dta)", _TABLE),
    (b"$FL2", "is an SPSS file (sav)", _TABLE),
    (b"version https://git-lfs.github.com/", "is a Git LFS pointer, not the file itself", "the file (`git lfs pull`)"),
    (b"/annex/objects/", "is a git-annex pointer, not the file itself", "the file (`git annex get`)"),
    (b"\xff\xfe", "is not UTF-8 text but UTF-16", "UTF-8 (in a spreadsheet: save as CSV UTF-8)"),
    (b"\xfe\xff", "is not UTF-8 text but UTF-16", "UTF-8 (in a spreadsheet: save as CSV UTF-8)"),
)
#: Archives that are workbooks, by the name of a member.
_WORKBOOKS = ((b"xl/", "is an Excel workbook (xlsx)"), (b"opendocument.spreadsheet", "is a LibreOffice workbook (ods)"))
_MARKUP = re.compile(rb"\s*<(!doctype|html|head|body|table|\?xml|svg)", re.IGNORECASE)
_MISTAKEN = "the data file that the address was meant to give"


def container_of(content: bytes, findings: Findings) -> str:
    """`csv` or `parquet`. Raises InputError, which says what the file is, for anything known to be neither."""
    head = content[:HEAD]
    if not content.strip():
        findings.stop("is empty", allowed=_TABLE)
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        for member, what in _WORKBOOKS:
            if member in content[: 16 * HEAD] or member in content[-16 * HEAD :]:
                findings.stop(what, allowed=_AS_CSV)
        findings.stop("is compressed (a zip archive)", allowed=_UNPACKED)
    for start, what, allowed in _SIGNATURES:
        if head.startswith(start):
            findings.stop(what, allowed=allowed)
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _MARKUP.match(text):
        findings.stop("is a web page (HTML or XML)", allowed=f"{_TABLE}: {_MISTAKEN}")
    if text.lstrip()[:1] in (b"{", b"["):
        findings.stop("is JSON", allowed=_TABLE)
    if b"\0" in head:
        # Every second byte of UTF-16 is empty where the text is mostly Latin.
        wide = 4 * head.count(b"\0") > len(head)
        findings.stop("is not UTF-8 text but UTF-16" if wide else "holds binary data", allowed=_TABLE)
    return "csv"
