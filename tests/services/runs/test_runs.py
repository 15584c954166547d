"""Runs: the same result for any number of workers, taken up where they were killed or stopped, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from killed_run import REQUEST
from small_runs import SHORT

from core.calibration.calibrators import slope_shares
from core.calibration.twin import SLOPE_SHRINKAGE
from core.errors import Cancelled, InputError
from core.execution.executor import Executor
from core.execution.progress import Progress, ProgressReporter
from core.forecasting.baselines import run_baselines
from core.records import RUNGS, frame_hash
from core.report.documents import shown_text
from core.report.sentences.store import runs_text, show_text
from core.services.library.archive import export_run, list_runs
from core.services.runs import preparing as preparing_module
from core.services.runs import run as runs_module
from core.services.runs.forecasters import FORECASTERS, forget_rivals
from core.services.runs.preparing import prepare
from core.services.runs.results import RunResult
from core.services.runs.run import ensure_run, run_study
from core.services.studies.inputs import open_study
from core.services.studies.requests import MOST_TRIALS, RunRequest
from core.simulation.simulate import simulate
from core.store.database import Store

pytestmark = pytest.mark.full
SMALL = RunRequest("meridia", personas=60, trials=3, **SHORT)


def whole_rung(macro: dict[str, float]) -> str:
    """The rules engine is coherent by construction, so the rung turns on the baselines."""
    return RUNGS[2] if all(macro["twin"] < macro[name] for name in run_baselines()) else RUNGS[1]


@pytest.fixture(scope="module")
def kept() -> Iterator[Store]:
    """A store with the uninterrupted run alone."""
    with Store.memory() as opened:
        run_study(REQUEST, opened)
        yield opened


@pytest.fixture(scope="module")
def whole(kept: Store) -> RunResult:
    """The uninterrupted run that others must equal."""
    return RunResult.of(kept.run(str(kept.runs()["run_id"].iloc[0])))


@pytest.fixture
def store() -> Any:
    with Store.memory() as opened:
        yield opened


def means_of_everyone(aggregates: pd.DataFrame) -> np.ndarray:
    """Activity, (contexts, behaviours), from the store's rows."""
    rows = aggregates[aggregates["attribute"] == "all"]
    wide = rows.pivot_table(index="context_id", columns="behaviour", values="mean")
    return wide[list(open_study("meridia").study.behaviour_ids)].to_numpy()


class Stopper:
    """A watch that asks to stop once a stage has come so far."""

    def __init__(self, stage: str, done: int) -> None:
        self.wanted, self.stopping, self.seen = (stage, done), False, []  # type: ignore[var-annotated]
        self.watch = ProgressReporter(self._report, lambda: self.stopping)

    def _report(self, item: Progress) -> None:
        self.seen.append(item)
        self.stopping = self.stopping or (item.stage, item.done) == self.wanted


def test_the_summary_says_what_the_contract_promises(whole: RunResult) -> None:
    values = whole.as_dict()
    promised = {
        "study", "engine", "personas", "days", "contexts", "train_end", "test_end", "macro_rmse", "rmse",
        "calibration_gap", "seconds", "peak_memory_mb", "run_id",
    }  # fmt: skip
    assert promised <= set(values)
    assert set(values["seconds"]) >= {"ingest", "simulate", "calibrate", "validate", "total"}
    assert set(values["macro_rmse"]) == set(FORECASTERS)
    study = open_study("meridia").study
    assert set(values["rmse"]) == set(study.behaviour_ids) == set(values["mae"])
    for name, macro in values["macro_rmse"].items():
        assert macro == pytest.approx(np.mean([scores[name] for scores in values["rmse"].values()]), abs=1e-3), name
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert 0 <= values["calibration_gap"] <= 0.001 and values["rung"] == whole_rung(values["macro_rmse"])
    assert values["days"] == (REQUEST.test_end - study.start).days + 1 and values["fictional"] is True
    assert values["peak_memory_mb"] > 50 and values["seconds"]["total"] > 0


