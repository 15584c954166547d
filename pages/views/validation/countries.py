"""Over the countries: skill by horizon and policy change, every forecaster, and country by country."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.document import Details, Items, Table
from core.report.figures.skill import country_dots, dumbbells, forecaster_bars
from core.report.sentences.backtests import skill_figure
from core.report.sentences.skill import in_words
from core.services.evaluation.backtests import backtest
from core.services.evaluation.requests import BacktestRequest
from core.services.evaluation.results import BacktestResult
from core.services.evaluation.skill import (
    AGAINST,
    CHANGE_WORDS,
    forecaster_table,
    rows_of_country,
)
from core.services.runs.forecasters import in_sentence
from core.settings import observed_data
from pages.common.charts import chart
from pages.common.job_panel import measure
from pages.common.render import render
from pages.common.shell import Workspace, plain_text
from pages.views.validation.data import BacktestView

EVERY = "All"
COUNTRY = "country"
NOBODY = ""


def countries_view(workspace: Workspace, view: BacktestView) -> None:
    """The three tables of the backtest, and a button to measure it again where the files are there."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        against = _against()
    with right:
        horizon = _horizon(view)
    _by_change(view, against)
    first = view.horizons[0] if horizon is None else horizon
    _forecasters(view, first)
    _by_country(view, against, horizon)
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
        "Days ahead, for the tables below",
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
    st.caption(
        "“Policy moved”: how far mean stringency over the days ahead lies from that of the 28 days before the origin, in index "
        "points. Range: 90% of what comes out when countries are drawn anew."
    )
    render((Details("Which baseline each cell is set against", (Items(tuple(named)),)),), "which")


def _forecasters(view: BacktestView, horizon: int) -> None:
    table = forecaster_table(view.rows, view.result.rivals, horizon)
    chart(
        forecaster_bars(table, horizon, view.source),
        table,
        f"forecasters-{horizon}",
        "forecasters",
        f"Mean error of every forecaster {horizon} days ahead",
    )


def _by_country(view: BacktestView, against: str, horizon: int | None) -> None:
    table = view.countries(against, horizon)
    names = dict(sorted(zip(table["country"], table["name"], strict=True), key=lambda item: str(item[1])))
    options = [NOBODY, *names]
    asked = st.query_params.get(COUNTRY, NOBODY).upper()
    ahead = "at all horizons" if horizon is None else f"{horizon} days ahead"
    st.markdown(f"##### Country by country, {ahead}")
    chosen = st.selectbox(
        "Country",
        options,
        index=options.index(asked) if asked in options else 0,
        format_func=lambda code: names.get(code, "Pick a country to see its rows"),
        key="country-choice",
        width=360,
    )
    # By hand: a bound selectbox would put the country's name into the link, and not its code.
    if chosen:
        st.query_params[COUNTRY] = str(chosen)
    else:
        st.query_params.pop(COUNTRY, None)
    rival = str(table["rival"].iloc[0])
    figure = country_dots(table, str(chosen) or None, in_sentence(rival), view.source)
    chart(
        figure,
        table,
        f"countries-{horizon or 'all'}",
        "country-dots",
        "The twin's error against the baseline's, by country",
    )
    better = int((table["skill"] > 0).sum())
    st.caption(
        f"The twin's mean error is the smaller one in {better} of {len(table)} countries. All are set against the same baseline "
        f"({in_sentence(rival)}), so that countries can be compared."
    )
    _country_rows(view, against, str(chosen), names)
    with st.expander("All countries as a table"):
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


def _country_rows(view: BacktestView, against: str, country: str, names: dict[str, str]) -> None:
    if not country:
        return
    rows = rows_of_country(view.rows, view.rivals(against), country)
    name = names[country]
    rows["label"] = [
        f"{origin:%-d %b %Y}, {horizon} days" for origin, horizon in zip(rows["origin"], rows["horizon"], strict=True)
    ]
    mean = 1 - rows["twin"].mean() / rows["rival_score"].mean()
    won = int((rows["twin"] < rows["rival_score"]).sum())
    st.markdown(
        f"**{plain_text(name)}**: over its {len(rows)} rows, all horizons together, the twin's mean error is {in_words(mean)} "
        f"that of the baseline, and smaller in {won} of them."
    )
    figure = dumbbells(
        rows,
        f"{name}: error from each origin and at each horizon (further left is better)",
        "Baseline of that horizon",
        "points",
        view.source,
    )
    chart(
        figure,
        rows.drop(columns="label"),
        f"country-{country}",
        "country-rows",
        f"Errors in {name} by origin and horizon",
    )


def _again(workspace: Workspace) -> None:
    folder = observed_data()
    request = None if folder is None else BacktestRequest.of_folder(folder)
    with st.expander("Measure it again", icon=":material/replay:"):
        if request is None:
            st.write(
                "Needs the tables of all countries (mobility, policy and cases) in the folder of observations. They are not "
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
