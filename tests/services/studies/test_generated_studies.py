"""Whatever a study declares (step, levers, signs, memory of effects, context), it loads, runs, answers and keeps to its time."""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w
from generated_study import AHEAD, drawn_studies, write_study
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.calibration.problem import build_problem
from core.calibration.search import choose_calibrators
from core.calibration.twin import forecast_defaults, twin_forecast
from core.cognition.registry import DEFAULT_ENGINE, engine_for
from core.policy.calendar import observed_calendar
from core.policy.timeline import PolicyTimeline
from core.services.counterfactuals.run import run_sweep
from core.services.populations.synthesis import make_population
from core.services.runs.fitted import fitted_twin
from core.services.runs.run import run_study
from core.services.studies.inputs import StudyInputs, open_study, study_hash
from core.services.studies.requests import RunRequest
from core.simulation.measurement import is_possible
from core.simulation.simulate import simulate
from core.store.database import Store
from core.study import Step, load_study, study_from

SOME = settings(
    max_examples=2, deadline=None, derandomize=True, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
)


# A week takes its time as a month does, and is looked at below.
@pytest.mark.parametrize("step", [Step.DAY, Step.MONTH, Step.YEAR])
@given(data=st.data())
@settings(SOME, max_examples=2)
def test_it_runs_end_to_end_and_each_lever_moves_what_people_do_as_declared(step: Step, data: st.DataObject) -> None:
    drawn = data.draw(drawn_studies(step))
    with tempfile.TemporaryDirectory() as place, Store.memory() as store:
        folder = Path(place)
        path = write_study(drawn, folder)
        run = run_study(RunRequest(str(path), folder, trials=1), store)
        forecast = store.read_result("forecasts", run.run_id, forecaster="twin", phase="test")
        assert len(forecast) == AHEAD[drawn.step] and np.isfinite(forecast["value"]).all()
        assert is_possible(forecast[["value"]], drawn.metric) and np.isfinite(run.macro_rmse["twin"])
        twin = fitted_twin(store, run.run_id, folder)
        for item in twin.problem.study.indicators:
            swept, _ = run_sweep(store, run.run_id, item.steps(), twin=twin, lever=item.code)
            found = [level.metric["use"] for level in swept.levels]
            sign = twin.problem.study.behaviours[0].sign_of(item.code)
            assert (sign * np.diff(found) >= -1e-6).all(), (item.code, sign, found)


@pytest.mark.parametrize("step", list(Step))
@given(data=st.data())
@SOME
def test_it_is_the_same_study_written_again(step: Step, data: st.DataObject) -> None:
    drawn = data.draw(drawn_studies(step))
    with tempfile.TemporaryDirectory() as place:
        path = write_study(drawn, Path(place))
        study = load_study(path)
        path.write_text(tomli_w.dumps(tomllib.loads(path.read_text())))
        assert load_study(path) == study
        inputs = open_study(path, place)
        assert study_hash(study_from(inputs.texts["study"], path)) == study_hash(inputs.study)


@pytest.mark.parametrize("step", list(Step))
@given(data=st.data())
@SOME
def test_nothing_that_came_after_the_origin_reaches_a_forecast(step: Step, data: st.DataObject) -> None:
    drawn = data.draw(drawn_studies(step))
    with tempfile.TemporaryDirectory() as place:
        inputs = open_study(write_study(drawn, Path(place)), place)
        later = inputs.observations.index > pd.Timestamp(inputs.study.train_end)
        other = replace(inputs, observations=inputs.observations.where(~later[:, None], 7.0))
        expected = _forecast(inputs)
        pd.testing.assert_frame_equal(_forecast(other), expected, check_exact=True)
        if drawn.context == "frozen":
            turned = inputs.context.where(~(inputs.context.index > pd.Timestamp(inputs.study.train_end))[:, None], 1.0)
            pd.testing.assert_frame_equal(_forecast(_living_with(inputs, turned)), expected, check_exact=True)
        before = replace(inputs, observations=inputs.observations.where(later[:, None], inputs.observations + 5.0))
        assert not _forecast(before).equals(expected), "what came before does"


def _living_with(inputs: StudyInputs, context: pd.DataFrame) -> StudyInputs:
    study, (first, last) = inputs.study, (day.date() for day in inputs.policy.index[[0, -1]])
    timeline = PolicyTimeline.from_levels(inputs.policy, study, observed_calendar(study, first, last, context))
    return replace(inputs, context=context, timeline=timeline)


def _forecast(inputs: StudyInputs) -> pd.DataFrame:
    study = inputs.study
    problem = build_problem(study, inputs.timeline, inputs.observations, inputs.cases, study.train_end, study.end)
    engine = engine_for(study, DEFAULT_ENGINE)
    means = simulate(engine, make_population(study, 8).personas, problem.contexts).everyone
    parameters = choose_calibrators(problem, means, {**engine.parameters, **forecast_defaults(study, study.train_end)})
    return twin_forecast(problem, problem.final, means, parameters).forecast