def test_the_tables_hold_what_the_summary_says(whole: RunResult, kept: Store) -> None:
    names = ("contexts", "forecasts", "trials", "calibrations")
    tables, values = {name: kept.read_result(name, whole.run_id) for name in names}, whole.as_dict()
    assert len(tables["contexts"]) == values["contexts"] and tables["contexts"]["days"].sum() == values["days"]
    forecasts = tables["forecasts"]
    observed = open_study("meridia").observations
    for name in ("twin", "uncalibrated", "linear"):
        mine = forecasts[(forecasts["forecaster"] == name) & (forecasts["phase"] == "test")]
        wide = mine.pivot_table(index="date", columns="behaviour", values="value")[list(observed.columns)]
        error = np.sqrt(((wide - observed.reindex(wide.index)) ** 2).mean()).mean()
        assert error == pytest.approx(values["macro_rmse"][name], abs=1e-4)
    trials = tables["trials"]
    assert (trials["calibrator"] == "twin").sum() == REQUEST.trials
    ours = trials[trials["calibrator"] == "twin"]
    for name, value in values["parameters"].items():
        if name.startswith(SLOPE_SHRINKAGE):
            assert slope_shares()[value] == values["calibrators"][name.removeprefix(SLOPE_SHRINKAGE)]
            continue
        tried = [row[name] for row in ours["parameters"]]
        assert min(tried) <= value <= max(tried)
    assert values["inner_score"] <= ours["macro"].iloc[0]
    lines = tables["calibrations"].set_index(["calibrator", "behaviour"])
    assert (lines.loc["twin", "a"] >= 0).all() and lines.loc["twin", "train_rmse"].notna().all()


def test_the_stored_aggregates_are_what_the_parameters_simulate(whole: RunResult, kept: Store) -> None:
    prepared = prepare(REQUEST)
    own = {name: whole.parameters[name] for name in prepared.engine.parameters}
    alone = prepared.problem.final_only()
    again = simulate(prepared.engine.with_parameters(own), prepared.population.personas, alone.contexts)
    table = kept.read_result("aggregates", whole.run_id)
    assert np.array_equal(means_of_everyone(table), again.everyone)


def test_the_number_of_workers_changes_no_bit(whole: RunResult, kept: Store, store: Store, processes: Executor) -> None:
    forget_rivals()
    other = run_study(REQUEST, store, executor=processes)
    assert other.result_hash == whole.result_hash
    for table in ("aggregates", "forecasts", "scores"):
        again, once = store.read_result(table, other.run_id), kept.read_result(table, whole.run_id)
        assert frame_hash(again.drop(columns="run_id")) == frame_hash(once.drop(columns="run_id"))
    assert other.parameters == whole.parameters
    assert store.run(other.run_id).record.result_hash == whole.result_hash


