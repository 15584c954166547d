"""Why: parts of forecasts and contrasts that sum to them exactly, as a result, in words, on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli import main
from core.counterfactual.contrast import contrasts
from core.counterfactual.explain import EXACT, explain_contrast, explain_forecast
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.persons import person_changes
from core.counterfactual.trajectories import simulate_timeline
from core.errors import InputError
from core.policy.scenario import scenario_text
from core.report.renderers.terminal import terminal_text
from core.report.sentences.explanations import (
    OTHERS,
    explanation_document,
    explanation_figure,
    part_rows,
    why_sentence,
)
from core.services.counterfactuals.explanations import ExplainRequest, explanation_result
from core.services.counterfactuals.questions import example_questions
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("why") / "s.duckdb"
    with Store(found) as store:
        run_study(RunRequest("meridia", personas=40, trials=1), store)
        run_study(RunRequest("orlo", place="Dale", personas=40, trials=1), store)
    return found


@pytest.fixture(scope="module")
def twins(path: Path) -> Iterator[dict[str, FittedTwin]]:
    with Store(path) as store:
        runs = store.runs(kind="run", status="complete")
        yield {str(row.study_id): fitted_twin(store, str(row.run_id)) for row in runs.itertuples()}


@pytest.mark.parametrize("study", ["meridia", "orlo@Dale"])
def test_parts_of_what_a_policy_changes_sum_to_it(twins: dict[str, FittedTwin], study: str) -> None:
    twin = twins[study]
    days = horizon_dates(twin, None, None)
    for question in example_questions(twin.problem.study, twin.timeline, twin.origin)[:3]:
        scenario = question.timeline()
        found = explain_contrast(twin, scenario, days)
        item = contrasts(twin, [scenario], days)[0]
        whole = sum((part.points for part in found.parts), start=found.start * 0)
        np.testing.assert_allclose(whole, item.difference, atol=1e-9)
        assert found.exact == (len(found.parts) <= EXACT) and len(found.parts) > 0


@pytest.mark.parametrize("study", ["meridia", "orlo@Dale"])
def test_parts_of_a_forecast_sum_to_it(twins: dict[str, FittedTwin], study: str) -> None:
    twin = twins[study]
    days = horizon_dates(twin, None, None)
    found = explain_forecast(twin, days)
    forecast = simulate_timeline(twin, twin.timeline, days).mean
    np.testing.assert_allclose(sum(part.points for part in found.parts), forecast, atol=1e-9)
    pd.testing.assert_series_equal(found.end, forecast, check_names=False)
    kinds = [part.kind for part in found.parts]
    assert kinds[:2] == ["calendar", "fitted"] and kinds[-1] == "anchor"
    assert ("epidemic" in kinds) == (study == "meridia"), "a domain without an epidemic has no part for one"


def test_the_parts_are_shapley_values(twins: dict[str, FittedTwin]) -> None:
    """Against the definition, over all orders, each course made as a scenario of its own."""
    twin = twins["orlo@Dale"]
    days, first = horizon_dates(twin, None, None), date(2037, 1, 1)
    changes = {"S": 20.0, "P": 1.8}
    scenario = twin.timeline.with_constant(changes, first)
    found = {part.name: part.points for part in explain_contrast(twin, scenario, days).parts}
    worth = {(): 0.0}
    for names in (("S",), ("P",), ("S", "P")):
        timeline = twin.timeline.with_constant({name: changes[name] for name in names}, first)
        worth[names] = contrasts(twin, [timeline], days)[0].difference
    assert set(found) == set(changes), "how long restrictions last is the same in each"
    for name in changes:
        shares = []
        for order in permutations(changes):
            before = tuple(item for item in changes if order.index(item) < order.index(name))
            after = tuple(item for item in changes if item in (*before, name))
            shares.append(worth[after] - worth[before])
        np.testing.assert_allclose(found[name], sum(shares) / len(shares), atol=1e-9)


def test_nothing_changed_has_no_parts_and_a_person_sums_too(twins: dict[str, FittedTwin]) -> None:
    twin = twins["meridia"]
    days = horizon_dates(twin, None, None)
    same = explain_contrast(twin, twin.timeline, days)
    assert not same.parts and (same.start == same.end).all()
    scenario = next(iter(example_questions(twin.problem.study, twin.timeline, twin.origin))).timeline()
    own = explain_contrast(twin, scenario, days, person=7)
    item = contrasts(twin, [scenario], days)[0]
    np.testing.assert_allclose(
        sum(part.points for part in own.parts), person_changes(twin, item, [7]).change.iloc[0], rtol=1e-5, atol=1e-5
    )


def test_words_figure_and_round_trip(twins: dict[str, FittedTwin]) -> None:
    twin = twins["meridia"]
    days, study = horizon_dates(twin, None, None), twin.problem.study
    scenario = next(item for item in example_questions(study, twin.timeline, twin.origin) if item.id == "no-measures")
    found = explanation_result(study, "run-x", explain_contrast(twin, scenario.timeline(), days), "None <b>", days)
    assert type(found).from_dict(json.loads(json.dumps(found.as_dict()))) == found
    said = why_sentence(found, study, "retail")
    assert " from " in said and "against it" in said and "how long restrictions have lasted" in said
    rows = part_rows(found, "retail")
    assert rows["points"].iloc[:-1].sum() == pytest.approx(rows["points"].iloc[-1]) and rows["whole"].tolist()[-1]
    assert (rows["part"].iloc[:-2] != OTHERS).all()
    figure = explanation_figure(found, study, "retail")
    assert len(figure.draw().data) == 1 and "Retail" in figure.words
    text = terminal_text(explanation_document(found, study))
    assert "What makes the effect of “None <b>”" in text and "sum to the whole exactly" in text


def test_the_command_says_the_same(
    twins: dict[str, FittedTwin], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = twins["orlo@Dale"]
    scenario = example_questions(twin.problem.study, twin.timeline, twin.origin)[0].timeline()
    file = tmp_path / "scenario.toml"
    file.write_text(scenario_text(scenario, twin.timeline))
    words = [
        "explain",
        "orlo",
        "--place",
        "Dale",
        "--personas",
        "40",
        "--trials",
        "1",
        "--db",
        str(tmp_path / "own.duckdb"),
    ]
    assert main([*words, "--scenario", str(file), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    days = horizon_dates(twin, None, None)
    expected = explain_contrast(twin, scenario, days)
    assert [item["code"] for item in said["parts"]] == [part.name for part in expected.parts]
    assert said["parts"][0]["points"]["outdoor"] == pytest.approx(expected.parts[0].points["outdoor"])
    with pytest.raises(InputError, match="--person with --scenario"):
        ExplainRequest(RunRequest("orlo", place="Dale"), person=3)
    assert main([*words, "--scenario", str(file), "--person", "90"]) == 2
    assert "0 to 39" in capsys.readouterr().err
