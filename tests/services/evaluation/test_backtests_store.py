"""Backtests in the store and in the shipped file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cli import main
from core.errors import Cancelled, InputError
from core.execution.executor import Executor
from core.execution.progress import Progress, ProgressReporter
from core.forecasting.backtest_scores import BacktestRow, BacktestSummary, IntervalScores, MeanScores, summary_of
from core.forecasting.teachers import is_held_out
from core.records import RUNGS, RunRecord, encode_json
from core.report.documents import document_of
from core.services.evaluation import backtests
from core.services.evaluation.backtest_tables import rows_of_tables, tables_of
from core.services.evaluation.backtests import (
    backtest,
    export_backtest,
    keep_backtest,
    newest_backtest,
    read_backtest,
    read_exported,
    shipped_path,
)
from core.services.evaluation.requests import HORIZONS, ORIGINS, BacktestRequest
from core.services.evaluation.results import BacktestResult
from core.services.library.archive import export_run, list_runs, load_result
from core.store import migrations
from core.store.database import Store

FORECASTERS = ("twin", "last_value", "seasonal_naive")


def row(country: str, origin: str, horizon: int, scores: Mapping[str, float]) -> BacktestRow:
    intervals = {
        name: {
            level: IntervalScores(coverage=0.5, width=12.25, score=20.5 + int(level)) for level in ("50", "80", "95")
        }
        for name in ("twin", "seasonal_naive")
    }
    return BacktestRow(
        country=country, origin=date.fromisoformat(origin), horizon=horizon, stringency_change=3.123456789, categories=6,
        macro_rmse=scores, intervals=intervals,
    )  # fmt: skip


@pytest.fixture
def request_(tmp_path: Path) -> BacktestRequest:
    for name in ("mobility.csv", "policy.csv"):
        (tmp_path / name).write_text(name)
    return BacktestRequest(tmp_path / "mobility.csv", tmp_path / "policy.csv", (date(2020, 6, 30),), (30, 90))


def measured(rows: list[BacktestRow] | None = None, **mean: float) -> BacktestResult:
    rows = rows or [
        row("ARE", "2020-06-30", 30, {"twin": 5.1, "last_value": 6.3, "seasonal_naive": 7.0}),
        row("ARE", "2020-06-30", 90, {"twin": 8.1, "last_value": 7.3, "seasonal_naive": 9.0}),
        row("NZL", "2020-06-30", 30, {"twin": 1 / 3, "last_value": 2 / 3, "seasonal_naive": 1.0}),
    ]
    means = {"twin": 2.7, "last_value": 3.5, "seasonal_naive": 4.0, **mean}
    part = MeanScores(
        rows=2, mean=means, median=means, wins={}, best_rival="last_value", intervals={}, gain_on_best_rival=0.1
    )
    return BacktestResult(
        rows=tuple(rows), summary=BacktestSummary(rows=len(rows), by_horizon={"30": part}), population="world",
        left_out={"ATG": "no policy data"}, personas=30, code_version="0.0.1+test", seconds=1.5,
    )  # fmt: skip


def test_a_kept_backtest_comes_back_as_it_was(request_: BacktestRequest, tmp_path: Path) -> None:
    values = measured()
    with Store(tmp_path / "store.duckdb") as store:
        assert newest_backtest(store) == "", "the one that ships"
        run_id = keep_backtest(store, values, request_).run_id
    with Store(tmp_path / "store.duckdb") as store:
        found = read_backtest(store, newest_backtest(store))
        assert found.result == load_result(store, run_id) == replace(values, run_id=run_id)
        assert list(found.result.rows[0].macro_rmse) == list(FORECASTERS), "forecasters keep their order"
        assert BacktestResult.from_dict(json.loads(json.dumps(found.result.as_dict()))) == found.result
        assert (found.run_id, found.result.code_version, found.current) == (run_id, "0.0.1+test", False)
        assert found.result.rivals == ["last_value", "seasonal_naive"]
        assert "better than a simple rule" in document_of(store, run_id).title
        record = store.run(run_id).record
        assert record.kind == "backtest" and record.parameters["origins"] == ["2020-06-30"]
        assert set(record.input_hashes) == {"mobility", "policy", "coefficients", "learned"}
        assert record.rung in RUNGS[:3]
        assert list_runs(store)[0].kind == "backtest"
        files = export_run(store, run_id, tmp_path / "out")
        assert {path.name for path in files} >= {"backtest_rows.csv", "backtest_scores.csv", "record.json"}
        store.delete_run(run_id)
        assert store.read("backtest_rows", unfinished=True).empty


def test_the_rung_follows_from_the_scores(request_: BacktestRequest) -> None:
    with Store.memory() as store:
        reproduced = store.run(keep_backtest(store, measured(), request_).run_id).record.rung
        coherent = store.run(keep_backtest(store, measured(last_value=2.0), request_).run_id).record.rung
    assert (reproduced, coherent) == (RUNGS[2], RUNGS[1])


def test_the_newest_of_several_is_read(request_: BacktestRequest) -> None:
    with Store.memory() as store:
        keep_backtest(store, measured(), request_)
        second = keep_backtest(store, measured(), replace(request_, seed=1)).run_id
        assert newest_backtest(store) == second


def test_what_cannot_be_kept_or_read_is_one_clear_line(request_: BacktestRequest, meridia_store: Path) -> None:
    with Store(meridia_store) as store:
        with pytest.raises(InputError, match="has no rows"):
            keep_backtest(store, replace(measured(), rows=()), request_)
        with pytest.raises(InputError, match="cannot be read"):
            keep_backtest(store, measured(), replace(request_, mobility=Path("nowhere.csv")))
        fit = str(store.runs(kind="run")["run_id"].iloc[0])
        with pytest.raises(InputError, match="is a run"):
            read_backtest(store, fit)
        assert store.runs(kind="backtest").empty, "what was refused left nothing"


numbers = st.floats(0, 1e6, allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ARE", "FRA", "NZL"]),
            st.dates(date(2020, 1, 1), date(2021, 12, 31)),
            st.sampled_from([7, 30, 180]),
            st.tuples(numbers, numbers, numbers),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda item: item[:3],
    )
)
def test_rows_survive_the_tables(items: list[Any]) -> None:
    rows = [
        row(country, str(origin), horizon, dict(zip(FORECASTERS, scores, strict=True)))
        for country, origin, horizon, scores in sorted(items, key=lambda item: item[:3])
    ]
    assert rows_of_tables(tables_of(rows).__getitem__, FORECASTERS) == tuple(rows)


def test_a_missing_score_stays_missing(request_: BacktestRequest) -> None:
    rows = [row("ARE", "2020-06-30", 30, {"twin": 1.0, "last_value": float("nan"), "seasonal_naive": 2.0})]
    with Store.memory() as store:
        back = read_backtest(store, keep_backtest(store, measured(rows), request_).run_id).result.rows
    assert np.isnan(back[0].macro_rmse["last_value"]) and back[0].macro_rmse["twin"] == 1.0


def test_a_store_of_version_two_is_taken_along_with_all_it_has(tmp_path: Path, request_: BacktestRequest) -> None:
    path = tmp_path / "old.duckdb"
    record = RunRecord(
        kind="run", study_id="meridia", study_hash="aa", engine="rules", engine_version="1", seed=7, personas=4
    )
    with duckdb.connect(str(path)) as raw:
        raw.execute(
            "CREATE TABLE schema_version "
            "(version INTEGER PRIMARY KEY, code_version VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)"
        )
        for number in (1, 2):
            raw.execute(migrations.MIGRATIONS[number - 1])
            raw.execute("INSERT INTO schema_version VALUES (?, 'old', now())", [number])
        raw.execute(
            "INSERT INTO runs (run_id, kind, study_id, engine, status, inputs_hash, owner, record, created_at) "
            "VALUES (?, 'run', 'meridia', 'rules', 'complete', 'h', 'o', ?, now())",
            [record.run_id, encode_json(record)],
        )
        raw.execute("INSERT INTO scores VALUES (?, 'twin', 'retail', 'rmse', 4.5)", [record.run_id])
        raw.execute("INSERT INTO drafts (study_id, parent_id, content) VALUES ('meridia', 'p', '{\"a\": 1}')")
    with Store(path) as store:
        assert store.run(record.run_id).record == record
        assert store.read_result("scores", record.run_id)["value"].tolist() == [4.5]
        assert store.read("drafts")["content"].iloc[0] == {"a": 1}
        kept = keep_backtest(store, measured(), request_)
        assert read_backtest(store, kept.run_id).result == kept
    with duckdb.connect(str(path)) as raw:
        versions = [number for (number,) in raw.execute("SELECT version FROM schema_version ORDER BY 1").fetchall()]
    assert versions == list(range(1, len(migrations.MIGRATIONS) + 1)) and len(versions) >= 3


def test_an_exported_file_says_what_its_rows_say(request_: BacktestRequest, tmp_path: Path) -> None:
    now = backtests.measured_now(measured(), request_)
    path = tmp_path / "folder" / "out.json"
    export_backtest(now, path)
    back = read_exported(path)
    assert back.header.command == backtests.command_of(request_) and back.result.code_version == "0.0.1+test"
    for given_row, read_row in zip(now.result.rows, back.result.rows, strict=True):
        assert read_row.macro_rmse == pytest.approx(given_row.macro_rmse, abs=5e-5)
        assert read_row.intervals == given_row.intervals and read_row.coverage == given_row.coverage
    path.write_text(path.read_text().replace('"format": 2', '"format": 99'))
    with pytest.raises(InputError, match="format 99"):
        read_exported(path)
    path.write_text("[1, 2]")
    with pytest.raises(InputError, match="is no backtest"):
        read_exported(path)
    with pytest.raises(InputError, match="cannot be written"):
        export_backtest(now, path / "below" / "a" / "file")


def test_the_shipped_file_agrees_with_its_own_summary() -> None:
    shipped = read_exported(shipped_path()).result
    assert summary_of(shipped.rows, shipped.rivals) == shipped.summary
    countries = {item.country for item in shipped.rows}
    assert len(countries) >= 100 and sum(map(is_held_out, countries)) == 23
    assert {item.horizon for item in shipped.rows} == set(HORIZONS)
    assert {item.origin for item in shipped.rows} == set(ORIGINS)
    raw = json.loads(shipped_path().read_text(encoding="utf-8"))
    assert "/" not in raw["header"]["command"].replace("DIR/", ""), "no path of any machine"


def test_the_command_keeps_and_exports(
    real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "default.duckdb"))
    request = BacktestRequest.of_folder(real_data)
    assert request is not None
    request = replace(request, origins=(date(2020, 9, 30),), horizons=(30,), countries=("ARE", "NZL"))
    words = backtests.command_of(request, str(real_data))
    arguments = [*words.split()[1:], "--workers", "1", "--json"]
    out = tmp_path / "out.json"
    assert main([*arguments, "--db", str(tmp_path / "kept.duckdb"), "--export", str(out)]) == 0
    values = json.loads(capsys.readouterr().out)
    with Store(tmp_path / "kept.duckdb") as store:
        found = read_backtest(store, newest_backtest(store))
        assert found.result.as_dict() == values and found.request == request.with_files_in("")
    assert {item.country for item in read_exported(out).result.rows} == {"ARE", "NZL"}
    assert not (tmp_path / "default.duckdb").exists(), "kept only where that was asked"


def test_a_measurement_that_is_stopped_keeps_nothing_and_gives_the_workers_back(
    real_data: Path, processes: Executor
) -> None:
    request = BacktestRequest.of_folder(real_data)
    assert request is not None
    request = replace(request, origins=(date(2020, 9, 30),), horizons=(30,), countries=("ARE", "NZL", "FRA"))
    seen: list[Progress] = []
    with Store.memory() as store:
        stop = ProgressReporter(seen.append, lambda: any(item.stage == "validate" for item in seen))
        with pytest.raises(Cancelled):
            backtest(request, store, watch=stop, executor=processes)
        assert processes.submit(int).wait(60), "no place is worked on that nobody waits for"
        assert store.runs(kind="backtest").empty
        result = backtest(replace(request, countries=("NZL",)), store, executor=processes)
        assert {item.country for item in result.rows} == {"NZL"} and load_result(store, result.run_id) == result


def test_a_folder_without_the_tables_of_all_countries_asks_for_nothing(tmp_path: Path) -> None:
    assert BacktestRequest.of_folder(tmp_path) is None
