"""Validation: where the twin helps, where a simple forecast is as good, and how far its intervals can be trusted."""

from __future__ import annotations

import streamlit as st

from pages.common.shell import open_page, plain_errors
from pages.views.validation.ablations import ablations_view
from pages.views.validation.answer import answer_view, sources_view
from pages.views.validation.countries import countries_view
from pages.views.validation.data import backtest_view
from pages.views.validation.donors import donors_view
from pages.views.validation.effects import effects_view
from pages.views.validation.groups import groups_view
from pages.views.validation.intervals import intervals_view
from pages.views.validation.method import methods_view, reproduce_view
from pages.views.validation.residuals import residuals_view
from pages.views.validation.run_intervals import run_intervals_view
from pages.views.validation.study import study_view
from pages.views.validation.worlds import worlds_view

VIEWS = (
    "Countries",
    "This study",
    "Residuals",
    "Intervals",
    "Ablations",
    "Known worlds",
    "Known effects",
    "Groups",
    "Donor places",
)


def main() -> None:
    workspace = open_page("Validation")
    with plain_errors():
        view = backtest_view(workspace)
        usual = VIEWS[0] if view.of_domain(workspace.study) else VIEWS[1]
        part = st.segmented_control("Evidence", VIEWS, default=usual, required=True, key="part", bind="query-params")
        if part == usual:
            answer_view(workspace, view)
        match part:
            case "Residuals":
                residuals_view(workspace)
            case "Intervals":
                run_intervals_view(workspace)
                if view.of_domain(workspace.study):
                    intervals_view(view)
            case "Ablations":
                ablations_view(workspace)
            case "Known worlds":
                worlds_view(workspace)
            case "Known effects":
                effects_view(workspace)
            case "Groups":
                groups_view(workspace)
            case "Donor places":
                donors_view(workspace)
            case "Countries":
                countries_view(workspace, view)
            case _:
                study_view(workspace)
        sources_view(workspace, view)
        methods_view(view)
        reproduce_view(workspace, view)


if __name__ == "__main__":
    with plain_errors():
        main()
