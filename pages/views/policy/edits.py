"""Quick edits of a policy in plain words: measures, the working week and public holidays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import streamlit as st

from core.policy.interventions import level_in_words
from core.policy.written import Edit
from core.services.policies import drafts
from core.services.policies.tables import WEEK as WEEK_ROW
from core.services.policies.tables import calendar_strip, week_in_force, week_in_words
from core.services.policies.timelines import LONGEST_NAME
from core.services.policies.what_ifs import USUAL_SHIFT
from core.study import WEEKDAYS
from pages.common.shell import try_to
from pages.views.policy.draft import Editing, draft_or_start, set_draft

HOLD, REMOVE, TIGHTEN, SHIFT, STRINGENCY = "hold", "remove", "tighten", "shift", "stringency"
POLICY_EDITS = {
    HOLD: "Hold a measure at a level",
    REMOVE: "Remove a measure",
    TIGHTEN: "Tighten or relax measures",
    SHIFT: "Move measures in time",
    STRINGENCY: "Hold everything at one level of the index",
}
WEEK, ADD, STRIKE = "week", "add", "strike"
CALENDAR_EDITS = {WEEK: "Change the working week", ADD: "Add a public holiday", STRIKE: "Remove a public holiday"}


@st.fragment
def policy_edits(editing: Editing) -> None:
    """Edits of measures in plain words."""
    study, parent = editing.study, editing.parent
    kind = st.selectbox(
        "What to change", list(POLICY_EDITS), format_func=POLICY_EDITS.__getitem__, key=editing.key("edit")
    )
    names = {item.code: item.name for item in study.indicators}
    edits: list[Edit] = []
    what = POLICY_EDITS[kind]
    if kind == SHIFT:
        codes = st.multiselect(
            "Measures to move (none chosen: all)", list(names), format_func=names.__getitem__, key=editing.key("moved")
        )
        left, right = st.columns(2)
        start = _day(editing, "Changes from this day on", editing.holdout[0], "shift-from", left)
        many = f"{study.step}s"
        days = right.number_input(
            f"{many.capitalize()} later (earlier: below 0)",
            -365,
            365,
            USUAL_SHIFT[study.step],
            key=editing.key("shift-days"),
        )
        st.caption("What is in force stays until its next change, so nothing lapses in between.")
        edits = [{"shift": int(days), "start": start, **({"indicators": codes} if codes else {})}]
        what = ", ".join(names[code] for code in codes) or "All measures"
        said = f"{what}: changes from {start} on come {abs(days)} {many} {'later' if days >= 0 else 'earlier'}"
    elif kind == STRINGENCY:
        target = st.slider("Index (0 no measure, 100 everything in full)", 0, 100, 50, key=editing.key("target"))
        start, end = _span(editing, "stringency")
        edits, real = drafts.held_at(study, float(target), start, end)
        said = f"Every measure is held at the policy nearest to {target}, whose index is {real:.1f}"
        st.caption(
            "Measures rise together on one staircase, the same as in the sweep on Counterfactuals; scope general."
        )
    else:
        if kind == TIGHTEN:
            codes = st.multiselect(
                "Measures (none chosen: all)", list(names), format_func=names.__getitem__, key=editing.key("some")
            )
            step = st.radio(
                "Direction",
                [1, -1],
                format_func={1: "Tighten by one level", -1: "Relax by one level"}.__getitem__,
                horizontal=True,
                key=editing.key("direction"),
            )
            edit: Edit = {"tighten": step, **({"indicators": codes} if codes else {})}
            said = f"{'Tighten' if step > 0 else 'Relax'} {', '.join(names[code] for code in codes) or 'every measure'}"
            st.caption("A measure at the end of its scale stays there; one that starts to apply does so in general.")
        else:
            code = st.selectbox("Measure", list(names), format_func=names.__getitem__, key=editing.key("measure"))
            what = names[code]
            edit = {"remove": code} if kind == REMOVE else _held(editing, code)
            held = "no measure" if kind == REMOVE else level_in_words(edit["level"], study.indicator(code))
            said = f"{names[code]}: {held}"
        start, end = _span(editing, kind)
        edits = [{**edit, "start": start, "end": end}]
    if kind != SHIFT:
        said += f", {edits[0]['start'] or parent.start} to {edits[0]['end'] or parent.end}"
    _apply_button(editing, edits, what, said, "policy")


def _held(editing: Editing, code: str) -> Edit:
    indicator = editing.study.indicator(code)
    if (amount := indicator.amount) is not None:
        chosen = st.number_input(
            f"Amount, {amount.unit}",
            amount.least,
            amount.most,
            indicator.full,
            amount.notch,
            key=editing.key(f"level-{code}"),
        )
        return {"set": code, "level": chosen}
    level = st.selectbox(
        "Level",
        list(range(indicator.maximum + 1)),
        index=indicator.maximum,
        format_func=lambda value: f"{value} · {indicator.levels[value]}",
        key=editing.key(f"level-{code}"),
    )
    edit: Edit = {"set": code, "level": level}
    if indicator.has_flag and level:
        scopes = drafts.scopes(indicator)
        flag = st.radio(
            "Scope", [1, 0], format_func=lambda value: scopes[value], horizontal=True, key=editing.key(f"scope-{code}")
        )
        edit["flag"] = flag
    return edit


@st.fragment
def calendar_edits(editing: Editing) -> None:
    """Edits of the working week and of public holidays, which belong to the policy."""
    draft = draft_or_start(editing)
    weeks = calendar_strip(draft.calendar, draft.start, draft.end)
    for row in weeks[weeks["row"] == WEEK_ROW].to_dict("records"):
        st.text(f"{row['start']:%Y-%m-%d} to {row['end']:%Y-%m-%d}: {row['text']}")
    kind = st.selectbox(
        "What to change", list(CALENDAR_EDITS), format_func=CALENDAR_EDITS.__getitem__, key=editing.key("cal")
    )
    train_end = editing.split.train_end
    if kind == WEEK:
        edit, said = _working_week(editing)
    elif kind == ADD:
        left, right = st.columns(2)
        day = _day(editing, "Day", editing.holdout[0], "holiday-day", left)
        known = _day(editing, "Announced on", min(train_end, day), "holiday-known", right)
        name = st.text_input("Name of the holiday", max_chars=LONGEST_NAME, key=editing.key("holiday-name"))
        edit = {"holiday": " ".join(name.split()) or "Public holiday", "day": day, "announced": known}
        said = f"{day} becomes a public holiday, known from {known}"
        st.caption(
            "A counterfactual takes a holiday that a scenario adds as known to everybody; the day of announcement counts "
            "where a forecast is made from this policy."
        )
    else:
        days = {
            item.day: f"{item.day}: {item.name}"
            for item in draft.calendar.holidays
            if draft.start <= item.day <= draft.end
        }
        chosen = st.selectbox("Holiday", list(days), format_func=days.__getitem__, key=editing.key("strike"))
        if chosen is None:
            st.caption("There is no public holiday in this timeline.")
            return
        edit, said = {"no_holiday": chosen}, f"{chosen} is no public holiday any more"
    _apply_button(editing, [edit], CALENDAR_EDITS[kind], said, "calendar")


def _working_week(editing: Editing) -> tuple[Edit, str]:
    left, middle, right = st.columns(3)
    start = _day(editing, "From", editing.holdout[0], "week-from", left)
    end = middle.date_input(
        "To (empty: for good)",
        value=None,
        min_value=editing.parent.start,
        max_value=editing.parent.end,
        key=editing.key("week-to"),
    )
    known = _day(editing, "Announced on", min(start, editing.split.train_end), "week-known", right)
    groups: dict[str, list[str]] = {}
    labels = {"rest_days": "Weekly day of rest", "weekend_days": "Further days off", "half_days": "Half days"}
    now = week_in_force(draft_or_start(editing).calendar, editing.holdout[0])
    for column, (group, label) in zip(st.columns(3), labels.items(), strict=True):
        usual = [WEEKDAYS[day] for day in getattr(now, group)]
        groups[group] = column.multiselect(
            label, list(WEEKDAYS), default=usual, format_func=str.capitalize, key=editing.key(group)
        )
    edit: Edit = {"working_week": groups, "start": start, "announced": known}
    if end is not None:
        edit["end"] = end
    span = f"From {start} {'on' if end is None else f'to {end}'}"
    rest, weekend, half = (tuple(map(WEEKDAYS.index, days)) for days in groups.values())
    asked = replace(now, rest_days=rest, weekend_days=weekend, half_days=half)
    return edit, f"{span}: {week_in_words(asked)}; instead of {week_in_words(now)}"


def _apply_button(editing: Editing, edits: list[Edit], what: str, said: str, name: str) -> None:
    st.text(said)
    if st.button("Apply to the draft", type="primary", icon=":material/check:", key=editing.key(f"apply-{name}")):
        present = [{key: value for key, value in edit.items() if value is not None} for edit in edits]

        def apply() -> None:
            set_draft(editing, drafts.edit_draft(draft_or_start(editing), present, what))

        if try_to(apply):
            st.rerun()


def _span(editing: Editing, name: str) -> tuple[date, date]:
    left, right = st.columns(2)
    start = _day(editing, "From", editing.holdout[0], f"{name}-from", left)
    end = _day(editing, "To", editing.holdout[1], f"{name}-to", right)
    return start, end


def _day(editing: Editing, label: str, value: date, name: str, where: Any) -> date:
    """A day of the timeline; `where` is the column it stands in."""
    first, last = editing.parent.start, editing.parent.end
    pick: Callable[..., Any] = where.date_input
    picked = pick(
        label,
        value=min(max(value, first), last),
        min_value=first,
        max_value=last,
        key=editing.key(name),
        format="YYYY-MM-DD",
    )
    return picked if isinstance(picked, date) else value
