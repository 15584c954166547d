"""The population being edited, kept for the session: where it starts from, its edits, one step back, and its people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from core.errors import PolicyTwinError
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.people.personas import MAX_PERSONAS, Population
from core.services.counterfactuals.population_effects import (
    HoldoutMean,
    PopulationEffect,
    effect_between,
    effect_of,
    holdout_mean,
)
from core.services.dashboard.jobs import DONE, Job
from core.services.populations.draft_links import edits_text, with_edits
from core.services.populations.drafts import PopulationCache, PopulationDraft, draft_of, draft_spec, shelve
from core.services.populations.synthesis import saved_populations
from core.study import Study
from pages.common.job_panel import NOTHING_KEPT, say_how_it_ended, watch_job
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, plain_text, visitor

#: Larger populations are drawn beside the page, and so are the effects of populations larger than this.
DRAWN_AT_ONCE, FORECAST_AT_ONCE = 20_000, 5_000
#: Steps that can be taken back.
STEPS = 40
SOURCE, SIZE, SEED, EDITS = "population", "personas", "seed", "edits"
#: What the last change did, and the places of the page where that is said: beside what was pressed.
NOTICE = "population-notice"
TOP, TABLES, PEOPLE, KEPT = "top", "tables", "people", "kept"


@st.cache_resource(show_spinner=False)
def shelf() -> PopulationCache:
    """The populations made lately, for all sessions of the server."""
    return PopulationCache()


@dataclass(frozen=True)
class Edited:
    """The draft of this session, its people, and the people before any of them was edited."""

    workspace: Workspace
    draft: PopulationDraft
    population: Population
    before: Population

    @property
    def study(self) -> Study:
        return self.workspace.study


def edited_population(workspace: Workspace) -> Edited:
    """The session's draft with its people; where they take long to draw, shows how far that is and stops the page."""
    draft = _draft(workspace)
    kept = shelf()
    large = kept.get(draft) is None and kept.get(draft.before_people) is None and draft.personas > DRAWN_AT_ONCE
    if large:
        _draw_beside(workspace, draft)
    with st.spinner("Making the population…"):
        try:
            population = kept.build(workspace.store, workspace.study, draft)
            before = kept.build(workspace.store, workspace.study, draft.before_people)
        except PolicyTwinError as wrong:
            st.error(plain_text(str(wrong)), icon=":material/error:")
            _way_back(workspace.study.id)
            st.stop()
    return Edited(workspace, draft, population, before)


def propose(
    workspace: Workspace, change: Callable[[PopulationDraft], PopulationDraft], said: str, place: str = TOP
) -> bool:
    """Change the draft, if the people it describes can be made; else say why in one line, and nothing changes.

    `said` tells what was done. Returns whether it was. May be called from a callback: the line is shown by `notices` at
    `place`.
    """
    draft = _draft(workspace)
    try:
        wanted = change(draft)
        if wanted == draft:
            return False
        if wanted.personas <= DRAWN_AT_ONCE or shelf().get(wanted.before_people) is not None:
            shelf().build(workspace.store, workspace.study, wanted)
        else:
            draft_spec(workspace.store, workspace.study, wanted)
    except PolicyTwinError as wrong:
        _say("error", str(wrong), place)
        return False
    dropped = len(draft.people) if not wanted.people else 0
    if dropped and wanted != draft.before_people:
        said += f" The people were drawn anew, so {_edits(dropped)} of people went; Undo brings them back."
    _history(workspace.study.id).append(draft)
    del _history(workspace.study.id)[:-STEPS]
    _adopt(workspace.study.id, wanted)
    _say("success", said, place)
    return True


def undo(study: str) -> None:
    """Take the last change back."""
    history = _history(study)
    if history:
        _adopt(study, history.pop())


def can_undo(study: str) -> bool:
    return bool(_history(study))


def tell(text: str, place: str = TOP) -> None:
    """Say, at `place`, that something was done."""
    _say("success", text, place)


def refused() -> bool:
    """Whether a line on why a change was refused waits to be shown."""
    return st.session_state.get(NOTICE, ("",))[0] == "error"


def notices(place: str = TOP) -> None:
    """Show, once, what the last change did here or why it was refused."""
    found = st.session_state.get(NOTICE)
    if found is not None and found[2] == place:
        kind, text, _ = found
        if kind == "error":
            st.error(plain_text(text), icon=":material/error:")
        else:
            st.success(plain_text(text), icon=":material/check_circle:")
        del st.session_state[NOTICE]


def linked_choice(label: str, options: Mapping[str, str], key: str, default: str, **how: Any) -> str:
    """A choice that is also in the URL by its id, and stays when the page is left; `options` are labels by id."""
    if st.session_state.get(key) not in options:
        asked = st.query_params.get(key)
        st.session_state[key] = asked if asked in options else default
    chosen: str = st.selectbox(
        label, list(options), format_func=options.__getitem__, key=key, persist_state="session", **how
    )
    st.query_params[key] = chosen
    return chosen


