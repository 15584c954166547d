"""What the two views of the Counterfactuals page share: choices in the address, people, days, long work, what was kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core.counterfactual.fitted import FittedTwin
from core.errors import InputError
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.people.personas import Population
from core.report.what_if import Basis
from core.services.dashboard.jobs import DONE
from core.services.populations.synthesis import load_population, saved_populations
from core.services.runs.fitted import horizon_dates
from core.settings import read_only
from core.store.runs import StoredRun
from core.study import Study
from pages.common.address import WRITTEN, key_of, pick, pick_day
from pages.common.job_panel import NOTHING_KEPT, say_how_it_ended, watch_job
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, visitor

OWN_PEOPLE = "own"
MADE_FOR = "counterfactual-study"
NEWS = "counterfactual-news"
GROUPS_TEXT = (
    "Each group is measured against its own ordinary time in the baseline. How groups differ follows from the "
    "assumptions about persons in the engine's table; the observations hold no groups, so this is not tested."
)
#: Kept results of the run shown that can be opened again.
KEPT_SHOWN = 8
#: The choices of the page that live in the address.
ADDRESS = (
    "view", "start", "end", "people", "levels", "what", "shift", "scenario", "against",
    "show", "step", "draw", "curve", "goal", "side", "bound", "moved", "by", "behaviour", "of", "edits",
    "until", "under", "kept",
)  # fmt: skip


@dataclass(frozen=True)
class CounterfactualInputs:
    """Who and when: the twin over the people chosen, and the days. `population` is None for the run's own people."""

    workspace: Workspace
    run: StoredRun
    twin: FittedTwin
    population: Population | None
    population_id: str
    dates: pd.DatetimeIndex

    @property
    def study(self) -> Study:
        return self.workspace.study

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What a result depends on beside the view's own choices."""
        first, last = str(self.dates[0].date()), str(self.dates[-1].date())
        return self.workspace.store.name, self.run.run_id, self.population_id, first, last

    @property
    def source(self) -> str:
        """The line beneath a figure."""
        return self.basis.source

    @property
    def basis(self) -> Basis:
        """What a report of it rests on."""
        return Basis(self.workspace.inputs, self.run, self.twin, self.population is not None)


def reset_choices(study: Study) -> None:
    """Before any choice is drawn: begin anew on arrival, and leave behind what belongs to another study.

    The page always writes its view into the address, so an address without one is that of somebody who just came.
    """
    if "view" not in st.query_params:
        for name in ADDRESS:
            st.session_state.pop(key_of(study, name), None)
        st.session_state[WRITTEN] = {}
    before = st.session_state.get(MADE_FOR)
    if before is not None and before != study.id:
        for name in ADDRESS:
            if name != "view":
                st.query_params.pop(name, None)
    st.session_state[MADE_FOR] = study.id


def asked(workspace: Workspace, run: StoredRun) -> CounterfactualInputs:
    """Draw the choices of people and days; InputError for days that are not possible."""
    study, twin = workspace.study, workspace.twin()
    first, last = (day.date() for day in (twin.problem.final.horizon[0], twin.problem.final.horizon[-1]))
    left, middle, right = st.columns([1, 1, 2])
    about = f"A day of the hold-out, {first} to {last}: the twin has not been trained on these days."
    with left:
        start = pick_day(study, "start", "From", first, first, last, help=about)
    with middle:
        end = pick_day(study, "end", "To", last, first, last, help=about)
    with right:
        population_id, population = _people(workspace, run)
    over = twin if population is None else _twin_over(workspace.store.name, run.run_id, population_id, twin, population)
    return CounterfactualInputs(workspace, run, over, population, population_id, horizon_dates(twin, start, end))


