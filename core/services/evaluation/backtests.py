"""Backtests that are kept: in the store as runs of their own, and one that ships with PolicyTwin as a file of scores.

The shipped file holds scores only: no observation of any provider can be read off it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from core.cognition.coefficients import load_coefficients
from core.cognition.rules import RulesEngine
from core.counterfactual.coherence import behaves_coherently
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.files_out import written_whole
from core.forecasting.backtest import TWIN, summary_of
from core.forecasting.places import PATTERN
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.records import RUNGS, RunRecord, code_version, content_hash
from core.services.evaluation.backtest_files import PERSONAS, POPULATION, backtest
from core.services.evaluation.backtest_tables import HEAD, SCORES, TABLES, rows_of_tables, tables_of, with_coverage
from core.services.studies.inputs import study_hash
from core.services.studies.stored_inputs import save_engine_texts
from core.store.database import Store
from core.study import load_study
from core.validity.measured import Header, domain_of, measured_path

KIND = "backtest"
#: A backtest is of many countries and of no one study.
STUDY = "countries"
#: Of the shipped file; digits that a reader could use, and no more.
FORMAT, DIGITS = 2, 4
#: What the shipped measurement was asked, and the files it reads in the folder of observations.
ORIGINS = (date(2020, 6, 30), date(2020, 9, 30), date(2020, 12, 31), date(2021, 3, 31))
HORIZONS = (30, 90, 180)
FILES = ("google_mobility_national.parquet", "oxcgrt_national.parquet", "cases_deaths_jhu.parquet")


@dataclass(frozen=True)
class BacktestRequest:
    """What decides a backtest: the files, the last days of training, and days ahead. No countries means all."""

    mobility: Path
    policy: Path
    cases: Path | None
    origins: tuple[date, ...]
    horizons: tuple[int, ...]
    countries: tuple[str, ...] | None = None
    seed: int = 0

    @classmethod
    def of_folder(cls, folder: Path) -> BacktestRequest | None:
        """The shipped measurement again on this folder's files; None where one of them is not there."""
        mobility, policy, cases = (folder / name for name in FILES)
        if not (mobility.is_file() and policy.is_file() and cases.is_file()):
            return None
        return cls(mobility, policy, cases, ORIGINS, HORIZONS)

    def command(self, folder: str = "DIR") -> str:
        """The command line that measures this again, with the files in `folder`."""
        words = ["policytwin", "backtest"]
        for name, path in (("--mobility", self.mobility), ("--policy", self.policy), ("--cases", self.cases)):
            words += [] if path is None else [name, f"{folder}/{path.name}"]
        words += ["--origins", ",".join(map(str, self.origins)), "--horizons", ",".join(map(str, self.horizons))]
        words += ["--countries", ",".join(self.countries)] if self.countries else []
        return shlex.join([*words, *(["--seed", str(self.seed)] if self.seed else [])])

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file. InputError where one cannot be read."""
        return {name: file_hash(path) for name, path in self.files().items()}

    def files(self) -> dict[str, Path]:
        """The files by what is in them."""
        files = {"mobility": self.mobility, "policy": self.policy, "cases": self.cases}
        return {name: path for name, path in files.items() if path is not None}


@dataclass(frozen=True)
class MeasuredBacktest:
    """A finished backtest. `values` is what `backtest` gives; `run_id` is None for the shipped one.

    `command` measures it again with the files in a folder DIR; `made_by` is the version of the code that measured it, and
    `data` the SHA-256 of each file.
    """

    values: Mapping[str, Any]
    run_id: str | None
    measured_on: date
    command: str
    made_by: str
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def header(self) -> Header:
        """Where it comes from, as every measured file says it."""
        domain, seconds = domain_of(load_study(PATTERN)), float(self.values["seconds"])
        return Header(self.command, self.made_by, self.measured_on, domain, self.data, seconds)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self.values["rows"])

    @property
    def rivals(self) -> list[str]:
        """The forecasters beside the twin, in the order in which they were measured."""
        return [name for name in self.rows[0]["macro_rmse"] if name != TWIN] if self.rows else []

    @property
    def current(self) -> bool:
        """Whether this very code measured it."""
        return self.made_by == code_version()


def run_backtest(
    store: Store, request: BacktestRequest, watch: ProgressReporter | None = None, executor: Executor = IN_THIS_PROCESS
) -> str:
    """Measure and keep; the id of the run. Raises Cancelled where the watch says stop, and keeps nothing then."""
    watch = watch or ProgressReporter()
    values = backtest(
        request.mobility, request.policy, request.cases, request.origins, request.horizons,
        countries=request.countries, seed=request.seed, watch=watch, executor=executor,
    )  # fmt: skip
    watch.report("store", 0, 1, "writing the results")
    run_id = keep_backtest(store, values, request)
    watch.finish("store", "done")
    return run_id


def keep_backtest(store: Store, values: Mapping[str, Any], request: BacktestRequest) -> str:
    """Keep what `backtest` gave for `request` as a complete run, and return its id.

    InputError where no row came out: there is nothing to keep.
    """
    if not values["rows"]:
        raise InputError("has no rows", where="backtest", allowed="origins after which places were observed")
    study = load_study(PATTERN)
    engine = RulesEngine.for_study(study, load_coefficients(study.coefficients_file))
    rung = _rung(values, engine, int(values["personas"]), request.seed)
    record = replace(_record_of(store, request), code_version=str(values["code_version"]), rung=rung)
    finished = replace(record, result_hash=content_hash(values["rows"]))
    rest = {name: value for name, value in values.items() if name != "rows"}
    order = list(values["rows"][0]["macro_rmse"])
    tables, summary = tables_of(values["rows"]), {**rest, "forecasters": order}
    with store.transaction():
        store.begin_run(record)
        store.finish_run(record.run_id, tables, summary, seconds=values["seconds"], record=finished)
    return record.run_id


def kept_backtest(store: Store, request: BacktestRequest) -> MeasuredBacktest | None:
    """What this very code measured for an equal request on equal files, where the store has it."""
    found = store.find_complete(_record_of(store, request).inputs_hash())
    return None if found is None else read_backtest(store, found.run_id)


def _record_of(store: Store, request: BacktestRequest) -> RunRecord:
    """The record of a measurement by this code, with the engine's tables kept in the store."""
    study = load_study(PATTERN)
    engine = RulesEngine.for_study(study, load_coefficients(study.coefficients_file))
    return RunRecord(
        kind=KIND,
        study_id=STUDY,
        study_hash=study_hash(study),
        engine=engine.name,
        engine_version=engine.version,
        seed=request.seed,
        personas=PERSONAS,
        input_hashes={**request.hashes(), **save_engine_texts(store, study)},
        parameters={
            "origins": [str(day) for day in request.origins],
            "horizons": list(request.horizons),
            "countries": list(request.countries or ()),
            "population": POPULATION,
            "command": request.command(),
            "files": {name: path.name for name, path in request.files().items()},
        },
        calibrator=TWIN,
    )


