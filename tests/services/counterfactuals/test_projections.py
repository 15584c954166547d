"""Looking ahead: the run's own forecast where it can be checked, placebo, refusals, keeping, and what came since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli import main
from core.errors import InputError
from core.policy.held import held_until
from core.policy.scenario import apply_edits
from core.report.documents import document_of
from core.report.renderers.terminal import terminal_text
from core.report.sentences.projections import came_sentence, course_table, projection_document
from core.services.counterfactuals.projection_results import ProjectionResult, what_came
from core.services.counterfactuals.projections import (
    Ahead,
    extended,
    kept_projection,
    kept_projections,
    last_observed,
    look_ahead,
    projected,
)
from core.services.library.reruns import rerun
from core.services.runs.run import run_study
from core.services.studies.inputs import StudyInputs, open_study
from core.services.studies.requests import RunRequest
from core.store.database import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("ahead") / "s.duckdb") as store:
        yield store


@pytest.fixture(scope="module")
def inputs() -> StudyInputs:
    return open_study("orlo@Dale")


@pytest.fixture(scope="module")
def run_id(store: Store) -> str:
    return run_study(RunRequest("orlo", place="Dale", personas=40, trials=1), store).run_id


@pytest.fixture(scope="module")
def ahead(store: Store, run_id: str, inputs: StudyInputs) -> Ahead:
    return look_ahead(store, run_id, inputs)


def cut(inputs: StudyInputs, day: date) -> StudyInputs:
    """What was known at the end of `day`, but for the policy, which is a forecast's to know."""
    return replace(
        inputs, study=replace(inputs.study, end=day), observations=inputs.observations.loc[: pd.Timestamp(day)]
    )


def test_where_training_ended_it_is_the_run_s_own_forecast(store: Store, run_id: str, inputs: StudyInputs) -> None:
    record = store.run(run_id).record
    assert record.train_end is not None
    found = look_ahead(store, run_id, cut(inputs, record.train_end), record.test_end)
    stored = store.read_result("forecasts", run_id, forecaster="twin", phase="test")
    kept = stored.pivot_table(index="date", columns="behaviour", values="value")
    result = projected(found, store)
    for name in inputs.study.behaviour_ids:
        course = result.course(result.policies[0], name)
        np.testing.assert_allclose(course["value"], kept[name], atol=0.01)
    intervals = store.read_result("intervals", run_id, level=80)
    lower = intervals.pivot_table(index="date", columns="behaviour", values="lower")["outdoor"]
    np.testing.assert_allclose(result.course(result.policies[0], "outdoor")["lower"], lower, atol=0.01)
    came = {item.behaviour: item for item in what_came(result, inputs.observations)}
    seen = inputs.observations["outdoor"].loc[kept.index]
    assert came["outdoor"].periods == len(kept)
    assert came["outdoor"].twin == pytest.approx(float(np.sqrt(((seen - kept["outdoor"]) ** 2).mean())), abs=0.01)
    assert "36 months observed since" in came_sentence(result, tuple(came.values()), inputs.study)
    assert what_came(projected(look_ahead(store, run_id, inputs), store), inputs.observations) == ()


def test_it_starts_after_the_last_observation_and_intervals_grow(ahead: Ahead, store: Store) -> None:
    result = projected(ahead, store)
    assert result.origin == last_observed(ahead.inputs) == result.past[-1]
    assert result.periods[0] > result.past[-1] and len(result.periods) == 12
    course = result.course(result.policies[0], "outdoor")
    width = (course["upper"] - course["lower"]).to_numpy()
    assert width[-1] > width[0] and (width[6:] >= width[:6].min()).all()
    levels = ahead.held.levels(ahead.dates)
    assert (levels == levels.iloc[0]).all().all(), "what was in force is held"
    assert result.recent["outdoor"] == pytest.approx(ahead.inputs.observations["outdoor"].iloc[-3:].mean(), abs=1e-3)


