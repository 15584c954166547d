"""The map of the countries, and the one that is chosen there: its errors, its curve, and a study of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd
import streamlit as st

from core.datasets.places import country_tiles
from core.report.figures.country_map import country_curve, country_map
from core.report.figures.skill import dumbbells
from core.report.sentences.backtests import country_words, curve_source, map_words
from core.services.evaluation.country_forecasts import CountryForecast, country_forecast
from core.services.evaluation.requests import BacktestRequest
from core.services.evaluation.skill import rows_of_country
from core.services.runs.forecasters import label as forecaster_label
from core.settings import observed_data
from pages.common.charts import chart
from pages.common.job_panel import measure
from pages.common.shell import DATA, Workspace, link_parameters, plain_text
from pages.common.terms import linked
from pages.views.validation.data import BacktestView

COUNTRY, CHOICE, PICKED = "country", "country-choice", "country-picked"
NOBODY = ""
KIND = "country_forecast"


def country_view(workspace: Workspace, view: BacktestView, against: str, horizon: int | None) -> None:
    """The map at this choice of baseline and days ahead (None: all), and beneath it what is known of the chosen country."""
    table = view.countries(against, horizon)
    names = dict(sorted(zip(table["country"], table["name"], strict=True), key=lambda item: str(item[1])))
    asked = st.query_params.get(COUNTRY, NOBODY).upper()
    st.session_state.setdefault(CHOICE, asked if asked in names else NOBODY)
    if st.session_state[CHOICE] not in names:
        st.session_state[CHOICE] = NOBODY
    st.markdown("## Where does the twin help?")
    st.caption(linked(map_words(table, horizon)))
    figure = country_map(table, country_tiles(), st.session_state[CHOICE] or None, view.source)
    alt = "The twin's gain over the baseline, a tile for each country. Choose a tile to see the country."
    picked = chart(figure, table, f"map-{horizon or 'all'}", "country-map", alt, select=True)
    # What was picked stays picked over reruns: only a new pick is a choice.
    if picked and st.session_state.get(PICKED) != picked:
        st.session_state[CHOICE] = str(table["country"].iloc[picked[0]])
        st.session_state[PICKED] = picked
        st.rerun()
    st.session_state[PICKED] = picked
    chosen = str(
        st.selectbox(
            "Country", [NOBODY, *names], format_func=lambda code: names.get(code, "Pick a country, here or on the map"),
            key=CHOICE, width=360,
        )
    )  # fmt: skip
    # By hand: a bound selectbox would put the country's name into the link, and not its code.
    if not chosen:
        st.query_params.pop(COUNTRY, None)
        return
    st.query_params[COUNTRY] = chosen
    _chosen(workspace, view, against, chosen, names)


def _chosen(workspace: Workspace, view: BacktestView, against: str, country: str, names: Mapping[str, str]) -> None:
    name, table = names[country], view.countries(against, None)
    rows = rows_of_country(view.rows, view.rivals(against), country)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(plain_text(country_words(name, rows)), width="stretch")
        st.page_link(
            DATA, label="Make a study of it", icon=":material/add_location:",
            query_params={**link_parameters(), COUNTRY: name},
        )  # fmt: skip
    _curve(workspace, rows, country, name, str(table["rival"].iloc[0]))
    rows["label"] = [
        f"{origin:%-d %b %Y}, {ahead} days" for origin, ahead in zip(rows["origin"], rows["horizon"], strict=True)
    ]
    figure = dumbbells(
        rows,
        f"{name}: error from each origin and at each horizon (further left is better)",
        "Baseline of that horizon",
        "points",
        view.source,
    )
    alt = f"Errors in {name} by origin and horizon"
    chart(figure, rows.drop(columns="label"), f"country-{country}", "country-rows", alt)


def _curve(workspace: Workspace, rows: pd.DataFrame, country: str, name: str, rival: str) -> None:
    """Observed and forecast from an origin, computed beside the page: the backtest kept scores alone."""
    folder = observed_data()
    request = None if folder is None else BacktestRequest.of_folder(folder)
    if request is None:
        st.caption("Its curve needs the tables of all countries in the folder of observations; they are not here.")
        return
    # First the newest forecast that was observed to its end.
    newest = rows.assign(origin=pd.to_datetime(rows["origin"])).sort_values(["horizon", "origin"])
    origins = list(dict.fromkeys(day.date() for day in newest["origin"][::-1]))
    left, right = st.columns(2)
    origin = left.selectbox(
        "Forecast from", origins, format_func=lambda day: f"{day:%-d %b %Y}", key=f"country-origin-{country}"
    )
    subject = f"{country} {origin} {rival}"
    job = workspace.jobs.latest(KIND, subject)
    found = None if job is None else job.result
    if not isinstance(found, CountryForecast):
        _compute(workspace, request, country, origin, rival, subject)
        return
    behaviour = right.selectbox(
        "Behaviour", list(found.curves), format_func=found.labels.__getitem__, key=f"country-behaviour-{country}"
    )
    table = found.curves[behaviour]
    figure = country_curve(table, pd.Timestamp(origin), forecaster_label(rival), found.unit, curve_source(origin))
    alt = f"{found.labels[behaviour]} in {name}: observed, the twin with its interval, and a baseline"
    chart(figure, table, f"curve-{country}-{origin}-{behaviour}", "country-curve", alt)


def _compute(
    workspace: Workspace, request: BacktestRequest, country: str, origin: date, rival: str, subject: str
) -> None:
    measure(
        workspace,
        KIND,
        subject,
        lambda watch, executor: country_forecast(request, country, origin, rival, watch),
        takes="a few seconds",
        label="Draw its curve",
        primary=False,
    )
