"""Goals: the front against every combination, both preferences, chances, words, the command, and what cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.counterfactual.contrast import contrasts
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.goal_seek import Goal, choices_of, scenario_of, seek
from core.counterfactual.trajectories import simulate_timeline
from core.errors import InputError
from core.report.renderers.terminal import terminal_text
from core.report.sentences.goals import goal_document, goal_sentence
from core.services.counterfactuals.goals import GoalRequest, GoalResult, goal_result
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FittedTwin]:
    with Store(tmp_path_factory.mktemp("goals") / "s.duckdb") as store:
        yield fitted_twin(store, run_study(RunRequest("orlo", place="Dale", personas=40, trials=1), store).run_id)


def test_the_front_is_that_of_every_combination(twin: FittedTwin) -> None:
    days, study = horizon_dates(twin, None, None), twin.problem.study
    found = seek(twin, Goal("outdoor", -50.0, at_least=False), ["S", "W"], days, trials=200)
    assert found.complete and not found.strictest and found.tried == 10 * 8
    levels = [choices_of(study.indicator(code)) for code in ("S", "W")]
    assert levels[1] == (7, 6, 5, 4, 3, 2, 1, 0)
    known = []
    for chosen in list(product(*levels))[::7]:
        timeline = scenario_of(twin.timeline, dict(zip(("S", "W"), chosen, strict=True)), days, "x")
        value = float(simulate_timeline(twin, timeline, days).mean["outdoor"])
        known.append((float(timeline.intensities(days)[["S", "W"]].mean().sum()), value))
    for burden, value in known:
        better = [item for item in found.front if item.burden <= burden + 1e-9 and item.value <= value + 1e-6]
        assert better, "nothing is cheaper and further than the front"
    assert found.best is not None and found.best.value <= -50
    assert all(item.value > -50 for item in found.front if item.burden < found.best.burden)


def test_a_value_and_a_chance_are_those_of_the_contrast(twin: FittedTwin) -> None:
    days = horizon_dates(twin, None, None)
    found = seek(twin, Goal("outdoor", -45.0, at_least=False), ["W"], days)
    near = next(item for item in found.front if item.chance == item.chance)
    item = contrasts(twin, [scenario_of(twin.timeline, near.levels, days, "x")], days)[0]
    assert near.value == pytest.approx(item.path.mean["outdoor"])
    column = list(item.path.metric.columns).index("outdoor")
    assert near.chance == pytest.approx(float((item.path.draws.mean(axis=1)[:, column] <= -45).mean()), abs=0.011)
    assert found.in_force.value == pytest.approx(item.reference.mean["outdoor"])


def test_where_policy_works_against_the_goal_the_most_of_it_is_sought(twin: FittedTwin) -> None:
    days = horizon_dates(twin, None, None)
    found = seek(twin, Goal("outdoor", -40.0, at_least=True), ["W", "S"], days)
    assert found.strictest and found.best is not None and found.best.value >= -40
    assert all(item.value < -40 for item in found.front if item.burden > found.best.burden)
    nothing = seek(twin, Goal("outdoor", 60.0, at_least=True), ["W"], days)
    assert nothing.best is None


def test_a_search_finds_the_front_of_many_combinations(twin: FittedTwin) -> None:
    days = horizon_dates(twin, None, None)[:12]
    exact = seek(twin, Goal("outdoor", -55.0, at_least=False), ["S", "W"], days, trials=100)
    found = seek(twin, Goal("outdoor", -55.0, at_least=False), ["S", "W"], days, trials=40)
    assert not found.complete and found.tried <= 66 and exact.complete
    assert found.best is not None and exact.best is not None and found.best.burden <= exact.best.burden + 0.15
    again = seek(twin, Goal("outdoor", -55.0, at_least=False), ["S", "W"], days, trials=40)
    told = [[(item.levels, item.value) for item in one.front] for one in (found, again)]
    assert told[0] == told[1], "the same seed, the same search"


def test_what_cannot_be_is_refused(twin: FittedTwin) -> None:
    days, goal = horizon_dates(twin, None, None), Goal("outdoor", -50.0, at_least=False)
    for measures, weights, said in (
        ([], None, "no measure may be moved"),
        (["Q"], None, "unknown measure 'Q'"),
        (["S"], {"S": -1.0}, "S weighs -1"),
        (["S"], {"W": 1.0}, "measure that may be moved 'W'"),
    ):
        with pytest.raises(InputError, match=said):
            seek(twin, goal, measures, days, weights)
    with pytest.raises(InputError, match="unknown behaviour"):
        seek(twin, Goal("outdor", 0.0, at_least=True), ["S"], days)
    with pytest.raises(InputError, match="either --at-least N or --at-most N"):
        GoalRequest(RunRequest("orlo", place="Dale"), "outdoor", ("S",))
    dear = seek(twin, goal, ["S", "W"], days, {"S": 0.0})
    assert dear.best is not None and np.isfinite(dear.best.burden)


def test_words_round_trip_and_command(twin: FittedTwin, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days, study = horizon_dates(twin, None, None), twin.problem.study
    found = seek(twin, Goal("outdoor", -50.0, at_least=False), ["S", "W"], days)
    result = goal_result(study, "run-x", found, ("S", "W"), days)
    assert GoalResult.from_dict(json.loads(json.dumps(result.as_dict()))) == result
    text = terminal_text(goal_document(result, study))
    assert "Which measures keep outdoor use at or below −50.0" in text and "The least policy that does" in text
    assert "All 80 combinations of levels were tried" in text
    none = seek(twin, Goal("outdoor", -99.0, at_least=False), ["W"], days)
    assert goal_sentence(goal_result(study, "r", none, ("W",), days), study).startswith("No combination")
    words = ["goal", "orlo", "--place", "Dale", "--personas", "40", "--trials", "1", "--db", str(tmp_path / "g.duckdb")]
    assert main([*words, "--behaviour", "outdoor", "--at-most", "-50", "--measures", "S,W", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["front"] == json.loads(json.dumps(result.as_dict()))["front"] and said["best"] == result.best
