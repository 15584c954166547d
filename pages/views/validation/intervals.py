"""Whether the twin's intervals hold what they promise, and at what width."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.figures.skill import coverage_figure
from core.report.sentences.skill import coverage_words, sharpness_words
from core.services.evaluation.skill import judged, words_of
from pages.common.charts import chart
from pages.common.shell import plain_text
from pages.views.validation.data import BacktestView

#: The level that is talked about; the figure and the table have all.
SPOKEN = 80


def intervals_view(view: BacktestView) -> None:
    """Words, the figure of promised against achieved coverage, and a table with widths and interval scores."""
    table = view.intervals
    if table.empty:
        st.info("This backtest measured no intervals.", icon=":material/info:")
        return
    levels = sorted(int(item) for item in table["level"].unique())
    spoken = SPOKEN if SPOKEN in levels else levels[len(levels) // 2]
    st.markdown("##### Over many countries: do the intervals keep their promise?")
    st.markdown(plain_text(coverage_words(table, spoken)))
    st.markdown(plain_text(sharpness_words(table, spoken)))
    others = [name for name in table["forecaster"].unique() if name != "twin"]
    names = {"twin": "The twin", **{name: words_of(name) for name in others}}
    chart(
        coverage_figure(table, names, view.source),
        table,
        "intervals",
        "coverage",
        "Share of days inside the intervals of the twin and of a simple forecast, by horizon and promised level",
    )
    st.caption(
        "A bar that ends at the dashed line keeps its promise. Above it the interval is wider than it need be; below it the "
        "interval is too narrow. Both forecasters get their intervals from what they missed at earlier origins, "
        "pooled over all countries, with days up to the origin only (split conformal)."
    )
    st.table(_readable(table.sort_values(["horizon", "level"], kind="stable"), names))
    st.caption(
        "Width: mean over days and behaviours, in points. Interval score: the width plus a price for each day outside, in "
        "points; lower is better (Gneiting and Raftery, 2007)."
    )


def _readable(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """A row per horizon and promise, the twin beside the other."""
    rows: dict[str, dict[str, str]] = {}
    for item in table.to_dict("records"):
        name, level = str(item["forecaster"]), int(item["level"])
        if name not in names:
            continue
        short = "Twin" if name == "twin" else "Weekday means"
        held = float(item["coverage"])
        cells = rows.setdefault(f"{item['horizon']} days ahead, {level}% promised", {})
        cells[f"{short}: days inside"] = f"{held:.0%}, {judged(held, level / 100)}"
        cells[f"{short}: width"] = f"{item['width']:.1f}"
        cells[f"{short}: interval score"] = f"{item['score']:.1f}"
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return frame[sorted(frame.columns, key=lambda column: not str(column).startswith("Twin"))]
