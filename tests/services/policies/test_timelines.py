"""Timelines as pages use them: drafts, tables and quick edits."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timeline_cases import FIRST, LAST, schools

from core.counterfactual.support import FAR, SLACK
from core.csv_out import csv_safe
from core.errors import InputError
from core.policy.interventions import Intervention
from core.policy.timeline import PolicyTimeline
from core.report.figures.policies import Split, in_words, policy_figure
from core.services.policies import drafts
from core.services.policies.drafts import END, LEVEL, MEASURE, SCOPE
from core.services.policies.tables import (
    calendar_strip,
    changed_stretches,
    daily_table,
    stretches,
    week_in_words,
)
from core.services.policies.timelines import (
    LONGEST_NAME,
    clean_name,
    discard_draft,
    keep_draft,
    load_draft,
    saved_scenarios,
)
from core.services.studies.inputs import StudyInputs, open_study
from core.store.database import Store
from core.study import load_study

GENERAL, TARGETED = "in the whole country", "only in some areas"


# Names


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("  Schools\n open ", "Schools open"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("abc\u202edef", "abcdef"),
        ("<b>bold</b> $x$ **md**", "<b>bold</b> $x$ **md**"),
        ("مدارس مفتوحة", "مدارس مفتوحة"),
        ("line\u2028two", "line two"),
    ],
)
def test_a_name_is_one_line_of_visible_text(given_name: str, kept: str) -> None:
    assert clean_name(given_name) == kept


@pytest.mark.parametrize("name", ["", "   ", "\u202e\u2066", "\n", "observed", " OBSERVED ", "x" * (LONGEST_NAME + 1)])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        clean_name(name)


# Drafts and quick edits


def test_a_draft_outlives_the_session_and_one_is_kept_for_each_parent(
    tmp_path: Path, inputs: StudyInputs, observed: PolicyTimeline
) -> None:
    study, path = inputs.study, tmp_path / "store.duckdb"
    first = schools(drafts.start_draft(observed))
    second = drafts.edit_draft(first, [{"no_holiday": date(2031, 8, 14)}], "holiday").renamed(
        "Named", parent_id=observed.id
    )
    with Store(path) as opened:
        assert load_draft(opened, study, observed) is None
        keep_draft(opened, study, observed, first)
        keep_draft(opened, study, observed, second)
        assert len(opened.read("drafts")) == 1
    with Store(path) as opened:
        assert load_draft(opened, study, observed) == second
        assert load_draft(opened, study, second) is None
        discard_draft(opened, study, observed)
        assert load_draft(opened, study, observed) is None


def test_a_draft_is_no_scenario(store: Store, inputs: StudyInputs, observed: PolicyTimeline) -> None:
    keep_draft(store, inputs.study, observed, schools(drafts.start_draft(observed)))
    assert saved_scenarios(store, inputs.study).empty


def test_a_draft_keeps_its_parent_and_name_through_edits(observed: PolicyTimeline) -> None:
    draft = drafts.start_draft(observed)
    assert draft.parent_id == observed.id and draft.changes(observed) == []
    edited = drafts.edit_draft(schools(draft), [{"tighten": 1, "start": FIRST, "end": LAST}], "tighten")
    assert (edited.parent_id, edited.name) == (observed.id, draft.name)
    assert (edited.stringency() >= observed.stringency()).all()
    assert edited.changes(observed)


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        ({"set": "C1", "level": 9, "flag": 1}, "no level 9"),
        ({"set": "C1", "level": 2}, "no flag"),
        ({"remove": "C1", "start": "2099-01-01"}, "2099-01-01 lies outside"),
        ({"remove": "C1", "start": "2031-05-01", "end": "2031-04-01"}, "before start"),
        ({"no_holiday": "2031-04-02"}, "not a holiday"),
        ({"holiday": "Rain", "day": "2031-05-05", "announced": "2031-06-05"}, "announced"),
        ({"working_week": {"rest_days": ["sunday"], "half_days": ["sunday"]}, "start": "2031-05-01"}, "twice"),
    ],
)
def test_a_wrong_quick_edit_is_refused_in_one_line_that_says_which(
    observed: PolicyTimeline, edit: dict[str, object], part: str
) -> None:
    with pytest.raises(InputError) as wrong:
        drafts.edit_draft(drafts.start_draft(observed), [edit], "My edit")
    assert str(wrong.value).startswith("My edit: ") and part in str(wrong.value) and "\n" not in str(wrong.value)


def test_an_edit_that_changes_nothing_is_refused(observed: PolicyTimeline) -> None:
    draft = schools(drafts.start_draft(observed))
    with pytest.raises(InputError, match="changes nothing"):
        schools(draft)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.floats(0, 100))
def test_holding_everything_at_a_stringency_gives_that_of_the_staircase(target: float) -> None:
    study, observed = load_study("meridia"), open_study("meridia").timeline
    edits, real = drafts.held_at(study, target, FIRST, LAST)
    held = drafts.edit_draft(drafts.start_draft(observed), edits, "hold")
    window = pd.date_range(FIRST, LAST)
    assert np.allclose(held.stringency(window), real)
    # The staircase has a step for every ordinal level, so its index is never far from what was asked for.
    assert abs(real - target) < 5
    before = pd.date_range(observed.start, FIRST - timedelta(days=1))
    pd.testing.assert_series_equal(held.stringency(before), observed.stringency(before))


# The table


def test_a_table_is_in_words_and_comes_back_as_the_same_policy(observed: PolicyTimeline) -> None:
    draft = drafts.start_draft(observed)
    table = drafts.table_of(draft)
    assert list(table.columns) == list(drafts.TABLE_COLUMNS) and table.index[0] == 1
    assert set(table[MEASURE]) <= {item.name for item in observed.indicators}
    assert set(table[SCOPE].dropna()) == {GENERAL, TARGETED}
    again = drafts.from_table(draft, table)
    assert again == draft


def test_the_table_keeps_the_calendar_of_the_draft(observed: PolicyTimeline) -> None:
    draft = drafts.edit_draft(drafts.start_draft(observed), [{"no_holiday": date(2031, 8, 14)}], "holiday")
    assert drafts.from_table(draft, drafts.table_of(draft).iloc[:3]).calendar == draft.calendar


def test_rows_added_changed_and_deleted_make_the_policy(observed: PolicyTimeline) -> None:
    draft = drafts.start_draft(observed.with_interventions([Intervention("C1", 2, 1, FIRST)]))
    table = drafts.table_of(draft).astype("object")
    table.loc[1, LEVEL] = 3
    table.loc[2] = ["International travel controls", 4.0, None, "2031-05-01", pd.Timestamp("2031-05-31")]
    table.loc[3] = [None, None, None, pd.NaT, pd.NaT]
    made = drafts.from_table(draft, table)
    assert made.interventions == (
        Intervention("C1", 3, 1, FIRST),
        Intervention("C8", 4, None, date(2031, 5, 1), date(2031, 5, 31)),
    )
    assert drafts.from_table(draft, table.iloc[:0]).interventions == ()


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ([None, 1, GENERAL, "2031-04-01", None], "Row 7: no measure is chosen"),
        (["Schol closing", 1, GENERAL, "2031-04-01", None], "Nearest valid: School closing"),
        (["School closing", None, GENERAL, "2031-04-01", None], "Row 7 (School closing): no level"),
        (["School closing", 4, GENERAL, "2031-04-01", None], "no level 4. Allowed: 1 to 3. Nearest valid: 3"),
        (["School closing", 1.5, GENERAL, "2031-04-01", None], "not a whole number"),
        (["School closing", "2", GENERAL, "2031-04-01", None], "not a whole number"),
        (["School closing", 0, GENERAL, "2031-04-01", None], "level 0 is no measure"),
        (["School closing", 1, None, "2031-04-01", None], "no scope is chosen"),
        (["School closing", 1, "everywhere", "2031-04-01", None], "unknown scope 'everywhere'"),
        (["International travel controls", 1, GENERAL, "2031-04-01", None], "this measure has no scope"),
        (["School closing", 1, GENERAL, None, None], "no first day"),
        (["School closing", 1, GENERAL, "soon", None], "'soon' is not a date"),
        (["School closing", 1, GENERAL, "1999-01-01", None], "lies outside the timeline"),
        (["School closing", 1, GENERAL, "2031-05-01", "2031-04-01"], "before start"),
    ],
)
def test_a_wrong_row_is_refused_by_its_number(observed: PolicyTimeline, row: list[object], part: str) -> None:
    draft = drafts.start_draft(observed)
    table = drafts.table_of(draft).iloc[:3].astype("object")
    table.loc[7] = row
    with pytest.raises(InputError) as wrong:
        drafts.from_table(draft, table)
    assert part in str(wrong.value) and str(wrong.value).startswith("Row 7")
    with pytest.raises(InputError, match=r"^New row 4"):
        drafts.from_table(draft, table, numbered=3)


def test_a_table_without_a_column_is_refused(observed: PolicyTimeline) -> None:
    with pytest.raises(InputError, match="unknown column 'To'"):
        drafts.from_table(drafts.start_draft(observed), drafts.table_of(observed).drop(columns=END))


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["School closing", "Facial Coverings", "International travel controls"]),
            st.integers(1, 3),
            st.booleans(),
            st.integers(0, 700),
            st.integers(0, 100),
        ),
        max_size=8,
    )
)
def test_any_valid_table_survives_the_way_through_words(rows: list[tuple[str, int, bool, int, int]]) -> None:
    observed = open_study("meridia").timeline
    draft = drafts.start_draft(observed)
    lines = []
    for name, level, general, offset, length in rows:
        start = observed.start + timedelta(days=offset)
        end = min(start + timedelta(days=length), observed.end)
        scope = None if name.startswith("International") else (GENERAL if general else TARGETED)
        lines.append([name, level, scope, pd.Timestamp(start), pd.Timestamp(end)])
    table = pd.DataFrame(lines, columns=list(drafts.TABLE_COLUMNS), index=range(1, len(lines) + 1))
    made = drafts.from_table(draft, table)
    assert drafts.from_table(draft, drafts.table_of(made)) == made
    frame = stretches(made, observed.start, observed.end)
    total = frame.groupby("measure")["days"].sum()
    for item in observed.indicators:
        assert total.get(item.name, 0) == int((made.levels()[item.code] > 0).sum())


# Support


def test_support_counts_days_that_training_did_not_see(observed: PolicyTimeline) -> None:
    study = load_study("meridia")
    support = drafts.training_support(observed, study.start, study.train_end)
    trained = drafts.check_support(observed, support, study.start, study.train_end)
    assert trained.outside_days == 0 and trained.sentence("it") == ""
    everything = drafts.held_at(study, 100.0, FIRST, LAST)[0]
    strictest = drafts.edit_draft(drafts.start_draft(observed), everything, "hold")
    checked = drafts.check_support(strictest, support, FIRST, LAST)
    highest = observed.stringency(pd.date_range(study.start, study.train_end)).max()
    assert checked.highest == highest and highest + SLACK < 100
    assert checked.days == checked.beyond == checked.outside_days == 275
    said = checked.sentence("the draft")
    assert "On 275 of 275 days of the hold-out the draft is unlike" in said and f"{SLACK:g} points beyond" in said
    assert (f"{FAR:g} points" in said) == bool(checked.far)


def test_support_counts_periods_of_the_study() -> None:
    inputs = open_study("orlo")
    study, step = inputs.study, inputs.study.step
    support = drafts.training_support(inputs.timeline, study.start, study.train_end)
    checked = drafts.check_support(inputs.timeline, support, step.after(study.train_end, 1), study.end)
    assert (checked.days, checked.outside_days) == (36, 5) and support.days.sum() == 72
    assert "On 5 of 36 months of the hold-out" in checked.sentence("it") and "training month" in checked.sentence("it")


# Tables to draw


def test_stretches_say_what_was_in_force_and_are_cut_to_the_window(observed: PolicyTimeline) -> None:
    frame = stretches(observed, FIRST, FIRST + timedelta(days=29))
    levels = observed.levels(pd.date_range(FIRST, periods=30))
    assert (frame["start"] >= pd.Timestamp(FIRST)).all() and (frame["days"] <= 30).all()
    for item in observed.indicators:
        mine = frame[frame["measure"] == item.name]
        assert mine["days"].sum() == (levels[item.code] > 0).sum()
        for row in mine.to_dict("records"):
            assert (levels.loc[row["start"] : row["end"], item.code] == row["level"]).all()
            assert row["meaning"] == f"Level {row['level']} of {item.maximum}: {item.levels[row['level']]}"
            assert row["share"] == pytest.approx(row["level"] / item.maximum)
            assert (row["scope"] == "") == (not item.has_flag)
            if item.has_flag:
                flags = levels.loc[row["start"] : row["end"], f"{item.code}_Flag"]
                assert ((flags == 0) == row["targeted"]).all()


def test_changed_stretches_are_where_the_policy_differs(observed: PolicyTimeline) -> None:
    draft = schools(drafts.start_draft(observed), start=date(2031, 6, 1), end=date(2031, 6, 30))
    frame = changed_stretches(draft, observed, FIRST, date(2031, 6, 10))
    assert set(frame["measure"]) == {"School closing"}
    assert frame["end"].max() == pd.Timestamp("2031-06-10")
    assert changed_stretches(draft, observed, FIRST, date(2031, 5, 1)).empty


def test_the_calendar_strip_has_weeks_holidays_and_what_a_draft_changed(observed: PolicyTimeline) -> None:
    edits = [
        {"working_week": {"rest_days": ["friday"], "half_days": ["thursday"]}, "start": date(2031, 6, 1)},
        {"holiday": "Rain day", "day": date(2031, 6, 5), "announced": date(2031, 1, 1)},
    ]
    draft = drafts.edit_draft(drafts.start_draft(observed), edits, "calendar")
    strip = calendar_strip(draft.calendar, FIRST, LAST)
    weeks = strip[strip["row"] == "Working week"]
    assert list(weeks["label"]) == ["off: Sat, Sun", "off: ½ Thu, Fri"]
    assert list(weeks["end"]) == [pd.Timestamp("2031-05-31"), pd.Timestamp(LAST)]
    assert "Public holiday: Rain day" in set(strip["text"])
    assert week_in_words(draft.calendar.working_weeks[-1]) == "Friday day of rest, Thursday half day"
    assert not (strip["row"] == "Ramadan").any()


def test_the_daily_table_holds_both_curves_and_the_calendar(observed: PolicyTimeline) -> None:
    draft = schools(drafts.start_draft(observed))
    table = daily_table(draft, FIRST, LAST, observed)
    assert len(table) == 275 and {"StringencyIndex", "StringencyIndex_of_parent", "C1", "C1_Flag", "day_type"} <= set(
        table
    )
    assert (table["C1"] == 3).all()
    assert np.allclose(table["StringencyIndex_of_parent"], observed.stringency(table.index), atol=1e-4)


def test_text_that_looks_like_a_formula_is_disarmed_in_downloads(observed: PolicyTimeline) -> None:
    edit = {"holiday": '=HYPERLINK("x")', "day": date(2031, 6, 5), "announced": date(2031, 1, 1)}
    draft = drafts.edit_draft(drafts.start_draft(observed), [edit], "holiday")
    safe = csv_safe(daily_table(draft, FIRST, LAST))
    assert safe.loc["2031-06-05", "holiday"] == '\'=HYPERLINK("x")'
    pd.testing.assert_frame_equal(safe.drop(columns="holiday"), daily_table(draft, FIRST, LAST).drop(columns="holiday"))


def test_the_figure_shows_measures_curve_split_and_source_and_no_markup_of_names(observed: PolicyTimeline) -> None:
    draft = schools(drafts.start_draft(observed)).renamed("<b>x</b>%{y}", parent_id=observed.id)
    window = pd.date_range(FIRST - timedelta(days=60), LAST)
    shared = {"split": Split(date(2031, 3, 31), LAST), "source": "fictional", "index": observed.index}
    outside = pd.Series(np.arange(len(window)) % 2 == 0, index=window)
    figure = policy_figure(
        stretches(draft, window[0].date(), LAST),
        calendar_strip(draft.calendar, window[0].date(), LAST),
        draft.stringency(window),
        measures=[item.name for item in observed.indicators],
        title="Meridia",
        name=draft.name,
        parent=observed.stringency(window),
        parent_name="Observed",
        changed=changed_stretches(draft, observed, FIRST, LAST),
        seen=(0.0, 80.0),
        outside=outside,
        **shared,
    )
    text = figure.to_json()
    assert "<b>x</b>" not in json.loads(text)["data"][-2]["name"] and "Source: fictional" in text
    assert "training to 31 Mar 2031" in text and "hold-out" in text
    curve = next(trace for trace in figure.data if trace.name and trace.name.startswith("&lt;b&gt;"))
    assert "%{fullData.name}" in curve.hovertemplate and "%{y}" not in curve.hovertemplate
    assert np.allclose(np.asarray(curve.y, dtype=float), draft.stringency(window))
    strip = next(trace for trace in figure.data if trace.name == "unlike training")
    assert np.isnan(np.asarray(strip.y, dtype=float)).sum() == (~outside).sum()
    assert in_words("StringencyIndex") == "Stringency index"
