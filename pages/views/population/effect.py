"""What the edits would mean for the forecast of the run shown, and the lines that make the same people elsewhere."""

from __future__ import annotations

import shlex

import streamlit as st

from core.people.personas import Population
from core.report.figures.populations import effect_figure
from core.services.counterfactuals.population_effects import (
    CALIBRATION_KEPT,
    PopulationEffect,
    points,
    sensitivity_rows,
)
from core.services.dashboard.jobs import FAILED, STOPPED
from core.services.evaluation.sensitivity import run_sensitivity
from core.services.populations.drafts import PopulationDraft, population_lines
from core.services.populations.synthesis import population_id
from core.services.studies.inputs import engine_label
from core.settings import observed_data, store_path
from core.store.runs import StoredRun
from pages.common.charts import chart, download
from pages.common.shell import engine_note, link, plain_text, visitor
from pages.views.population.draft import Edited, effect_against, wait_for


def effect_section(edited: Edited, key: str) -> None:
    """The change of the calibrated forecast that the draft makes, against a population the reader chooses."""
    run = edited.workspace.run
    st.markdown("#### What this changes in the forecast")
    if run is None:
        st.info("Fit the twin first: then the effect of every edit on its forecast is shown here.")
        link("Calibration", "Go to Calibration")
        return
    choices = _references(edited, run)
    if not choices:
        st.caption("Nothing is edited, and these are the people of the run shown: the forecast is the run's own.")
        return
    name = st.selectbox("Compared with", list(choices), key=f"{key}-reference", persist_state="session")
    effect = effect_against(edited, choices[name])
    if effect is None:
        return
    _words(edited, effect)
    rows = effect.frame()
    labels = [edited.study.behaviour(item).label for item in rows["behaviour"]]
    period = f"{effect.start.day} {effect.start:%b %Y} to {effect.end.day} {effect.end:%b %Y}"
    figure = effect_figure(
        rows,
        labels=labels,
        before=_lowered(name),
        period=period,
        unit=edited.study.metric_unit,
        source=f"run {run.run_id}, {engine_label(run.record.engine)}",
        fictional=edited.study.fictional,
    )
    table = rows.assign(behaviour=labels).round(5)
    alt = "Change of each behaviour's mean forecast over the hold-out, with its 80% interval."
    chart(figure, table, f"{edited.study.id}-population-effect", f"{key}-effect", alt)
    st.caption(
        f"{CALIBRATION_KEPT} The lines are 80% intervals from other training weeks and other people; what both "
        "populations share cancels. They do not cover the engine's own assumptions. Each population is measured against "
        "its own ordinary week, as the data are."
    )
    engine_note(run)


def _words(edited: Edited, effect: PopulationEffect) -> None:
    columns = st.columns(min(len(effect.difference), 6))
    for position, (behaviour, change) in enumerate(effect.difference.items()):
        column = columns[position % len(columns)]
        column.markdown(f"**{plain_text(edited.study.behaviour(str(behaviour)).label)}**")
        column.caption(points(float(change)))


def _lowered(name: str) -> str:
    return name[:1].lower() + name[1:]


def _references(edited: Edited, run: StoredRun) -> dict[str, PopulationDraft]:
    """Populations to compare with, by name, without those that are the draft's own."""
    draft = edited.draft
    choices: dict[str, PopulationDraft] = {}
    if draft.people:
        choices["The same people before any of them was edited"] = draft.before_people
    if draft.tables:
        choices["The same number of people from the unedited tables"] = draft.unedited
    if run.record.population_id and population_id(edited.population) != run.record.population_id:
        kept = PopulationDraft(draft.study, run.record.personas, 0, run.record.population_id)
        choices["The population of the run shown"] = kept
    return choices


