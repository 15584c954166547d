"""Reference: what the study shown rests on, what the words mean, and what is not known."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.recipe import recipe_blocks
from core.report.sentences.reference import assumption_blocks, coefficient_blocks, data_blocks, limit_blocks
from core.services.populations.synthesis import population_spec
from pages.common.render import render
from pages.common.shell import open_page, plain_errors
from pages.common.terms import GLOSSARY_PART, PART
from pages.views.reference.glossary import glossary_view

PARTS = ("Assumptions", "Coefficients", "Data and licences", GLOSSARY_PART, "Limits", "A new domain")


def main() -> None:
    workspace = open_page("Reference")
    study = workspace.study
    with plain_errors():
        chosen = st.segmented_control(
            "Part", PARTS, default=PARTS[0], required=True, key=PART, bind="query-params", label_visibility="collapsed"
        )
        match chosen:
            case "Coefficients":
                render(coefficient_blocks(study), "coefficients")
            case "Data and licences":
                render(data_blocks(study, population_spec(study)), "data")
            case "Glossary":
                glossary_view()
            case "A new domain":
                render(recipe_blocks(), "recipe")
            case "Limits":
                render(limit_blocks(study), "limits")
            case _:
                render(assumption_blocks(study), "assumptions")


if __name__ == "__main__":
    with plain_errors():
        main()
