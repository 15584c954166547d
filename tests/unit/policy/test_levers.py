"""Levers of a study's own: amounts with their links, levels with shares, and what timelines make of them."""

from __future__ import annotations

import math
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from core.counterfactual.levels import frozen_policies, mapping_table, policy_ladder
from core.errors import InputError
from core.policy.calendar import calendar_for
from core.policy.indices import sub_indices
from core.policy.interventions import in_words
from core.policy.scenario import apply_edits, edits_between
from core.policy.timeline import PolicyTimeline
from core.records import content_hash
from core.settings import shipped_data
from core.study import Study, codebook_of, load_codebook, load_study, study_from

CUT = {"code": "S", "name": "Mandated cut", "unit": "%", "reference": 0, "limit": 36, "notch": 4}
PRICE = {
    "code": "P",
    "name": "Price",
    "unit": "US$",
    "reference": 2,
    "limit": 8,
    "least": 1,
    "most": 9,
    "link": "log_ratio",
}
DAYS = {"code": "W", "name": "Watering days", "unit": "days a week", "reference": 7, "limit": 0, "notch": 1}
BELT = {
    "code": "L",
    "name": "Seat belt law",
    "maximum": 2,
    "levels": ["No law", "Secondary enforcement", "Primary enforcement"],
    "shares": [0, 0.52, 1],
}
LEVERS = [CUT, PRICE, DAYS, BELT]
FIRST, LAST = date(2030, 3, 1), date(2030, 4, 30)


def own(tmp_path: Path, levers: list[dict[str, Any]] = LEVERS) -> Study:
    """Meridia with levers of its own in place of the tracker's."""
    raw = tomllib.loads((shipped_data() / "studies" / "base" / "pandemic_mobility.toml").read_text())
    for key in ("index", "indicators", "sweep"):
        del raw[key]
    path = tmp_path / "base.toml"
    path.write_text(tomli_w.dumps({**raw, "levers": levers}))
    text = (shipped_data() / "studies" / "meridia.toml").read_text()
    study = tmp_path / "own.toml"
    study.write_text(
        text.replace('"base/pandemic_mobility.toml"', '"base.toml"').replace('id = "meridia"', 'id = "own"')
    )
    return load_study(study)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return own(tmp_path)


def timeline(study: Study, **levels: Any) -> PolicyTimeline:
    days = pd.date_range(FIRST, LAST, name="date")
    none = {item.code: float(item.none) for item in study.indicators}
    frame = pd.DataFrame({**none, **levels}, index=days)
    return PolicyTimeline.from_levels(frame, study, calendar_for(study.calendar, FIRST, LAST))


def test_a_study_owns_its_levers(study: Study) -> None:
    assert study.indicator_codes == ("S", "P", "W", "L") and study.index == "PolicyIndex"
    book = codebook_of(study)
    assert book.indices == {"PolicyIndex": ("S", "P", "W", "L")} and book is study.codebook
    assert codebook_of(load_study("meridia")) is load_codebook()


def test_what_a_study_said_makes_its_levers_again(tmp_path: Path) -> None:
    from core.study import read_study

    own(tmp_path)
    study, raw = read_study(tmp_path / "own.toml")
    (tmp_path / "base.toml").unlink()
    assert study_from(raw, tmp_path / "own.toml").indicators == study.indicators


def test_sub_indices_follow_the_link(study: Study) -> None:
    frame = pd.DataFrame({"S": [0, 9, 36], "P": [2, 4, 1], "W": [7, 3.5, 0], "L": [0, 1, 2]})
    found = sub_indices(frame, codebook_of(study))
    assert found["S"].tolist() == [0, 25, 100]
    assert found["P"].to_numpy() == pytest.approx([0, 50, -50]), "half and double of a price are as far from it"
    assert found["W"].tolist() == [0, 50, 100] and found["L"].to_numpy() == pytest.approx([0, 52, 100])


def test_a_timeline_holds_amounts(study: Study) -> None:
    observed = timeline(study, S=[0.0] * 20 + [12.5] * 41, W=[7.0] * 10 + [2.0] * 51)
    assert observed.levels()["S"].tolist() == [0.0] * 20 + [12.5] * 41
    assert observed.intensities()["S"].iloc[-1] == 12.5 / 36
    expected = (100 * 12.5 / 36 + 100 * 5 / 7) / 4
    assert observed.stringency().iloc[-1] == pytest.approx(expected)
    again = PolicyTimeline.from_dict(observed.to_dict(), study)
    assert again == observed and again.id == observed.id


