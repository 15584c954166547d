"""Ask for a fit, watch it, stop it, take it up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.report.document import duration
from core.report.sentences.calibration import trial_figure
from core.report.sentences.domain import periods
from core.services.dashboard.jobs import DONE, Job
from core.services.populations.synthesis import saved_populations
from core.services.runs.fits import (
    Unfinished,
    checked_split,
    expected_seconds,
    request_of,
    running_run,
    split_limits,
    unfinished_runs,
)
from core.services.runs.reading import trials_of
from core.services.studies.requests import DEFAULT_TRIALS, MOST_TRIALS, RunRequest
from pages.common.job_panel import say_how_it_ended, watch_job
from pages.common.render import render
from pages.common.run_jobs import KIND, say_refusal, start_run
from pages.common.shell import Workspace, choose_run, try_to

NEW_PEOPLE = "new"
MOST_PERSONAS = 100_000
#: The fit that this browser session has seen at work: when it is done, its results are shown without being asked for.
WATCHED = "watched-fit"
NEWS = "fit-news"
SHOWN_UNFINISHED = 3


def adopt_finished_run(workspace: Workspace, news: str, words: Callable[[Job], str]) -> None:
    """Show a run that this session watched, once it is done, and leave `words` of it under `news`; call it before anything is
    drawn of a run."""
    job = workspace.jobs.latest(KIND, workspace.study.id)
    if job is None or job.active or st.session_state.get(WATCHED) != job.id:
        return
    del st.session_state[WATCHED]
    if job.status == DONE:
        st.session_state[news] = words(job)
        choose_run(str(job.result))
        st.rerun()


def fit_panel(workspace: Workspace) -> None:
    """The choices of a fit, its progress while it runs, and fits that ended early."""
    job = workspace.jobs.latest(KIND, workspace.study.id)
    busy = job is not None and job.active
    news = st.session_state.pop(NEWS, None)
    if news:
        st.success(news, icon=":material/check_circle:")
    say_refusal(workspace)
    if job is not None and job.active:
        st.session_state[WATCHED] = job.id
        with st.container(border=True):
            st.markdown("#### The twin is being fitted")
            watch_job(job, below=partial(_tried, workspace))
    say_how_it_ended(job, "The fit")
    if not busy:
        _unfinished(workspace)
    with st.expander(
        "Fit the twin", icon=":material/tune:", expanded=workspace.run is None and not busy, key="fit-panel"
    ):
        _ask(workspace, busy)


def _ask(workspace: Workspace, busy: bool) -> None:
    st.caption(
        "The twin learns from the training days and is then tested on the hold-out: later days that it has not seen. "
        "The search tries parameters on rolling forecasts inside the training days; the line of each behaviour is then "
        "fitted in closed form."
    )
    request, personas = _choices(workspace)
    assert request.train_end is not None and request.test_end is not None
    ends = request.train_end, request.test_end
    fine = try_to(lambda: checked_split(workspace.study, *ends))
    step = workspace.study.step
    train, test = step.between(workspace.study.start, ends[0]) + 1, step.between(*ends)
    if fine:
        about = expected_seconds(workspace.run, request.trials, personas)
        takes = "" if about is None else f" About {duration(about)}, judged by the run shown."
        st.caption(f"{periods(step, train)} to learn from, {periods(step, test)} held out.{takes}")
    label = "A fit is running" if busy else "Fit the twin"
    if st.button(label, type="primary", disabled=busy or not fine, icon=":material/play_arrow:", key="fit"):
        start_run(workspace, request)


def _choices(workspace: Workspace) -> tuple[RunRequest, int]:
    """What the widgets say, and of how many people that is."""
    study, limits = workspace.study, split_limits(workspace.study)
    prefix = f"fit_{study.id}"
    columns = st.columns(3)
    train_end = columns[0].date_input(
        "Training ends",
        value=min(max(study.train_end, limits.earliest), limits.latest),
        min_value=limits.earliest,
        max_value=limits.latest,
        key=f"{prefix}_train_end",
        bind="query-params",
        help=f"The last day the twin learns from. The study's own: {study.train_end:%-d %B %Y}.",
    )
    test_end = columns[0].date_input(
        "Test ends",
        value=limits.last,
        min_value=limits.test_end(limits.earliest),
        max_value=limits.last,
        key=f"{prefix}_test_end",
        bind="query-params",
        help="The last day of the hold-out, on which the forecasts are scored.",
    )
    kept = saved_populations(workspace.store, study).set_index("population_id")
    people = columns[1].selectbox(
        "Population",
        [NEW_PEOPLE, *kept.index],
        format_func=lambda name: (
            "New people for this fit" if name == NEW_PEOPLE else population_label(kept.loc[[name]].iloc[0])
        ),
        key=f"{prefix}_people",
        bind="query-params",
        help="New people are drawn from the study's own tables. Kept ones come from earlier fits and the Population page.",
    )
    fresh = people == NEW_PEOPLE
    personas = columns[1].number_input(
        "Number of personas",
        min_value=1,
        max_value=MOST_PERSONAS,
        value=study.personas,
        step=100,
        disabled=not fresh,
        key=f"{prefix}_personas",
        bind="query-params",
        help="Synthetic people. More of them follow the population's make-up more closely and take longer.",
    )
    trials = columns[2].number_input(
        "Number of trials",
        min_value=1,
        max_value=MOST_TRIALS,
        value=DEFAULT_TRIALS,
        step=8,
        key=f"{prefix}_trials",
        bind="query-params",
        help="How many sets of parameters the search tries. The first is the starting point.",
    )
    seed = columns[2].number_input(
        "Seed",
        min_value=0,
        max_value=2**31 - 1,
        value=0,
        key=f"{prefix}_seed",
        bind="query-params",
        help="The same seed and the same choices give the same results, to the last digit.",
    )
    size = int(personas) if fresh else int(kept.loc[people, "personas"])
    request = RunRequest(
        study=study.id,
        personas=size if fresh else None,
        population_id=None if fresh else str(people),
        train_end=train_end,
        test_end=test_end,
        trials=int(trials),
        seed=int(seed),
    )
    return request, size


def _tried(workspace: Workspace) -> None:
    study = workspace.study
    run_id = running_run(workspace.store, study.id)
    if run_id is None:
        return
    record = workspace.store.run(run_id).record
    st.caption(
        f"Training to {record.train_end:%-d %B %Y}, test to {record.test_end:%-d %B %Y}, {record.personas:,} personas, "
        f"{record.parameters['trials']} trials, seed {record.seed}. "
        "You can leave or reload this page: the fit goes on, and what it has found is kept."
    )
    tried = trials_of(workspace.store, run_id, study.behaviour_ids, unfinished=True)
    if not len(tried):
        st.caption("The first trials appear here in a few seconds.")
        return
    total = int(record.parameters["trials"])
    render((trial_figure(tried, run_id, study, record.engine, total),), "fit-trials")


def _unfinished(workspace: Workspace) -> None:
    for item in unfinished_runs(workspace.store, workspace.inputs)[:SHOWN_UNFINISHED]:
        with st.container(border=True):
            st.text(_story(item))
            left, right, _ = st.columns([1, 1, 4])
            if item.obstacle:
                st.caption(f"It cannot be resumed: {item.obstacle}. Fit anew, or discard it.")
            elif left.button("Resume", key=f"resume-{item.run_id}", icon=":material/resume:", type="primary"):
                start_run(workspace, request_of(item.record))
            if right.button("Discard", key=f"discard-{item.run_id}", icon=":material/delete:") and try_to(
                partial(workspace.store.delete_run, item.run_id)
            ):
                st.rerun()


def _story(item: Unfinished) -> str:
    record = item.record
    return (
        f"A fit begun on {item.created_at:%-d %B %Y at %H:%M} UTC {item.how} after {item.trials_done} of {item.trials} "
        f"trials (training to {record.train_end:%-d %B %Y}, {record.personas:,} personas, seed {record.seed})."
    )


def population_label(row: pd.Series | Mapping[str, Any]) -> str:
    """A kept population in a list to choose from."""
    return f"{row['label']} · {int(row['personas']):,} people · kept {row['created_at']:%-d %b %Y %H:%M}"
