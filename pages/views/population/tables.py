"""The tables a population is made from: how well it meets each, and other numbers for any of them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.figures.populations import marginal_figure
from core.services.populations.tables import (
    QUALITY_WORDS,
    USE_WORDS,
    VALUE_LABELS,
    checked_values,
    fit_rows,
    rescaling_note,
    table_rows,
    table_steps,
    universe_text,
)
from pages.common.charts import chart
from pages.common.shell import plain_text, try_to
from pages.views.population.draft import TABLES, Edited, linked_choice, notices, propose

EDITOR = "table-editor"
LARGE_SHOWN = 4


def tables_tab(edited: Edited) -> None:
    """Choose a table, see target and result, edit its numbers."""
    spec = edited.population.spec
    labels = {item.name: f"{item.label} ({'fitted' if item.use == 'fit' else 'seed only'})" for item in spec.marginals}
    name = linked_choice("Table", labels, "table", spec.marginals[0].name)
    marginal = spec.marginal(name)
    rows = fit_rows(edited.population, name)
    figure = marginal_figure(
        rows, title=marginal.label, source=marginal.source, fitted=marginal.use == "fit", fictional=spec.fictional
    )
    alt = f"Target and achieved share of each category of the table {marginal.label}, and the error."
    chart(figure, rows.round(5), f"{edited.study.id}-{name}", "marginal-figure", alt)
    _about(edited, name)
    _editor(edited, name)


def _about(edited: Edited, name: str) -> None:
    marginal = edited.population.spec.marginal(name)
    facts = (
        {
            "Use": USE_WORDS[marginal.use],
            "Counts": universe_text(edited.population.spec, marginal),
            "Year": marginal.year or "not given",
            "Quality": QUALITY_WORDS[marginal.quality],
        },
        {"Source": marginal.source, "Note": marginal.note, "Left out": marginal.left_out},
    )
    for line in facts:
        told = {what: text for what, text in line.items() if text}
        for column, (what, text) in zip(st.columns(len(told)), told.items(), strict=True):
            column.caption(what)
            column.text(text)
    if marginal.use == "seed":
        st.caption(
            "The target here is what this table says. Personas need not meet it: newer tables decide how many there are."
        )


def _editor(edited: Edited, name: str) -> None:
    spec = edited.population.spec
    marginal = spec.marginal(name)
    value = VALUE_LABELS[marginal.unit]
    st.markdown("#### Other numbers for this table")
    st.caption(rescaling_note(spec, name))
    rows = table_rows(spec, name)
    key = f"{EDITOR}-{name}-{edited.draft.before_people.key}"
    number = "localized" if marginal.unit == "persons" else "%.2f"
    config = {
        # Without a least value: the browser would make 5 of −5, and say nothing.
        item: st.column_config.NumberColumn(item, format=number)
        for item in (value, "Original")
        if item in rows
    }
    fixed = [column for column in rows.columns if column != value]
    with st.form(f"form-{key}", border=False):
        # Inside a form the numbers reach the page with the button, so typing does not draw the people again.
        typed = st.data_editor(
            rows,
            key=key,
            column_config=config,
            disabled=fixed,
            hide_index=True,
            height=min(36 * (len(rows) + 1) + 4, 420),
            alt=f"Numbers of the table {marginal.label}, to edit.",
        )
        apply = st.form_submit_button("Apply and draw the people anew", type="primary", icon=":material/check:")
    if apply:
        _apply(edited, name, typed[value], rows[value])
    notices(TABLES)
    large = [step.text for step in table_steps(spec, name) if step.large]
    if large:
        shown = "; ".join(large[:LARGE_SHOWN]) + (
            "" if len(large) <= LARGE_SHOWN else f"; and {len(large) - LARGE_SHOWN} more"
        )
        st.warning(f"Large steps, half of the number or more. {plain_text(shown)}.", icon=":material/warning:")
    if marginal.original_table is not None:
        st.button(
            "Back to the source's numbers",
            on_click=_reset,
            args=(edited, name, marginal.label),
            key="table-reset",
            icon=":material/restart_alt:",
        )


def _apply(edited: Edited, name: str, typed: pd.Series, shown: pd.Series) -> None:
    values: list[float] = []

    def check() -> None:
        values.extend(checked_values(edited.population.spec, name, list(typed)))

    if not try_to(check):
        return
    if values == [float(item) for item in shown]:
        st.info("The numbers are the same as before; nothing was changed.")
        return
    label = edited.population.spec.marginal(name).label
    said = f"Table “{label}” edited; the weights follow it."
    propose(edited.workspace, lambda draft: draft.with_table(name, values), said, TABLES)
    st.rerun()


def _reset(edited: Edited, name: str, label: str) -> None:
    said = f"Table “{label}” has the numbers of its source again."
    propose(edited.workspace, lambda draft: draft.with_own_table(name), said, TABLES)
