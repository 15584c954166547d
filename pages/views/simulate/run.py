"""See what a simulation costs, run it, watch it, stop it, take it up again, and see what it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from core.cognition.llm.budget import Plan
from core.cognition.registry import DEFAULT_ENGINE
from core.errors import PolicyTwinError
from core.report.document import Table, duration
from core.report.sentences.language import cost_before_text, failure_table, usage_blocks
from core.report.sentences.runs import left_out_sentences, verdict
from core.report.sentences.simulate import (
    Tile,
    asked_words,
    failed_calls,
    news_words,
    plan_figures,
    story,
    time_words,
    took_figures,
    usage_of_run,
    why_it_ended,
)
from core.services.dashboard.jobs import FAILED, Job
from core.services.language.descriptions import run_label
from core.services.language.engines import MANNER
from core.services.language.usage import FailedQuestion
from core.services.runs.costs import CostBefore, cost_before, failed_questions
from core.services.runs.fits import ENDINGS, Unfinished, expected_seconds, request_of, running_run, unfinished_runs
from core.services.runs.results import RunResult
from core.services.studies.requests import RunRequest
from core.store.runs import StoredRun
from pages.common.charts import download
from pages.common.fit_panel import WATCHED
from pages.common.job_panel import say_how_it_ended, watch_job
from pages.common.model_choices import may_be_asked
from pages.common.render import render
from pages.common.results_cache import remembered
from pages.common.run_jobs import KIND, say_refusal, start_run
from pages.common.shell import Workspace, engine_note, link, plain_text, try_to
from pages.views.simulate.choices import chosen_request
from pages.views.simulate.try_local import try_view

NEWS = "simulate-news"
SHOWN_UNFINISHED = 3
#: Questions of more personas than this are counted only when that is asked for: it takes a tenth of a second for each.
PLANNED_AT_ONCE = 20
PLANNED = "simulate-planned"
#: What does not change the number of questions, nor what they cost.
NO_MATTER: Mapping[str, Any] = {
    "timeout": 60.0, "concurrency": 32, "requests_per_minute": None, "tokens_per_minute": None, "max_calls": None,
    "max_tokens": None,
}  # fmt: skip


def finished_words(workspace: Workspace, job: Job) -> str:
    """How a run that is done ended, and where to read on."""
    return (
        f"Done in {duration(job.seconds)}: {news_words(workspace.store.run(str(job.result)))} What it took is at the foot of "
        "this page; read the answers under “Read answers”."
    )


def run_view(workspace: Workspace) -> None:
    """The choices with their cost, the run at work or how it ended, and what the run shown took."""
    job = workspace.jobs.latest(KIND, workspace.study.id)
    say_refusal(workspace)
    if job is not None and job.active:
        st.session_state[WATCHED] = job.id
        with st.container(border=True):
            st.markdown("##### At work")
            watch_job(job, below=partial(_run_at_work, workspace))
        st.caption("What a run shown before took, and the choices for another, come back when this one has ended.")
        return
    news = st.session_state.pop(NEWS, None)
    if news:
        st.success(plain_text(news), icon=":material/check_circle:")
    say_how_it_ended(job, "The run", reason=why_it_ended)
    try_view(workspace)
    _prepare(workspace)
    if workspace.run is not None:
        took_view(workspace, workspace.run)


def _prepare(workspace: Workspace) -> None:
    unfinished = st.container()
    request = chosen_request(workspace)
    with unfinished:
        _unfinished(workspace, request)
    cost = None
    if request is not None:
        st.markdown("##### What will it take?")
        cost = _cost(workspace, request)
    _start_button(workspace, request, cost)


def _cost(workspace: Workspace, request: RunRequest) -> CostBefore | str | None:
    """What is said before a run: of the offline engine a sentence; None where it cannot be said, or not yet."""
    personas = _personas(workspace, request)
    if request.asking is None:
        about = expected_seconds(_of_rules(workspace), request.trials, personas)
        takes = "" if about is None else f" About {duration(about)}, judged by an earlier run."
        text = f"No calls and no cost: the rules engine runs on this machine.{takes}"
        st.caption(text)
        return text
    key = repr(replace(request, asking=replace(request.asking, **NO_MATTER)))
    if personas > PLANNED_AT_ONCE and st.session_state.get(PLANNED) != key:
        st.caption(f"{personas:,} personas make many questions; writing them all down to count them takes a while.")
        if not st.button("Count the questions and the cost", icon=":material/calculate:", key="count-cost"):
            return None
        st.session_state[PLANNED] = key
    try:
        found = _planned(workspace.store.name, key, kept_answers(workspace), workspace, request)
    except PolicyTwinError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
        return None
    plan_view(found)
    st.caption(plain_text(asked_words(found, request.asking)))
    if found.calls:
        st.caption(plain_text(time_words(found.calls, request.asking)))
    if found.complete is not None:
        st.info(
            plain_text(f"This run is there already: {found.complete}. Running it again gives the same."),
            icon=":material/info:",
        )
    return found


def plan_view(cost: Plan) -> None:
    """What asking will take: a row of figures, and where the price is from."""
    tiles_row(plan_figures(cost))
    st.caption(plain_text(cost_before_text(cost)))
    st.caption(
        "Tokens are pieces of words, by which providers bill; their number is estimated from the length of the texts. Prices "
        "change: look at the provider's page before a large run, and set a cap."
    )


def tiles_row(tiles: tuple[Tile, ...]) -> None:
    """Figures beside one another; the last, which may be a range of money, has more room."""
    for column, tile in zip(st.columns([1] * (len(tiles) - 1) + [1.6]), tiles, strict=True):
        column.metric(tile.label, tile.value, help=plain_text(tile.help), border=True, height="stretch")


def _start_button(workspace: Workspace, request: RunRequest | None, cost: CostBefore | str | None) -> None:
    keyless = request is not None and request.asking is not None and not may_be_asked(request.asking)
    ready = request is not None and cost is not None and not keyless
    if isinstance(cost, CostBefore):
        label = f"Run with {cost.calls:,} calls" if cost.calls else "Run from kept answers"
    else:
        label = "Run"
    if st.button(label, type="primary", disabled=not ready, icon=":material/play_arrow:", key="simulate") and ready:
        assert request is not None
        start_run(workspace, request)
    if keyless:
        st.caption("The model cannot be asked from here yet: see above. The cost is known without it.")
    st.caption(
        "A run asks or simulates everybody, calibrates the answers to what was observed in training, and tests the result on "
        "what it has not seen. You can leave or reload this page meanwhile."
    )


def _run_at_work(workspace: Workspace) -> None:
    run_id = running_run(workspace.store, workspace.study.id)
    if run_id is not None:
        record = workspace.store.run(run_id).record
        st.caption(
            plain_text(
                f"{run_label(record)}: {record.personas:,} personas, training to {record.train_end:%-d %B %Y}, test to "
                f"{record.test_end:%-d %B %Y}. You can leave or reload this page: every answer is kept as it comes."
            )
        )


def _unfinished(workspace: Workspace, chosen: RunRequest | None) -> None:
    job = workspace.jobs.latest(KIND, workspace.study.id)
    for item in unfinished_runs(workspace.store, workspace.inputs)[:SHOWN_UNFINISHED]:
        with st.container(border=True):
            st.text(f"{run_label(item.record)}. {story(item, workspace.store)}")
            said_above = job is not None and job.status == FAILED and job.message == " ".join(item.message.split())
            if item.message and item.how != ENDINGS["cancelled"] and not said_above and not item.obstacle:
                st.text(why_it_ended(item.message))
            _unanswered(workspace, item)
            request = _again(workspace, item, chosen)
            if item.obstacle:
                st.caption(f"It cannot be resumed: {plain_text(item.obstacle)}. Run anew, or discard it.")
            elif request.asking is not None:
                st.caption("It is resumed with the limits chosen below, and asks only what has no answer yet.")
            with st.container(horizontal=True):
                if not item.obstacle and st.button(
                    "Resume", key=f"resume-{item.run_id}", icon=":material/resume:", type="primary"
                ):
                    start_run(workspace, request)
                if st.button("Discard", key=f"discard-{item.run_id}", icon=":material/delete:") and try_to(
                    partial(workspace.store.delete_run, item.run_id)
                ):
                    if job is not None:
                        workspace.jobs.forget(job)
                    st.rerun()


def _again(workspace: Workspace, item: Unfinished, chosen: RunRequest | None) -> RunRequest:
    """The request that takes a run up again. Its caps are not on record: those on the screen hold."""
    request = request_of(item.record)
    if request.asking is None or chosen is None or chosen.asking is None:
        return request
    manner: dict[str, Any] = {name: getattr(chosen.asking, name) for name in MANNER}
    return replace(request, asking=replace(request.asking, **manner))


def took_view(workspace: Workspace, run: StoredRun) -> None:
    """What the run shown took, what failed, and whether another model seems to answer."""
    st.divider()
    st.markdown("##### The run shown")
    engine_note(run)
    asked = usage_of_run(run)
    if asked is None:
        st.caption("No calls were made and nothing was paid: the rules engine is not a language model.")
    else:
        tiles_row(took_figures(asked))
        render(usage_blocks(asked), "took")
        if asked.failures:
            download(failure_table(asked.failures), f"failures-{run.run_id}", "failures-data", index=False)
        for text in left_out_sentences(RunResult.of(run)):
            st.caption(plain_text(text))
    found, step = verdict(RunResult.of(run), step=workspace.study.step), workspace.study.step
    st.caption(plain_text(f"On {step}s that it had not seen: {found.headline[:1].lower()}{found.headline[1:]}"))
    link("Calibration", "Scores, curves and baselines of this run")


def _unanswered(workspace: Workspace, item: Unfinished) -> None:
    """Which questions of a run that ended early have no valid answer: laid out only where that is asked for."""
    failed = failed_calls(workspace.store, item.run_id)
    if not failed or item.obstacle:
        return
    if st.toggle(f"Show the {failed:,} questions without a valid answer, and why", key=f"unanswered-{item.run_id}"):
        try:
            table = failure_table(_unanswered_rows(workspace.store.name, item.run_id, failed, workspace))
            render((Table.of(table),), f"failures-{item.run_id}")
            download(table, f"failures-{item.run_id}", f"failures-data-{item.run_id}", index=False)
        except PolicyTwinError as wrong:
            st.error(plain_text(str(wrong)), icon=":material/error:")


@remembered(show_spinner="Laying out the questions…", max_entries=8)
def _unanswered_rows(store_name: str, run_id: str, failed: int, _workspace: Workspace) -> tuple[FailedQuestion, ...]:
    return failed_questions(_workspace.store, run_id)


def _personas(workspace: Workspace, request: RunRequest) -> int:
    """How many people are asked."""
    if request.population_id is None:
        return request.personas or 0
    rows = workspace.store.read("populations", columns=["personas"], population_id=request.population_id)
    return int(rows["personas"].iloc[0])


def _of_rules(workspace: Workspace) -> StoredRun | None:
    """A run of the offline engine to judge the time by."""
    found = workspace.store.runs(kind="run", study_id=workspace.study.id, status="complete")
    rules = found[found["engine"] == DEFAULT_ENGINE]
    return None if rules.empty else workspace.store.run(str(rules["run_id"].iloc[0]))


def kept_answers(workspace: Workspace) -> str:
    """What a plan depends on besides the request: it holds for as long as neither the cache nor the runs change."""
    calls = workspace.store.llm_calls_summary().groupby("status")["calls"].sum()
    return f"{calls.to_dict()} {len(workspace.store.runs(study_id=workspace.study.id, status='complete'))}"


@remembered(show_spinner="Counting questions and cost…", max_entries=32)
def _planned(store_name: str, key: str, answers: str, _workspace: Workspace, _request: RunRequest) -> CostBefore:
    return cost_before(_workspace.store, _request)