def child(*arguments: object) -> subprocess.Popen[str]:
    script = Path(__file__).parents[2] / "support" / "killed_run.py"
    return subprocess.Popen([sys.executable, str(script), *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def shows_no_half_of_a_run(path: Path, folder: Path) -> None:
    with Store(path) as store:
        (row,) = list_runs(store)
        assert row.status == "interrupted" and row.seconds is None
        for table in ("forecasts", "scores", "trials", "aggregates"):
            with pytest.raises(InputError, match="is interrupted, not complete"):
                store.read_result(table, row.run_id)
            assert store.read(table).empty
        with pytest.raises(InputError, match=r"is interrupted.*a complete run"):
            export_run(store, row.run_id, folder)
        assert store.run(row.run_id).summary is None
        assert row.run_id in show_text(store.run(row.run_id))


def test_a_killed_run_is_taken_up_by_another_process(whole: RunResult, tmp_path: Path) -> None:
    """kill -9 in the search and in the simulation; the same request in a new process ends with the same result."""
    cases = {"calibrate": (8, 20 - 8, 3), "simulate": (1, 0, 2)}
    killed = {stage: child(tmp_path / stage, stage, done) for stage, (done, *_) in cases.items()}
    for stage, process in killed.items():
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"stage": stage, "done": cases[stage][0]}
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
    shows_no_half_of_a_run(tmp_path / "simulate", tmp_path / "out")
    resumed = {stage: child(tmp_path / stage, "never", 0) for stage in cases}
    for stage, process in resumed.items():
        values = json.loads(process.communicate(timeout=120)[0])
        assert process.returncode == 0
        assert (values["trials"], values["blocks"]) == cases[stage][1:], "only what was missing is computed"
        assert values["result_hash"] == whole.result_hash, stage
        with Store(tmp_path / stage) as store:
            (row,) = list_runs(store)
            assert (row.run_id, row.status) == (values["run_id"], "complete"), "one run, not two"
            responses, _, personas = store.read_responses(values["run_id"])
            assert responses.shape == (values["contexts"], 1100, 6) and list(personas) == list(range(1100))
            assert len(store.read_result("trials", values["run_id"], calibrator="twin")) == 20
            assert len(store.chunks(values["run_id"])) == 0


@pytest.mark.parametrize(("stage", "done"), [("calibrate", 8), ("simulate", 1), ("validate", 1)])
def test_a_stopped_run_is_cancelled_and_can_be_resumed(whole: RunResult, store: Store, stage: str, done: int) -> None:
    stopper = Stopper(stage, done)
    with pytest.raises(Cancelled):
        run_study(REQUEST, store, stopper.watch)
    (row,) = list_runs(store)
    assert row.status == "cancelled" and "stopped" in row.message
    assert store.read("forecasts").empty and store.read("scores").empty
    resumed = Stopper("never", 0)
    summary = run_study(REQUEST, store, resumed.watch)
    assert summary.run_id == row.run_id and summary.result_hash == whole.result_hash
    first = next(item for item in resumed.seen if item.stage == "simulate")
    assert first.done == {"calibrate": 0, "simulate": 2, "validate": 3}[stage], "a stop waits for the block in hand"
    assert list_runs(store)[0].status == "complete" and list_runs(store)[0].message is None


def test_a_wish_to_stop_that_comes_too_late_leaves_the_run_complete(store: Store) -> None:
    stopper = Stopper("store", 0)
    assert run_study(SMALL, store, stopper.watch).run_id == list_runs(store)[0].run_id
    assert list_runs(store)[0].status == "complete"


def test_progress_goes_through_the_stages_and_never_back(store: Store) -> None:
    stopper = Stopper("never", 0)
    run_study(SMALL, store, stopper.watch)
    order = list(dict.fromkeys(item.stage for item in stopper.seen))
    assert order == ["ingest", "calibrate", "simulate", "validate", "store"]
    for stage in order:
        counts = [item.done for item in stopper.seen if item.stage == stage]
        assert counts == sorted(counts) and all(item.done <= item.total for item in stopper.seen)
    assert (stopper.seen[-1].stage, stopper.seen[-1].done) == ("store", 1)


@pytest.mark.parametrize(
    ("wrong", "status", "words"),
    [
        (RuntimeError("no luck"), "failed", "RuntimeError: no luck"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
    ],
)
def test_what_goes_wrong_is_kept_and_the_run_can_be_resumed(
    store: Store, monkeypatch: pytest.MonkeyPatch, wrong: BaseException, status: str, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise wrong

    with monkeypatch.context() as patched:
        patched.setattr(runs_module, "ablation_forecasts", fail)
        with pytest.raises(type(wrong)):
            run_study(SMALL, store)
    (row,) = list_runs(store)
    assert (row.status, row.message) == (status, words)
    assert run_study(SMALL, store).run_id == row.run_id


def test_an_error_after_the_end_does_not_hide_behind_another(store: Store) -> None:
    def report(item: Progress) -> None:
        if (item.stage, item.done) == ("store", 1):
            raise OSError("the terminal has gone")

    with pytest.raises(OSError, match="the terminal has gone"):
        run_study(SMALL, store, ProgressReporter(report))
    assert list_runs(store)[0].status == "complete"


def test_equal_requests_are_one_run_where_one_will_do(store: Store) -> None:
    first = ensure_run(SMALL, store)
    assert ensure_run(SMALL, store) == first
    others = [
        replace(SMALL, seed=1),
        replace(SMALL, trials=4),
        replace(SMALL, personas=61),
        replace(SMALL, train_end=date(2030, 8, 14)),
        replace(SMALL, keep_responses=False),
    ]
    hashes = {store.run(first).inputs_hash}
    for request in others:
        hashes.add(preparing_module.record_of(prepare(request, store), store).inputs_hash())
    assert len(hashes) == 1 + len(others)
    assert run_study(SMALL, store).run_id != first, "asked for outright, it runs again"


def test_answers_of_personas_are_kept_unless_told_otherwise(store: Store) -> None:
    kept = run_study(SMALL, store)
    responses, _, _ = store.read_responses(kept.run_id)
    assert responses.shape == (kept.contexts, 60, 6) and responses.dtype == np.float32
    prepared = prepare(SMALL)
    weight = prepared.population.personas["weight"].to_numpy(float)
    table = store.read_result("aggregates", kept.run_id)
    everyone = means_of_everyone(table)
    assert np.allclose(np.average(responses.astype(float), axis=1, weights=weight), everyone, rtol=1e-6)
    none = run_study(replace(SMALL, keep_responses=False), store)
    assert store.read_responses(none.run_id)[0].size == 0
    assert none.result_hash == kept.result_hash


def test_a_behaviour_without_observations_in_the_test_period_has_no_score(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = open_study("meridia")
    holes = inputs.observations.copy()
    holes.loc[pd.Timestamp("2030-08-14") :, "parks"] = np.nan
    thinner = replace(inputs, observations=holes, hashes={**inputs.hashes, "mobility": frame_hash(holes)})
    monkeypatch.setattr(preparing_module, "open_study", lambda *_: thinner)
    values = run_study(SMALL, store).as_dict()
    assert set(values["rmse"]["parks"].values()) == {None} and values["macro_rmse"]["twin"] > 0
    assert "Infinity" not in json.dumps(values, allow_nan=False)
    assert store.run(values["run_id"]).summary == values and values["not_observed"] == ["parks"]
    assert (
        RunResult.from_dict({name: part for name, part in values.items() if name != "not_observed"}).as_dict() == values
    )
    monkeypatch.setattr(
        preparing_module, "open_study", lambda *_: replace(inputs, observations=inputs.observations.loc[:"2030-08-13"])
    )
    with pytest.raises(InputError, match="nothing was observed after 2030-08-13 up to 2030-09-15"):
        run_study(SMALL, store)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"study": "meridya"}, "unknown study 'meridya'.*Nearest valid: meridia"),
        ({"engine": "rule"}, "unknown engine 'rule'.*Nearest valid: rules"),
        ({"personas": 0}, "0 personas.*Nearest valid: 1"),
        ({"personas": 100_001}, "100001 personas.*Nearest valid: 100000"),
        ({"train_end": date(2032, 1, 1)}, "training to 2032-01-01"),
        ({"train_end": date(2030, 8, 1)}, "training to 2030-08-01.*Nearest valid: 2030-08-13"),
        ({"population_id": "pop-none"}, "no population 'pop-none'"),
    ],
)
def test_impossible_requests_are_refused(store: Store, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_study(replace(SMALL, **change), store)
    assert all(row.status == "failed" for row in list_runs(store))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trials": 0}, "0 trials.*Nearest valid: 1"),
        ({"trials": MOST_TRIALS + 1}, f"Nearest valid: {MOST_TRIALS}"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_impossible_numbers_are_refused_at_once(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(SMALL, **change)


def test_what_was_run_can_be_listed_shown_and_exported(store: Store, tmp_path: Path) -> None:
    values = run_study(SMALL, store).as_dict()
    assert values["run_id"] in runs_text(list_runs(store)) and not list_runs(store, "uae")
    shown = store.run(values["run_id"])
    assert shown.summary == values and shown.record.result_hash == values["result_hash"]
    assert json.loads(json.dumps(shown.as_dict())) == shown.as_dict()
    assert "RMSE" in show_text(shown, shown_text(store, values["run_id"]))
    files = export_run(store, values["run_id"], tmp_path / "new" / "folder")
    assert {path.name for path in files} >= {"forecasts.csv", "scores.csv", "record.json", "trials.journal"}
    scores = pd.read_csv(tmp_path / "new" / "folder" / "scores.csv").set_index(["forecaster", "behaviour", "metric"])
    assert scores.loc[("twin", "macro", "rmse"), "value"] == pytest.approx(values["macro_rmse"]["twin"], abs=1e-4)
    trials = pd.read_csv(tmp_path / "new" / "folder" / "trials.csv")
    first = trials[(trials["calibrator"] == "twin") & (trials["number"] == 0)].iloc[0]
    assert json.loads(first["parameters"])["fatigue"] == 0.5 and len(json.loads(first["objectives"])) == 6
    with pytest.raises(InputError, match="cannot be written"):
        export_run(store, values["run_id"], files[0] / "below-a-file")
    with pytest.raises(InputError, match="unknown run"):
        store.run("run-20200101-0000000000")