def latest_backtest(store: Store) -> MeasuredBacktest | None:
    """The newest complete backtest of the store; None where it has none."""
    found = store.runs(kind=KIND, status="complete", limit=1)
    return None if found.empty else read_backtest(store, str(found["run_id"].iloc[0]))


def read_backtest(store: Store, run_id: str) -> MeasuredBacktest:
    """A kept backtest, with the rows that were given. InputError for an unknown run and one of another kind."""
    run = store.run(run_id)
    if run.record.kind != KIND:
        raise InputError(f"is a {run.record.kind}", where=f"run {run_id}", allowed=f"a {KIND}")
    tables = {name: store.read_result(name, run_id) for name in TABLES}
    rest = dict(run.summary)
    rows = rows_of_tables(tables, rest.pop("forecasters"))
    return MeasuredBacktest(
        values={"rows": rows, **rest},
        run_id=run_id,
        measured_on=run.record.created_at.date(),
        command=str(run.record.parameters["command"]),
        made_by=run.record.code_version,
        data={
            name: value for name, value in run.record.input_hashes.items() if name in ("mobility", "policy", "cases")
        },
    )


#: The first lines of an exported file say what it is.
WHAT = "Scores of rolling-origin forecasts, measured by PolicyTwin. No observations of any provider are in here."


def export_backtest(measured: MeasuredBacktest, path: Path) -> None:
    """Write a measurement as the file that ships: scores by row, and their summary. InputError where it cannot be written.

    The summary is that of the rounded rows, so that a reader of the file finds the same.
    """
    rows = [_rounded(row) for row in measured.rows]
    if not rows:
        raise InputError("has no rows", where="backtest")
    forecasters = list(rows[0]["macro_rmse"])
    spread = dict.fromkeys(
        (name, level) for row in rows for name, levels in row.get("intervals", {}).items() for level in levels
    )
    columns = [*HEAD, *forecasters, *(f"{name} {key} {level}" for name, level in spread for key in SCORES)]
    lines = [
        [
            *(row[name] for name in HEAD),
            *(row["macro_rmse"][name] for name in forecasters),
            *(
                row.get("intervals", {}).get(name, {}).get(level, {}).get(key)
                for name, level in spread
                for key in SCORES
            ),
        ]
        for row in rows
    ]
    skip = ("rows", "summary", "code_version", "seconds")
    head = {
        "format": FORMAT,
        "what": WHAT,
        "header": TypeAdapter(Header).dump_python(measured.header, mode="json"),
        **{name: value for name, value in measured.values.items() if name not in skip},
        "forecasters": forecasters,
        "summary": summary_of(rows, [name for name in forecasters if name != TWIN]),
        "columns": columns,
    }
    body = ",\n".join(json.dumps(line, allow_nan=False, separators=(",", ":")) for line in lines)
    text = json.dumps(head, allow_nan=False, indent=1)[:-2] + ',\n "rows": [\n' + body + "\n]}\n"
    with written_whole(path, "a backtest", _is_backtest) as beside:
        beside.write_text(text, encoding="utf-8")


