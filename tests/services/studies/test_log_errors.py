"""A study whose errors are in logarithms: lines, drifts, intervals and baselines multiply where they would add."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from generated_study import Drawn, write_study

from core.calibration.problem import build_problem
from core.calibration.transfer_prior import DampedTrend
from core.calibration.twin import forecast_defaults, twin_forecast
from core.cognition.registry import DEFAULT_ENGINE, engine_for
from core.counterfactual.trajectories import simulate_timeline
from core.errors import InputError
from core.forecasting.baselines import BASELINES
from core.forecasting.past import errors_given, known_at, past_forecasts
from core.forecasting.places import Place
from core.services.counterfactuals.run import run_compare, run_sweep
from core.services.populations.synthesis import make_population
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study, study_hash
from core.services.studies.requests import RunRequest
from core.simulation.measurement import ErrorScale
from core.simulation.simulate import simulate
from core.store.database import Store
from core.study import Step, Study, load_study

LEVELS = Drawn(Step.MONTH, "level", ("range",), (-1,), 0.0, 0.0, 0.0, None, 7)


def written(folder: Path, drawn: Drawn = LEVELS) -> Path:
    return write_study(replace(drawn, errors="log"), folder)


@dataclass
class Case:
    folder: Path
    path: Path
    store: Store
    run_id: str
    study: Study


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    folder = tmp_path_factory.mktemp("logs")
    path = written(folder)
    with Store.memory() as store:
        run_id = run_study(RunRequest(str(path), folder, trials=1), store).run_id
        yield Case(folder, path, store, run_id, load_study(path))


def test_the_scale_there_and_back() -> None:
    for lowest in (0.0, -100.0):
        scale, metric = ErrorScale(lowest), lowest + np.array([0.2, 1.0, 150.0])
        assert np.allclose(scale.back(scale.of(metric)), metric)
        assert scale.of(metric)[1] == 0.0 and np.isfinite(scale.of(np.array([lowest]))).all()
        offset, slope = scale.affine(np.full(3, lowest), np.full(3, 40.0))
        activity = np.array([0.5, 1.0, 2.0])
        assert np.allclose(scale.back(offset + slope * scale.activity(activity)), lowest + 40.0 * activity)
    plain = ErrorScale()
    assert plain.of(metric) is metric and plain.back(metric) is metric and plain.least == 0.0


def test_twice_as_much_of_everything_is_forecast_twice_as_high(case: Case) -> None:
    inputs, study = open_study(case.path, case.folder), case.study

    def forecast(factor: float) -> pd.DataFrame:
        problem = build_problem(
            study, inputs.timeline, inputs.observations * factor, None, study.train_end, study.end, inner=False
        )  # fmt: skip
        engine = engine_for(study, DEFAULT_ENGINE)
        means = simulate(engine, make_population(study, 8).personas, problem.contexts).everyone
        return twin_forecast(problem, problem.final, means, forecast_defaults(study, study.train_end)).forecast

    once, twice = forecast(1.0), forecast(1.7)
    assert np.allclose(twice, 1.7 * once)
    assert not np.allclose(forecast(0.5), once)


def test_baselines_multiply(case: Case) -> None:
    inputs, study = open_study(case.path, case.folder), case.study
    days = study.step.periods(date(2002, 1, 1), date(2004, 12, 1))
    growing = pd.DataFrame({"use": 100.0 * 1.02 ** np.arange(len(days))}, days)
    place = Place(study, inputs.timeline, growing, None, inputs.stringency)
    known = known_at(place, days[-7].date(), days[-6:])
    found = BASELINES["own_drift"](known)["use"]
    assert np.allclose(np.diff(np.log(found)), np.log(1.02)), "it grows by a share, not by an amount"
    assert np.allclose(BASELINES["mean_of_12"](known)["use"], np.exp(np.log(growing["use"].iloc[-18:-6]).mean()))


def test_intervals_multiply_and_stay_possible(case: Case) -> None:
    forecast = case.store.read_result("forecasts", case.run_id, forecaster="twin", phase="test")
    rows = case.store.read_result("intervals", case.run_id).merge(
        forecast[["behaviour", "date", "value"]], on=["behaviour", "date"]
    )
    assert len(rows) and (rows["lower"] > 0).all()
    assert np.allclose(rows["upper"] / rows["value"], rows["value"] / rows["lower"])


def test_a_drift_of_the_past_is_a_share(case: Case) -> None:
    inputs, study = open_study(case.path, case.folder), case.study
    place = Place(study, inputs.timeline, inputs.observations, None, inputs.stringency)
    past = past_forecasts(place, make_population(study, 8).personas, study.train_end, 4)
    none = [DampedTrend(origin, study.step, np.zeros(1), 1.0) for origin in past.origins]
    some = [DampedTrend(origin, study.step, np.array([0.01]), 1.0) for origin in past.origins]
    weight = np.ones(len(past.origins))
    moved = errors_given(past, weight, none).errors["twin"] - errors_given(past, weight, some).errors["twin"]
    seen = np.isfinite(moved)
    assert seen.any() and np.allclose(moved[:, 0][seen[:, 0]], 1.0, atol=0.01), "a hundredth a period is one percent"


def test_it_is_swept_and_compared_within_what_can_be(case: Case) -> None:
    twin = fitted_twin(case.store, case.run_id, case.folder)
    swept, _ = run_sweep(case.store, case.run_id, twin=twin, lever="L0")
    found = [item.metric["use"] for item in swept.levels]
    assert found == sorted(found, reverse=True) and found[-1] > 0 and swept.bounded and swept.monotone
    dates = horizon_dates(twin)
    lifted = twin.timeline.with_constant({"L0": 0}, dates[0].date(), name="Lifted")
    result, (contrast,) = run_compare(case.store, case.run_id, [lifted], twin=twin)
    assert result.scenarios[0].difference["use"] > 0
    stored = case.store.read_result("forecasts", case.run_id, forecaster="twin", phase="test").set_index("date")[
        "value"
    ]
    path = simulate_timeline(twin, twin.timeline, dates)
    assert np.allclose(path.metric["use"], stored), "the policy in force gives the forecast itself"
    assert (path.draws > 0).all() and path.bounded
    assert contrast.path.metric["use"].gt(0).all()


def test_a_study_says_so_and_nothing_else_changes(tmp_path: Path) -> None:
    path = written(tmp_path)
    logs = load_study(path)
    path.write_text(path.read_text().replace('errors = "log"', 'errors = "points"'))
    plain = load_study(path)
    assert logs.log_errors and not plain.log_errors and study_hash(logs) != study_hash(plain)
    assert load_study(path) == load_study(write_study(LEVELS, tmp_path))


@pytest.mark.parametrize(("metric", "worst"), [("level", 0.0), ("share", 0.0), ("same_period_change", -100.0)])
def test_what_has_no_logarithm_is_refused_by_name(tmp_path: Path, metric: str, worst: float) -> None:
    path = written(tmp_path, Drawn(Step.MONTH, metric, ("range",), (-1,), 0.0, 0.0, 0.0, None, 7))
    open_study(path, tmp_path)
    table = pd.read_csv(tmp_path / "mobility.csv")
    table.loc[3, "use"] = worst
    table.to_csv(tmp_path / "mobility.csv", index=False)
    with pytest.raises(InputError, match=rf"mobility of A.*use is {worst:g}, and the study's errors are in logarithms"):
        open_study(path, tmp_path)


def test_a_change_against_the_weekday_has_no_errors_in_logarithms(tmp_path: Path) -> None:
    path = written(tmp_path, Drawn(Step.DAY, "same_weekday_change", ("range",), (-1,), 0.0, 0.0, 0.0, None, 7))
    with pytest.raises(InputError, match="errors: are in logarithms, and the metric is same_weekday_change"):
        load_study(path)
