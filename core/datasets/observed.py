"""The observations of a study, read from its folder and laid out day by day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.content_cache import Remembered, content_digest
from core.datasets.cases import unreported
from core.datasets.cells import check_days, labels_of
from core.datasets.files import RawFile
from core.datasets.findings import Findings
from core.datasets.tables import NOTHING_LEFT, ReadTable, cases_table, mobility_table, policy_table
from core.errors import InputError, nearest
from core.settings import shipped_data
from core.study import Source, Step, Study, codebook_of
from core.study.definition import CHANGES

#: How far before the study policy and cases are taken where the files have them: people remember what was in force.
HISTORY = timedelta(days=60)


@dataclass(frozen=True)
class ObservedData:
    """What was observed of a study.

    mobility: every period of the study (index `date`, its first day), one float column per behaviour id, NaN where nothing
        was published.
    policy: index `date`, from up to 60 days before the study to its end, without gaps: codes and flags of the study's
        indicators, and the study's index as published where the file has it.
    cases: newly reported cases by day of report, from up to 60 days before the study to its end (float, NaN where nothing
        was reported: a report is of all days since the one before it), empty where the study names no cases.
    context: the study's context variables by their codes, every period of the policy; no columns where there are none.
    hashes: SHA-256 by the name of each file read. files: their paths.
    """

    mobility: pd.DataFrame
    policy: pd.DataFrame
    cases: pd.Series
    hashes: dict[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    context: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def notes(self) -> tuple[str, ...]:
        """In words, what a run assumes where cases were not reported."""
        if self.cases.empty:
            return ()
        return unreported(self.cases, self.mobility.index[0].date(), self.mobility.index[-1].date())


def load_observed(study: Study, folder: str | Path | None = None, *, allow_gaps: bool = False) -> ObservedData:
    """Read the study's sources from `folder` (a shipped study brings its own and ignores it).

    Where a source's file is absent its alternatives are tried. The policy must cover every day of the study; mobility
    and cases need not. `allow_gaps` accepts mobility and cases with days missing inside their range.

    Raises InputError that names the file, column and row, or the files that are looked for.
    """
    place = study_folder(study, folder)
    hashes: dict[str, str] = {}
    files: list[Path] = []

    def read(kind: str, reader: Callable[..., ReadTable], **options: Any) -> pd.DataFrame:
        source, paths = find_source(study, kind, place)
        digests = [content_digest(path) for path in paths]
        key = (kind, tuple(paths), tuple(digests), repr((source.layout, source.place, sorted(options.items()))))
        table = _tables.get(key)
        if table is None:
            raw = [RawFile(path) for path in paths]
            parts = [reader(item, layout=source.layout, place=source.place, **options).frame for item in raw]
            label = " + ".join(path.name for path in paths)
            gaps_are_faults, step = not options["allow_gaps"], options.get("step", Step.DAY)
            table = _by_period(parts, label, step, gaps_are_faults=gaps_are_faults)
            if digests == [item.sha256 for item in raw]:
                _tables.put(key, table)
            digests = [item.sha256 for item in raw]
        for path, digest in zip(paths, digests, strict=True):
            if path not in files:
                hashes[path.name] = digest
                files.append(path)
        return table.copy(deep=False)

    columns = [item.column for item in study.behaviours]
    lowest = NOTHING_LEFT if study.metric in CHANGES else None
    mobility = read("mobility", mobility_table, columns=columns, lowest=lowest, allow_gaps=allow_gaps, step=study.step)
    needed = study.start - HISTORY, study.end
    levers = {"codebook": codebook_of(study), "complete": study.indicator_codes}
    policy = read("policy", policy_table, allow_gaps=False, between=needed, step=study.step, **levers)
    cases = read("cases", cases_table, allow_gaps=allow_gaps)["new_cases"] if "cases" in study.sources else None
    context = pd.DataFrame()
    if study.context:
        columns = [item.column for item in study.context]
        context = read("context", mobility_table, columns=columns, lowest=None, allow_gaps=True, step=study.step)
        context = context_columns(study, context, source_label(study, "context", place))
    days = study.step.periods(study.start, study.end)
    return ObservedData(
        mobility=behaviour_columns(study, mobility, source_label(study, "mobility", place)).reindex(days),
        policy=_indicators(study, policy, source_label(study, "policy", place)),
        cases=_case_series(study, cases),
        hashes=hashes,
        files=tuple(files),
        context=context,
    )


#: What was read last, by what the files said: a run and its page ask for the same again and again.
_tables: Remembered[pd.DataFrame] = Remembered(12)


def source_files(study: Study, kind: str, folder: str | Path | None) -> tuple[Source, list[Path]]:
    """The first of the study's sources of this kind whose files are in `folder`, and these files by name.

    Raises InputError where the study names none or none is there.
    """
    return find_source(study, kind, study_folder(study, folder))


#: In a folder of observations, the one with a folder for each study of another domain.
DOMAINS = "domains"


def study_folder(study: Study, folder: str | Path | None) -> Path:
    if study.shipped:
        # The study's own folder, or all shipped data where its file names the folder itself.
        own = shipped_data() / study.folder
        return own if any((own / source.file).is_file() for source in study.sources.values()) else shipped_data()
    if folder is None:
        raise InputError(
            "no folder of observations is known",
            where=f"study {study.id}",
            allowed="a folder given with --data, or one written by 'policytwin data fetch'",
        )
    path = Path(folder)
    mobility = study.sources["mobility"].file
    for own in (path, path / study.folder, path / DOMAINS / study.folder):
        # A folder of data may hold one for each study: tables of many domains are called alike.
        if study.is_panel and (own / mobility).is_file():
            return own
    if not path.is_dir():
        beside = [item.name for item in path.parent.iterdir() if item.is_dir()] if path.parent.is_dir() else []
        raise InputError(
            "is not a folder",
            where=str(path),
            allowed="a folder with the study's files",
            nearest=nearest(path.name, beside),
        )
    return path


def find_source(study: Study, kind: str, folder: Path) -> tuple[Source, list[Path]]:
    """The first source of this kind whose files are there, and the files in the order of their names."""
    source = study.sources.get(kind)
    if source is None:
        raise InputError(f"names no source of {kind}", where=f"study {study.id}", allowed=f"a table [sources.{kind}]")
    for candidate in (source, *source.alternatives):
        exact = folder / candidate.file
        pattern = Path(candidate.file)
        matching = () if pattern.is_absolute() else folder.glob(candidate.file)
        paths = [exact] if exact.is_file() else sorted(path for path in matching if path.is_file())
        if paths:
            return candidate, paths
    wanted = " or ".join(candidate.file for candidate in (source, *source.alternatives))
    present = [item.name for item in folder.iterdir() if item.is_file()]
    raise InputError(
        f"holds no {kind} for the study {study.id}",
        where=str(folder),
        allowed=f"{wanted} (policytwin data fetch writes them)" if not study.shipped else wanted,
        nearest=nearest(source.file, present),
    )


def source_label(study: Study, kind: str, folder: Path) -> str:
    return " + ".join(path.name for path in find_source(study, kind, folder)[1])


def _by_period(tables: list[pd.DataFrame], label: str, step: Step, *, gaps_are_faults: bool) -> pd.DataFrame:
    """Tables of one place under each other, by period; overlaps and holes between files are faults."""
    table = pd.concat(tables, ignore_index=True)
    if len(tables) > 1:
        findings = Findings(label)
        rows = np.concatenate([np.arange(2, len(part) + 2) for part in tables])
        daily = check_days(
            labels_of(table["place"]),
            table["date"].to_numpy(),
            rows,
            "date",
            findings,
            gaps_are_faults=gaps_are_faults,
            step=step,
        )
        table = table.iloc[daily.order]
    return table.drop(columns="place").set_index("date").astype(float)


def behaviour_columns(study: Study, table: pd.DataFrame, label: str) -> pd.DataFrame:
    absent = [item for item in study.behaviours if item.column not in table.columns]
    if absent:
        raise InputError(
            f"has no column '{absent[0].column}', which the behaviour {absent[0].id} is measured by",
            where=label,
            allowed=", ".join(item.column for item in study.behaviours),
            nearest=nearest(absent[0].column, table.columns),
        )
    found = table[[item.column for item in study.behaviours]].set_axis(list(study.behaviour_ids), axis=1)
    check_logarithms(study, found, label)
    return found


def check_logarithms(study: Study, observed: pd.DataFrame, label: str) -> None:
    """InputError where errors are in logarithms and something observed (a column per behaviour) has none."""
    lowest = observed.min() if study.log_errors else pd.Series(dtype=float)
    for name, value in lowest[lowest <= study.lowest].items():
        raise InputError(
            f"{name} is {value:g}, and the study's errors are in logarithms",
            where=label,
            allowed=f'above {study.lowest:g}, or errors = "points"',
        )


def context_columns(study: Study, table: pd.DataFrame, label: str) -> pd.DataFrame:
    """The study's context variables, by their codes. InputError for a column that is not there."""
    for item in study.context:
        if item.column not in table.columns:
            raise InputError(
                f"has no column '{item.column}', the context variable {item.code}",
                where=label,
                allowed=", ".join(item.column for item in study.context),
                nearest=nearest(item.column, table.columns),
            )
    return table[[item.column for item in study.context]].set_axis([item.code for item in study.context], axis=1)


