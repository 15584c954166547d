"""Context variables of a study: classes over time, what is known of them at an origin, and what people make of them."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w
from own_panel import own_panel

from core.cognition.coefficients import load_coefficients
from core.cognition.engine import CONTEXT
from core.cognition.rules import RulesEngine
from core.errors import InputError
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.policy.calendar import Calendar
from core.policy.surroundings import surroundings_of
from core.services.studies.inputs import open_study
from core.simulation.contexts import situations, without_policy
from core.study import ContextVariable, Step, load_study

MONTHS = pd.date_range("2014-01-01", periods=8, freq="MS")


def variable(*, ahead: bool = False, announced: tuple[tuple[date, date], ...] = ()) -> ContextVariable:
    return ContextVariable("DRY", "Drought", "dry", (1.0, 2.0), ("none", "some", "much"), ahead, announced, "made up")


def path(**how: object) -> np.ndarray:
    values = pd.Series([0, 0, 1, 1.5, 2, 2, 0.5, 0], MONTHS, dtype=float)
    known_by = how.pop("known_by", None)
    return surroundings_of(variable(**how), values, Step.MONTH, "test").levels(MONTHS, known_by)  # type: ignore[arg-type]


def test_classes_lie_between_the_thresholds() -> None:
    assert path().tolist() == [0, 0, 1, 1, 2, 2, 0, 0]


def test_after_an_origin_the_class_known_then_stays_unless_it_is_known_ahead() -> None:
    assert path(known_by=date(2014, 3, 1)).tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    assert path(known_by=date(2014, 3, 1), ahead=True).tolist() == path().tolist()
    told = ((date(2014, 5, 1), date(2014, 4, 10)),)
    assert path(known_by=date(2014, 3, 1), ahead=True, announced=told).tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    assert path(known_by=date(2014, 4, 10), ahead=True, announced=told).tolist() == path().tolist()


def test_unknown_is_no_class() -> None:
    values = pd.Series([0, np.nan], MONTHS[:2])
    with pytest.raises(InputError, match=r"DRY has no value in 2014-02"):
        surroundings_of(variable(), values, Step.MONTH, "context of P0")


def study_with_drought(folder: Path, **about: object) -> Path:
    file = own_panel(folder, places=2)
    study = tomllib.loads(file.read_text())
    said = {"code": "DRY", "name": "Drought", "column": "dry", "thresholds": [1], "words": ["no drought", "drought"]}
    study["context"] = [{**said, "source": "made up", **about}]
    study["sources"]["context"] = {"file": "dry.csv", "layout": "panel_table", "place": "P0"}
    file.write_text(tomli_w.dumps(study))
    table = pd.read_csv(folder / "policy.csv")[["place", "date"]]
    table["dry"] = (table["date"] >= "2017-03").astype(int) * 2
    table.to_csv(folder / "dry.csv", index=False)
    rows = "watering,context,DRY=1,,-0.8,log-odds,assumption,made up\n"
    (folder / "table.csv").write_text((folder / "table.csv").read_text() + rows)
    return file


def test_people_live_with_it_and_the_ordinary_period_is_without(tmp_path: Path) -> None:
    inputs = open_study(study_with_drought(tmp_path), tmp_path)
    study, dates = inputs.study, pd.date_range("2017-01-01", "2017-06-01", freq="MS")
    days = situations(inputs.timeline, dates, study, None)
    assert days[f"DRY{CONTEXT}"].tolist() == [0, 0, 1, 1, 1, 1]
    frozen = situations(inputs.timeline, dates, study, None, calendar_known_by=date(2017, 2, 1))
    assert frozen[f"DRY{CONTEXT}"].tolist() == [0] * 6
    assert without_policy(days, study)[f"DRY{CONTEXT}"].eq(0).all()
    engine = RulesEngine.for_study(study, load_coefficients(study.coefficients_file))
    people = synthesise(load_population_spec(study.population_file), 20, 0).personas
    answers = engine.respond(people, days).mean(axis=0)
    without = engine.respond(people, days.assign(**{f"DRY{CONTEXT}": 0})).mean(axis=0)
    column = study.behaviour_ids.index("watering")
    assert (answers[2:, column] < without[2:, column] - 0.02).all() and (answers[:2] == without[:2]).all()
    assert Calendar.from_dict(inputs.timeline.calendar.to_dict()) == inputs.timeline.calendar


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"thresholds": [2, 1]}, "numbers that rise"),
        ({"words": ["one", "two", "three"]}, "one for each class"),
        ({"announced": {"2017-03": date(2017, 1, 1)}}, 'known = "ahead"'),
        ({"known": "ahead", "announced": {"2017-03": date(2017, 5, 1)}}, "up to 2017-03-01"),
        ({"known": "ahead", "announced": {"spring": date(2017, 5, 1)}}, "periods such as 2015-06"),
        ({"column": "rain"}, "has none of the columns rain"),
    ],
)
def test_what_a_study_cannot_mean_is_refused(about: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        open_study(study_with_drought(tmp_path, **about), tmp_path)


def test_a_table_that_names_another_class_is_refused(tmp_path: Path) -> None:
    file = study_with_drought(tmp_path)
    (tmp_path / "table.csv").write_text((tmp_path / "table.csv").read_text().replace("DRY=1", "DRY=2"))
    study = load_study(file)
    with pytest.raises(InputError, match=r"unknown key of a context row 'DRY=2'.*DRY=1"):
        RulesEngine.for_study(study, load_coefficients(study.coefficients_file))