def test_of_two_amounts_the_stricter_counts(study: Study) -> None:
    edits = [
        {"add": "W", "level": 3, "start": FIRST},
        {"add": "W", "level": 1, "start": date(2030, 4, 1)},
        {"add": "W", "level": 5, "start": FIRST},
        {"add": "P", "level": 1.5, "start": FIRST},
    ]
    found = apply_edits(timeline(study), edits, name="x").levels()
    assert found["W"].iloc[[0, -1]].tolist() == [3, 1], "fewer days are stricter"
    assert found["P"].iloc[0] == 1.5, "a subsidy is no measure's opposite, and holds where nothing else does"


def test_edits_of_amounts_round_trip_and_are_said(study: Study) -> None:
    base = timeline(study, S=20.0)
    edits = [
        {"set": "S", "level": 8.25, "start": date(2030, 3, 15)},
        {"tighten": 1, "indicators": ["P"]},
        {"tighten": 2, "indicators": ["W"]},
        {"remove": "S", "start": date(2030, 4, 20)},
    ]
    edited = apply_edits(base, edits, name="Milder")
    assert edited.levels().iloc[-1].tolist() == [0, pytest.approx(2.6), 5, 0]
    assert apply_edits(base, edits_between(edited, base), name="Milder").interventions == edited.interventions
    said = edited.changes(base)
    assert any("8.25 % instead of 20 %" in line for line in said) and any("no measure instead" in line for line in said)


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        ({"set": "S", "level": 40}, "S cannot be 40.*Allowed: 0 to 36 %.*Nearest valid: 36"),
        ({"set": "S", "level": math.nan}, "number"),
        ({"set": "P", "level": 0.5}, "P cannot be 0.5.*Nearest valid: 1"),
        ({"set": "P", "level": 3, "flag": 1}, "has no flag"),
        ({"set": "L", "level": 1.5}, "not a whole number"),
    ],
)
def test_an_amount_that_cannot_be_is_refused(study: Study, edit: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        apply_edits(timeline(study), [edit], name="x")


@pytest.mark.parametrize(
    ("lever", "match"),
    [
        ({"unit": "%"}, "not both of reference and limit"),
        ({"unit": "%", "reference": 1, "limit": 1}, "limit.*the reference itself"),
        ({"unit": "%", "reference": 0, "limit": 1, "link": "log_ratio"}, "takes logarithms"),
        ({"unit": "%", "reference": 0, "limit": 1, "maximum": 2}, "maximum.*has a unit"),
        ({"unit": "%", "reference": 0, "limit": 9, "most": 8}, "limit.*0 to 8"),
        ({"maximum": 1}, "neither levels nor a unit"),
        ({"maximum": 1, "levels": ["a", "b"], "limit": 3}, "set to an amount"),
        ({"maximum": 2, "levels": ["a", "b", "c"], "shares": [0, 1, 0.5]}, "shares.*rise from 0 to 1"),
        ({"unit": "%", "reference": 0, "limit": 1, "link": "log"}, "log_ratio"),
    ],
)
def test_a_lever_that_cannot_be_is_refused(tmp_path: Path, lever: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        own(tmp_path, [{"code": "X", "name": "X", **lever}])


def test_the_ladder_goes_from_no_measure_to_all_in_full(study: Study) -> None:
    steps = policy_ladder(study)
    assert steps[0] == {"S": 0, "P": 2, "W": 7, "L": 0} and steps[-1] == {"S": 36, "P": 8, "W": 0, "L": 2}
    held = frozen_policies(study, [0, 50, 100])
    assert [item.realised for item in held] == pytest.approx([0, 50, 100], abs=3)
    table = mapping_table(study, held)
    assert table.loc[0, "0"] == "no measure" and table.loc[0, "100"] == "36 % (36 in full)"
    assert in_words(36.0, study.indicator("S")) == "36 %"


def test_what_was_hashed_before_levers_had_amounts_keeps_its_hash() -> None:
    indicator = load_codebook().indicators[0]
    told = {"code", "name", "maximum", "has_flag", "flag_meaning", "levels", "indices"}
    assert content_hash(indicator) == content_hash({name: getattr(indicator, name) for name in told})


@given(st.floats(0, 36), st.floats(0, 36), st.floats(1, 9))
def test_intensity_rises_with_an_amount(low: float, high: float, price: float) -> None:
    from core.study.levers import LOG_RATIO, SHARE_OF_RANGE, Amount, Indicator

    def lever(amount: Amount) -> Indicator:
        return Indicator("X", "X", 0, False, "", (), (), amount)

    cut = lever(Amount("%", 0, 36, 0, 36, SHARE_OF_RANGE, 4))
    days = lever(Amount("d", 0, 36, 36, 0, SHARE_OF_RANGE, 4))
    first, second = cut.sub_index(np.array([low, high]))
    assert (first <= second) == (low <= high) and 0 <= first <= 100
    assert days.sub_index(np.array([low])) == pytest.approx(100 - first)
    cost = lever(Amount("$", 1, 9, 3, 9, LOG_RATIO, 1))
    assert cost.sub_index(np.array([price])) == pytest.approx(100 * math.log(price / 3) / math.log(3))


def monthly(tmp_path: Path, **calendar: Any) -> Study:
    """A study whose periods are months."""
    own(tmp_path)
    raw = tomllib.loads((tmp_path / "own.toml").read_text())
    path = tmp_path / "monthly.toml"
    metric = {
        "kind": "same_period_change",
        "unit": "%",
        "baseline_start": date(2030, 1, 1),
        "baseline_end": date(2030, 2, 6),
    }
    changed = {"id": "monthly", "step": "month", "calendar": calendar, "measurement": metric}
    path.write_text(tomli_w.dumps({**raw, **changed}))
    return load_study(path)


def test_a_study_of_months_has_periods_of_months(tmp_path: Path) -> None:
    study = monthly(tmp_path)
    assert study.step == "month" and study.start == date(2030, 2, 1) and study.end == date(2031, 12, 1)
    months = study.step.periods(date(2030, 2, 1), date(2030, 9, 1))
    none = {item.code: float(item.none) for item in study.indicators}
    frame = pd.DataFrame({**none, "S": [0, 0, 8, 8, 8, 0, 0, 0]}, index=months + pd.Timedelta(days=14))
    observed = PolicyTimeline.from_levels(frame, study)
    assert observed.dates.equals(months) and observed.levels()["S"].tolist() == frame["S"].tolist()
    (held,) = observed.interventions
    assert (held.start, held.end, held.level) == (date(2030, 4, 1), date(2030, 6, 1), 8)
    edited = observed.shifted(-1).with_constant({"W": 2}, date(2030, 7, 20))
    assert edited.levels()["S"].tolist() == [0, 8, 8, 8, 0, 0, 0, 0]
    assert edited.levels()["W"].tolist() == [7, 7, 7, 7, 7, 2, 2, 2], "a day stands for its month"
    assert apply_edits(observed, edits_between(edited, observed), name="x").interventions == edited.interventions
    assert PolicyTimeline.from_dict(edited.to_dict(), study).id == edited.id
    kinds = observed.calendar.days(months)["day_type"].tolist()
    assert kinds[:2] == ["february", "march"]
    with pytest.raises(InputError, match="a month has no working week"):
        observed.with_holiday(date(2030, 5, 1), "May Day")
    with pytest.raises(InputError, match=r"is there twice.*one row a month"):
        PolicyTimeline.from_levels(pd.concat([frame, frame.iloc[:1]]), study)


def test_kinds_of_months_are_the_studys(tmp_path: Path) -> None:
    dry, wet = {"name": "dry", "months": [5, 6, 7, 8, 9]}, {"name": "wet", "months": [1, 2, 3, 4, 10, 11, 12]}
    assert monthly(tmp_path, kinds=[dry, wet]).calendar.kinds == ("wet",) * 4 + ("dry",) * 5 + ("wet",) * 3
    for kinds, match in (([dry], "leave out january"), ([dry, wet, {"name": "spring", "months": [4]}], "given twice")):
        with pytest.raises(InputError, match=match):
            monthly(tmp_path, kinds=kinds)
    with pytest.raises(InputError, match="has ramadan, and its step is a month"):
        monthly(tmp_path, ramadan=True)
    with pytest.raises(InputError, match=r"calendar.*has no working week"):
        raw = tomllib.loads((tmp_path / "own.toml").read_text())
        (tmp_path / "daily.toml").write_text(tomli_w.dumps({**raw, "id": "daily", "calendar": {}}))
        load_study(tmp_path / "daily.toml")
