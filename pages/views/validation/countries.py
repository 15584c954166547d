"""Over the countries: a map, one country, skill by horizon and policy change, and every forecaster."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.document import Details, Items, Paragraph, Table
from core.report.figures.skill import country_dots, forecaster_bars
from core.report.sentences.backtests import HEAT_HOW, skill_figure
from core.services.evaluation.backtests import backtest
from core.services.evaluation.requests import BacktestRequest
from core.services.evaluation.results import BacktestResult
from core.services.evaluation.skill import (
    AGAINST,
    CHANGE_WORDS,
    forecaster_table,
)
from core.services.runs.forecasters import in_sentence
from core.settings import observed_data
from pages.common.charts import chart
from pages.common.job_panel import measure
from pages.common.render import render
from pages.common.shell import Workspace
from pages.views.validation.country import country_view
from pages.views.validation.data import BacktestView

EVERY = "All"


def countries_view(workspace: Workspace, view: BacktestView) -> None:
    """The map and its country, the tables of the backtest, and a button to measure it again where the files are there."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        against = _against()
    with right:
        horizon = _horizon(view)
    country_view(workspace, view, against, horizon)
    _by_change(view, against)
    first = view.horizons[0] if horizon is None else horizon
    _forecasters(view, first)
    _every_country(view, against, horizon)
    _again(workspace)


def _against() -> str:
    chosen = st.segmented_control(
        "Set against",
        list(AGAINST),
        default="best",
        format_func=lambda name: AGAINST[name],
        required=True,
        key="against",
        bind="query-params",
        help="The best single baseline: the one with the least mean error on the rows in question. Persistence: the best of "
        "the last value, the last week's mean, and each weekday's mean over the last four weeks.",
    )
    return str(chosen) if chosen in AGAINST else "best"


def _horizon(view: BacktestView) -> int | None:
    options = [EVERY, *(f"{item} days" for item in view.horizons)]
    chosen = st.segmented_control(
        "Days ahead",
        options,
        default=EVERY,
        required=True,
        key="horizon",
        bind="query-params",
    )
    return None if chosen not in options[1:] else int(str(chosen).split()[0])


def _by_change(view: BacktestView, against: str) -> None:
    figure = skill_figure(view.cells(against), against, view.source)
    render((figure,), "skill-heat")
    named = [
        f"{CHANGE_WORDS[row['change']].lower()}, {row['horizon']} days: {_lower(row['rival'])}"
        for row in figure.data.to_dict("records")
    ]
    render((Details("How to read this", (Paragraph(HEAT_HOW), Items(tuple(named)))),), "which", terms=True)


def _forecasters(view: BacktestView, horizon: int) -> None:
    table = forecaster_table(view.rows, view.result.rivals, horizon)
    chart(
        forecaster_bars(table, horizon, view.source),
        table,
        f"forecasters-{horizon}",
        "forecasters",
        f"Mean error of every forecaster {horizon} days ahead",
    )


def _every_country(view: BacktestView, against: str, horizon: int | None) -> None:
    table = view.countries(against, horizon)
    with st.expander("Every country, in order and as a table"):
        figure = country_dots(table, None, in_sentence(str(table["rival"].iloc[0])), view.source)
        name, alt = f"countries-{horizon or 'all'}", "The twin's error against the baseline's, by country"
        chart(figure, table, name, "country-dots", alt)
        _country_table(table)


def _country_table(table: pd.DataFrame) -> None:
    shown = pd.DataFrame(
        {
            "Country": table["name"],
            "Rows": table["rows"],
            "Twin, points": table["twin"],
            "Baseline, points": table["rival_score"],
            "Against the baseline, %": (-100 * table["skill"]).round() + 0.0,
            "Twin better in, %": 100 * table["wins"],
            "Policy moved, points": table["stringency_change"],
            "Kept out of the form's choice": table["kept_out"],
        }
    )
    caption = "Mean RMSE. −10% against the baseline: a mean error a tenth smaller than the baseline's."
    render((Table.of(shown, caption, digits=1),), "country-table")


def _again(workspace: Workspace) -> None:
    folder = observed_data()
    request = None if folder is None else BacktestRequest.of_folder(folder)
    with st.expander("Measure it again", icon=":material/replay:"):
        if request is None:
            st.write(
                "Needs the tables of all countries in the folder of observations. They are not "
                "here, so the figures above are read and not measured."
            )
            return
        st.write("Every forecaster again, on this machine and with the code that is running, and kept in this store.")
        store = workspace.store
        measure(
            workspace,
            BacktestResult.kind,
            "all countries",
            lambda watch, executor: backtest(request, store, watch=watch, again=True, executor=executor),
            takes="about four minutes on two cores",
            primary=False,
        )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
