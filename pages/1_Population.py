"""Population: who the synthetic people are, how well they meet the tables, and what other people would change."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from core.people.personas import MAX_PERSONAS
from core.report.figures.populations import composition_figure, trait_figure
from core.services.populations.drafts import PopulationDraft, draft_changes, draft_of
from core.services.populations.people_files import people_of
from core.services.populations.synthesis import (
    delete_population,
    keep_population,
    population_id,
    population_spec,
    runs_with,
    saved_populations,
)
from core.services.populations.tables import composition, largest_error_place, sources_rows, trait_shares
from pages.common.charts import chart, download
from pages.common.shell import Workspace, link_parameters, open_page, plain_errors, plain_text, try_to
from pages.views.population.draft import (
    KEPT,
    NOTICE,
    SEED,
    SIZE,
    SOURCE,
    Edited,
    can_undo,
    edited_population,
    linked_choice,
    notices,
    propose,
    shelf,
    tell,
    undo,
)
from pages.views.population.effect import effect_section, people_download, reproduce, sensitivity_section
from pages.views.population.people import people_tab
from pages.views.population.tables import tables_tab

PRESETS = (10, 100, 1_000, 10_000)
TABS = ("People", "Who they are", "Tables", "Effect on the forecast", "Keep", "Sources and assumptions")
OWN = "own"


def main() -> None:
    workspace = open_page("Population")
    with plain_errors():
        edited = edited_population(workspace)
        _controls(edited)
        notices()
        _summary(edited)
        for tab, show in zip(
            st.tabs(TABS, key="view", bind="query-params"),
            (people_tab, _who, tables_tab, _effect, _keep, _sources),
            strict=True,
        ):
            if tab.open:
                with tab:
                    show(edited)
        reproduce(edited)
    # What was said where nothing is drawn now is not said later.
    st.session_state.pop(NOTICE, None)


def _controls(edited: Edited) -> None:
    workspace, draft = edited.workspace, edited.draft
    kept = saved_populations(workspace.store, workspace.study).set_index("population_id")
    options = [OWN, *kept.index]
    names = {OWN: "The study's own tables"} | {
        str(name): f"{row['label']} · {int(row['personas']):,} personas" for name, row in kept.iterrows()
    }
    wanted = {
        f"{SOURCE}-choice": draft.source or OWN,
        f"{SIZE}-preset": draft.personas if draft.personas in PRESETS else None,
        f"{SIZE}-choice": draft.personas,
        f"{SEED}-choice": draft.seed,
    }
    for name, value in wanted.items():
        st.session_state[name] = value
    columns = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
    columns[0].selectbox(
        "Start from",
        options,
        format_func=names.__getitem__,
        key=f"{SOURCE}-choice",
        on_change=_start_from,
        args=(workspace,),
    )
    columns[1].pills(
        "Number of personas", PRESETS, format_func=lambda item: f"{item:,}", key=f"{SIZE}-preset",
        on_change=_resize, args=(workspace, f"{SIZE}-preset"),
        help="Few personas are fast but coarse; with more, the tables are met more closely.",
    )  # fmt: skip
    columns[2].number_input(
        f"or any number to {MAX_PERSONAS:,}", min_value=1, max_value=MAX_PERSONAS, step=1, key=f"{SIZE}-choice",
        on_change=_resize, args=(workspace, f"{SIZE}-choice"),
    )  # fmt: skip
    columns[3].number_input(
        "Seed", min_value=0, max_value=999_999_999, step=1, key=f"{SEED}-choice", on_change=_reseed, args=(workspace,),
        help="Another seed draws other people from the same tables.",
    )  # fmt: skip


def _start_from(workspace: Workspace) -> None:
    chosen, study = str(st.session_state[f"{SOURCE}-choice"]), workspace.study

    def change(_: PopulationDraft) -> PopulationDraft:
        if chosen == OWN:
            return PopulationDraft(study.id, study.personas)
        return draft_of(workspace.store, study, chosen)

    propose(workspace, change, "Another population was taken. Undo brings back the one before, with its edits.")


def _resize(workspace: Workspace, key: str) -> None:
    number = st.session_state[key]
    if number is not None:
        said = f"The population has {int(number):,} personas now."
        propose(workspace, lambda draft: draft.with_size(int(number), draft.seed), said)


def _reseed(workspace: Workspace) -> None:
    seed = int(st.session_state[f"{SEED}-choice"])
    propose(
        workspace, lambda draft: draft.with_size(draft.personas, seed), f"Other people, drawn with the seed {seed}."
    )


def _summary(edited: Edited) -> None:
    population, spec = edited.population, edited.population.spec
    weights = population.personas["weight"]
    columns = st.columns(4)
    columns[0].metric("Personas", f"{population.size:,}", border=True)
    invented = " (invented)" if spec.fictional else ""
    counted = edited.study.counted.capitalize()
    columns[1].metric(f"{counted}{invented}", f"{spec.total:,}", border=True)
    columns[2].metric(
        "A persona stands for", f"{spec.total / population.size:,.0f}",
        help=f"{counted} on average; from {int(weights.min()):,} to {int(weights.max()):,}. Weights are whole numbers.",
        border=True,
    )  # fmt: skip
    columns[3].metric(
        "Largest error (points)", _error(population.largest_error),
        help="Achieved minus target, in percentage points of all; the largest of all categories of all "
        "fitted tables.", border=True,
    )  # fmt: skip
    st.caption(f"The largest error is at {plain_text(largest_error_place(population))}.")
    if population.conflicts:
        named = ", ".join(f"“{spec.marginal(item).label}”" for item in population.conflicts)
        st.warning(
            f"These tables contradict one another: {plain_text(named)}. No number of personas meets them all.",
            icon=":material/warning:",
        )
    _which(edited)
    changes = draft_changes(edited.draft, edited.before)
    if changes:
        with st.container(border=True):
            st.markdown("**Edits that are not kept yet**")
            for text in changes[:8]:
                st.text(text)
            if len(changes) > 8:
                st.caption(f"and {len(changes) - 8} more")
    if can_undo(edited.study.id):
        st.button("Undo the last change", on_click=undo, args=(edited.study.id,), icon=":material/undo:", key="undo")


def _error(points: float) -> str:
    return f"{points:.2f}" if points >= 0.01 else "under 0.01"


def _which(edited: Edited) -> None:
    """Which population the run shown was made with."""
    run = edited.workspace.run
    if run is None or run.record.population_id is None:
        st.caption("No run was made yet; a run on the Calibration page can use this population once it is kept.")
        return
    if population_id(edited.population) == run.record.population_id:
        st.caption(f"The run shown ({run.run_id}) was made with these people.")
        return
    kept = saved_populations(edited.workspace.store, edited.study).set_index("population_id")
    name = kept["label"].get(run.record.population_id, run.record.population_id)
    st.caption(f"The run shown ({run.run_id}) was made with other people: “{plain_text(str(name))}”.")


def _who(edited: Edited) -> None:
    population, spec = edited.population, edited.population.spec
    attributes = {item.name: item.label for item in spec.attributes}
    first = spec.age_attribute.name if spec.age_attribute is not None else next(iter(attributes))
    halves = [item.name for item in spec.attributes if len(item.categories) == 2 and item.name != first]
    left, right = st.columns(2)
    with left:
        name = linked_choice("Show", attributes, "attribute", first)
    with right:
        by = linked_choice("Split by", {"none": "Nothing"} | attributes, "split", halves[0] if halves else "none")
    split = None if by in ("none", name) else by
    rows = composition(population, name, split)
    title = attributes[name] if split is None else f"{attributes[name]} by {attributes[split].lower()}"
    figure = composition_figure(
        rows,
        title=title,
        category=attributes[name],
        by="" if split is None else attributes[split],
        source=f"{population.size:,} personas, weighted; tables under “Tables”",
        fictional=spec.fictional,
    )
    alt = f"Numbers by {title.lower()}, as the personas stand for them."
    chart(figure, rows, f"{edited.study.id}-{name}", "composition-figure", alt)
    assumed = {item.attribute for item in spec.assumptions}
    for item in dict.fromkeys([name, *([split] if split else [])]):
        if item in assumed:
            st.caption(f"{attributes[item]} is an assumption: no source gives it. See “Sources and assumptions”.")
    if spec.traits:
        shares = trait_shares(population)
        alt = "How each assumed trait is spread."
        chart(trait_figure(shares, fictional=spec.fictional), shares, f"{edited.study.id}-traits", "traits", alt)
        st.caption(
            "Assumption: no source says how such traits are spread in this population. A sensitivity run varies each of them."
        )


def _effect(edited: Edited) -> None:
    try_to(lambda: effect_section(edited, "effect"))


def _keep(edited: Edited) -> None:
    workspace, store, study = edited.workspace, edited.workspace.store, edited.study
    with st.form("keep", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Keep this population under the name", max_chars=80, key="keep-name")
        wanted = st.form_submit_button("Keep", type="primary", icon=":material/save:")
    if wanted:

        def keep() -> None:
            with st.spinner("Keeping the population…"):
                identifier = keep_population(store, study, edited.population, name, edited.draft.source)
            # The same people: no need to read them back.
            shelf().put(draft_of(store, study, identifier), edited.population)
            said = f"“{' '.join(name.split())}” is kept ({identifier})."
            if not propose(workspace, lambda _: draft_of(store, study, identifier), said, KEPT):
                tell(said, KEPT)

        if try_to(keep):
            st.rerun()
    notices(KEPT)
    _bring(edited)
    kept = saved_populations(store, study)
    if kept.empty:
        st.info(
            "No population of this study is kept yet. Keep one, and a run can use it.", icon=":material/inventory_2:"
        )
        return
    shown = None if workspace.run is None else workspace.run.record.population_id
    used = {str(item): runs_with(store, str(item)) for item in kept["population_id"]}
    table = kept.assign(
        of_run=["the run shown" if item == shown else "" for item in kept["population_id"]],
        runs=[len(used[str(item)]) for item in kept["population_id"]],
    )
    st.dataframe(
        table[["label", "personas", "seed", "largest_marginal_error", "runs", "of_run", "created_at", "population_id"]],
        hide_index=True,
        column_config={
            "label": "Name",
            "personas": st.column_config.NumberColumn("Personas", format="localized"),
            "seed": "Seed",
            "largest_marginal_error": st.column_config.NumberColumn("Largest error (points)", format="%.3f"),
            "runs": "Runs made with it",
            "of_run": "Used by",
            "created_at": st.column_config.DatetimeColumn("Kept (UTC)", format="D MMM YYYY, HH:mm"),
            "population_id": "Id",
        },
        alt="Populations that are kept, with the runs made with them.",
    )
    names = {str(row.population_id): f"{row.label} ({row.population_id})" for row in kept.itertuples()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.session_state.get("kept-choice") not in names:
            st.session_state["kept-choice"] = edited.draft.source or next(iter(names))
        chosen = st.selectbox("A kept population", list(names), format_func=names.__getitem__, key="kept-choice")
        take = st.button("Show it here", icon=":material/visibility:", key="kept-show")
        st.page_link(
            "pages/4_Calibration.py",
            label="Run with it on the Calibration page",
            icon=":material/play_circle:",
            query_params={**link_parameters(), SOURCE: chosen},
        )
        forget = st.button("Delete", icon=":material/delete:", key="kept-delete", disabled=bool(used[chosen]))
    if used[chosen]:
        st.caption("A population that runs were made with cannot be deleted.")
    if take:
        propose(workspace, lambda _: draft_of(store, study, chosen), f"“{names[chosen]}” is shown.", KEPT)
        st.rerun()
    if forget:
        _forget(edited, chosen)
    people_download(edited.population, study.id, "download-kept")


def _bring(edited: Edited) -> None:
    """People of a table of the user's own, checked and kept."""
    workspace, study = edited.workspace, edited.study
    with st.expander("Bring people of your own", icon=":material/upload:"):
        st.caption(
            "A row each, with the columns of “Download the personas”: attributes, traits from 0 to 1, and a weight, which is "
            "scaled to the place."
        )
        file = st.file_uploader(
            "Table of people", type=["csv", "xlsx", "parquet"], max_upload_size=50, key="people-file"
        )
        name = st.text_input("Name", max_chars=80, key="people-name")
        if file is None or not st.button("Keep these people", icon=":material/upload:", key="people-keep"):
            return
        taken: list[str] = []

        def keep() -> None:
            with TemporaryDirectory() as folder:
                path = Path(folder) / f"people{Path(file.name).suffix.lower()}"
                path.write_bytes(file.getvalue())
                people = people_of(path, population_spec(study))
            taken.append(keep_population(workspace.store, study, people, name))

        if try_to(keep):
            said = f"“{' '.join(name.split())}” is kept ({taken[0]})."
            propose(workspace, lambda _: draft_of(workspace.store, study, taken[0]), said, KEPT)
            st.rerun()


def _forget(edited: Edited, identifier: str) -> None:
    def delete() -> None:
        delete_population(edited.workspace.store, edited.study, identifier)

    if try_to(delete):
        if edited.draft.source == identifier:
            own = PopulationDraft(edited.study.id, edited.study.personas)
            propose(edited.workspace, lambda _: own, "The population was deleted; the study's own is shown.", KEPT)
        st.rerun()


def _sources(edited: Edited) -> None:
    with st.expander("Every table and every assumption", expanded=True):
        rows = sources_rows(edited.population)
        st.dataframe(
            rows,
            hide_index=True,
            column_config={
                "Source": st.column_config.TextColumn(width="medium"),
                "Note or reasoning": st.column_config.TextColumn(width="large"),
            },
            alt="Tables and assumptions of the population with their use, source and quality.",
        )
        download(rows, f"{edited.study.id}-sources", "sources-data", index=False)
    st.caption(
        "Fitted tables decide how many there are of each; seed tables only who goes together. Attributes and traits without "
        "a source are assumptions, with the reasoning given."
    )
    sensitivity_section(edited)


if __name__ == "__main__":
    with plain_errors():
        main()