def reproduce(edited: Edited) -> None:
    """The lines that make the same people, and the forecast's change, without the dashboard."""
    with st.expander("Reproduce this", icon=":material/code:"):
        draft, run = edited.draft, edited.workspace.run
        lines = population_lines(draft, edited.population.spec, str(store_path()))
        st.caption("Python: the same people, to the last digit.")
        st.code("\n".join(lines), language="python")
        if draft.source is None and not draft.is_edited:
            st.caption("Command line: a whole run with these people, in a store of its own.")
            command = ["policytwin", "run", draft.study, "--personas", str(draft.personas), "--seed", str(draft.seed)]
            folder = _folder(edited)
            command += [] if folder is None else ["--data", folder]
            st.code(shlex.join([*command, "--db", "reproduced.duckdb", "--json"]), language="bash")
        if run is not None and draft.is_edited:
            st.caption(
                "Python, after the lines above: the change of the forecast against the population before any edit, the "
                "calibration kept."
            )
            st.code("\n".join(effect_lines(run, draft, _folder(edited))), language="python")


def _folder(edited: Edited) -> str | None:
    """The folder of observations that the lines must name; None where they ship with PolicyTwin."""
    folder = observed_data()
    return None if edited.study.shipped or folder is None else str(folder)


def effect_lines(run: StoredRun, draft: PopulationDraft, folder: str | None) -> list[str]:
    """Python lines that follow those of the population and print the change of the forecast."""
    data = "" if folder is None else f", {folder!r}"
    return [
        "from core.services.counterfactuals.run import fitted_twin",
        "from core.services.populations.drafts import PopulationDraft, build_population",
        "from core.services.counterfactuals.population_effects import population_effect",
        "from core.store.database import Store",
        "",
        "# Close the dashboard first: one process at a time can open its store.",
        f"with Store({str(store_path())!r}) as store:",
        f'    twin = fitted_twin(store, "{run.run_id}"{data})',
        f"    before = build_population(store, study, {draft.unedited!r})",
        "print(population_effect(twin, before, population).frame())",
    ]


def people_download(population: Population, study: str, key: str) -> None:
    """A button for everybody as CSV: ids as in the files, traits as numbers, text."""
    download(population.personas, f"{study}-{population_id(population)}", key, "Download the personas", index=False)


def sensitivity_section(edited: Edited) -> None:
    """What the assumed traits are worth: the run's error again with each of them varied."""
    workspace = edited.workspace
    run = workspace.run
    if run is None:
        return
    st.markdown("#### What the assumed traits are worth")
    rows = sensitivity_rows(workspace.store, run.run_id, edited.population.spec)
    if rows is None:
        st.caption(
            "A sensitivity run moves each trait down and up, takes its spread away, and draws all of them anew; the "
            "calibration is fitted again for each. It takes a few seconds."
        )
    else:
        st.dataframe(
            rows,
            hide_index=True,
            column_config={
                "assumption": "Assumption",
                "varied": "Varied",
                "change": st.column_config.NumberColumn("Change of the forecast's error (points)", format="%+.3f"),
            },
            alt="Change of the forecast's error on held-out days where an assumption on traits is varied.",
        )
        st.caption("Mean over the behaviours of the error on held-out days; more than 0 is worse than the run itself.")
    job = workspace.board.latest("sensitivity", run.run_id)
    if job is not None and job.active:
        wait_for(job)
    elif job is not None and job.status in (STOPPED, FAILED):
        st.warning(plain_text(job.message), icon=":material/stop_circle:")
    if rows is None and (job is None or not job.active):
        st.button("Vary the traits", on_click=_vary, args=(edited,), icon=":material/tune:", key="sensitivity")


def _vary(edited: Edited) -> None:
    workspace, run = edited.workspace, edited.workspace.run
    assert run is not None
    store, run_id, data = workspace.store, run.run_id, observed_data()
    workspace.board.start(
        "sensitivity",
        run_id,
        lambda watch, executor: run_sensitivity(store, run_id, data=data, watch=watch, executor=executor),
        by=visitor(),
    )
