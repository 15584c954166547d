"""What a data file holds and what is wrong with it, for `policytwin data check`."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.datasets.files import RawFile
from core.datasets.findings import Findings
from core.datasets.layouts import Unreadable, detect, layouts, wide_kind
from core.datasets.tables import ReadTable, cases_table, mobility_table, policy_table
from core.errors import InputError, one_of
from core.study import Codebook, load_codebook

KINDS = ("mobility", "policy", "cases")
#: Places and gaps that the text spells out; `as_dict` has all of them.
LISTED = 8


@dataclass(frozen=True)
class FileReport:
    """One file, looked at whole.

    `rows` are the records that would be read, of `records` in the file (Google's files mix countries and regions, and
    countries are read). `missing` is the share of empty or unusable cells per column, 0 to 1. `gaps` counts the days
    missing inside the range of each place; they are problems too where the reader refuses them. `problems` spells out
    up to 50 of `problem_count`, `notes` what is no fault and yet not what one expects. `kind` and `layout` are None where
    they cannot be told; `start` and `end` are ISO days.
    """

    file: str
    sha256: str
    size: int
    kind: str | None
    layout: str | None
    columns: tuple[str, ...]
    records: int
    rows: int
    places: tuple[str, ...]
    start: str | None
    end: str | None
    missing: dict[str, float]
    gaps: dict[str, int]
    duplicates: int
    problems: tuple[str, ...]
    problem_count: int
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the readers accept the file."""
        return self.problem_count == 0

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            **asdict(self),
            "columns": list(self.columns),
            "places": list(self.places),
            "problems": list(self.problems),
            "notes": list(self.notes),
            "ok": self.ok,
        }

    def as_text(self) -> str:
        """All of it in a few lines, for a terminal."""
        lines = [f"{self.file}: {self.kind or 'unknown'}" + (f", layout {self.layout}" if self.layout else "")]
        of_all = f" of {self.records:,}" if self.records != self.rows else ""
        lines.append(
            f"  {self.rows:,}{of_all} rows, {len(self.columns)} columns, {self.size:,} bytes, sha256 {self.sha256}"
        )
        if self.places:
            lines.append(f"  {_listed(list(self.places), 'place')}, {self.start} to {self.end}")
        empty = {name: share for name, share in self.missing.items() if share > 0}
        if self.missing:
            shares = ", ".join(f"{name} {100 * share:.2f}%" for name, share in empty.items())
            lines.append(f"  missing cells: {shares or 'none'}")
        if self.gaps:
            gaps = [f"{place} {days}" for place, days in self.gaps.items()]
            lines.append(f"  days missing inside the range of {_listed(gaps, 'place')}")
        lines += [f"  note: {note}" for note in self.notes]
        if self.ok:
            lines.append("  no problems")
        else:
            lines.append(f"  {self.problem_count:,} problem{'s' if self.problem_count > 1 else ''}:")
            lines += [f"    {problem}" for problem in self.problems]
        return "\n".join(lines)


def check_file(path: str | Path, *, kind: str | None = None) -> FileReport:
    """Look at a whole file and report what it holds and every problem in it.

    kind: `mobility`, `policy` or `cases`; None finds out from the columns. Raises InputError only where there is no
    file to look at or `kind` is none of these; whatever is wrong inside the file is in the report.
    """
    if kind is not None:
        one_of(kind, KINDS, what="kind of data")
    path = Path(path)
    findings = Findings(path.name, collect=True)
    try:
        raw = RawFile(path, findings)
    except InputError as wrong:
        if not path.is_file():
            raise
        return _unread(path, str(wrong))
    layout: str | None = None
    table: ReadTable | None = None
    try:
        book = load_codebook()
        layout = detect(raw.columns, raw.container, (kind,) if kind else KINDS, None, book, findings)
        kind = kind or (wide_kind(raw.columns, book) if layout == "wide_csv" else layouts(book)[layout].kinds[0])
        table = _read(raw, kind, layout, book)
    except InputError as wrong:
        findings.problems.append(str(wrong))
        findings.count += 1
    except Unreadable:
        pass
    frame = table.frame if table is not None else None
    filled = frame is not None and not frame.empty
    return FileReport(
        file=path.name,
        sha256=raw.sha256,
        size=raw.size,
        kind=kind,
        layout=layout,
        columns=raw.columns,
        records=raw.records,
        rows=table.rows if table is not None else 0,
        places=tuple(sorted(set(frame["place"]))) if frame is not None else (),
        start=str(frame["date"].min().date()) if frame is not None and filled else None,
        end=str(frame["date"].max().date()) if frame is not None and filled else None,
        missing={str(name): float(share) for name, share in frame.iloc[:, 2:].isna().mean().items()}
        if frame is not None and filled
        else {},
        gaps=table.gaps if table is not None else {},
        duplicates=table.duplicates if table is not None else 0,
        problems=tuple(findings.problems),
        problem_count=findings.count,
        notes=_notes(table) if table is not None and filled else (),
    )


def _read(raw: RawFile, kind: str, layout: str, book: Codebook) -> ReadTable:
    if kind == "policy":
        # A run needs every level and flag of its indicators; a column without any is one the file does not have.
        return policy_table(raw, layout=layout, complete=[item.code for item in book.indicators])
    return {"mobility": mobility_table, "cases": cases_table}[kind](raw, layout=layout)


def _notes(table: ReadTable) -> tuple[str, ...]:
    frame = table.frame
    empty = [str(name) for name in frame.columns[2:] if frame[name].isna().all()]
    said = (
        [f"nothing was published of {', '.join(empty)}: a study that needs it cannot be run on this file"]
        if empty
        else []
    )
    if table.kind == "cases":
        falls = int((frame["new_cases"] < 0).sum())
        if falls:
            said.append(f"{falls:,} counts are below 0: they are taken as corrections of earlier ones")
        silent = sum(
            int(part.loc[part.first_valid_index() : part.last_valid_index()].isna().sum())
            for _, part in frame.set_index("date").groupby("place")["new_cases"]
            if part.notna().any()
        )
        if silent:
            said.append(
                f"on {silent:,} days between reports no cases were reported: each report is taken to be of all days since "
                "the one before"
            )
    return tuple(said)


def _unread(path: Path, problem: str) -> FileReport:
    digest, size = "", 0
    with suppress(OSError), path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
        size = path.stat().st_size
    return FileReport(
        file=path.name,
        sha256=digest,
        size=size,
        kind=None,
        layout=None,
        columns=(),
        records=0,
        rows=0,
        places=(),
        start=None,
        end=None,
        missing={},
        gaps={},
        duplicates=0,
        problems=(problem,),
        problem_count=1,
    )


def _listed(items: list[str], what: str) -> str:
    shown = ", ".join(items[:LISTED]) + (f" and {len(items) - LISTED} more" if len(items) > LISTED else "")
    return f"{len(items):,} {what}{'s' if len(items) != 1 else ''} ({shown})"
