"""A study from tables of the user's own, what people did and which policies held: checked cell by cell before it is kept."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd

from core.datasets import cells
from core.datasets.files import RawFile
from core.datasets.findings import Findings
from core.errors import InputError, one_of
from core.options import option
from core.services.studies.checks import StudyCheck, check_study
from core.services.studies.inputs import open_study
from core.services.studies.own import AddedStudy, AddStudyRequest, add_study, unplaced
from core.services.studies.skeleton import KIND_TEXT, KIND_WORD, SkeletonRequest, by_movement, new_study
from core.services.studies.splits import check_length
from core.study import Study, load_study

EXCEL = (".xlsx", ".xlsm", ".xls")
#: Bytes of a workbook, and of what it unpacks to.
LARGEST_WORKBOOK, LARGEST_UNPACKED = 50_000_000, 500_000_000
#: What columns of places and of periods are called, the likeliest first.
PLACE_NAMES = (
    "place",
    "iso3",
    "countrycode",
    "country",
    "region",
    "district",
    "state",
    "area",
    "location",
    "entity",
    "code",
)
DATE_NAMES = ("date", "day", "period", "month", "year", "week", "time")
PANEL_FILE = "panel.csv"
_NO_PLACE = set("/\\@")


@dataclass(frozen=True)
class TablesRequest:
    """A study of `file`, what people did, and `policy` (None: columns of the same file). Columns that are not named are guessed;
    a table without a column of places is about `place_name`, or, of policy, about every place."""

    file: Path = option("table of what people did (CSV, Excel or Parquet)", positional=True, word="TABLE")
    policy: Path | None = option("table of the policies (default: the same)", None, word="F")
    id: str = option("of the study", "my-study")
    title: str | None = option("of the study (default: its id)", None, word="TEXT")
    place: str | None = option("column of places", None, word="COLUMN")
    date: str | None = option("column of days, months or years", None, word="COLUMN")
    policy_place: str | None = option("column of places in the table of policies", None, word="COLUMN")
    policy_date: str | None = option("column of days, months or years in the table of policies", None, word="COLUMN")
    place_name: str | None = option("the place, where no column names it", None, word="TEXT")
    behaviours: tuple[str, ...] | None = option("columns of what people did", None, word="A,B,…")
    levers: tuple[str, ...] | None = option("columns of policies", None, word="A,B,…")
    kind: str | None = option(KIND_TEXT, None, word=KIND_WORD)
    rising: tuple[str, ...] = option(
        "behaviours that a stricter policy raises (default: it lowers all)", (), word="A,B,…"
    )


@dataclass(frozen=True)
class PreparedStudy:
    """A study as it would be kept: its `study`, what a `check` of it found, the `observations` of its first place that can be
    used (periods × behaviours) and its file's `text`; or the `problems` of the tables, up to 50 a table of `problem_count`,
    and no study."""

    request: TablesRequest
    problems: tuple[str, ...] = ()
    problem_count: int = 0
    study: Study | None = None
    check: StudyCheck | None = None
    observations: pd.DataFrame = field(default_factory=pd.DataFrame)
    text: str = ""


def open_table(path: Path) -> RawFile:
    """A table in CSV, Parquet or the first sheet of a workbook, with faults collected. InputError for a file that is none."""
    findings = Findings(path.name, collect=True)
    if path.suffix.lower() not in EXCEL:
        return RawFile(path, findings)
    with TemporaryDirectory() as folder:
        plain = Path(folder) / "sheet.csv"
        with plain.open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle).writerows(_sheet(path, findings))
        return RawFile(plain, findings)


def _sheet(path: Path, findings: Findings) -> list[list[str]]:
    """The cells of the first sheet as text, days as ISO days; its rows are numbered as the workbook shows them."""
    allowed = "a workbook whose first sheet is a table, its header in row 1"
    try:
        size = path.stat().st_size
        unpacked = size if path.suffix.lower() == ".xls" else sum(part.file_size for part in ZipFile(path).infolist())
        if size > LARGEST_WORKBOOK or unpacked > LARGEST_UNPACKED:
            findings.stop(
                f"has {size:,} bytes, {unpacked:,} unpacked",
                allowed=f"{LARGEST_WORKBOOK:,} at most, {LARGEST_UNPACKED:,} unpacked, or a CSV file",
            )
        sheet = pd.read_excel(path, sheet_name=0, header=None, dtype=object, engine="calamine")
    except FileNotFoundError:
        raise InputError("no such file", where=str(path), allowed="an existing CSV, Excel or Parquet file") from None
    except InputError:
        raise
    except (BadZipFile, OSError, ValueError, KeyError, EOFError) as wrong:
        findings.stop(f"is no readable workbook ({str(wrong).splitlines()[0][:160]})", allowed=allowed)
    except Exception as wrong:  # the reader's own errors share no base
        if type(wrong).__module__.split(".")[0] not in ("python_calamine", "_python_calamine"):
            raise
        findings.stop(f"is no readable workbook ({str(wrong).splitlines()[0][:160]})", allowed=allowed)
    return [[_cell(value) for value in row] for row in sheet.itertuples(index=False)]


def _cell(value: object) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def guessed(request: TablesRequest) -> TablesRequest:
    """The request with every column named: as it says, else as columns are called and as they move; None where no column is
    called as dates are. InputError for a column that is not there."""
    did = open_table(request.file)
    policy = did if request.policy is None else open_table(request.policy)
    place, day = request.place or _called(did, PLACE_NAMES), request.date or _called(did, DATE_NAMES)
    if request.policy is None:
        policy_place, policy_day = place, day
    else:
        policy_place = request.policy_place or _called(policy, PLACE_NAMES)
        policy_day = request.policy_date or _called(policy, DATE_NAMES)
    for raw, names in (
        (did, (place, day, *(request.behaviours or ()))), (policy, (policy_place, policy_day, *(request.levers or ()))),
    ):  # fmt: skip
        for name in names:
            if name is not None:
                one_of(name, raw.columns, what="column", where=raw.findings.file)
    behaviours, levers = request.behaviours, request.levers
    if behaviours is None or levers is None:
        if request.policy is None:
            steady, moving = by_movement(
                _numbers_by_place(did, place, [*(behaviours or ()), *(levers or ())], (place, day))
            )
        else:
            steady, moving = _numeric(policy, (policy_place, policy_day)), _numeric(did, (place, day))
        behaviours = tuple(moving) if behaviours is None else behaviours
        levers = tuple(name for name in steady if name not in behaviours) if levers is None else levers
    return replace(
        request, place=place, date=day, policy_place=policy_place, policy_date=policy_day, behaviours=behaviours, levers=levers
    )  # fmt: skip


def _called(raw: RawFile, names: Sequence[str]) -> str | None:
    """The column that is called as one of these, whatever its case and its marks."""
    plain = {re.sub(r"[^a-z0-9]", "", column.casefold()): column for column in reversed(raw.columns)}
    return next((plain[name] for name in names if name in plain), None)


def _numeric(raw: RawFile, others: Sequence[str | None]) -> list[str]:
    """Columns of which most cells that are filled are numbers: a few that are not are faults, and not another kind."""
    found = []
    for name in raw.columns:
        if name and name not in others:
            texts = cells.labels(raw.load([name]), name, Findings(raw.findings.file))
            fits = pd.Series(texts.values, dtype="str").str.match(cells.NUMBER).to_numpy(bool)
            if texts.spread(fits, False).sum() > (~texts.empty).sum() / 2:
                found.append(name)
    return found


def _numbers_by_place(
    raw: RawFile, place: str | None, named: Sequence[str], others: Sequence[str | None]
) -> pd.DataFrame:
    """The columns of numbers that are not named yet, by place, in the order of the file."""
    names = [name for name in _numeric(raw, others) if name not in named]
    unheard = Findings(raw.findings.file, collect=True)
    table = raw.load([*names, *([place] if place else [])])
    where = cells.labels(table, place, unheard).texts() if place else np.full(len(table.rows), "")
    return pd.DataFrame(
        {name: cells.numbers(table, name, unheard) for name in names}, pd.Index(where, name="place")
    )  # fmt: skip


def prepare_tables(request: TablesRequest, folder: Path) -> PreparedStudy:
    """The study that the tables make, written into `folder`, or what is wrong with them, by row and column.

    InputError for what cannot be read at all, for columns that are not there, and for a study that cannot be made of them.
    """
    asked = guessed(request)
    read = read_panel(asked)
    if read.problems:
        return PreparedStudy(asked, read.problems, read.problem_count)
    behaviours, levers = asked.behaviours or (), asked.levers or ()
    labels = _codes([*behaviours, *levers])
    code_of = {label: code for code, label in labels.items()}
    panel = read.panel.rename(columns=code_of)
    folder.mkdir(parents=True, exist_ok=True)
    panel.to_csv(folder / PANEL_FILE, lineterminator="\n", date_format="%Y-%m-%d")
    codes = [tuple(code_of[name] for name in names) for names in (behaviours, levers, asked.rising)]
    skeleton = SkeletonRequest(
        folder / PANEL_FILE, folder, asked.id, asked.title, codes[0], codes[1], kind=asked.kind, rising=codes[2]
    )
    with unplaced(folder):
        file = Path(new_study(skeleton, labels).study)
        study, check = load_study(file), check_study(str(file), folder)
        check_length(open_study(file, folder).study)
    usable = [place for place in panel.index.get_level_values("place").unique() if place not in check.left_out]
    seen = panel.loc[usable[0], list(codes[0])].rename(columns=labels) if usable else pd.DataFrame()
    return PreparedStudy(asked, (), 0, study, check, seen, file.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class ReadPanel:
    """Both tables as one, by place and period, their columns as they are called there; or their `problems`, and no panel."""

    panel: pd.DataFrame = field(default_factory=pd.DataFrame)
    problems: tuple[str, ...] = ()
    problem_count: int = 0


def read_panel(asked: TablesRequest) -> ReadPanel:
    """The tables of a request in which every column is named. InputError for columns that cannot be chosen so, and for tables
    that share no place or period."""
    behaviours, levers = asked.behaviours or (), asked.levers or ()
    _check_chosen(asked, behaviours, levers)
    did, first = _read(asked.file, asked.place, str(asked.date), behaviours, asked)
    held, second = _read(asked.policy or asked.file, asked.policy_place, str(asked.policy_date), levers, asked)
    heard = (first,) if asked.policy is None and not second.problems else (first, second)
    if any(item.count for item in heard):
        told = tuple(dict.fromkeys(line for item in heard for line in item.problems))
        return ReadPanel(problems=told, problem_count=sum(item.count for item in heard))
    if asked.policy is not None and asked.policy_place is None and asked.place is not None:
        places = did.index.get_level_values("place").unique()
        held = pd.concat({place: held.droplevel("place") for place in places}, names=["place"])
    return ReadPanel(_joined(did, held, asked))


def study_of_tables(request: TablesRequest) -> AddedStudy:
    """Make the study and take it in among the user's own. InputError as `prepare_tables`, for the first fault of a cell, and as
    `add_study`."""
    with TemporaryDirectory() as folder:
        found = prepare_tables(request, Path(folder))
        check_faultless(found.problems, found.problem_count)
        with unplaced(Path(folder)):
            return add_study(AddStudyRequest(Path(folder) / "study.toml"))


def check_faultless(problems: Sequence[str], count: int) -> None:
    """InputError for the first of so many problems."""
    if problems:
        raise InputError(f"{problems[0]}{f' (and {count - 1:,} more)' if count > 1 else ''}")


def _check_chosen(asked: TablesRequest, behaviours: Sequence[str], levers: Sequence[str]) -> None:
    for path, day in ((asked.file, asked.date), (asked.policy or asked.file, asked.policy_date)):
        if day is None:
            raise InputError(
                "no column is called as dates are", where=path.name, allowed=f"{', '.join(DATE_NAMES)}, or say which"
            )
    for what, names in (("behaviour", behaviours), ("lever", levers)):
        if not names:
            raise InputError(
                f"no column is taken for a {what}", where=asked.file.name, allowed="one or more columns of numbers"
            )
    taken = [*behaviours, *levers]
    twice = next((name for name in taken if taken.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"the column {twice} is a behaviour and a lever", where=asked.file.name,
            allowed="each name once (of two tables, too: rename one)",
        )  # fmt: skip
    for name in asked.rising:
        one_of(name, behaviours, what="behaviour", where="rising")


def _read(
    path: Path, place: str | None, day: str, columns: Sequence[str], asked: TablesRequest
) -> tuple[pd.DataFrame, Findings]:
    """Numbers by place and period, and what is wrong with them."""
    raw = open_table(path)
    findings = raw.findings
    table = raw.load(list(dict.fromkeys([*([place] if place else []), day, *columns])))
    told = asked.place_name or "".join(mark for mark in asked.title or asked.id if mark not in _NO_PLACE)
    if place is None:
        where = cells.labels_of(pd.Series([told] * len(table.rows), dtype="str"))
    else:
        where = cells.labels(table, place, findings)
    findings.rows(
        where.empty, table.rows, lambda _: "an empty place", column=place or "", allowed="the name of a place"
    )
    marked = where.spread(np.array([bool(_NO_PLACE & set(name)) for name in where.values], dtype=bool), False)
    findings.rows(
        marked, table.rows, lambda index: f"'{where.at(index)}' has a mark that names cannot have", column=place or "",
        allowed="names without / \\ and @",
    )  # fmt: skip
    texts = cells.labels(table, day, Findings(findings.file, collect=True)).values
    compact = bool(texts) and all(re.fullmatch(r"\d{8}", text) for text in texts)
    when = cells.days(table, day, "%Y%m%d" if compact else cells.PERIODS, findings)
    numbers = {name: cells.numbers(table, name, findings) for name in columns}
    cells.check_days(where, when, table.rows, day, findings, gaps_are_faults=False)
    index = pd.MultiIndex.from_arrays([where.texts(), pd.DatetimeIndex(when)], names=["place", "date"])
    return pd.DataFrame(numbers, index).sort_index(), findings


def _joined(did: pd.DataFrame, held: pd.DataFrame, asked: TablesRequest) -> pd.DataFrame:
    """Both tables side by side, of the places that both have. InputError where they share no place, or no period."""
    if asked.policy is None:
        return did.join(held)
    shared = did.index.intersection(held.index)
    if not len(shared):
        raise InputError(
            f"no period of a place is in both tables ({_span(did)}; {_span(held)})",
            where=f"{asked.file.name} and {asked.policy.name}", allowed="places of one name and days written alike",
        )  # fmt: skip
    places = shared.get_level_values("place").unique()
    both = did.join(held, how="outer")
    return both[both.index.get_level_values("place").isin(places)].sort_index()


def _span(table: pd.DataFrame) -> str:
    places, days = (table.index.get_level_values(name) for name in ("place", "date"))
    return f"{', '.join(map(str, places.unique()[:3]))} from {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}"


def _codes(names: Sequence[str]) -> Mapping[str, str]:
    """An identifier for each column, and what the column is called."""
    found: dict[str, str] = {}
    for name in names:
        code = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:40] or "column"
        free = next(text for text in (code, *(f"{code}_{number}" for number in range(2, 10_000))) if text not in found)
        found[free] = name
    return found
