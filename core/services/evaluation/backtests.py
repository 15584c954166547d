"""Backtests that are kept: in the store as runs of their own, and one that ships with PolicyTwin as a file of scores.

The shipped file holds scores only: no observation of any provider can be read off it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from core.forecasting.backtest_scores import TWIN, BacktestRow, IntervalScores, summary_of
from core.forecasting.places import PATTERN
from core.options import command_words
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.records import RUNGS, RunRecord, content_hash
from core.services.evaluation.backtest_files import measure_backtest
from core.services.evaluation.backtest_tables import HEAD, SCORES, intervals_of, tables_of
from core.services.evaluation.requests import BacktestRequest
from core.services.evaluation.results import BacktestResult, Measured
from core.services.studies.inputs import study_hash
from core.services.studies.origins import PERSONAS, POPULATION
from core.services.studies.stored_inputs import save_engine_texts
from core.store.database import Store
from core.study import load_study
from core.validity.measured import Header, domain_of, measured_path

#: A backtest is of many countries and of no one study.
STUDY = "countries"
#: Of the shipped file; digits that a reader could use, and no more.
FORMAT, DIGITS = 2, 4


def backtest(
    request: BacktestRequest,
    store: Store | None = None,
    *,
    watch: ProgressReporter | None = None,
    again: bool = False,
    executor: Executor = IN_THIS_PROCESS,
) -> BacktestResult:
    """The backtest that was asked for: of the store, where it has what this code measured on equal files, else measured and,
    where there is a store, kept.

    InputError as `measure_backtest`, and for nothing to keep: no row. Cancelled where the watch says stop; nothing is kept then.
    """
    watch = watch or ProgressReporter()
    if store is None:
        return measure_backtest(request, watch, executor)
    same = None if again else store.find_complete(_record_of(store, request).inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return read_backtest(store, same.run_id).result
    result = measure_backtest(request, watch, executor)
    watch.report("store", 0, 1, "writing the results")
    kept = keep_backtest(store, result, request)
    watch.finish("store", "done")
    return kept


def keep_backtest(store: Store, result: BacktestResult, request: BacktestRequest) -> BacktestResult:
    """Keep a measurement of `request` as a complete run. InputError where no row came out: there is nothing to keep."""
    if not result.rows:
        raise InputError("has no rows", where="backtest", allowed="origins after which places were observed")
    rung = _rung(result, request.seed)
    record = replace(_record_of(store, request), code_version=result.code_version, rung=rung)
    finished = replace(record, result_hash=content_hash(result.rows))
    kept = replace(result, run_id=record.run_id)
    # Rows are in tables, which do not keep the order of forecasters.
    summary = {**replace(kept, rows=()).as_dict(), "forecasters": list(result.rows[0].macro_rmse)}
    with store.transaction():
        store.begin_run(record)
        store.finish_run(
            record.run_id, tables_of(result.rows), summary, seconds=result.seconds, record=finished
        )  # fmt: skip
    return kept


def _record_of(store: Store, request: BacktestRequest) -> RunRecord:
    """The record of a measurement by this code, with the engine's tables kept in the store."""
    study = load_study(PATTERN)
    engine = RulesEngine.for_study(study, load_coefficients(study.coefficients_file))
    return RunRecord(
        kind=BacktestResult.kind,
        study_id=STUDY,
        study_hash=study_hash(study),
        engine=engine.name,
        engine_version=engine.version,
        seed=request.seed,
        personas=PERSONAS,
        input_hashes={**_hashes(request), **save_engine_texts(store, study)},
        parameters={
            "origins": [str(day) for day in request.origins],
            "horizons": list(request.horizons),
            "countries": list(request.countries or ()),
            "population": POPULATION,
            "command": command_of(request),
            "files": {name: path.name for name, path in request.files().items()},
        },
        calibrator=TWIN,
    )


def command_of(request: BacktestRequest, folder: str = "DIR") -> str:
    """The command line that measures this again, with the files in `folder`."""
    return shlex.join(["policytwin", "backtest", *command_words(request.with_files_in(folder))])


def _hashes(request: BacktestRequest) -> dict[str, str]:
    """SHA-256 of each file. InputError where one cannot be read."""
    return {name: file_hash(path) for name, path in request.files().items()}


def read_backtest(store: Store, run_id: str) -> Measured[BacktestResult]:
    """A kept backtest, with where it comes from. InputError for an unknown run and one of another kind."""
    run = store.run(run_id)
    record = run.record
    if record.kind != BacktestResult.kind:
        raise InputError(f"is a {record.kind}", where=f"run {run_id}", allowed=f"a {BacktestResult.kind}")
    summary = {**run.summary, "run_id": run_id}
    result = BacktestResult.of_store(summary, lambda table: store.read_result(table, run_id))
    data = {name: value for name, value in record.input_hashes.items() if name in ("mobility", "policy", "cases")}
    header = Header(
        str(record.parameters["command"]), record.code_version, record.created_at.date(), domain_of(load_study(PATTERN)),
        data, result.seconds,
    )  # fmt: skip
    return Measured(result, header, _request_of(record))


def _request_of(record: RunRecord) -> BacktestRequest | None:
    """What was asked of a kept backtest; of its files there are the names, which earlier versions did not keep."""
    asked = record.parameters
    return None if not asked.get("files") else BacktestRequest(
        **{name: Path(file) for name, file in asked["files"].items()},
        origins=tuple(map(date.fromisoformat, asked["origins"])), horizons=tuple(asked["horizons"]),
        countries=tuple(asked["countries"]) or None, seed=record.seed,
    )  # fmt: skip


