"""What the edits would mean for the forecast of the run shown, and the lines that make the same people elsewhere."""

from __future__ import annotations

import streamlit as st

from core.cognition.registry import engine_label
from core.people.personas import Population
from core.report.figures.populations import effect_figure
from core.report.reproduction import reproduction
from core.report.sentences.populations import CALIBRATION_KEPT, effect_python, points, population_python
from core.services.counterfactuals.population_effects import PopulationEffect, sensitivity_rows
from core.services.evaluation.sensitivity import run_sensitivity
from core.services.populations.drafts import PopulationDraft
from core.services.populations.synthesis import population_id
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.settings import observed_data, store_path
from core.store.runs import StoredRun
from pages.common.charts import chart, download
from pages.common.job_panel import NOTHING_KEPT, say_how_it_ended, watch_job
from pages.common.shell import engine_note, link, plain_text, visitor
from pages.views.population.draft import Edited, effect_against


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
        column.markdown(f"**{plain_text(edited.study.behaviour(behaviour).label)}**")
        column.caption(points(change))


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
        draft, run, store = edited.draft, edited.workspace.run, str(store_path())
        closed = " Close the dashboard first: one process at a time can open its store."
        st.caption(f"Python: the same people, to the last digit.{closed if draft.source else ''}")
        st.code(population_python(draft, store), language="python")
        if draft.source is None and not draft.is_edited:
            st.caption("Command line: a whole run with these people, in a store of its own.")
            request = RunRequest(draft.study, _folder(edited), personas=draft.personas, seed=draft.seed)
            st.code(reproduction("run", request, run_study).command, language="bash")
        if run is not None and draft.is_edited:
            st.caption(
                "Python: the change of the forecast against the population before any edit, the calibration kept."
                + closed
            )
            st.code(effect_python(run.run_id, draft, _folder(edited), store), language="python")


def _folder(edited: Edited) -> str | None:
    """The folder of observations that the lines must name; None where they ship with PolicyTwin."""
    folder = observed_data()
    return None if edited.study.shipped or folder is None else str(folder)


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
    job = workspace.jobs.latest("sensitivity", run.run_id)
    if job is not None and job.active:
        watch_job(job, NOTHING_KEPT)
    say_how_it_ended(job, keeps=NOTHING_KEPT)
    if rows is None and (job is None or not job.active):
        st.button("Vary the traits", on_click=_vary, args=(edited,), icon=":material/tune:", key="sensitivity")


def _vary(edited: Edited) -> None:
    workspace, run = edited.workspace, edited.workspace.run
    assert run is not None
    store, run_id, data = workspace.store, run.run_id, observed_data()
    workspace.jobs.start(
        "sensitivity",
        run_id,
        lambda watch, executor: run_sensitivity(store, run_id, data=data, watch=watch, executor=executor),
        by=visitor(),
    )
