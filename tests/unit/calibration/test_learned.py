"""What other places taught: which rows a study may know, and that no place ever teaches itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from learning_cases import ORIGINS, past_of

from core.calibration.learned import ALL_TEACHERS, WEIGHTS_FILE, known_rows, own_code, teaching
from core.calibration.policy_effect_weight import UNINFORMED, known_policy_weight
from core.calibration.transfer_prior import DRIFT_FILE, transfer_prior_after
from core.errors import InputError
from core.forecasting.learned_widths import WIDTHS_FILE, widths_after
from core.forecasting.past import past_errors, past_forecasts
from core.forecasting.teachers import is_held_out, teachers_of
from core.forecasting.weight_learning import learn_forecast
from core.services.evaluation.learning import FILES, learned_rows
from core.study import Study, load_study

DAYS = [date(2020, 8, 31), date(2021, 2, 28)]
LATE = date(2021, 12, 31)


def test_a_study_knows_which_country_it_is() -> None:
    uae = load_study("uae")
    assert own_code(uae) == "ARE"
    assert own_code(replace(uae, code=None)) == "ARE", "by the place of its mobility"
    elsewhere = replace(uae, code=None, sources={})
    assert own_code(elsewhere) == "ARE", "by its calendar"
    assert own_code(load_study("meridia")) is None


def rows_of(folder: Path, file: str) -> pd.DataFrame:
    return pd.read_csv(folder / file, dtype={"without": "str"}, keep_default_na=False)


def test_every_teacher_has_rows_without_itself_in_the_tables_that_ship() -> None:
    folder = load_study("uae").learned
    assert folder is not None
    teachers = {name for name in rows_of(folder, WEIGHTS_FILE)["without"] if name != ALL_TEACHERS}
    assert not any(is_held_out(name) for name in teachers)
    for file in FILES:
        table = rows_of(folder, file)
        assert set(table["without"]) == teachers | {ALL_TEACHERS}, file
    weights = rows_of(folder, WEIGHTS_FILE)
    counts = weights.groupby(weights["without"] == ALL_TEACHERS)["places"].unique()
    assert counts[True].tolist() == [len(teachers)] and counts[False].tolist() == [len(teachers) - 1]


def test_a_teacher_gets_the_rows_without_itself_and_everybody_else_those_of_all() -> None:
    uae = load_study("uae")
    assert uae.learned is not None
    table = rows_of(uae.learned, DRIFT_FILE)
    of_day = table[table["known_until"] == max(table["known_until"])]
    own = of_day[of_day["without"] == "ARE"].set_index("behaviour").loc[list(uae.behaviour_ids)]
    everyone = of_day[of_day["without"] == ALL_TEACHERS].set_index("behaviour").loc[list(uae.behaviour_ids)]
    assert transfer_prior_after(uae, LATE).recovery.tolist() == own["recovery"].tolist()
    stranger = replace(uae, code="XXX")
    assert transfer_prior_after(stranger, LATE).recovery.tolist() == everyone["recovery"].tolist()
    assert own["recovery"].tolist() != everyone["recovery"].tolist()
    mine, theirs = teaching(uae, WIDTHS_FILE, LATE), teaching(stranger, WIDTHS_FILE, LATE)
    assert mine is not None and theirs is not None and mine.most == theirs.most - 1
    assert widths_after(uae, LATE) is not None and widths_after(uae, LATE, "seasonal_naive") is not None


def test_what_is_learned_without_a_place_does_not_depend_on_it() -> None:
    places = [past_of(f"P{n:02}", 0.1, 0.2, 50.0, followed=0.7, policy=0.2, noise=6.0, seed=n) for n in range(14)]
    spoiled = [replace(places[0], truth=places[0].truth * -3 + 40, naive=places[0].naive * 9), *places[1:]]
    holidays = {
        item.place: pd.DataFrame(np.full((6, 2), 0.1 * n), pd.date_range("2020-05-01", periods=6), item.behaviours)
        for n, item in enumerate(places)
    }
    own, other = (learned_rows(teachers_of(items), holidays, DAYS, ["P00", None]) for items in (places, spoiled))
    for file in FILES[:-1]:
        mine, theirs = (
            {place: [row for row in rows[file] if row["without"] == place] for place in ("P00", ALL_TEACHERS)}
            for rows in (own, other)
        )
        assert mine["P00"] == theirs["P00"] and mine["P00"], file
        assert mine[ALL_TEACHERS] != theirs[ALL_TEACHERS], f"{file}: the test could not fail"
    left = {row["without"]: row["factor"] for row in own[FILES[-1]] if row["behaviour"] == "parks"}
    assert left["P00"] > left[ALL_TEACHERS], "the place with the least of its days off is left out"


def test_the_weight_that_was_put_in_is_learned_and_drawn_to_half_while_history_is_short() -> None:
    places = [past_of(f"P{n}", followed=0.9, policy=0.25, noise=3.0, seed=n) for n in range(12)]
    learned = learn_forecast(teachers_of(places), DAYS)
    months = [(day - ORIGINS[0]).days / 30.4 for day in DAYS]
    for weight, span in zip(learned.weights, months, strict=True):
        assert weight == pytest.approx(0.5 + 0.4 * span / (span + 3), abs=0.03)
    assert learned.weight[0] == UNINFORMED, "the first origins knew nothing"
    assert (learned.weight[np.array(ORIGINS) >= DAYS[0]] > UNINFORMED).all()


def test_nothing_later_has_a_say_in_weight_or_errors() -> None:
    places = [past_of(f"P{n}", 0.1, followed=0.4, policy=0.25, noise=3.0, seed=n) for n in range(8)]
    day = DAYS[0]
    later = []
    for item in places:
        truth = item.truth.copy()
        for number, origin in enumerate(item.origins):
            truth[number, max((day - origin).days, 0) :] *= -4
        later.append(replace(item, truth=truth))
    one, other = (learn_forecast(teachers_of(items), [day]) for items in (places, later))
    assert one.weights == other.weights and np.array_equal(one.drifts[0].everyone, other.drifts[0].everyone)


def study_at(folder: Path) -> Study:
    return replace(load_study("uae"), learned=folder)


def test_without_tables_half_of_the_effect_is_followed_and_any_share_may_be_searched() -> None:
    weight = known_policy_weight(replace(load_study("uae"), learned=None), LATE)
    assert (weight.value, weight.bounds, weight.known_until) == (UNINFORMED, (0.0, 1.0), None)
    early = known_policy_weight(load_study("uae"), date(2020, 6, 1))
    assert early.value == UNINFORMED and teaching(load_study("uae"), WEIGHTS_FILE, date(2020, 6, 1)) is None


def test_a_teacher_without_whom_the_others_are_too_few_is_told_nothing(tmp_path: Path) -> None:
    """The rows of all have its own past in them."""
    (tmp_path / WEIGHTS_FILE).write_text(
        "without,known_until,weight,places\n,2020-06-30,0.40,3\nARE,2020-06-30,0.3,2\n"
    )
    (tmp_path / DRIFT_FILE).write_text("without,known_until,behaviour,recovery,season\n,2020-06-30,parks,0.1,0.2\n")
    assert transfer_prior_after(study_at(tmp_path), LATE).known_until is None
    assert transfer_prior_after(replace(study_at(tmp_path), code="DEU"), LATE).known_until == date(2020, 6, 30)


def test_an_edited_table_is_read_anew(tmp_path: Path) -> None:
    head = "without,known_until,weight,places\n"
    (tmp_path / WEIGHTS_FILE).write_text(head + ",2020-06-30,0.40,3\nARE,2020-06-30,0.25,2\n")
    assert known_policy_weight(study_at(tmp_path), LATE).value == 0.25
    (tmp_path / WEIGHTS_FILE).write_text(head + ",2020-06-30,0.40,3\nARE,2020-06-30,0.725,2\n")
    found = known_policy_weight(study_at(tmp_path), LATE)
    assert found.value == 0.725 and found.bounds == pytest.approx((0.425, 1.0))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("known_until,behaviour\n2020-06-30,parks\n", "no column without"),
        ("without,known_until,weight,places\n,2020-06-31,0.4,3\n", "day"),
        ("without,known_until,weight,places\n,2020-06-30,,3\n", "weight|number|float"),
        ("without,known_until,weight,places\n,2020-06-30,inf,3\n", "number"),
    ],
)
def test_a_strange_table_is_refused_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / WEIGHTS_FILE).write_text(content)
    with pytest.raises(InputError, match=said) as wrong:
        known_policy_weight(study_at(tmp_path), LATE)
    assert "\n" not in str(wrong.value) and WEIGHTS_FILE in str(wrong.value)
    (tmp_path / WEIGHTS_FILE).write_text("without,known_until,weight,places\n")
    with pytest.raises(InputError, match="no such file"):
        known_rows(study_at(tmp_path), WIDTHS_FILE, ("level",), LATE)


def test_forecasts_in_parts_are_the_forecasts_that_are_made() -> None:
    """The errors that are learned from are those of the twin itself, to rounding."""
    from backtest_cases import people, places

    from core.calibration.pace import PACES
    from core.calibration.problem import build_problem
    from core.calibration.twin import forecast_defaults, twin_forecast
    from core.cognition.coefficients import load_coefficients
    from core.cognition.rules import RulesEngine
    from core.simulation.simulate import simulate
    from core.study import Step

    place, last = places()["DEU"], date(2020, 12, 31)
    past = past_forecasts(place, people(), last, 60)
    errors = past_errors(place, people(), last, 60)
    engine = RulesEngine.for_study(place.study, load_coefficients(place.study.coefficients_file))
    for number in (0, len(past.origins) - 3):
        origin = past.origins[number]
        days = pd.date_range(origin, periods=61)[1:]
        problem = build_problem(
            place.study, place.timeline, place.observations, place.cases, origin, days[-1].date(),
            inner=False, fewest=PACES[Step.DAY].past_training,
        )  # fmt: skip
        means = simulate(engine, people(), problem.contexts).everyone
        twin = twin_forecast(problem, problem.final, means, forecast_defaults(place.study, origin))
        known = place.observations.loc[: pd.Timestamp(last)].reindex(days)
        want = (known - twin.forecast).to_numpy()
        assert np.allclose(errors.errors["twin"][number], want, atol=1e-3, equal_nan=True)
        assert np.allclose(past.policy_effect[number], twin.policy_effect.to_numpy(), atol=1e-3)