def _indicators(study: Study, table: pd.DataFrame, label: str) -> pd.DataFrame:
    wanted = [
        column
        for item in study.indicators
        for column in ((item.code, f"{item.code}_Flag") if item.has_flag else (item.code,))
    ]
    absent = [column for column in wanted if column not in table.columns]
    if absent:
        raise InputError(
            f"has no column '{absent[0]}', an indicator of the study {study.id}",
            where=label,
            allowed=", ".join(wanted),
            nearest=nearest(absent[0], table.columns),
        )
    first, last = table.index[0].date(), table.index[-1].date()
    if first > study.start or last < study.end:
        raise InputError(
            f"the policy is given from {first} to {last}",
            where=label,
            allowed=f"every {study.step} of the study {study.id}, {study.start} to {study.end}",
        )
    columns = wanted + ([study.index] if study.index in table.columns else [])
    return table.loc[pd.Timestamp(study.start - HISTORY) : pd.Timestamp(study.end), columns]


def _case_series(study: Study, cases: pd.Series | None) -> pd.Series:
    if cases is None:
        return pd.Series(
            [], index=pd.DatetimeIndex([], dtype="datetime64[us]", name="date"), name="new_cases", dtype=float
        )
    first = max(cases.index[0], pd.Timestamp(study.start - HISTORY))
    days = pd.date_range(min(first, pd.Timestamp(study.start)), study.end, freq="D", unit="us", name="date")
    return cases.reindex(days)
