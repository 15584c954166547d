"""A language model that says nobody does something on days of rest gives no forecast without bounds, and it is said."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from llm_servers import Step, openai_answer, openai_server
from small_runs import SHORT

from core.calibration.calibrators.paper import PaperCalibrator
from core.calibration.problem import Problem, build_problem
from core.calibration.twin import twin_forecast
from core.calibration.untold import LEAST_SHARE, baseline_activity, ordinary_activity, untold_kinds
from core.cognition.engine import DAY_TYPE
from core.records import RUNGS
from core.report.renderers.terminal import terminal_text
from core.report.sentences.language import warnings_of
from core.report.sentences.runs import run_document
from core.services.runs import forecasters
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study
from core.services.studies.requests import ModelOptions, RunRequest
from core.simulation.measurement import is_possible
from core.store.database import Store
from core.study import load_study

RESTING = ("rest", "weekend", "holiday", "half")


@pytest.fixture(scope="module")
def problem() -> Problem:
    inputs = open_study("meridia")
    study = inputs.study
    return build_problem(
        study, inputs.timeline, inputs.observations, inputs.cases, study.train_end, study.end, inner=False, seasons=True
    )


def means(problem: Problem, on_rest_days: float) -> np.ndarray:
    """What a model says that knows working days well, (contexts, behaviours)."""
    kinds = problem.contexts[DAY_TYPE].isin(RESTING).to_numpy()
    level = np.random.default_rng(4).uniform(0.3, 0.8, (len(problem.contexts), len(problem.study.behaviours)))
    level[kinds, problem.study.behaviour_ids.index("workplaces")] = on_rest_days
    return level


@pytest.mark.parametrize("on_rest_days", [0.0, 1e-9, 1e-4, 0.01])
def test_a_forecast_has_bounds_whatever_is_said_of_days_of_rest(problem: Problem, on_rest_days: float) -> None:
    found = twin_forecast(problem, problem.final, means(problem, on_rest_days), {"policy_effect_weight": 0.6}).forecast
    assert is_possible(found, problem.study.metric) and found["workplaces"].max() < 100 * (3 / LEAST_SHARE)
    assert list(untold_kinds(problem, means(problem, on_rest_days))) == ["workplaces"]


def test_what_is_told_is_taken_to_the_bit(problem: Problem) -> None:
    said = means(problem, 0.2)
    assert untold_kinds(problem, said) == {}
    no_policy, week = said[problem.final.no_policy], said[problem.baseline_context]
    ordinary, untold = ordinary_activity(problem, no_policy, week)
    assert np.array_equal(ordinary, no_policy) and not untold.any()
    assert np.array_equal(baseline_activity(problem, week), week)


def test_the_rules_engine_is_taken_at_its_word(problem: Problem) -> None:
    said = means(problem, 0.01)
    own = replace(problem, seasons=False)
    week = said[problem.baseline_context]
    assert untold_kinds(own, said) == {} and np.array_equal(baseline_activity(own, week), week)


def test_a_run_says_so_and_stands_on_the_lowest_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    # Most of a small run is spent on its rivals, which this is not about.
    monkeypatch.setattr(forecasters, "PaperCalibrator", lambda trials, **rest: PaperCalibrator(trials=3, **rest))

    def filled(schema: dict[str, Any], day: str, name: str) -> Any:
        if schema.get("type") == "object":
            inner = schema["properties"].items()
            return {key: filled(item, key if key in (*RESTING, "working") else day, key) for key, item in inner}
        if schema.get("type") == "string":
            return "Nobody works then."
        return 0 if name == "workplaces" and day in RESTING else 60 if day == "working" else 40

    def behaviour(request: dict[str, Any], number: int) -> Step:
        schema = request["response_format"]["json_schema"]["schema"]
        return Step(200, {}, openai_answer(json.dumps(filled(schema, "", ""))))

    with openai_server(behaviour) as url, Store.memory() as store:
        asking = ModelOptions("openai", "m", base_url=str(url))
        request = RunRequest("meridia", personas=1, trials=2, asking=asking, **SHORT)
        result = run_study(request, store)
    assert (result.rmse["workplaces"]["twin"] or 0) < 300
    [warning] = [text for text in warnings_of(result.asking) if "next to nobody" in text]
    assert (
        "'workplaces'" in warning
        and "holiday" in warning
        and warning in terminal_text(run_document(result, load_study("meridia")))
    )
    assert result.rung == RUNGS[0]
