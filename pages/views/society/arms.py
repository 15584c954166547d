"""What each arm changes, and for whom."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.document import signed
from core.report.figures.society import SHOWN, effect_dots, group_bars
from core.report.sentences.society import FOUND_IN_MODEL, WORDS, arm_sentence, contrast_table, shown_value
from core.society.arms import Contrast
from pages.common.address import pick
from pages.common.charts import chart
from pages.common.render import render
from pages.common.shell import Workspace, plain_text
from pages.views.society.chosen import Shown, pick_arm

GROUPS = {"income_quartile": "By income quartile", "district": "By district"}
#: An interval wider than so many times the mean before says nothing in percent.
MOST_WIDE = 1.0
QUARTILES = {"1": "Poorest quarter", "2": "Second", "3": "Third", "4": "Richest quarter"}


def effects_view(workspace: Workspace, shown: Shown) -> None:
    """All arms beside one another, in percent."""
    result = shown.result
    if not shown.others:
        means = result.arms[0].means
        columns = st.columns(len(SHOWN))
        for column, name in zip(columns, SHOWN, strict=True):
            column.metric(WORDS[name].label, f"{shown_value(name, means[name]):,.2f}", help=WORDS[name].unit)
        st.caption("The scenario as it stands. Choose what could be different on the left.")
        return
    first = next(iter(shown.others))
    lead = _lead(shown, first)
    if lead:
        st.markdown(f"**{plain_text(lead)}**")
    rows = effect_rows(shown)
    chart(
        effect_dots(rows, shown.source),
        rows,
        "society-effects",
        "society-effects",
        "Change of spending, visits, trips and posts by each arm, in percent with intervals.",
    )
    st.caption(FOUND_IN_MODEL)
    with st.expander("In numbers"):
        for arm in result.arms:
            if arm.id in shown.others:
                st.markdown(plain_text(arm_sentence(result, arm)))
                render((contrast_table(result, arm.id),), f"numbers-{arm.id}")


def effect_rows(shown: Shown) -> pd.DataFrame:
    """A row for each quantity and arm: label, arm, mean, low, high, in percent of the mean of the other. Where an arm is about
    one place, that place's sales come first."""
    rows = []
    about = place_of(shown)
    wanted = [*([("sales", "place", about)] if about else []), *((quantity, "all", "all") for quantity in SHOWN)]
    for quantity, group, level in wanted:
        for arm, title in shown.others.items():
            item = shown.result.of(arm, quantity, group, level)
            # Percent of next to nothing say nothing.
            if item.reference and abs(_wide(item)) < MOST_WIDE * item.reference:
                parts = [
                    100 * (item.mean if value is None else value) / item.reference
                    for value in (item.mean, item.low, item.high)
                ]
                label = f"Sales of the {level.replace('_', ' ')}" if group == "place" else WORDS[quantity].label
                rows.append((label, title, *parts))
    return pd.DataFrame(rows, columns=["label", "arm", "mean", "low", "high"])


def _wide(item: Contrast) -> float:
    return 0.0 if item.low is None or item.high is None else item.high - item.low


def place_of(shown: Shown) -> str:
    """The place that the first arm is about; "" where it is about none or several."""
    first = next(iter(shown.others), "")
    edits = [edit.get("add") for edit in shown.result.arm(first).edit] if first else []
    named = {name for lever in edits if lever for name in (lever.get("place"), *lever.get("places", ())) if name}
    named |= {str(lever.place) for lever in (*shown.scenario.levers, *shown.scenario.shocks) if hasattr(lever, "place")}
    return named.pop() if len(named) == 1 else ""


def _lead(shown: Shown, arm: str) -> str:
    """The first arm's effect in a line."""
    result, about = shown.result, place_of(shown)
    item = result.of(arm, "sales", "place", about) if about else result.of(arm, "spending_out")
    what = f"sales of the {about.replace('_', ' ')}" if about else "spending at restaurants"
    title = result.arm(arm).title
    if not item.reference:
        return ""
    share = 100 * item.mean / item.reference
    if not item.sign:
        return f"{title}: no change of {what} that is told from chance."
    sure = (
        "the same sign in every world"
        if item.same_sign == 1
        else f"the same sign in {item.same_sign:.0%} of the worlds"
    )
    return f"{title}: {what} {signed(share, 0 if abs(share) >= 10 else 1)}%, {sure}."


def groups_view(workspace: Workspace, shown: Shown) -> None:
    """One arm, one quantity, by income and district."""
    arm = pick_arm(workspace, shown)
    known = [
        name
        for name in WORDS
        if any(item.quantity == name and item.group == "income_quartile" for item in shown.result.contrasts)
    ]
    quantity = pick(workspace.study, "of", "Of", known, lambda name: WORDS[name].label, "spending_out")
    rows = []
    for group, words in GROUPS.items():
        for item in shown.result.contrasts:
            if (item.arm, item.quantity, item.group) == (arm, quantity, group):
                level = QUARTILES.get(item.level, item.level.replace("_", " ").capitalize())
                mean, low, high = (
                    shown_value(quantity, item.mean if value is None else value)
                    for value in (item.mean, item.low, item.high)
                )
                rows.append((words, level, mean, low, high, f"{WORDS[quantity].label}, {WORDS[quantity].unit}"))
    frame = pd.DataFrame(rows, columns=["group", "level", "mean", "low", "high", "unit"])
    if frame.empty:
        st.caption("This result keeps no groups.")
        return
    chart(
        group_bars(frame, shown.source),
        frame,
        "society-groups",
        "society-groups",
        f"{WORDS[quantity].label} by income quartile and district, with intervals.",
    )
    gain, lose = (frame["low"] > 0).sum(), (frame["high"] < 0).sum()
    st.caption(
        f"{gain} of {len(frame)} groups are surely higher, {lose} surely lower; bars of the others cannot be told from chance."
    )