def test_equal_policies_differ_by_nothing_and_another_by_its_effect(ahead: Ahead, store: Store) -> None:
    first = ahead.dates[0].date()
    same = ahead.held.renamed("Same", parent_id=ahead.held.id)
    cut_back = apply_edits(ahead.held, [{"set": "W", "level": 0, "start": first}], name="No watering")
    result = projected(ahead, store, [same, cut_back])
    placebo, real = result.policies[1:]
    assert set(placebo.difference.values()) == {0.0} and placebo.courses == result.policies[0].courses
    assert (
        real.difference["outdoor"] < -1 and real.lower["outdoor"] <= real.difference["outdoor"] <= real.upper["outdoor"]
    )
    held, other = (result.course(policy, "outdoor") for policy in (result.policies[0], real))
    assert (other["value"] - held["value"]).mean() == pytest.approx(real.difference["outdoor"], abs=0.01)
    assert ProjectionResult.from_dict(json.loads(json.dumps(result.as_dict()))) == result
    text = terminal_text(projection_document(result, ahead.inputs.study))
    assert "Unverified" in text and "No watering" in text and "80% effect interval" in text
    table = course_table(result, "outdoor", ahead.inputs.study)
    assert list(dict.fromkeys(table["name"])) == [
        "Observed",
        "Policy held",
        "Same",
        "No watering",
        "Best simple forecast",
    ]


def test_what_is_observed_or_too_far_is_refused(ahead: Ahead, store: Store, inputs: StudyInputs) -> None:
    early = apply_edits(ahead.held, [{"set": "W", "level": 0, "start": date(2039, 6, 1)}], name="Too early")
    with pytest.raises(InputError, match=r"2039-06, which is observed.*2040-01"):
        projected(ahead, store, [early])
    for wrong, nearest in ((date(2039, 12, 1), "2040-01"), (date(2060, 1, 1), "2045-12")):
        with pytest.raises(InputError) as refused:
            extended(inputs, wrong)
        assert refused.value.nearest == nearest
    with pytest.raises(InputError, match="a complete run"):
        look_ahead(store, kept_projection(store, projected(ahead, store), [], 0.0).run_id, inputs)


def test_a_kept_projection_is_found_reported_and_made_again(ahead: Ahead, store: Store, tmp_path: Path) -> None:
    cut_back = apply_edits(ahead.held, [{"set": "W", "level": 0, "start": ahead.dates[3].date()}], name="Later")
    result = projected(ahead, store, [cut_back])
    kept = kept_projection(store, result, [cut_back], 0.0)
    assert kept_projection(store, result, [cut_back], 0.0).run_id == kept.run_id
    assert kept_projection(store, result, [cut_back], 0.0, again=True).run_id != kept.run_id
    assert kept.run_id in [item.run_id for item in kept_projections(store, "orlo@Dale")]
    said = rerun(store, kept.run_id)
    assert said.same, said.changes
    blocks = terminal_text(document_of(store, kept.run_id))
    assert "Later" in blocks and store.run(kept.run_id).record.kind == "projection"


def test_a_policy_beyond_its_end_is_held_and_the_calendar_goes_on() -> None:
    given = open_study("meridia")
    until = date(2033, 2, 1)
    longer = held_until(given.timeline, given.study, until)
    days = pd.date_range(given.timeline.end, until)
    assert longer.end == until and (longer.stringency(days) == given.timeline.stringency().iloc[-1]).all()
    pd.testing.assert_frame_equal(longer.levels(given.timeline.dates), given.timeline.levels())
    before = given.timeline.calendar
    kinds = longer.calendar.days(given.timeline.dates)
    pd.testing.assert_frame_equal(kinds, before.days(given.timeline.dates))
    assert longer.calendar.working_weeks == before.working_weeks
    assert held_until(given.timeline, given.study, given.timeline.end) is given.timeline


def test_the_command_looks_ahead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text('name = "Cut"\n[[edits]]\nset = "W"\nlevel = 0\nstart = 2040-02-01\n', encoding="utf-8")
    command = ["project", "orlo", "--place", "Dale", "--personas", "40", "--trials", "1", "--until", "2040-03-01"]
    command += ["--scenario", str(scenario), "--db", str(tmp_path / "s.duckdb"), "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["periods"] == ["2040-01-01", "2040-02-01", "2040-03-01"] and len(found["policies"]) == 2
    assert found["policies"][1]["difference"]["outdoor"] < 0 and found["fictional"] is True