def newest_backtest(store: Store) -> str:
    """The newest complete backtest of the store; "" where there is none, and the shipped one is the newest."""
    found = store.runs(kind=BacktestResult.kind, status="complete", limit=1)
    return "" if found.empty else str(found["run_id"].iloc[0])


def measured_now(result: BacktestResult, request: BacktestRequest) -> Measured[BacktestResult]:
    """A backtest that has just been measured and need not be kept."""
    data = {path.name: file_hash(path) for path in request.files().values()}
    header = Header(
        command_of(request), result.code_version, datetime.now(UTC).date(), domain_of(load_study(PATTERN)), data,
        result.seconds,
    )  # fmt: skip
    return Measured(result, header, request)


#: The first lines of an exported file say what it is.
WHAT = "Scores of rolling-origin forecasts, measured by PolicyTwin. No observations of any provider are in here."


def export_backtest(measured: Measured[BacktestResult], path: Path) -> None:
    """Write a measurement as the file that ships: scores by row, and their summary. InputError where it cannot be written.

    The summary is that of the rounded rows, so that a reader of the file finds the same.
    """
    result = measured.result
    rows = [_rounded(row) for row in result.rows]
    if not rows:
        raise InputError("has no rows", where="backtest")
    forecasters = list(rows[0].macro_rmse)
    spread = dict.fromkeys((name, level) for row in rows for name, level, _ in intervals_of(row))
    columns = [*HEAD, *forecasters, *(f"{name} {key} {level}" for name, level in spread for key in SCORES)]
    head = {
        "format": FORMAT,
        "what": WHAT,
        "header": TypeAdapter(Header).dump_python(measured.header, mode="json"),
        "left_out": dict(result.left_out),
        "engine": result.engine,
        "population": result.population,
        "personas": result.personas,
        "forecasters": forecasters,
        "summary": replace(result, rows=(), summary=summary_of(rows, result.rivals)).as_dict()["summary"],
        "columns": columns,
    }
    body = ",\n".join(
        json.dumps(_line(row, list(spread)), allow_nan=False, separators=(",", ":"), default=str) for row in rows
    )
    text = json.dumps(head, allow_nan=False, indent=1)[:-2] + ',\n "rows": [\n' + body + "\n]}\n"
    with written_whole(path, "a backtest", _is_backtest) as beside:
        beside.write_text(text, encoding="utf-8")


def _line(row: BacktestRow, spread: Sequence[tuple[str, str]]) -> list[Any]:
    held = [row.intervals.get(name, {}).get(level) for name, level in spread]
    scores = [None if item is None else getattr(item, key) for item in held for key in SCORES]
    return [*(getattr(row, name) for name in HEAD), *row.macro_rmse.values(), *scores]


def _is_backtest(path: Path) -> bool:
    """Whether a file is an exported backtest, by its first lines alone."""
    try:
        with path.open(encoding="utf-8") as file:
            return WHAT in file.read(300)
    except (OSError, UnicodeDecodeError):
        return False


def read_exported(path: Path) -> Measured[BacktestResult]:
    """What `export_backtest` wrote. InputError where the file cannot be read or is none."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise InputError(f"has format {raw['format']}", where=path.name, allowed=str(FORMAT))
        header: Header = TypeAdapter(Header).validate_python(raw["header"])
        rows = [_row_of(dict(zip(raw["columns"], line, strict=True)), raw["forecasters"]) for line in raw["rows"]]
        about = {**raw, "rows": rows, "code_version": header.code_version, "seconds": header.seconds}
        return Measured(BacktestResult.from_dict(about), header)
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror or wrong})", where=str(path)) from None
    except (ValueError, KeyError, TypeError) as wrong:
        why = str(wrong).splitlines()[0]
        raise InputError(f"is no backtest ({type(wrong).__name__}: {why})", where=str(path)) from None


def shipped_path() -> Path:
    """The file of the measurement that ships."""
    return measured_path(BacktestResult.kind)


def _rung(result: BacktestResult, seed: int) -> str:
    """The highest claim: that a pattern was reproduced needs coherent agents, and a mean error below that of every rival
    at every horizon."""
    study = load_study(PATTERN)
    engine = RulesEngine.for_study(study, load_coefficients(study.coefficients_file))
    people = synthesise(load_population_spec(result.population), result.personas, seed).personas
    if not behaves_coherently(engine, people, study):
        return RUNGS[0]
    parts = result.summary.by_horizon.values()
    better = all(part.mean[TWIN] < value for part in parts for name, value in part.mean.items() if name != TWIN)
    return RUNGS[2] if better else RUNGS[1]


def _rounded(row: BacktestRow) -> BacktestRow:
    intervals: dict[str, dict[str, IntervalScores]] = {}
    for name, level, item in intervals_of(row):
        rounded = {key: _digits(value) for key, value in vars(item).items()}
        intervals.setdefault(name, {})[level] = IntervalScores(**rounded)
    return replace(
        row,
        stringency_change=_digits(row.stringency_change),
        macro_rmse={name: _digits(value) for name, value in row.macro_rmse.items()},
        intervals=intervals,
    )


def _digits(value: float) -> float:
    return round(float(value), DIGITS)


def _row_of(cells: Mapping[str, Any], forecasters: Sequence[str]) -> dict[str, Any]:
    intervals: dict[str, Any] = {}
    for name, value in cells.items():
        if name not in HEAD and name not in forecasters and value is not None:
            forecaster, key, level = name.split(" ")
            intervals.setdefault(forecaster, {}).setdefault(level, {})[key] = value
    scores = {name: cells[name] for name in forecasters}
    return {**{name: cells[name] for name in HEAD}, "macro_rmse": scores, "intervals": intervals}


def file_hash(path: Path) -> str:
    """SHA-256 of a file. InputError where it cannot be read."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror or wrong})", where=str(path)) from None
