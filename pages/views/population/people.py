"""People of a population: find them, read one, see what one would do, edit them one by one or in the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.cognition.registry import engine_label
from core.report.figures.populations import answers_figure
from core.services.counterfactuals.population_effects import answers_of, everybody_on
from core.services.populations.drafts import PopulationDraft
from core.services.populations.tables import (
    LEVEL_WORDS,
    PERSON,
    TEXT,
    WEIGHT,
    Filter,
    filters,
    find_people,
    label_choices,
    people_rows,
    trait_level,
    wanted_changes,
)
from pages.common.charts import chart
from pages.common.results_cache import remembered
from pages.common.shell import engine_note, try_to
from pages.views.population.draft import PEOPLE, Edited, notices, propose, refused
from pages.views.population.effect import effect_section, people_download
from pages.views.population.group import group_edit
from pages.views.population.meet import faces_of, known_days, meet_view

#: Rows of a table; more are found by searching.
MOST_ROWS = 500
READ, EDIT = "Read", "Edit in the table"


def people_tab(edited: Edited) -> None:
    """The faces, search and table, the group found, and the person chosen."""
    meet_view(edited)
    _person(edited)
    if edited.draft.is_edited:
        try_to(lambda: effect_section(edited, "people"))
    st.markdown("#### Find people")
    found, chosen = _search(edited)
    mode = st.segmented_control(
        "What to do with the table",
        (READ, EDIT),
        default=READ,
        required=True,
        key="people-mode",
        persist_state="session",
    )
    shown = found[:MOST_ROWS]
    weight = int(edited.population.personas["weight"].to_numpy()[found].sum())
    said = f"{len(found):,} of {edited.population.size:,} personas found; they stand for {weight:,} {edited.study.counted}."
    if len(found) > len(shown):
        said += f" The first {len(shown):,} are shown."
    st.caption(said)
    if not len(found):
        st.info("Nobody is like that. Take something out of the search.", icon=":material/search_off:")
    elif mode == EDIT:
        _edit_table(edited, shown)
    else:
        _read_table(edited, shown)
    if len(found):
        group_edit(edited, chosen)
    people_download(edited.population, edited.study.id, "download-personas")


def _search(edited: Edited) -> tuple[np.ndarray, list[Filter]]:
    """Who is found, and by which attributes and traits."""
    left, right = st.columns([1, 2])
    words = left.text_input(
        "Words in the text",
        key="people-words",
        type="search",
        live="400ms",
        persist_state="session",
        placeholder="for example: taxi",
    )
    choices = {item.label: item for item in filters(edited.population.spec)}
    wanted = right.multiselect(
        "Who", list(choices), key=f"people-filter-{edited.study.id}", persist_state="session",
        placeholder="for example: Age: 25 to 34 years",
        help="Of one attribute, any of the values chosen; of several attributes, all of them.",
    )  # fmt: skip
    chosen = [choices[item] for item in wanted]
    return find_people(edited.population, words or "", chosen), chosen


def _read_table(edited: Edited, shown: np.ndarray) -> None:
    key = f"people-{edited.draft.key}-{hash(shown.tobytes())}"

    def choose() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows:
            st.session_state["person"] = int(shown[rows[0]])

    st.dataframe(
        people_rows(edited.population, shown),
        key=key,
        on_select=choose,
        selection_mode="single-row",
        hide_index=True,
        height=330,
        column_config=_columns(),
        alt="Personas with their attributes, traits in words, weight and text. Choose a row to read it below.",
    )


def _columns() -> dict[str, Any]:
    return {
        PERSON: st.column_config.NumberColumn(PERSON, format="%d", pinned=True, width="small"),
        WEIGHT: st.column_config.NumberColumn(WEIGHT, format="localized", width="small"),
        TEXT: st.column_config.TextColumn(TEXT, width="large"),
    }


def _edit_table(edited: Edited, shown: np.ndarray) -> None:
    spec = edited.population.spec
    options = {item.label: [category.label for category in item.categories] for item in spec.attributes}
    options |= {trait.label: list(LEVEL_WORDS) for trait in spec.traits}
    config = _columns() | {
        label: st.column_config.SelectboxColumn(label, options=values, required=True)
        for label, values in options.items()
    }
    key = f"people-editor-{edited.draft.key}-{hash(shown.tobytes())}"
    with st.form(f"form-{key}", border=False):
        st.data_editor(
            people_rows(edited.population, shown),
            key=key,
            column_config=config,
            disabled=[PERSON, WEIGHT, TEXT],
            hide_index=True,
            height=330,
            alt="Personas to edit: attributes and traits in words.",
        )
        st.caption("Weights stay: an edit changes who somebody is, not how many there are. Texts follow the edits.")
        apply = st.form_submit_button("Apply the edits", type="primary", icon=":material/check:")
    notices(PEOPLE)
    if apply:
        rows: Mapping[int, Mapping[str, Any]] = st.session_state[key]["edited_rows"]
        edits = {int(shown[int(position)]): changes for position, changes in rows.items()}
        _apply(edited, edits)


def _apply(edited: Edited, edits: Mapping[int, Mapping[str, Any]]) -> None:
    """Take edits of people (person -> column label -> choice); all of them or, where one cannot be, none."""
    spec = edited.population.spec
    wanted: dict[int, dict[str, str | float]] = {}

    def read() -> None:
        for person, changes in edits.items():
            chosen = label_choices(spec, changes)
            wanted[person] = wanted_changes(edited.population, edited.before, person, chosen)

    if not try_to(read):
        return

    def change(draft: PopulationDraft) -> PopulationDraft:
        for person, changes in wanted.items():
            draft = draft.with_person(person, changes)
        return draft

    names = ", ".join(str(person) for person in list(wanted)[:5]) + (" and more" if len(wanted) > 5 else "")
    said = f"Person {names} edited." if len(wanted) == 1 else f"Persons {names} edited."
    if not propose(edited.workspace, change, said, PEOPLE) and not refused():
        st.info("That is how it was before; nothing was changed.")
        return
    st.rerun()


def _person(edited: Edited) -> None:
    last = edited.population.size - 1
    if (following := st.session_state.pop("next-person", None)) is not None:
        st.session_state["person"] = following
    asked = st.session_state.get("person")
    if asked is None and "person" not in st.query_params:
        st.session_state["person"] = faces_of(edited)[0]
    elif isinstance(asked, int) and asked > last:
        st.session_state["person"] = last
    person = st.number_input(
        f"Person (0 to {last:,})", min_value=0, max_value=last, step=1, key="person", bind="query-params", width=220
    )
    row = edited.population.personas.iloc[int(person)]
    changed = {item.persona_id for item in edited.draft.people}
    st.markdown(f"#### Person {int(person)}" + (" (edited)" if int(person) in changed else ""))
    st.text(str(row["text"]))
    st.caption(f"Stands for {int(row['weight']):,} {edited.study.counted}. Traits are assumptions.")
    # What a run cannot tell is said where it would be; the rest of the page stays.
    try_to(lambda: _answers(edited, int(person)))
    _edit_form(edited, int(person), row)


def _edit_form(edited: Edited, person: int, row: pd.Series) -> None:
    spec, stem = edited.population.spec, f"edit-{edited.draft.key}-{person}"
    label = f"Edit or clone person {person}"
    with st.expander(label, icon=":material/edit:", key=f"expander-{person}"), st.form(f"form-{stem}", border=False):
        chosen: dict[str, str] = {}
        columns = st.columns(3)
        for position, attribute in enumerate(spec.attributes):
            labels = [item.label for item in attribute.categories]
            now = attribute.ids.index(str(row[attribute.name]))
            chosen[attribute.name] = columns[position % 3].selectbox(
                attribute.label, labels, index=now, key=f"{stem}-{attribute.name}", help=attribute.description or None
            )
        columns = st.columns(3)
        for position, trait in enumerate(spec.traits):
            chosen[trait.name] = columns[position % 3].select_slider(
                f"{trait.label} (assumption)", LEVEL_WORDS, value=trait_level(float(row[trait.name])),
                key=f"{stem}-{trait.name}", help=f"{trait.meaning[:1].upper()}{trait.meaning[1:]}.",
            )  # fmt: skip
        with st.container(horizontal=True):
            apply = st.form_submit_button("Apply to this person", type="primary", icon=":material/check:")
            is_edited = person in {item.persona_id for item in edited.draft.people}
            back = st.form_submit_button(
                "Back to the unedited person", icon=":material/restart_alt:", disabled=not is_edited
            )
            clone = st.form_submit_button("Clone this person", icon=":material/person_add:")
    if apply:
        names = {item.name: item.label for item in spec.attributes} | {item.name: item.label for item in spec.traits}
        _apply(edited, {person: {names[name]: value for name, value in chosen.items()}})
    notices(PEOPLE)
    if clone:
        number = edited.population.size
        said = f"Person {number} is like person {person}; each stands for half as many."
        if propose(edited.workspace, lambda draft: draft.with_clone(person), said, PEOPLE):
            st.session_state["next-person"] = number
        st.rerun()
    if back:
        said = f"Person {person} is as the tables gave it."
        propose(edited.workspace, lambda draft: draft.with_person(person, {}), said, PEOPLE)
        st.rerun()


@remembered(show_spinner=False, max_entries=64)
def _everybody(store: str, run_id: str, key: str, _edited: Edited, _contexts: pd.DataFrame) -> np.ndarray:
    return everybody_on(_edited.workspace.twin(), _edited.population, _contexts)


def _answers(edited: Edited, person: int) -> None:
    workspace = edited.workspace
    if workspace.run is None:
        st.caption("Fit the twin on the Calibration page to see what this person would do on a few days.")
        return
    run = workspace.run
    labels, contexts = known_days(workspace.store.name, run.run_id, workspace)
    everyone = _everybody(workspace.store.name, run.run_id, edited.draft.key, edited, contexts)
    rows = answers_of(workspace.twin(), edited.population, person, labels, contexts, everyone)
    figure = answers_figure(
        rows, person=f"Person {person}", engine=f"run {run.run_id}, {engine_label(run.record.engine)}",
        fictional=edited.study.fictional,
    )  # fmt: skip
    alt = f"What person {person} would do on a few days, beside everybody's mean."
    chart(figure, rows.round(2), f"{edited.study.id}-person-{person}", "answers-figure", alt)
    st.caption(
        "The engine's answers before calibration, with the parameters of the run. They follow from attributes and assumed "
        "traits; no single person was checked against data."
    )
    engine_note(run)