def _people(workspace: Workspace, run: StoredRun) -> tuple[str, Population | None]:
    own = run.record.population_id
    kept = saved_populations(workspace.store, workspace.study)
    others = kept[kept["population_id"] != own]
    labels = dict(zip(others["population_id"], others["label"].astype(str), strict=True))
    sizes = dict(zip(others["population_id"], others["personas"].astype(int), strict=True))

    def words(name: str) -> str:
        if name == OWN_PEOPLE:
            return f"The people the twin was fitted on ({run.record.personas:,} personas)"
        label = labels[name]
        return label if "persona" in label else f"{label} ({sizes[name]:,} personas)"

    chosen = pick(
        workspace.study,
        "people",
        "People",
        [OWN_PEOPLE, *labels],
        words,
        OWN_PEOPLE,
        help="Other populations come from the Population page. The calibration stays as it was fitted: nothing is refitted.",
    )
    if chosen == OWN_PEOPLE:
        return str(own), None
    return chosen, _population(workspace.store.name, chosen, workspace)


@st.cache_resource(show_spinner="Loading the people…", max_entries=4)
def _population(store_name: str, population_id: str, _workspace: Workspace) -> Population:
    return load_population(_workspace.store, population_id)


@remembered(show_spinner=False, max_entries=4)
def _twin_over(
    store_name: str, run_id: str, population_id: str, _twin: FittedTwin, _population: Population
) -> FittedTwin:
    return _twin.with_personas(_population.personas)


def run_in_background(
    asked: CounterfactualInputs, kind: str, subject: str, label: str, work: Callable[[ProgressReporter, Executor], Any]
) -> Any:
    """The result of long work that runs beside the page, or None while there is none; draws the button or the progress."""
    job = asked.workspace.jobs.latest(kind, subject)
    if job is not None and job.status == DONE:
        return job.result
    if read_only():
        st.info(
            "This takes longer than a moment, and this dashboard is for reading only.", icon=":material/visibility:"
        )
        return None
    say_how_it_ended(job, keeps=NOTHING_KEPT)
    if job is None or not job.active:
        people = f"{len(asked.twin.personas):,} personas"
        st.caption(f"With {people} this takes more than a moment. It runs beside the page and is kept when it is done.")
        if not st.button(label, type="primary", icon=":material/play_arrow:", key=f"{kind}-start"):
            return None
        job = asked.workspace.jobs.start(kind, subject, work, by=visitor())
    watch_job(job, NOTHING_KEPT)
    return None


def earlier_results(
    asked: CounterfactualInputs,
    kept: pd.DataFrame,
    shown: pd.DataFrame,
    kind: str,
    reopen: Callable[[CounterfactualInputs, dict[str, Any]], None],
) -> None:
    """The table of kept results, with a button for each that was made with the run shown; `kind` is their plural."""
    st.dataframe(shown, width="stretch", hide_index=True, key=f"kept-{kind}-table")
    same = kept[kept["of_run"] == asked.run.run_id].head(KEPT_SHOWN)
    for row in same.to_dict("records"):
        st.button(
            f"Open {row['run_id']}",
            key=f"open-{row['run_id']}",
            on_click=reopen,
            args=(asked, row),
            icon=":material/open_in_new:",
        )
    if len(same) < len(kept):
        st.caption(f"Only {kind} of the run shown can be opened here; choose another run on Calibration, under Runs.")


def keep_button(label: str, key: str, action: Callable[[], str]) -> None:
    """A button that keeps what is shown in the store, and says under which id; none where nothing may be kept."""
    if read_only():
        return
    news = st.session_state.pop(NEWS, None)
    if news:
        st.success(news, icon=":material/check_circle:")
    if st.button(label, icon=":material/bookmark_add:", key=key):
        try:
            st.session_state[NEWS] = f"Kept as {action()}."
        except InputError as wrong:
            st.error(str(wrong), icon=":material/error:")
        else:
            st.rerun()


def pick_behaviour(study: Study, name: str) -> tuple[str, str]:
    """The behaviour to show and its label; `name` is the choice's in the address."""
    labels = {item.id: item.label for item in study.behaviours}
    behaviour = pick(study, name, "Behaviour", list(labels), labels.__getitem__, study.behaviour_ids[0])
    return behaviour, labels[behaviour]