def effect_against(edited: Edited, reference: PopulationDraft) -> PopulationEffect | None:
    """The change of the run's forecast from the reference's people to those of the draft, the calibration kept.

    None while that is being worked out beside the page; progress is then shown.
    """
    workspace, kept = edited.workspace, shelf()
    assert workspace.run is not None
    first = kept.build(workspace.store, workspace.study, reference)
    if max(first.size, edited.population.size) <= FORECAST_AT_ONCE:
        means = [
            _mean(workspace.store.name, workspace.run.run_id, draft.key, workspace, people)
            for draft, people in ((reference, first), (edited.draft, edited.population))
        ]
        return effect_between(*means)
    twin, second = workspace.twin(), edited.population
    subject = f"{workspace.run.run_id} {reference.key} {edited.draft.key}"
    job = _job(workspace, "effect", subject, partial(effect_of, twin, first, second))
    if job is None:
        return None
    result: PopulationEffect = job.result
    return result


@remembered(show_spinner="Forecasting with the population…", max_entries=128)
def _mean(store: str, run_id: str, key: str, _workspace: Workspace, _population: Population) -> HoldoutMean:
    return holdout_mean(_workspace.twin(), _population)


def _draft(workspace: Workspace) -> PopulationDraft:
    """The session's draft of the study; a link that names a population, a number or a seed comes before it."""
    study = workspace.study
    asked = tuple(st.query_params.get(name) for name in (SOURCE, SIZE, SEED, EDITS))
    known = st.session_state.get(_key(study.id))
    if known is None or (any(asked) and asked != st.session_state.get(f"{_key(study.id)}-link")):
        known = _from_link(workspace, known)
        _adopt(study.id, known)
    _write_link(known)
    draft: PopulationDraft = known
    return draft


def _from_link(workspace: Workspace, known: PopulationDraft | None) -> PopulationDraft:
    study, source = workspace.study, st.query_params.get(SOURCE)
    draft = known or PopulationDraft(study.id, study.personas)
    if source is not None:
        if source not in set(saved_populations(workspace.store, study)["population_id"]):
            _say("error", f"The population “{source}” is not in this store; showing the study's own.")
            return PopulationDraft(study.id, study.personas)
        draft = draft_of(workspace.store, study, source)
    size, seed = (_whole(st.query_params.get(name)) for name in (SIZE, SEED))
    size = draft.personas if size is None else min(max(size, 1), MAX_PERSONAS)
    draft = draft.with_size(size, draft.seed if seed is None else seed)
    if not (text := st.query_params.get(EDITS)):
        return draft
    try:
        edited = with_edits(draft, text)
        if edited.personas <= DRAWN_AT_ONCE:
            shelf().build(workspace.store, study, edited)
        return edited
    except PolicyTwinError as wrong:
        _say("error", f"The edits in the link are left out: {wrong}")
        return draft


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else None


def _adopt(study: str, draft: PopulationDraft) -> None:
    st.session_state[_key(study)] = draft
    _write_link(draft)


def _write_link(draft: PopulationDraft) -> None:
    """Where the draft starts from and its edits, in the URL, which brings them back after a reload and carries them elsewhere;
    edits too many for that are in a link only once they are kept under a name."""
    edits = edits_text(draft) or None
    wanted = {SOURCE: draft.source, SIZE: str(draft.personas), SEED: str(draft.seed), EDITS: edits}
    for name, value in wanted.items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
    st.session_state[f"{_key(draft.study)}-link"] = tuple(wanted.values())


def _key(study: str) -> str:
    return f"population-draft-{study}"


def _history(study: str) -> list[PopulationDraft]:
    found: list[PopulationDraft] = st.session_state.setdefault(f"population-history-{study}", [])
    return found


def _say(kind: str, text: str, place: str = TOP) -> None:
    st.session_state[NOTICE] = (kind, text, place)


def _edits(count: int) -> str:
    return "1 edit" if count == 1 else f"{count} edits"


def _draw_beside(workspace: Workspace, draft: PopulationDraft) -> None:
    """Draw a large population in a worker process; returns when it is on the shelf, else stops the page."""
    kept, store, study = shelf(), workspace.store, workspace.study

    def work(watch: ProgressReporter, executor: Executor) -> None:
        shelve(kept, store, study, draft, watch, executor)

    st.info(f"{draft.personas:,} people take a while to draw; the page goes on by itself.", icon=":material/groups:")
    done = workspace.jobs.latest("population", draft.key)
    if done is not None and done.status == DONE:
        # Drawn before, and pushed off the shelf by others since.
        workspace.jobs.start("population", draft.key, work, by=visitor())
    if _job(workspace, "population", draft.key, work) is None:
        _way_back(study.id)
        st.stop()


def _job(
    workspace: Workspace, kind: str, subject: str, work: Callable[[ProgressReporter, Executor], object]
) -> Job | None:
    """The job when it is done; until then its progress is shown, and it is started where it has not been."""
    job = workspace.jobs.latest(kind, subject) or workspace.jobs.start(kind, subject, work, by=visitor())
    if job.active:
        watch_job(job, NOTHING_KEPT)
        return None
    if job.status != DONE:
        say_how_it_ended(job, keeps=NOTHING_KEPT)
        if st.button("Try again", key=f"again-{job.id}", icon=":material/refresh:"):
            workspace.jobs.start(kind, subject, work, by=visitor())
            st.rerun()
        return None
    return job


def _way_back(study: str) -> None:
    if can_undo(study):
        st.button("Undo the last change", on_click=undo, args=(study,), icon=":material/undo:")
