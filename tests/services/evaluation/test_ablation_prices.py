"""What a part of the twin is worth, with its interval, and how ablations are kept and printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import SHORT, TEST_END, TRAIN_END

import core.services.evaluation.ablation_parts as ablation_parts
from core.cli import main
from core.errors import Cancelled, InputError
from core.execution.executor import Executor
from core.execution.progress import Progress, ProgressReporter
from core.forecasting.metrics import MACRO, rmse
from core.report.documents import document_of
from core.report.figures.ablations import ablation_bars, persona_count_curve
from core.report.renderers.terminal import terminal_text
from core.report.sentences.ablations import ablations_document
from core.services.evaluation.ablation_parts import CONTROL, Ablation
from core.services.evaluation.ablations import ablate, ablation_rows, latest_ablations, run_ablations
from core.services.evaluation.requests import AblateRequest
from core.services.evaluation.results import AblationRow, AblationsResult
from core.services.library.archive import load_result
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.statistics.levels import central
from core.store.database import Store
from core.study import load_study
from core.validity.paired import macro_draws

#: The run whose ablations are kept, and its command line, so that the command finds it instead of running it again.
SMALL = RunRequest("meridia", personas=40, trials=8, **SHORT)
SAME = ["meridia", "--personas", "40", "--trials", "8", "--train-end", str(TRAIN_END), "--test-end", str(TEST_END)]
FEW = ["personas_1", "without_policy", "without_anchoring", "paper"]


def frame(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, pd.date_range("2031-01-01", periods=len(values)), ["a", "b"])


def test_a_constant_error_is_the_same_in_every_draw() -> None:
    truth = frame(np.random.default_rng(1).normal(size=(31, 2)))
    off = truth + np.array([3.0, -5.0])
    scores = macro_draws([off, truth], truth, draws=50, seed=0)
    np.testing.assert_allclose(scores[0], 4.0)
    np.testing.assert_array_equal(scores[1], 0.0)


def test_days_without_an_observation_do_not_count() -> None:
    truth = frame(np.zeros((28, 2)))
    truth.iloc[:14, 0] = np.nan
    wrong = frame(np.ones((28, 2)))
    wrong.iloc[:14, 0] = 1e6
    np.testing.assert_allclose(macro_draws([wrong], truth, draws=200, seed=3), 1.0)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.1, 20.0), st.integers(15, 120))
def test_draws_of_weeks_scale_with_the_error_and_lie_around_it(seed: int, factor: float, days: int) -> None:
    generator = np.random.default_rng(seed)
    truth, error = frame(np.zeros((days, 2))), generator.normal(size=(days, 2))
    one, many = macro_draws([frame(error), frame(factor * error)], truth, draws=64, seed=seed)
    np.testing.assert_allclose(many, factor * one, rtol=1e-9)
    weekly = [np.sqrt((error[at : at + 7] ** 2).mean(axis=0)) for at in range(0, days, 7)]
    assert (
        min(item.min() for item in weekly) - 1e-9 <= one.min() <= one.max() <= max(item.max() for item in weekly) + 1e-9
    )


def test_an_interval_tells_a_lasting_difference_from_a_lucky_week() -> None:
    generator = np.random.default_rng(7)
    truth = frame(np.zeros((280, 2)))
    twin = generator.normal(0.0, 2.0, size=(280, 2))
    lucky = twin.copy()
    lucky[70:77] *= 3.0
    lasting = twin * 1.2
    rows = rows_of({"twin": frame(twin), "lasting": frame(lasting), "lucky": frame(lucky), "same": frame(twin)}, truth)
    assert rows["lasting"].price_low > 0 and rows["lasting"].distinguishable
    assert rows["lucky"].price > 0 and rows["lucky"].price_low <= 0.01
    assert rows["same"].price == rows["same"].price_low == rows["same"].price_high == 0.0
    assert not rows["same"].distinguishable
    assert rows["lasting"].price == pytest.approx(0.2 * rmse(frame(twin), truth).mean(), abs=1e-4)


def test_what_chance_in_the_search_can_do_is_not_called_worth() -> None:
    generator = np.random.default_rng(8)
    truth, twin = frame(np.zeros((140, 2))), generator.normal(0.0, 2.0, size=(140, 2))
    forecasts = {
        "twin": frame(twin),
        "lasting": frame(1.2 * twin),
        "costly": frame(2.0 * twin),
        CONTROL: frame(1.3 * twin),
    }
    rows = rows_of(forecasts, truth)
    assert rows["lasting"].price_low > 0 and not rows["lasting"].distinguishable
    assert rows["costly"].distinguishable and not rows[CONTROL].distinguishable


def test_several_draws_give_median_and_range() -> None:
    truth = frame(np.zeros((70, 2)))
    draws = [frame(np.full((70, 2), value)) for value in (1.0, 2.0, 6.0)]
    item = Ablation("drawn", "people", "Drawn", (1, 2, 3), 10)
    own, (row,) = ablation_rows(frame(np.full((70, 2), 1.5)), [item], {"drawn": draws}, truth, 0)
    assert own.mean() == 1.5
    assert (row.macro_rmse, row.macro_rmse_min, row.macro_rmse_max) == (2.0, 1.0, 6.0)
    assert row.price == 0.5 and row.price_low == -0.5 and row.price_high == 4.5
    assert row.rmse == {"a": 2.0, "b": 2.0} and row.macro_rmse_by_seed == (1.0, 2.0, 6.0)


def rows_of(forecasts: dict[str, pd.DataFrame], truth: pd.DataFrame) -> dict[str, AblationRow]:
    chosen = [Ablation(name, "people", name, (0,), 1) for name in forecasts if name != "twin"]
    alone = {name: [frame] for name, frame in forecasts.items()}
    return {row.ablation: row for row in ablation_rows(forecasts["twin"], chosen, alone, truth, 0)[1]}


def test_the_central_interval() -> None:
    assert central(np.arange(101.0)) == (10.0, 90.0)
    assert central(np.arange(101.0), 50) == (25.0, 75.0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    with Store(tmp_path_factory.mktemp("ablations") / "store.duckdb") as store:
        yield store, run_study(SMALL, store).run_id


def test_ablations_are_stored_and_found_again(kept: tuple[Store, str]) -> None:
    store, run_id = kept
    assert latest_ablations(store, run_id) is None
    seen: list[Progress] = []
    values = run_ablations(store, run_id, only=FEW, watch=ProgressReporter(seen.append))
    assert latest_ablations(store, run_id) == values == load_result(store, values.run_id)
    assert AblationsResult.from_dict(json.loads(json.dumps(values.as_dict(), allow_nan=False))) == values
    assert document_of(store, values.run_id).fictional
    assert latest_ablations(store, "run-20200101-0000000000") is None
    run, stored = store.run(run_id), store.run(values.run_id)
    assert stored.record.kind == "ablations" and stored.record.parameters["of_run"] == run_id and stored.complete
    assert values.macro_rmse == run.summary["macro_rmse"]["twin"]
    rows = {row.ablation: row for row in values.rows}
    assert set(rows) == set(FEW)
    assert rows["paper"].macro_rmse == run.summary["macro_rmse"]["paper"], "the same number as on the leaderboard"
    assert rows["paper"].price == pytest.approx(rows["paper"].macro_rmse - values.macro_rmse, abs=2e-4)
    scores = store.read_result("scores", values.run_id)
    assert set(scores["forecaster"]) == {"twin", *FEW}
    macro = scores[(scores["behaviour"] == MACRO)].set_index(["forecaster", "metric"])["value"]
    for name, row in rows.items():
        assert macro[name, "rmse"] == row.macro_rmse
        assert [macro[name, key] for key in ("price", "price_low", "price_high")] == [
            row.price,
            row.price_low,
            row.price_high,
        ]
    assert [item.done for item in seen if item.stage == "validate"] == list(range(8)), "0 to 7 refits"


def test_ablations_of_everything_come_before_a_later_selection(
    kept: tuple[Store, str], processes: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run_id = kept
    monkeypatch.setattr(ablation_parts, "SEARCHES", 2)
    monkeypatch.setattr(ablation_parts, "REDRAWS", {1: 3, 3: 2, 10: 2, 1000: 1})
    whole = run_ablations(store, run_id, executor=processes)
    later = ablate(AblateRequest(SMALL, ("paper",)), store)
    assert later.of_run == run_id, "a request finds the run that was made of it"
    found = latest_ablations(store, run_id)
    assert found is not None and found == whole and len(found.rows) > 20
    bars = ablation_bars(found.rows, {}, "a source")
    assert sum(len(trace.y) for trace in bars.data) == len(found.rows)
    assert "points of macro RMSE" in bars.layout.xaxis.title.text
    curve = persona_count_curve(found.rows)
    median = next(trace for trace in curve.data if trace.name == "Median of the draws")
    assert list(median.x) == [1, 3, 10, 1000] and "RMSE, points" in curve.layout.yaxis.title.text
    drawn = next(trace for trace in curve.data if trace.name == "A draw")
    assert list(drawn.x) == [1, 1, 1, 3, 3, 10, 10, 1000]
    assert len(persona_count_curve([]).data) == 3 and len(ablation_bars([], {}).data) == 0


def test_rows_do_not_depend_on_the_executor(kept: tuple[Store, str], processes: Executor) -> None:
    store, run_id = kept
    names = ["personas_3", "without_occupation", "without_calendar", "without_priors"]
    alone = run_ablations(store, run_id, only=names)
    shared = run_ablations(store, run_id, only=names[::-1], executor=processes)
    assert alone.rows == shared.rows
    records = [store.run(values.run_id).record for values in (alone, shared)]
    assert records[0].result_hash == records[1].result_hash is not None
    assert records[0].inputs_hash() == records[1].inputs_hash()


def test_stopped_ablations_leave_nothing(kept: tuple[Store, str]) -> None:
    store, run_id = kept
    before = len(store.runs())
    seen: list[Progress] = []
    watch = ProgressReporter(seen.append, lambda: any(item.stage == "validate" and item.done >= 2 for item in seen))
    with pytest.raises(Cancelled):
        run_ablations(store, run_id, only=["personas_1"], watch=watch)
    assert len(store.runs()) == before and seen[-1].done == 2


def test_what_cannot_be_ablated_is_refused(kept: tuple[Store, str]) -> None:
    store, run_id = kept
    with pytest.raises(InputError, match="without_calender") as wrong:
        run_ablations(store, run_id, only=["without_calender"])
    assert wrong.value.nearest == "without_calendar"
    with pytest.raises(InputError, match="unknown run"):
        run_ablations(store, "run-20200101-0000000000")
    other = str(store.runs(kind="ablations")["run_id"].iloc[0])
    with pytest.raises(InputError, match="a complete run"):
        run_ablations(store, other)
    record = store.run(run_id).record
    asked = replace(record, run_id="run-asked", engine="gemini", parameters=dict(record.parameters))
    store.begin_run(asked)
    store.finish_run("run-asked", {}, {})
    with pytest.raises(InputError, match="gemini") as costly:
        run_ablations(store, "run-asked")
    assert "rules" in str(costly.value)


def test_the_command_prints_one_object_or_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.duckdb"
    with Store(path) as store:
        run_study(SMALL, store)
    words = ["ablate", *SAME, "--db", str(path), "--only", "without_policy,personas_1", "--workers", "1"]
    assert main([*words, "--json"]) == 0
    out = capsys.readouterr().out
    printed = json.loads(out)
    assert out.count("\n") == 1
    assert {
        "study",
        "engine",
        "of_run",
        "macro_rmse",
        "unit",
        "interval",
        "rows",
        "run_id",
        "seconds",
    } <= set(printed)
    values = AblationsResult.from_dict(printed)
    assert [row.ablation for row in values.rows] == ["personas_1", "without_policy"]
    wanted = {
        "ablation", "group", "label", "personas", "macro_rmse", "macro_rmse_min", "macro_rmse_max", "price",
        "price_low", "price_high", "distinguishable", "rmse", "seeds", "macro_rmse_by_seed",
    }  # fmt: skip
    assert all(set(row) == wanted for row in printed["rows"])
    text = terminal_text(ablations_document(values, load_study("meridia")))
    assert (
        "Without policy" in text and values.of_run in text and "not a language model" in text and "80% interval" in text
    )
    with Store(path) as store:
        assert len(store.runs(kind="run")) == 1, "the run that was there is taken"
        assert latest_ablations(store, values.of_run) == values