def _is_backtest(path: Path) -> bool:
    """Whether a file is an exported backtest, by its first lines alone."""
    try:
        with path.open(encoding="utf-8") as file:
            return WHAT in file.read(300)
    except (OSError, UnicodeDecodeError):
        return False


def read_exported(path: Path) -> MeasuredBacktest:
    """What `export_backtest` wrote. InputError where the file cannot be read or is none."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise InputError(f"has format {raw['format']}", where=path.name, allowed=str(FORMAT))
        rows = [_row_of(dict(zip(raw["columns"], line, strict=True)), raw["forecasters"]) for line in raw["rows"]]
        head = TypeAdapter(Header).validate_python(raw["header"])
        skip = ("format", "what", "header", "columns", "forecasters", "rows")
        rest = {name: raw[name] for name in raw if name not in skip}
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror or wrong})", where=str(path)) from None
    except (ValueError, KeyError, TypeError) as wrong:
        why = str(wrong).splitlines()[0]
        raise InputError(f"is no backtest ({type(wrong).__name__}: {why})", where=str(path)) from None
    values = {**rest, "rows": rows, "seconds": head.seconds, "code_version": head.code_version}
    return MeasuredBacktest(values, None, head.made_at, head.command, head.code_version, head.data)


def shipped_path() -> Path:
    """The file of the measurement that ships."""
    return measured_path("backtest")


def newest_backtest(store: Store) -> MeasuredBacktest:
    """The newest backtest of the store, else the shipped one."""
    return latest_backtest(store) or read_exported(shipped_path())


def measured_now(values: Mapping[str, Any], request: BacktestRequest) -> MeasuredBacktest:
    """A backtest that has just been measured and is not kept."""
    today = datetime.now(UTC).date()
    data = {
        path.name: file_hash(path) for path in (request.mobility, request.policy, request.cases) if path is not None
    }
    return MeasuredBacktest(values, None, today, request.command(), str(values["code_version"]), data)


def _rung(values: Mapping[str, Any], engine: RulesEngine, personas: int, seed: int) -> str:
    """The highest claim: that a pattern was reproduced needs coherent agents, and a mean error below that of every rival
    at every horizon."""
    people = synthesise(load_population_spec(str(values["population"])), personas, seed).personas
    if not behaves_coherently(engine, people, load_study(PATTERN)):
        return RUNGS[0]
    parts = values["summary"]["by_horizon"].values()
    better = all(part["mean"][TWIN] < value for part in parts for name, value in part["mean"].items() if name != TWIN)
    return RUNGS[2] if better else RUNGS[1]


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    intervals = {
        name: {level: {key: _digits(value[key]) for key in SCORES} for level, value in levels.items()}
        for name, levels in row.get("intervals", {}).items()
    }
    return {
        **{name: row[name] for name in HEAD},
        "stringency_change": _digits(row["stringency_change"]),
        "macro_rmse": {name: _digits(value) for name, value in row["macro_rmse"].items()},
        **with_coverage(intervals),
    }


def _digits(value: float) -> float:
    return round(float(value), DIGITS)


def _row_of(cells: Mapping[str, Any], forecasters: Sequence[str]) -> dict[str, Any]:
    intervals: dict[str, dict[str, dict[str, float]]] = {}
    for name, value in cells.items():
        if name not in HEAD and name not in forecasters and value is not None:
            forecaster, key, level = name.split(" ")
            intervals.setdefault(forecaster, {}).setdefault(level, {})[key] = float(value)
    return {
        **{name: cells[name] for name in HEAD},
        "macro_rmse": {name: float(cells[name]) for name in forecasters},
        **with_coverage(intervals),
    }


def file_hash(path: Path) -> str:
    """SHA-256 of a file. InputError where it cannot be read."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror or wrong})", where=str(path)) from None
