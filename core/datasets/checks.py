"""What a data file holds and what is wrong with it, for `policytwin data check`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.datasets.files import RawFile
from core.datasets.findings import Findings
from core.datasets.layouts import Unreadable, detect, layouts, wide_kind
from core.datasets.tables import ReadTable, cases_table, mobility_table, policy_table
from core.errors import InputError, one_of
from core.study import load_codebook

KINDS = ("mobility", "policy", "cases")
#: Places and gaps that the text spells out; `as_dict` has all of them.
LISTED = 8


@dataclass(frozen=True)
class FileReport:
    """One file, looked at whole.

    `rows` are the records that would be read, of `records` in the file (Google's files mix countries and regions, and
    countries are read). `missing` is the share of empty or unusable cells per column, 0 to 1. `gaps` counts the days
    missing inside the range of each place; they are problems too where the reader refuses them. `problems` spells out
    up to 50 of `problem_count`. `kind` and `layout` are None where they cannot be told; `start` and `end` are ISO days.
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
        read = {"mobility": mobility_table, "policy": policy_table, "cases": cases_table}[kind]
        table = read(raw, layout=layout)  # type: ignore[operator]
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
    )


def _unread(path: Path, problem: str) -> FileReport:
    import hashlib

    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    return FileReport(
        file=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
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
